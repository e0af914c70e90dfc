//! One going-over of all rows for as many checks as can share it.
//!
//! Each check is a [`Look`] that sees every piece of the rows once; it keeps counts and the numbers of the first rows
//! that fail, never rows. Few looks must go over their columns again: exact quantiles, distances from the mean, and
//! keys that are too many to be kept at once. What a look says is what the queries of [`crate::compile`] say; what
//! none is made for is left to them.

mod asked;
mod common;
mod distinct;
mod figure;
mod keys;
mod moments;
mod order;
mod rank;
mod row;
mod share;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use tables::{Condition, RowSource, Schema};

pub(crate) use self::asked::Asked;
use crate::check::{Check, CheckKind, Measure};
use crate::compile::ROW;
use crate::evaluate::SAMPLE_ROWS;

/// What was found for one check.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// Rows in question.
    pub rows: u64,
    /// Failing rows, or the figure measured.
    pub value: Option<f64>,
    /// The numbers of the first failing rows, counted from 1.
    pub first: Vec<u64>,
}

impl Found {
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    fn failing(rows: u64, failing: u64, first: Vec<u64>) -> Self {
        Self { rows, value: Some(failing as f64), first }
    }
}

/// What a look says after it has seen all rows.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It must see them again.
    Again,
    /// What it found.
    Found(Found),
}

/// One check that sees the rows go by.
pub(crate) trait Look: Send {
    /// Sees the next piece.
    fn see(&mut self, asked: &Asked<'_>);
    /// Hears that there are no more pieces.
    fn end(&mut self) -> Ended;
}

/// A check on its way through the rows.
struct Task {
    /// Its place among the checks.
    index: usize,
    /// The columns it reads, as indexes of the schema.
    columns: Vec<usize>,
    /// The condition under which a row is looked at.
    condition: Option<Arc<Condition>>,
    look: Box<dyn Look>,
}

/// Goes over the rows for all checks that can share it. For the others there is nothing, and neither where something
/// is wrong with a condition or with the rows: a query says what. What takes longer than `limit` is stopped with
/// [`tables::Error::TimedOut`].
pub(crate) async fn go(
    checks: &[Option<&Check>],
    source: &RowSource,
    now: Timestamp,
    limit: Duration,
) -> Vec<Option<Result<Found, tables::Error>>> {
    let schema = source.schema();
    let mut found: Vec<Option<Result<Found, tables::Error>>> = checks.iter().map(|_| None).collect();
    if schema.find(ROW).is_some() {
        return found;
    }
    let mut conditions: HashMap<&str, Option<Arc<Condition>>> = HashMap::new();
    let mut tasks = Vec::new();
    for (index, check) in checks.iter().enumerate() {
        let Some(check) = check else { continue };
        let condition = match check.where_sql.as_deref() {
            None => None,
            Some(sql) => {
                if !conditions.contains_key(sql) {
                    let planned = Condition::plan(sql, "input", schema).await;
                    conditions.insert(sql, planned.map(Arc::new));
                }
                match conditions.get(sql).cloned().flatten() {
                    None => continue,
                    planned => planned,
                }
            }
        };
        let columns: Option<Vec<usize>> =
            check.columns().iter().map(|name| schema.names().position(|known| known == *name)).collect();
        let Some(columns) = columns else { continue };
        if let Some(look) = look(check, schema, &columns, now) {
            tasks.push(Task { index, columns, condition, look });
        }
    }
    for (index, one) in share::run(tasks, source, limit).await {
        if let Some(place) = found.get_mut(index) {
            *place = Some(one);
        }
    }
    found
}

/// How a check looks at rows; nothing for those that are left to queries.
fn look(check: &Check, schema: &Schema, columns: &[usize], now: Timestamp) -> Option<Box<dyn Look>> {
    if let Some(row) = row::RowLook::of(check, schema, columns, now) {
        return Some(Box::new(row));
    }
    let first = columns.first().copied();
    Some(match &check.kind {
        CheckKind::Ordered { order, .. } => Box::new(order::OrderLook::new(first?, *order)),
        CheckKind::ZScore { below, .. } => Box::new(moments::ZLook::new(first?, *below)),
        CheckKind::Unique { .. } => distinct::unique(schema, columns)?,
        CheckKind::RowCount { .. } | CheckKind::RowsAsIn { .. } | CheckKind::Volume { .. } => {
            Box::new(figure::CountLook::default())
        }
        CheckKind::Freshness { .. } => Box::new(figure::ExtremeLook::greatest(first?)),
        CheckKind::Quantile { at, .. } => Box::new(rank::RankLook::quantile(first?, *at)),
        CheckKind::DistinctValues { column, values, exactly } => {
            distinct::values(schema, first?, column, values, *exactly)?
        }
        CheckKind::MostCommon { values, .. } => common::most_common(schema, first?, values)?,
        CheckKind::Measured { measure, .. } => match measure {
            Measure::Min => Box::new(figure::ExtremeLook::least(first?)),
            Measure::Max => Box::new(figure::ExtremeLook::greatest(first?)),
            Measure::Mean | Measure::Stdev | Measure::Sum => {
                Box::new(moments::MomentsLook::new(first?, *measure))
            }
            Measure::Median => Box::new(rank::RankLook::median(first?)),
            Measure::Distinct => distinct::count(schema, columns)?,
            Measure::UniqueShare => distinct::share(schema, columns)?,
            Measure::NullShare => Box::new(figure::MissingLook::new(first?)),
        },
        _ => return None,
    })
}

/// Keeps the numbers of the first rows.
fn keep_first(first: &mut Vec<u64>, piece_from: u64, rows: impl Iterator<Item = usize>) {
    let room = SAMPLE_ROWS.saturating_sub(first.len());
    first.extend(rows.take(room).map(|row| piece_from + row as u64));
}
