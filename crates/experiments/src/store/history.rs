//! The whole history of a metric.

use std::num::NonZeroUsize;

use base::Timestamp;
use db::{Sql, params};

use super::detail::metric_of;
use super::run_head;
use crate::{Error, Metric, Series, thin_out};

/// The most points that are read to draw one series.
const MOST_READ: i64 = 2_000_000;

/// Which page of a history: the points after so many.
#[derive(Debug, Clone, Copy, Default)]
pub struct PointsAfter {
    /// How many points the pages before held.
    pub offset: i64,
    /// How many points at most; all of them if nothing is said.
    pub limit: Option<i64>,
}

/// Points of a metric by time, then step, then value. A run without that metric has no points.
pub async fn metric_points(
    sql: &mut impl Sql,
    run: &str,
    key: &str,
    page: PointsAfter,
) -> Result<Vec<Metric>, Error> {
    let head = run_head(sql, run).await?;
    let rows = sql
        .fetch_all(
            "select key, step, time, value, is_nan from metric_points where run = $1 and key = $2 \
             order by time, step, value limit $3 offset $4",
            params![head.number, key, page.limit.unwrap_or(i64::MAX), page.offset],
        )
        .await?;
    rows.iter().map(metric_of).collect()
}

/// Points of a metric by step, thinned to at most so many; see [`thin_out`]. `steps` keeps to a range of steps.
pub async fn metric_series(
    sql: &mut impl Sql,
    run: &str,
    key: &str,
    at_most: NonZeroUsize,
    steps: Option<(i64, i64)>,
) -> Result<Series, Error> {
    let head = run_head(sql, run).await?;
    let (first, last) = steps.unwrap_or((i64::MIN, i64::MAX));
    let rows = sql
        .fetch_all(
            "select step, time, value, is_nan from metric_points \
             where run = $1 and key = $2 and step >= $3 and step <= $4 order by step, time, value limit $5",
            params![head.number, key, first, last, MOST_READ],
        )
        .await?;
    let mut points = Vec::with_capacity(rows.len());
    for row in &rows {
        let value = if row.bool("is_nan")? { f64::NAN } else { row.real("value")? };
        let time: Timestamp = row.time("time")?;
        points.push(Metric { key: key.to_owned(), value, time, step: row.int("step")? });
    }
    let sampled = points.len() > at_most.get();
    Ok(Series { key: key.to_owned(), points: thin_out(points, at_most), sampled })
}
