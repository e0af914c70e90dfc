//! `metrics/…`: whole histories, and histories drawn with few points.

use std::num::NonZeroUsize;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use experiments::{Metric, PointsAfter};
use serde_json::{Value, json};

use super::Answer;
use super::asked::Asked;
use super::failure::{Failure, SEE_DOCS};
use super::{run_json, shapes};
use crate::app::App;

/// Runs that one request may ask for.
const MOST_RUNS: usize = 100;
/// Points of each run that one request may ask for.
const MOST_POINTS: usize = 2_500;
/// Points of all runs that a request for whole histories gets.
const MOST_IN_BULK: i64 = 25_000;

pub(super) async fn get_history(State(app): State<App>, asked: Asked) -> Result<Response, Failure> {
    let run = asked.run_id()?;
    let key = asked.required("metric_key")?;
    let token = asked.text("page_token")?;
    let offset =
        match token {
            None => 0,
            Some(token) => token.parse::<i64>().ok().filter(|offset| *offset >= 0).ok_or_else(|| {
                Failure::invalid(format!("Page token '{token}' was not given by this server."))
            })?,
        };
    let limit = asked.fields().int("max_results")?.filter(|limit| *limit > 0);
    let page = PointsAfter { offset, limit: limit.map(|limit| limit.saturating_add(1)) };
    let mut points = experiments::metric_points(&mut app.db().read().await?, run, key, page).await?;
    let mut next = None;
    if let Some(limit) = limit
        && let Ok(most) = usize::try_from(limit)
        && points.len() > most
    {
        points.truncate(most);
        next = Some(offset.saturating_add(limit).to_string());
    }
    run_json::points(&points, next.as_deref())
}

pub(super) async fn get_history_bulk_interval(State(app): State<App>, asked: Asked) -> Answer {
    let runs = run_ids(&asked)?;
    let key = asked.required("metric_key")?;
    let fields = asked.fields();
    let first = fields.int("start_step")?;
    let last = fields.int("end_step")?;
    let steps = match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if first <= last => Some((first, last)),
        (Some(first), Some(last)) => {
            return Err(Failure::invalid(format!(
                "end_step must be greater than start_step. Found start_step={first} and end_step={last}."
            )));
        }
        _ => {
            return Err(Failure::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let at_most = match fields.int("max_results")? {
        None => MOST_POINTS,
        Some(asked) => {
            usize::try_from(asked).ok().filter(|asked| (1..=MOST_POINTS).contains(asked)).ok_or_else(
                || Failure::invalid(format!("max_results must be between 1 and {MOST_POINTS}.{SEE_DOCS}")),
            )?
        }
    };
    if runs.len() > MOST_RUNS {
        return Err(Failure::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids. Received {} \
             run_ids.{SEE_DOCS}",
            runs.len()
        )));
    }
    let at_most = NonZeroUsize::new(at_most).unwrap_or(NonZeroUsize::MIN);
    let mut read = app.db().read().await?;
    let mut items = Vec::new();
    for run in &runs {
        match experiments::metric_series(&mut read, run, key, at_most, steps).await {
            Ok(series) => items.extend(series.points.iter().map(|point| of_run(point, run))),
            // A chart of many runs is drawn without those that are gone.
            Err(experiments::Error::RunNotFound { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(super::page("metrics", Value::Array(items), None))
}

/// Whole histories, run after run in the order of their ids, as many points as fit.
pub(super) async fn get_history_bulk(State(app): State<App>, asked: Asked) -> Answer {
    let mut runs = asked.texts("run_id")?;
    if runs.is_empty() {
        return Err(Failure::invalid("GetMetricHistoryBulk request must specify at least one run_id."));
    }
    if runs.len() > MOST_RUNS {
        return Err(Failure::invalid(format!(
            "GetMetricHistoryBulk request cannot specify more than {MOST_RUNS} run_ids. Received {} run_ids.",
            runs.len()
        )));
    }
    let key = asked
        .text("metric_key")?
        .ok_or_else(|| Failure::invalid("GetMetricHistoryBulk request must specify a metric_key."))?;
    let most = asked.fields().int("max_results")?.unwrap_or(MOST_IN_BULK).clamp(0, MOST_IN_BULK);
    let mut read = app.db().read().await?;
    let mut items = Vec::new();
    runs.sort();
    for run in &runs {
        let left = most.saturating_sub(i64::try_from(items.len()).unwrap_or(i64::MAX));
        if left == 0 {
            break;
        }
        let page = PointsAfter { offset: 0, limit: Some(left) };
        match experiments::metric_points(&mut read, run, key, page).await {
            Ok(points) => items.extend(points.iter().map(|point| of_run(point, run))),
            Err(experiments::Error::RunNotFound { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(Json(json!({"metrics": items})))
}

fn run_ids(asked: &Asked) -> Result<Vec<String>, Failure> {
    let runs = asked.texts("run_ids")?;
    if runs.is_empty() {
        return Err(Failure::missing_value("run_ids"));
    }
    Ok(runs)
}

fn of_run(point: &Metric, run: &str) -> Value {
    let mut shape = shapes::metric(point);
    if let Value::Object(shape) = &mut shape {
        shape.insert("run_id".to_owned(), Value::from(run));
    }
    shape
}
