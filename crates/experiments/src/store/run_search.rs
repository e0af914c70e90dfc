//! The search of runs.
//!
//! Two ways lead to a page. When runs are ordered by a metric first, in one experiment, the index over that metric's
//! values (the newest, or those at a step) is walked from its end, and the walk stops when the page is full; the runs
//! that have no such value follow.
//! Otherwise the runs of the experiments are filtered and sorted.

use std::collections::BTreeMap;

use db::{Db, Page, Read, Row, SortKey, Sql, SqlText, ended_at, first_mark, in_order};

use super::detail::{COLUMNS, runs_of};
use super::rows_of_page;
use super::search::{
    MetricKeys, RUNS, Scope, prepare, push_numbers, push_sort_columns, push_tree, push_values, push_view,
};
use super::settle::settle_experiments;
use super::steps::prepare_steps;
use crate::compare::Sign;
use crate::filter::{Order, Tree};
use crate::query::{By, ValueOf, Wanted};
use crate::{Error, Found, Run, View};

/// Which runs are looked for.
#[derive(Debug, Clone)]
pub struct RunQuery {
    /// In which experiments; none means no runs.
    pub experiments: Vec<i64>,
    /// What they must be, from [`crate::query::run_filter`].
    pub filter: Tree<Wanted>,
    /// In which order; ties go by start, newest first, then id.
    pub order: Vec<Order<By>>,
    /// In use, in the bin or both.
    pub view: View,
    /// How many at most.
    pub limit: usize,
    /// Where the page before ended.
    pub token: Option<String>,
}

/// What decides between runs that the ordering leaves equal.
const TIES: [SortKey; 2] = [
    SortKey { column: "start_time", is_text: false, is_optional: false, descending: true },
    SortKey { column: "id", is_text: true, is_optional: false, descending: false },
];

/// Finds runs, each with all that hangs on it. What was logged and acknowledged before is found.
pub async fn search_runs(db: &Db, query: &RunQuery) -> Result<Found<Run>, Error> {
    if query.experiments.is_empty() {
        return Ok(Found { items: Vec::new(), next_token: None });
    }
    let names = metric_names(query);
    if !names.is_empty() {
        settle_experiments(db, &query.experiments).await?;
    }
    let mut sql = db.read().await?;
    let keys = metric_keys(&mut sql, &query.experiments, &names).await?;
    let steps = steps_asked(query);
    if !steps.is_empty() {
        drop(sql);
        prepare_steps(db, &query.experiments, &keys, &steps).await?;
        sql = db.read().await?;
    }
    prepare(&mut sql, &query.filter).await?;
    let scope = Scope { keys, datasets: &[] };
    let listing = format!("runs by {:?}", query.order);
    let (rows, next_token) = match walked(query, &scope.keys) {
        Some(walk) => page_by_walk(&mut sql, query, &scope, &walk, &listing).await?,
        None => {
            let (text, keys) = select(query, &scope, " from runs r where ", None);
            let page =
                Page { keys: &keys, listing: &listing, token: query.token.as_deref(), limit: query.limit };
            rows_of_page(&mut sql, text, &page).await?
        }
    };
    Ok(Found { items: runs_of(&mut sql, &rows).await?, next_token })
}

fn metric_names(query: &RunQuery) -> Vec<&str> {
    let mut names = Vec::new();
    query.filter.visit(&mut |wanted| {
        if let Wanted::Metric { key, .. } = wanted {
            names.push(key.as_str());
        }
    });
    names.extend(query.order.iter().filter_map(|term| match &term.field {
        By::Metric(key, _) => Some(key.as_str()),
        _ => None,
    }));
    names.sort_unstable();
    names.dedup();
    names
}

/// The steps at which metrics are compared or ordered.
fn steps_asked(query: &RunQuery) -> Vec<(&str, i64)> {
    let mut steps = Vec::new();
    query.filter.visit(&mut |wanted| {
        if let Wanted::Metric { key, of: ValueOf::AtStep(step), .. } = wanted {
            steps.push((key.as_str(), *step));
        }
    });
    steps.extend(query.order.iter().filter_map(|term| match &term.field {
        By::Metric(key, ValueOf::AtStep(step)) => Some((key.as_str(), *step)),
        _ => None,
    }));
    steps.sort_unstable();
    steps.dedup();
    steps
}

async fn metric_keys(sql: &mut Read, experiments: &[i64], names: &[&str]) -> Result<MetricKeys, Error> {
    let mut keys: MetricKeys = BTreeMap::new();
    if names.is_empty() {
        return Ok(keys);
    }
    let text = SqlText::new("select id, name from metric_keys where ");
    let text = push_numbers(text, "experiment_id", experiments).push(" and name in (");
    for row in sql.fetch_all_text(text.bind_list(names.iter().copied()).push(")")).await? {
        keys.entry(row.text("name")?).or_default().push(row.int("id")?);
    }
    Ok(keys)
}

/// A walk along the values of one metric.
struct Walk {
    number: i64,
    key: String,
    of: ValueOf,
    descending: bool,
}

fn walked(query: &RunQuery, keys: &MetricKeys) -> Option<Walk> {
    let Order { field: By::Metric(key, of @ (ValueOf::Last | ValueOf::AtStep(_))), descending } =
        query.order.first()?
    else {
        return None;
    };
    let [number] = keys.get(key)?.as_slice() else { return None };
    (query.experiments.len() == 1).then(|| Walk {
        number: *number,
        key: key.clone(),
        of: *of,
        descending: *descending,
    })
}

async fn page_by_walk(
    sql: &mut Read,
    query: &RunQuery,
    scope: &Scope<'_>,
    walk: &Walk,
    listing: &str,
) -> Result<(Vec<Row>, Option<String>), Error> {
    let token = query.token.as_deref();
    let values = match walk.of {
        ValueOf::AtStep(_) => " from metric_steps o cross join runs r where ",
        _ => " from metric_values o cross join runs r where ",
    };
    let (text, mut keys) = select(query, scope, values, Some(walk));
    let all_keys = keys.clone();
    if let Some(first) = keys.first_mut() {
        first.is_optional = false;
    }
    let page = Page { keys: &all_keys, listing, token, limit: query.limit };
    // Refuses foreign tokens; a token without a value stands among the runs that have none.
    if token.is_some() && in_order(SqlText::new("select 1"), &page).is_none() {
        return Err(bad_token(token));
    }
    let from = first_mark(&page);
    let mut rows = Vec::new();
    if token.is_none_or(str::is_empty) || from.is_some() {
        let text = match from {
            Some(value) if walk.descending => text.push(" and o.value <= ").bind(value),
            Some(value) => text.push(" and o.value >= ").bind(value),
            None => text,
        };
        let page = Page { keys: &keys, ..page };
        let text = in_order(text, &page).ok_or_else(|| bad_token(token))?;
        rows = sql.fetch_all_text(text).await?;
    }
    if rows.len() <= query.limit {
        let token = token.filter(|_| from_missing(&page));
        let limit = query.limit - rows.len();
        let (text, _) = select(query, scope, " from runs r where ", None);
        let text = push_values(text.push(" and not exists (select 1"), walk.of, &[walk.number])
            .push(" and x.value is not null)");
        let page = Page { token, limit, ..page };
        let text = in_order(text, &page).ok_or_else(|| bad_token(token))?;
        rows.extend(sql.fetch_all_text(text).await?);
    }
    let next = ended_at(&mut rows, &page)?;
    Ok((rows, next))
}

/// Whether the token stands among the runs that lack the first sort value.
fn from_missing(page: &Page<'_>) -> bool {
    page.token.is_some_and(|token| !token.is_empty()) && first_mark(page).is_none()
}

fn bad_token(token: Option<&str>) -> Error {
    Error::BadPageToken { token: token.unwrap_or_default().to_owned() }
}

/// The select of runs that pass the filter, with a column for each sort value.
fn select(
    query: &RunQuery,
    scope: &Scope<'_>,
    from: &'static str,
    walk: Option<&Walk>,
) -> (SqlText, Vec<SortKey>) {
    let text = SqlText::new(COLUMNS);
    let (text, mut keys) = match walk {
        None => push_sort_columns(text, &RUNS, std::slice::from_ref(scope), &query.order),
        Some(_) => super::search::push_sort_columns_walked(text, scope, &query.order),
    };
    keys.extend(TIES);
    let mut text = text.push(from);
    if let Some(walk) = walk {
        text = text.push("o.key = ").bind(walk.number);
        if let ValueOf::AtStep(step) = walk.of {
            text = text.push(" and o.step = ").bind(step);
        }
        text = text.push(" and r.number = o.run and o.value is not null and ");
        text = bounded(text, walk, &query.filter);
    }
    text = push_numbers(text, "r.experiment_id", &query.experiments);
    text = push_view(text, query.view, " and r.lifecycle = ");
    (push_tree(text.push(" and "), &RUNS, scope, &query.filter), keys)
}

/// Says of the walked values what the filter says of them, so that the walk begins where it may.
fn bounded(mut text: SqlText, walk: &Walk, filter: &Tree<Wanted>) -> SqlText {
    let alone = std::slice::from_ref(filter);
    let parts = if let Tree::All(parts) = filter { parts.as_slice() } else { alone };
    for part in parts {
        if let Tree::Is(Wanted::Metric { key, of, sign, value }) = part
            && (*of, key) == (walk.of, &walk.key)
            && *sign != Sign::NotEqual
        {
            text = text.push("o.value").push(sign.sql()).bind(*value).push(" and ");
        }
    }
    text
}
