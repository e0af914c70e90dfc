//! The `evaluate` step: all candidates, and the version in production, on the same newest rows.

use std::sync::Arc;

use base::names::nearest;
use experiments::{Batch as RunBatch, Metric};
use inference::{Batch, TrainedModel};
use registry::{Pointer, Version};
use serde_json::json;
use stats::{RegressionMetrics, regression_metrics};

use super::candidate::Trained;
use super::params;
use super::prepare::Prepared;
use super::steps::{Pipeline, StepResult, parts};
use crate::rows::{columns_of, target_of};
use crate::{Error, Platform};

/// How something predicted the rows to judge by.
pub(super) struct Score {
    pub(super) metrics: RegressionMetrics,
    /// The absolute error of each row.
    pub(super) losses: Vec<f64>,
}

/// All candidates with their scores, and the champion's on the same rows.
pub(super) struct Judged {
    pub(super) candidates: Vec<(Trained, Score)>,
    pub(super) champion: Option<(Version, Score)>,
    /// Which candidate is best; never a baseline.
    pub(super) best: usize,
}

/// Scores everybody. What was measured is logged to each candidate's run.
pub(super) async fn evaluate(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    trained: Vec<Trained>,
) -> Result<Judged, Error> {
    let platform = pipeline.platform;
    let metric = &pipeline.applied.spec.pipeline.evaluate.metric;
    let champion = champion_engine(pipeline).await?;
    let key = parts(
        "evaluate".to_owned(),
        [("rows", rows.evaluation_range.table)],
        params([
            ("candidates", json!(trained.iter().map(|trained| trained.digest).collect::<Vec<_>>())),
            ("champion", json!(champion.as_ref().map(|(version, _)| version.digest))),
            ("from", json!(rows.evaluation_range.from)),
            ("run", json!(pipeline.run)),
        ]),
    );
    let mut judged: Vec<(Trained, Score)> = Vec::with_capacity(trained.len());
    let mut champion_score = None;
    pipeline
        .step("evaluate", key, None, || async {
            for trained in trained {
                let score = score(&trained.engine, rows)?;
                log_metrics(platform, &trained.run, &score.metrics).await?;
                judged.push((trained, score));
            }
            if let Some((version, engine)) = champion {
                let score = score(&engine, rows)?;
                champion_score = Some((version, score));
            }
            let outputs =
                judged.iter().map(|(trained, score)| (trained.candidate.id.clone(), json!(score.metrics)));
            Ok(StepResult {
                outputs: outputs.collect::<serde_json::Map<_, _>>().into(),
                tracked: None,
                message: format!("{} rows that nobody was trained on", rows.evaluation.row_count()),
            })
        })
        .await?;
    let best = best_of(&judged, metric)?;
    Ok(Judged { candidates: judged, champion: champion_score, best })
}

/// The version that the alias points at, if this platform can run it.
async fn champion_engine(pipeline: &Pipeline<'_>) -> Result<Option<(Version, Arc<TrainedModel>)>, Error> {
    let spec = &pipeline.applied.spec;
    let pointer = Pointer::Alias(spec.promotion.alias.clone());
    let mut read = pipeline.platform.db.read().await?;
    let points = registry::get_model(&mut read, &spec.model).await?.alias(&spec.promotion.alias).is_some();
    if !points {
        return Ok(None);
    }
    let version = registry::resolve(&mut read, &spec.model, &pointer).await?;
    match version.digest {
        Some(digest) => Ok(Some((version, pipeline.platform.engine(digest).await?))),
        None => Ok(None),
    }
}

fn score(engine: &Arc<TrainedModel>, rows: &Prepared) -> Result<Score, Error> {
    let signature = engine.signature();
    let batch = Batch::from_columns(signature, columns_of(signature, &rows.evaluation)?)?;
    let predicted = engine.predict(&batch)?;
    let truth = target_of(&rows.signature, &rows.evaluation)?;
    let metrics = regression_metrics(&truth, &predicted)
        .ok_or_else(|| Error::Prepared { reason: "the rows to judge by cannot be scored".to_owned() })?;
    let losses = truth.iter().zip(&predicted).map(|(truth, predicted)| (truth - predicted).abs()).collect();
    Ok(Score { metrics, losses })
}

fn best_of(judged: &[(Trained, Score)], metric: &str) -> Result<usize, Error> {
    let greater_is_better = RegressionMetrics::greater_is_better(metric);
    let badness = |score: &Score| {
        let value = score.metrics.get(metric).filter(|value| value.is_finite())?;
        Some(if greater_is_better { -value } else { value })
    };
    judged
        .iter()
        .enumerate()
        .filter(|(_, (trained, _))| !trained.candidate.baseline)
        .filter_map(|(index, (_, score))| Some((index, badness(score)?)))
        .min_by(|(_, left), (_, right)| left.total_cmp(right))
        .map(|(index, _)| index)
        .ok_or_else(|| {
            let near = nearest(metric, ["mae", "rmse", "wape", "mape", "r2"]).unwrap_or("mae");
            Error::Prepared { reason: format!("no candidate has a value of `{metric}`; try `{near}`") }
        })
}

async fn log_metrics(platform: &Platform, run: &str, metrics: &RegressionMetrics) -> Result<(), Error> {
    let now = platform.clock.now();
    let values = serde_json::to_value(metrics).unwrap_or_default();
    let metrics = values
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| {
            Some(Metric { key: key.clone(), value: value.as_f64()?, time: now, step: 0 })
        })
        .collect();
    let run = run.to_owned();
    let logged: Result<(), experiments::Error> = platform
        .db
        .write(move |tx| {
            Box::pin(async move {
                experiments::log_batch(tx, &run, RunBatch { metrics, ..RunBatch::default() }).await
            })
        })
        .await;
    Ok(logged?)
}
