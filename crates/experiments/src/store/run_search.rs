//! The search of runs.
//!
//! Three ways lead to a page. When few runs pass a condition on a metric that every run must pass, the index over that
//! metric's values leads to them, and they are sorted. When runs are ordered by a metric first, in one experiment, the
//! index over its values is walked from its end, and the walk stops when the page is full; the runs that have no such
//! value follow. Otherwise the runs of the experiments are filtered and sorted. The values are the newest, those at a
//! step, the least or the greatest; for each there is an index.

use std::collections::BTreeMap;

use db::{Db, Page, Read, Row, SortKey, Sql, SqlText, ended_at, first_mark, in_order};

use super::bests::{Ranked, prepare_bests};
use super::detail::{COLUMNS, runs_of};
use super::rows_of_page;
use super::search::{
    MetricKeys, RUNS, Scope, prepare, push_numbers, push_sort_columns, push_sort_columns_walked, push_tree,
    push_values, push_view,
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
    let (mut sql, keys, ranked) = prepared(db, query).await?;
    let scope = Scope { keys, datasets: &[] };
    let listing = format!("runs by {:?}", query.order);
    let walk = walked(query, &scope.keys, &ranked);
    let few = narrowest(&mut sql, query, &scope.keys, &ranked, walk.as_ref()).await?;
    let (rows, next_token) = match (walk, few) {
        (Some(walk), None) => page_by_walk(&mut sql, query, &scope, &walk, &listing).await?,
        (_, few) => {
            let start = few.as_ref().map_or(Start::Runs, Start::Few);
            let (text, keys) = select(query, &scope, start);
            let page =
                Page { keys: &keys, listing: &listing, token: query.token.as_deref(), limit: query.limit };
            rows_of_page(&mut sql, text, &page).await?
        }
    };
    Ok(Found { items: runs_of(&mut sql, &rows).await?, next_token })
}

/// The statement that reads the first page.
#[cfg(test)]
pub(super) async fn first_page(db: &Db, query: &RunQuery) -> Result<SqlText, Error> {
    let (mut sql, keys, ranked) = prepared(db, query).await?;
    let scope = Scope { keys, datasets: &[] };
    let walk = walked(query, &scope.keys, &ranked);
    let few = narrowest(&mut sql, query, &scope.keys, &ranked, walk.as_ref()).await?;
    let start = match (&walk, &few) {
        (_, Some(values)) => Start::Few(values),
        (Some(walk), None) => Start::Walk(&walk.values),
        (None, None) => Start::Runs,
    };
    let (text, mut keys) = select(query, &scope, start);
    if let (Start::Walk(_), Some(first)) = (start, keys.first_mut()) {
        first.is_optional = false;
    }
    let page = Page { keys: &keys, listing: "", token: None, limit: query.limit };
    in_order(text, &page).ok_or_else(|| bad_token(None))
}

/// Settles and indexes what the search asks for. Answers the metrics that it names, and which of them have an index
/// over their least and greatest values.
async fn prepared(db: &Db, query: &RunQuery) -> Result<(Read, MetricKeys, Ranked), Error> {
    let names = metric_names(query);
    if !names.is_empty() {
        settle_experiments(db, &query.experiments).await?;
    }
    let mut sql = db.read().await?;
    let keys = metric_keys(&mut sql, &query.experiments, &names).await?;
    let mut ranked = Ranked::new();
    let (steps, bests) = (steps_asked(query), bests_asked(query));
    if !steps.is_empty() || !bests.is_empty() {
        drop(sql);
        prepare_steps(db, &query.experiments, &keys, &steps).await?;
        ranked = prepare_bests(db, &keys, &bests).await?;
        sql = db.read().await?;
    }
    prepare(&mut sql, &query.filter).await?;
    Ok((sql, keys, ranked))
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

/// The metrics whose least or greatest value an index could lead to: those of conditions that every run must pass, and
/// the one that is ordered by first.
fn bests_asked(query: &RunQuery) -> Vec<&str> {
    let best = |of: ValueOf| matches!(of, ValueOf::Least | ValueOf::Greatest);
    let mut names: Vec<&str> = required(&query.filter)
        .filter(|condition| best(condition.of))
        .map(|condition| condition.key)
        .collect();
    if let Some(Order { field: By::Metric(key, of), .. }) = query.order.first()
        && best(*of)
    {
        names.push(key);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// A condition on a metric by which an index over its values can be entered.
#[derive(Clone, Copy)]
struct Bound<'a> {
    key: &'a str,
    of: ValueOf,
    sign: Sign,
    value: f64,
}

/// The conditions on metrics that every run must pass, but for `!=`.
fn required(filter: &Tree<Wanted>) -> impl Iterator<Item = Bound<'_>> {
    let alone = std::slice::from_ref(filter);
    let parts = if let Tree::All(parts) = filter { parts.as_slice() } else { alone };
    parts.iter().filter_map(|part| match part {
        Tree::Is(Wanted::Metric { key, of, sign, value }) if *sign != Sign::NotEqual => {
            Some(Bound { key, of: *of, sign: *sign, value: *value })
        }
        _ => None,
    })
}

/// Indexed values of a metric, which is one number in each experiment.
struct Values<'a> {
    numbers: &'a [i64],
    key: &'a str,
    of: ValueOf,
}

impl<'a> Values<'a> {
    /// Nothing when no experiment has the metric, or there is no index over these values.
    fn indexed(key: &'a str, of: ValueOf, keys: &'a MetricKeys, ranked: &Ranked) -> Option<Self> {
        let numbers = keys.get(key)?.as_slice();
        let there = match of {
            ValueOf::Last | ValueOf::AtStep(_) => true,
            ValueOf::Least | ValueOf::Greatest => numbers.iter().all(|number| ranked.contains(number)),
        };
        there.then_some(Self { numbers, key, of })
    }

    const fn table(&self) -> &'static str {
        match self.of {
            ValueOf::Last => " from metric_values o",
            ValueOf::AtStep(_) => " from metric_steps o",
            ValueOf::Least | ValueOf::Greatest => " from metric_bests o",
        }
    }

    const fn column(&self) -> &'static str {
        match self.of {
            ValueOf::Last | ValueOf::AtStep(_) => "o.value",
            ValueOf::Least => "o.low",
            ValueOf::Greatest => "o.high",
        }
    }

    /// Which rows of the table are meant.
    fn push_where(&self, text: SqlText) -> SqlText {
        let text = push_numbers(text.push(" where "), "o.key", self.numbers);
        match self.of {
            ValueOf::AtStep(step) => text.push(" and o.step = ").bind(step),
            _ => text,
        }
    }

    /// Says of the values what the filter says of them, so that the index is entered where it may.
    fn push_bounds(&self, mut text: SqlText, filter: &Tree<Wanted>) -> SqlText {
        for bound in required(filter).filter(|bound| (bound.key, bound.of) == (self.key, self.of)) {
            text = text.push(" and ").push(self.column()).push(bound.sign.sql()).bind(bound.value);
        }
        text
    }
}

/// How many runs are few: they are all read and sorted, for whatever page. Tests have few runs, and take all ways.
const FEW: usize = if cfg!(test) { 8 } else { 1_000 };
/// How many conditions are looked at for one that few runs pass.
const MOST_LOOKS: usize = 8;

/// The values of the condition that the fewest runs pass, if they are few. Looking reads the index only, and no more of
/// it than makes many. Where a walk leads along these values anyway, nobody looks.
async fn narrowest<'a>(
    sql: &mut Read,
    query: &'a RunQuery,
    keys: &'a MetricKeys,
    ranked: &Ranked,
    walk: Option<&Walk<'_>>,
) -> Result<Option<Values<'a>>, Error> {
    let mut found: Option<(i64, Values<'a>)> = None;
    let bounds: Vec<Bound<'a>> = required(&query.filter).take(MOST_LOOKS).collect();
    for bound in bounds {
        if walk.is_some_and(|walk| (walk.values.key, walk.values.of) == (bound.key, bound.of)) {
            continue;
        }
        let Some(values) = Values::indexed(bound.key, bound.of, keys, ranked) else { continue };
        let most = found.as_ref().map_or(i64::try_from(FEW).unwrap_or(i64::MAX), |(count, _)| *count);
        let text = SqlText::new("select count(*) as count from (select 1").push(values.table());
        let text = values.push_bounds(values.push_where(text), &query.filter);
        let text = text.push(" limit ").bind(most + 1).push(") q");
        let count = sql.fetch_all_text(text).await?.first().map_or(Ok(0), |row| row.int("count"))?;
        if count <= most {
            found = Some((count, values));
        }
    }
    Ok(found.map(|(_, values)| values))
}

/// A walk along the values of one metric.
struct Walk<'a> {
    values: Values<'a>,
    descending: bool,
}

fn walked<'a>(query: &'a RunQuery, keys: &'a MetricKeys, ranked: &Ranked) -> Option<Walk<'a>> {
    let Order { field: By::Metric(key, of), descending } = query.order.first()? else { return None };
    let values = Values::indexed(key, *of, keys, ranked)?;
    (query.experiments.len() == 1 && values.numbers.len() == 1)
        .then_some(Walk { values, descending: *descending })
}

async fn page_by_walk(
    sql: &mut Read,
    query: &RunQuery,
    scope: &Scope<'_>,
    walk: &Walk<'_>,
    listing: &str,
) -> Result<(Vec<Row>, Option<String>), Error> {
    let token = query.token.as_deref();
    let values = &walk.values;
    let (text, mut keys) = select(query, scope, Start::Walk(values));
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
            Some(value) => {
                let sign = if walk.descending { " <= " } else { " >= " };
                text.push(" and ").push(values.column()).push(sign).bind(value)
            }
            None => text,
        };
        let page = Page { keys: &keys, ..page };
        let text = in_order(text, &page).ok_or_else(|| bad_token(token))?;
        rows = sql.fetch_all_text(text).await?;
    }
    if rows.len() <= query.limit {
        let token = token.filter(|_| from_missing(&page));
        let limit = query.limit - rows.len();
        let (text, _) = select(query, scope, Start::Runs);
        let text = push_values(text.push(" and not exists (select 1"), values.of, values.numbers);
        let text = text.push(match values.of {
            ValueOf::Last | ValueOf::AtStep(_) => " and x.value is not null)",
            ValueOf::Least => " and x.low is not null)",
            ValueOf::Greatest => " and x.high is not null)",
        });
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

/// Where a select of runs begins.
#[derive(Clone, Copy)]
enum Start<'a> {
    /// At the runs of the experiments.
    Runs,
    /// At values of a metric that few runs have.
    Few(&'a Values<'a>),
    /// At the values that runs are ordered by first.
    Walk(&'a Values<'a>),
}

/// The select of runs that pass the filter, with a column for each sort value.
fn select(query: &RunQuery, scope: &Scope<'_>, start: Start<'_>) -> (SqlText, Vec<SortKey>) {
    let text = SqlText::new(COLUMNS);
    let (text, mut keys) = match start {
        Start::Walk(values) => push_sort_columns_walked(text, scope, &query.order, values.column()),
        Start::Runs | Start::Few(_) => {
            push_sort_columns(text, &RUNS, std::slice::from_ref(scope), &query.order)
        }
    };
    keys.extend(TIES);
    let text = match start {
        Start::Runs => text.push(" from runs r where "),
        Start::Few(values) | Start::Walk(values) => {
            // The order of a cross join is the order in which SQLite reads.
            let text = values.push_where(text.push(values.table()).push(" cross join runs r"));
            let text = text.push(" and r.number = o.run and ").push(values.column()).push(" is not null");
            values.push_bounds(text, &query.filter).push(" and ")
        }
    };
    let text = push_numbers(text, "r.experiment_id", &query.experiments);
    let text = push_view(text, query.view, " and r.lifecycle = ");
    (push_tree(text.push(" and "), &RUNS, scope, &query.filter), keys)
}
