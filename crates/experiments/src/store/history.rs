//! The whole history of a metric.

use std::num::NonZeroUsize;

use db::{Sql, params};

use super::run_head;
use super::tail::tails;
use crate::points::{Point, settle_order, unpack_key};
use crate::{Error, Metric, Series, thin_out};

/// The most points of one metric that are read at once.
const MOST_READ: i64 = 10_000_000;

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
    let mut points = history(sql, run, key).await?;
    points.sort_by(|left, right| left.time.cmp(&right.time).then_with(|| left.cmp(right)));
    let skipped = usize::try_from(page.offset).unwrap_or(0);
    let most = page.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
    Ok(points.into_iter().skip(skipped).take(most).map(|point| point.named(key.to_owned())).collect())
}

/// Points of a metric by step, thinned to at most so many: the least and the greatest of each stretch stay. `steps`
/// keeps to a range of steps.
pub async fn metric_series(
    sql: &mut impl Sql,
    run: &str,
    key: &str,
    at_most: NonZeroUsize,
    steps: Option<(i64, i64)>,
) -> Result<Series, Error> {
    let mut points = history(sql, run, key).await?;
    if let Some((first, last)) = steps {
        points.retain(|point| (first..=last).contains(&point.step));
    }
    let sampled = points.len() > at_most.get();
    let points = thin_out(points, at_most);
    Ok(Series {
        key: key.to_owned(),
        points: points.into_iter().map(|point| point.named(key.to_owned())).collect(),
        sampled,
    })
}

/// All points of a metric by step, then time, then value, each once.
async fn history(sql: &mut impl Sql, run: &str, key: &str) -> Result<Vec<Point>, Error> {
    let head = run_head(sql, run).await?;
    // The tail first: what is settled in between is then seen twice, and never missed.
    let mut tail = tails(sql, &[head.number]).await?;
    let mut points = tail.remove(&head.number).and_then(|mut named| named.remove(key)).unwrap_or_default();
    let find = "select id from metric_keys where experiment_id = $1 and name = $2";
    if let Some(row) = sql.fetch_optional(find, params![head.experiment_id, key]).await? {
        let number = row.int("id")?;
        let segments = "select points, data from metric_segments \
                        where run = $1 and first_key <= $2 and last_key >= $2";
        let mut read = 0;
        for row in sql.fetch_all(segments, params![head.number, number]).await? {
            read += row.int("points")?;
            if read > MOST_READ {
                return Err(Error::invalid(
                    format!("metric `{key}` of run `{run}`"),
                    format!("has more than {MOST_READ} points, too many to read at once"),
                ));
            }
            points.append(&mut unpack_key(row.bytes("data")?, number)?);
        }
    }
    settle_order(&mut points);
    Ok(points)
}
