//! `metrics/…`: whole histories, and histories drawn with few points.

use std::num::NonZeroUsize;

use axum::Json;
use axum::extract::State;
use experiments::PointsAfter;
use serde_json::{Value, json};

use super::Answer;
use super::asked::Asked;
use super::failure::Failure;
use super::shapes;
use crate::app::App;

/// Runs that one request may ask for.
const MOST_RUNS: usize = 100;
/// Points of each run that one request may ask for.
const MOST_POINTS: usize = 2_500;

pub(super) async fn get_history(State(app): State<App>, asked: Asked) -> Answer {
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
    let items: Value = points.iter().map(shapes::metric).collect();
    Ok(super::page("metrics", items, next))
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
        (Some(_), Some(_)) => {
            return Err(Failure::invalid("end_step must be greater than start_step."));
        }
        _ => {
            return Err(Failure::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let at_most =
        NonZeroUsize::new(asked.max_results(MOST_POINTS, MOST_POINTS)?).unwrap_or(NonZeroUsize::MIN);
    bulk(&app, &runs, key, at_most, steps).await
}

pub(super) async fn get_history_bulk(State(app): State<App>, asked: Asked) -> Answer {
    let runs = match asked.texts("run_id")? {
        runs if runs.is_empty() => run_ids(&asked)?,
        runs => runs,
    };
    let key = asked.required("metric_key")?;
    let at_most = NonZeroUsize::new(asked.max_results(25_000, 25_000)?).unwrap_or(NonZeroUsize::MIN);
    bulk(&app, &runs, key, at_most, None).await
}

fn run_ids(asked: &Asked) -> Result<Vec<String>, Failure> {
    let runs = asked.texts("run_ids")?;
    if runs.is_empty() {
        return Err(Failure::missing_value("run_ids"));
    }
    Ok(runs)
}

async fn bulk(
    app: &App,
    runs: &[String],
    key: &str,
    at_most: NonZeroUsize,
    steps: Option<(i64, i64)>,
) -> Answer {
    if runs.len() > MOST_RUNS {
        return Err(Failure::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids. Received {} run_ids.",
            runs.len()
        )));
    }
    let mut read = app.db().read().await?;
    let mut items = Vec::new();
    for run in runs {
        let series = experiments::metric_series(&mut read, run, key, at_most, steps).await?;
        for point in &series.points {
            let mut shape = shapes::metric(point);
            if let Value::Object(shape) = &mut shape {
                shape.insert("run_id".to_owned(), Value::from(run.as_str()));
            }
            items.push(shape);
        }
    }
    Ok(Json(json!({"metrics": items})))
}
