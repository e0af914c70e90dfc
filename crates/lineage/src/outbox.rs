//! Events on their way to others, and how far the log of events is read.

use base::{Period, Timestamp};
use db::{Row, Sql, Tx, params};

use crate::Error;

/// How long events that have arrived, or were given up, are kept.
pub const SENT_KEPT: Period = Period::from_days(7);
/// The most events that wait for one target; beyond them the newest are not kept, and the loss is told.
pub const MOST_WAITING: i64 = 100_000;

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place among all.
    pub number: i64,
    /// For whom it is.
    pub target: String,
    /// What is sent, to the letter.
    pub event: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It has arrived.
    Sent,
    /// It is tried again from then on.
    Later(Timestamp, String),
    /// It is given up.
    Dropped(String),
}

/// How many events of a target are in which state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The target.
    pub target: String,
    /// `waiting`, `sent` or `dropped`.
    pub state: String,
    /// How many.
    pub events: i64,
    /// Why the newest of them is where it is, if there is a reason.
    pub reason: Option<String>,
}

/// How far a reader has read the log; nothing before its first time.
///
/// # Errors
/// When the database fails.
pub async fn read_to(sql: &mut impl Sql, reader: &str) -> Result<Option<i64>, Error> {
    let row = sql.fetch_optional("select seq from lineage_readers where name = $1", params![reader]).await?;
    Ok(row.map(|row| row.int("seq")).transpose()?)
}

/// Moves a reader on from where it was. `false`, and nothing is moved, when another server has moved it.
///
/// # Errors
/// When the database fails.
pub async fn move_reader(tx: &mut Tx, reader: &str, from: Option<i64>, to: i64) -> Result<bool, Error> {
    let moved = match from {
        Some(from) => {
            tx.execute(
                "update lineage_readers set seq = $3 where name = $1 and seq = $2",
                params![reader, from, to],
            )
            .await?
        }
        None => {
            tx.execute(
                "insert into lineage_readers (name, seq) values ($1, $2) on conflict (name) do nothing",
                params![reader, to],
            )
            .await?
        }
    };
    Ok(moved == 1)
}

/// Forgets how far a reader was.
///
/// # Errors
/// When the database fails.
pub async fn forget_reader(tx: &mut Tx, reader: &str) -> Result<(), Error> {
    tx.execute("delete from lineage_readers where name = $1", params![reader]).await?;
    Ok(())
}

/// Keeps an event for a target. `false` when too many wait already.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Tx, target: &str, event: &str, now: Timestamp) -> Result<bool, Error> {
    let kept = tx
        .execute(
            "insert into openlineage_outbox (number, target, event, state, attempts, due_at, created_at) \
             select (select coalesce(max(number), 0) + 1 from openlineage_outbox), $1, $2, 'waiting', 0, $3, $3 \
             where (select count(*) from openlineage_outbox where state = 'waiting' and target = $1) < $4",
            params![target, event, now, MOST_WAITING],
        )
        .await?;
    Ok(kept == 1)
}

/// The oldest event of each target that is due; one that waits for its next try holds back those behind it, so that
/// a target hears of things in their order.
///
/// # Errors
/// When the database fails.
pub async fn due(sql: &mut impl Sql, now: Timestamp) -> Result<Vec<Waiting>, Error> {
    let rows = sql
        .fetch_all(
            "select number, target, event, attempts, created_at from openlineage_outbox \
             where state = 'waiting' and due_at <= $1 and number in \
             (select min(number) from openlineage_outbox where state = 'waiting' group by target) order by number",
            params![now],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Waiting {
            number: row.int("number")?,
            target: row.text("target")?,
            event: row.text("event")?,
            attempts: row.int("attempts")?,
            created_at: row.time("created_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Notes what became of a try.
///
/// # Errors
/// When the database fails.
pub async fn note(tx: &mut Tx, number: i64, tried: &Tried, now: Timestamp) -> Result<(), Error> {
    let (state, due, ended, reason) = match tried {
        Tried::Sent => ("sent", now, Some(now), None),
        Tried::Later(due, reason) => ("waiting", *due, None, Some(reason.as_str())),
        Tried::Dropped(reason) => ("dropped", now, Some(now), Some(reason.as_str())),
    };
    tx.execute(
        "update openlineage_outbox set state = $2, due_at = $3, ended_at = $4, reason = $5, attempts = attempts + 1 \
         where number = $1",
        params![number, state, due, ended, reason],
    )
    .await?;
    Ok(())
}

/// Forgets what ended before a moment. The newest row stays, so that no number is used twice.
///
/// # Errors
/// When the database fails.
pub async fn forget_ended(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    Ok(tx
        .execute(
            "delete from openlineage_outbox where ended_at < $1 \
             and number < (select max(number) from openlineage_outbox)",
            params![before],
        )
        .await?)
}

/// How things stand, by target and state.
///
/// # Errors
/// When the database fails.
pub async fn standing(sql: &mut impl Sql) -> Result<Vec<Standing>, Error> {
    let rows = sql
        .fetch_all(
            "select target, state, count(*) as events, max(reason) as reason from openlineage_outbox \
             group by target, state order by target, state",
            params![],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Standing {
            target: row.text("target")?,
            state: row.text("state")?,
            events: row.int("events")?,
            reason: row.opt_text("reason")?,
        })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    async fn kept(db: &db::Db, target: &'static str, event: &'static str) {
        let done: Result<bool, Error> =
            db.write(move |tx| Box::pin(async move { keep(tx, target, event, NOW).await })).await;
        assert!(done.unwrap());
    }

    async fn noted(db: &db::Db, number: i64, tried: Tried) {
        let done: Result<(), Error> =
            db.write(move |tx| Box::pin(async move { note(tx, number, &tried, NOW).await })).await;
        done.unwrap();
    }

    #[tokio::test]
    async fn each_target_hears_of_things_in_their_order() {
        for database in testing::databases().await {
            let db: &db::Db = &database;
            kept(db, "a", "one").await;
            kept(db, "b", "one").await;
            kept(db, "a", "two").await;
            let texts = async |now| {
                let due = due(&mut db.read().await.unwrap(), now).await.unwrap();
                due.into_iter().map(|one| format!("{}:{}", one.target, one.event)).collect::<Vec<_>>()
            };
            assert_eq!(texts(NOW).await, ["a:one", "b:one"]);
            // What waits holds back what comes behind it, at its own target only.
            let later = Timestamp::from_micros(5_000_000);
            noted(db, 1, Tried::Later(later, "down".to_owned())).await;
            noted(db, 2, Tried::Sent).await;
            assert_eq!(texts(NOW).await, Vec::<String>::new());
            assert_eq!(texts(later).await, ["a:one"]);
            noted(db, 1, Tried::Sent).await;
            assert_eq!(texts(NOW).await, ["a:two"]);
        }
    }

    #[tokio::test]
    async fn a_reader_moves_once_from_where_it_was() {
        for database in testing::databases().await {
            let db: &db::Db = &database;
            let moved = async |from, to| {
                let done: Result<bool, Error> = db
                    .write(move |tx| Box::pin(async move { move_reader(tx, "graph", from, to).await }))
                    .await;
                done.unwrap()
            };
            assert!(moved(None, 3).await);
            assert!(!moved(None, 9).await);
            assert!(moved(Some(3), 7).await);
            assert!(!moved(Some(3), 8).await);
            assert_eq!(read_to(&mut db.read().await.unwrap(), "graph").await.unwrap(), Some(7));
        }
    }
}
