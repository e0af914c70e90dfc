//! The objects that a spec names come into being together with it.

use std::collections::BTreeMap;

use base::{Actor, Timestamp};
use db::Tx;
use experiments::NewExperiment;
use registry::{ModelChange, NewModel};

use crate::Error;
use crate::spec::Spec;

/// Makes dataset, model and experiment known, or brings what is known about them up to date.
pub(crate) async fn make_known(tx: &mut Tx, spec: &Spec, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    let owner = spec.owner.clone().unwrap_or_default();
    if registry::find_model(tx, &spec.model).await?.is_some() {
        let change = ModelChange {
            description: Some(spec.description.clone()),
            owner: Some(owner),
            ..ModelChange::default()
        };
        registry::update_model(tx, &spec.model, &change, actor, now).await?;
    } else {
        let new = NewModel {
            name: spec.model.clone(),
            description: spec.description.clone(),
            owner,
            tags: BTreeMap::new(),
        };
        registry::create_model(tx, &new, actor, now).await?;
    }
    if experiments::find_experiment(tx, &spec.model).await?.is_none() {
        let new = NewExperiment { name: spec.model.clone(), ..NewExperiment::default() };
        experiments::create_experiment(tx, &new, actor, now).await?;
    }
    if datasets::find_dataset(tx, &spec.data.dataset).await?.is_none() {
        datasets::create_dataset(tx, &spec.data.dataset, &spec.description, actor, now).await?;
    }
    Ok(())
}
