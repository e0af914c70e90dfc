//! The checks of the model, on the candidate that is about to become a version.

use std::sync::Arc;

use checks::Verdict;
use checks::model::{Footprint, ModelFile, Predictor, Rival, Subject, evaluate_model};

use super::evaluate::Judged;
use super::prepare::Prepared;
use super::steps::Pipeline;
use crate::Error;
use crate::proving::{EnginePredictor, SEED, checks_of};

/// The most bytes of a model file.
const MOST_MODEL_BYTES: u64 = 1 << 30;

/// Evaluates the rules of promotion and the `model_checks` for the best candidate.
pub(super) async fn prove(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    judged: &Judged,
) -> Result<Verdict, Error> {
    let (platform, applied) = (pipeline.platform, &pipeline.applied);
    let Some((best, _)) = judged.candidates.get(judged.best) else {
        return Err(Error::Prepared { reason: "there is no best candidate".to_owned() });
    };
    let model = &applied.spec.model;
    let own = EnginePredictor::new(Arc::clone(&best.engine) as Arc<dyn inference::Engine>);
    let served = own.as_served();
    let champion = match &judged.champion {
        Some((version, _)) => {
            let engine = EnginePredictor::new(platform.engine_of_version(version).await?);
            Some((format!("{model}@{}", version.number), engine))
        }
        None => None,
    };
    let baselines: Vec<(String, EnginePredictor)> = judged
        .candidates
        .iter()
        .filter(|(trained, _)| trained.candidate.baseline)
        .map(|(trained, _)| {
            let engine = Arc::clone(&trained.engine) as Arc<dyn inference::Engine>;
            (trained.candidate.id.clone(), EnginePredictor::new(engine))
        })
        .collect();
    let checks = checks_of(applied);
    let content = platform.artifacts.read_bytes(best.digest, MOST_MODEL_BYTES).await?.to_vec();
    let file_bytes = Some(content.len() as u64);
    let name = format!("{model} ({})", best.candidate.id);
    let mut artefacts = vec![(
        "served".to_owned(),
        Rival { name: "served".to_owned(), model: Some(&served as &dyn Predictor), metrics: None },
    )];
    if let Some((name, engine)) = &champion {
        let alias = applied.spec.promotion.alias.clone();
        artefacts.push((alias, Rival { name: name.clone(), model: Some(engine), metrics: None }));
    }
    let subject = Subject {
        name: &name,
        model: &own,
        inputs: own.inputs(),
        output: own.output(),
        rows: &rows.evaluation,
        training: Some(&rows.training),
        target: &applied.spec.pipeline.target,
        time: Some(&applied.spec.pipeline.time),
        champion: champion.as_ref().map(|(name, engine)| Rival {
            name: name.clone(),
            model: Some(engine as &dyn Predictor),
            metrics: None,
        }),
        baselines: baselines
            .iter()
            .map(|(name, engine)| Rival {
                name: name.clone(),
                model: Some(engine as &dyn Predictor),
                metrics: None,
            })
            .collect(),
        artefacts,
        footprint: Footprint { file_bytes, memory_bytes: own.memory_bytes() },
        consumers: Some(platform.consumers_of(model).await?),
        packages: Some(Vec::new()),
        files: Some(vec![ModelFile { path: "model.json".to_owned(), content, whole: true }]),
        seed: SEED,
    };
    let columns: Vec<String> = subject.inputs.iter().map(|input| input.name.clone()).collect();
    let newest = registry::get_model(&mut platform.db.read().await?, model).await?.latest_version;
    let about = (model.as_str(), newest.map_or(1, |newest| newest + 1));
    let references = platform
        .references_for(&checks, about, Some(applied), &rows.evaluation, Some(&rows.training), columns)
        .await?;
    Ok(evaluate_model(&checks, &subject, Some(&references)).await)
}
