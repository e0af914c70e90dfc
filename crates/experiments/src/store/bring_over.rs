//! Carries points over from the tables of earlier releases, which held one row a point.

use std::collections::BTreeMap;

use db::{Db, Sql, Tx, params};

use super::latest::metric_of;
use super::settle::settle_ended;
use super::tail::next_seq;
use crate::points::pack_named;
use crate::{Error, Metric};

/// Points that one transaction carries over.
const POINTS_AT_ONCE: i64 = 20_000;

/// Carries points over until none is left; where that ends in the middle, the next start goes on. Answers how many there
/// were.
pub async fn bring_over_points(db: &Db) -> Result<usize, Error> {
    let mut all = 0;
    loop {
        let count = db.write(|tx| Box::pin(async move { bring_some(tx).await })).await?;
        if count == 0 {
            return Ok(all);
        }
        all += count;
    }
}

async fn bring_some(tx: &mut Tx) -> Result<usize, Error> {
    let find = "select run, key, step, time, value, is_nan from metric_points order by run, key, step, time \
                limit $1";
    let rows = tx.fetch_all(find, params![POINTS_AT_ONCE]).await?;
    let mut runs: BTreeMap<i64, Vec<Metric>> = BTreeMap::new();
    for row in &rows {
        runs.entry(row.int("run")?).or_default().push(metric_of(row)?);
    }
    // The last run, and the last step of it, may be cut; what is cut stays for the next transaction.
    let whole = i64::try_from(rows.len()).is_ok_and(|count| count < POINTS_AT_ONCE);
    let last = runs.keys().next_back().copied();
    for (run, metrics) in runs {
        let put = "insert into metric_tail (run, seq, data) values ($1, $2, $3)";
        tx.execute(put, params![run, next_seq(), pack_named(&metrics)]).await?;
        settle_ended(tx, run).await?;
        if whole || Some(run) != last {
            tx.execute("delete from metric_points where run = $1", params![run]).await?;
            tx.execute("delete from latest_metrics where run = $1", params![run]).await?;
            continue;
        }
        for metric in metrics {
            let gone = "delete from metric_points where run = $1 and key = $2 and step = $3 and time = $4";
            tx.execute(gone, params![run, &metric.key, metric.step, metric.time]).await?;
        }
    }
    Ok(rows.len())
}
