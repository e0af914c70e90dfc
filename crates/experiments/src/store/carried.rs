//! What was made elsewhere and is brought in as it was: under its own id, with its own times.

use base::Timestamp;
use db::{Sql, Tx, params};

use super::logged_model::{log_logged_model_params, set_logged_model_tags};
use super::{LoggedModelStatus, get_experiment, run_head};
use crate::limits::{check_chars, check_location, check_run_id};
use crate::{Error, Lifecycle};

/// A logged model that was made elsewhere.
#[derive(Debug, Clone)]
pub struct CarriedModel {
    /// Its id, `m-` and what follows.
    pub id: String,
    /// Its experiment here.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// What sort of model it is.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run_id: Option<String>,
    /// How its upload ended.
    pub status: LoggedModelStatus,
    /// A word on the status.
    pub status_message: Option<String>,
    /// Where its files are, if not in the experiment's own location.
    pub artifact_uri: Option<String>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its params.
    pub params: Vec<(String, String)>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Brings in a logged model under its own id; one that is there already gets the status, params and tags that it has
/// now. Answers whether it is new here. Fails with [`Error::ExperimentDeleted`] and [`Error::Invalid`].
pub async fn carry_logged_model(tx: &mut Tx, model: &CarriedModel) -> Result<bool, Error> {
    check_run_id(&model.id)?;
    if !model.id.starts_with("m-") {
        return Err(Error::invalid(format!("logged model id `{}`", model.id), "does not begin with `m-`"));
    }
    check_chars("logged model name", &model.name, 500)?;
    if let Some(uri) = &model.artifact_uri {
        check_location(uri)?;
    }
    let experiment = get_experiment(tx, model.experiment_id).await?;
    if experiment.lifecycle == Lifecycle::Deleted {
        return Err(Error::ExperimentDeleted { experiment: experiment.id });
    }
    let own = format!("{}/models/{}/artifacts", experiment.artifact_location, model.id);
    let uri = model.artifact_uri.clone().unwrap_or(own);
    let made = tx
        .execute(
            "insert into logged_models (id, experiment_id, name, artifact_uri, status, status_message, model_type, \
             source_run_id, created_at, updated_at, lifecycle) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'active') on conflict (id) do nothing",
            params![
                &model.id,
                experiment.id,
                &model.name,
                uri,
                model.status.word(),
                model.status_message.clone(),
                model.model_type.clone(),
                model.source_run_id.clone(),
                model.created_at,
                model.updated_at
            ],
        )
        .await?;
    log_logged_model_params(tx, &model.id, &model.params).await?;
    if !model.tags.is_empty() {
        set_logged_model_tags(tx, &model.id, &model.tags, model.updated_at).await?;
    }
    tx.execute(
        "update logged_models set status = $1, status_message = $2, updated_at = $3 where id = $4",
        params![model.status.word(), model.status_message.clone(), model.updated_at, &model.id],
    )
    .await?;
    Ok(made > 0)
}

/// Says that a run's artifacts are elsewhere than in its experiment's location.
pub async fn place_run(tx: &mut Tx, id: &str, artifact_uri: &str) -> Result<(), Error> {
    check_location(artifact_uri)?;
    let head = run_head(tx, id).await?;
    tx.execute("update runs set artifact_uri = $1 where number = $2", params![artifact_uri, head.number])
        .await?;
    Ok(())
}

/// Gives an experiment the times that it had elsewhere.
pub async fn date_experiment(
    tx: &mut Tx,
    id: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "update experiments set created_at = $1, updated_at = $2 where id = $3",
        params![created_at, updated_at, id],
    )
    .await?;
    Ok(())
}
