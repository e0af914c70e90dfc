//! Runs of all experiments, or of some.

use std::collections::BTreeSet;

use axum::extract::State;
use experiments::{RunQuery, View, query};

use super::asked::RunSearch;
use super::wire::{RunBody, RunPage};
use crate::app::App;
use crate::extract::{Json, Paging, Query};
use crate::problem::Problem;

/// Runs of all experiments.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunSearch), responses((status = 200, body = RunPage)))]
pub(super) async fn search_runs(
    State(app): State<App>,
    Query(asked): Query<RunSearch>,
) -> Result<Json<RunPage>, Problem> {
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    let order = terms(asked.order_by.as_deref().unwrap_or_default());
    let query = RunQuery {
        experiments: numbers(&app, asked.experiment.as_deref()).await?,
        filter: query::run_filter(asked.filter.as_deref().unwrap_or_default())
            .map_err(experiments::Error::from)?,
        order: query::run_order(&order).map_err(experiments::Error::from)?,
        view: view(asked.view.as_deref())?,
        limit: page.limit,
        token: page.cursor,
    };
    let found = experiments::search_runs(app.db(), &query).await?;
    let columns = asked.columns.as_deref().map(|columns| terms(columns).into_iter().collect::<BTreeSet<_>>());
    let items = found.items.into_iter().map(RunBody::from).map(|run| cut(run, columns.as_ref())).collect();
    Ok(Json(RunPage { items, next_cursor: found.next_token }))
}

/// The numbers of the experiments that are named by id or name; of all if none is.
pub(super) async fn numbers(app: &App, named: Option<&str>) -> Result<Vec<i64>, Problem> {
    let Some(named) = named.filter(|named| !named.trim().is_empty()) else {
        return Ok(app.platform().all_experiments().await?);
    };
    let mut numbers = Vec::new();
    let mut read = app.db().read().await?;
    for word in terms(named) {
        let found = match experiments::find_experiment(&mut read, &word).await? {
            Some(found) => found,
            None => match word.parse() {
                Ok(id) => experiments::get_experiment(&mut read, id).await?,
                Err(_) => return Err(experiments::Error::ExperimentNotFound { experiment: word }.into()),
            },
        };
        numbers.push(found.id);
    }
    Ok(numbers)
}

pub(super) fn view(word: Option<&str>) -> Result<View, Problem> {
    match word.unwrap_or("active") {
        "active" => Ok(View::Active),
        "deleted" => Ok(View::Deleted),
        "all" => Ok(View::All),
        other => Err(Problem::invalid("invalid_query", format!("`{other}` is no view of runs"))
            .with_hint("one of `active`, `deleted`, `all`")),
    }
}

fn cut(mut run: RunBody, columns: Option<&BTreeSet<String>>) -> RunBody {
    if let Some(columns) = columns {
        run.metrics.retain(|key, _| columns.contains(&format!("metrics.{key}")));
        run.params.retain(|key, _| columns.contains(&format!("params.{key}")));
        run.tags.retain(|key, _| columns.contains(&format!("tags.{key}")));
    }
    run
}

/// The parts between commas; a comma between quotation marks or backticks parts nothing.
pub(super) fn terms(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match (letter, quote) {
            (',', None) => {
                parts.push(String::new());
                continue;
            }
            ('"' | '`', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn commas_part_terms_unless_they_are_quoted() {
        assert_eq!(super::terms("metrics.a asc, `b,c` desc,"), ["metrics.a asc", "`b,c` desc"]);
    }
}
