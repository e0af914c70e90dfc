//! The tail: points as they came, one row a request, until they are settled.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{Clock, SystemClock};
use db::{Row, Sql, SqlText, Tx, params};

use crate::points::{Point, pack_named, unpack_named};
use crate::{Error, Metric};

/// Low bits of a row's number that count; the rest is the time in milliseconds.
const COUNTED_BITS: u32 = 20;

/// Points of a run by the name of their metric.
pub(super) type Named = BTreeMap<String, Vec<Point>>;

/// A number that no other row of the same run has: the time, and a count that begins anywhere in each process. Should
/// two servers ever meet, the second write fails and is not acknowledged.
pub(super) fn next_seq() -> i64 {
    static COUNT: LazyLock<AtomicI64> = LazyLock::new(|| {
        let chance = base::id::new_hex_id();
        AtomicI64::new(chance.bytes().rev().take(8).fold(0, |sum, byte| sum * 31 + i64::from(byte)))
    });
    let count = COUNT.fetch_add(1, Ordering::Relaxed) & ((1 << COUNTED_BITS) - 1);
    (SystemClock.now().as_millis() << COUNTED_BITS) | count
}

/// Appends points of an active run. Answers whether there is such a run.
pub(super) async fn append(tx: &mut Tx, run: &str, metrics: &[Metric]) -> Result<bool, Error> {
    let put = "insert into metric_tail (run, seq, data) \
               select number, $1, $2 from runs where id = $3 and lifecycle = 'active'";
    let written = tx.execute(put, params![next_seq(), pack_named(metrics), run]).await?;
    Ok(written > 0)
}

/// What is in the tails of these runs, by run and name; `numbers` is one statement's worth.
pub(super) async fn tails(sql: &mut impl Sql, numbers: &[i64]) -> Result<BTreeMap<i64, Named>, Error> {
    let text = SqlText::new("select run, data from metric_tail where run in (")
        .bind_list(numbers.iter().copied())
        .push(")");
    let mut tails: BTreeMap<i64, Named> = BTreeMap::new();
    for row in sql.fetch_all_text(text).await? {
        add(tails.entry(row.int("run")?).or_default(), &row)?;
    }
    Ok(tails)
}

/// Adds the points of a row of the tail.
pub(super) fn add(named: &mut Named, row: &Row) -> Result<(), Error> {
    unpack_named(row.bytes("data")?, |name, points| match named.get_mut(name) {
        Some(there) => there.extend_from_slice(points),
        None => {
            named.insert(name.to_owned(), points.to_vec());
        }
    })
}
