//! The log of everything that happened: appended in the transaction of the change itself.

use base::{Actor, Clock, Digest, Event, NewEvent, ObjectRef, SystemClock};

use crate::session::{Sql, Tx, TxConnection};
use crate::{Db, Error, Row, SqlText, params};

/// Which events are asked for.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only events after this one.
    pub after: i64,
    /// Only events of this kind; a trailing `.*` takes all of a noun.
    pub kind: Option<String>,
    /// Only events about this object.
    pub object: Option<ObjectRef>,
    /// Newest first instead of oldest first.
    pub newest_first: bool,
}

/// What a walk over the whole log found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChainReport {
    /// How many entries there are.
    pub entries: i64,
    /// The hash of the last one; all zeros when there is none.
    pub head: Digest,
}

const COLUMNS: &str =
    "select seq, at, kind, actor, object_kind, object_name, summary, data, previous_hash, hash from events";
const VERIFY_CHUNK: usize = 2_000;

/// Held while appending on PostgreSQL, so that entries get their numbers one after another.
const APPEND_LOCK: i64 = 0x6769_6e67_6861_6d01;

impl Tx {
    /// Appends an event to the log, in this transaction. Its number follows the newest one
    /// without a gap, and its hash covers that one's hash.
    pub async fn append_event(&mut self, event: NewEvent) -> Result<Event, Error> {
        if matches!(self.connection, TxConnection::Postgres(_)) {
            self.fetch_all("select pg_advisory_xact_lock($1)::text as locked", params![APPEND_LOCK]).await?;
        }
        let head =
            self.fetch_optional("select seq, hash from events order by seq desc limit 1", params![]).await?;
        let (last, previous_hash) = match head {
            Some(row) => (row.int("seq")?, row.digest("hash")?),
            None => (0, Digest::from_bytes([0; 32])),
        };
        let seq = last + 1;
        let at = SystemClock.now();
        let data = event.data.to_string();
        let hash = Event::chain_hash(seq, at, &event, &data, previous_hash);
        self.execute(
            "insert into events (seq, at, kind, actor, object_kind, object_name, summary, data, previous_hash, hash) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            params![
                seq,
                at,
                &event.kind,
                event.actor.as_str(),
                &event.object.kind,
                &event.object.name,
                &event.summary,
                data,
                previous_hash,
                hash
            ],
        )
        .await?;
        self.newest_event = Some(seq);
        let NewEvent { kind, actor, object, summary, data } = event;
        Ok(Event { seq, at, kind, actor, object, summary, data, previous_hash, hash })
    }
}

impl Db {
    /// At most `limit` events that fit the filter.
    pub async fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Event>, Error> {
        self.event_rows(filter, limit).await?.iter().map(event_from).collect()
    }

    async fn event_rows(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Row>, Error> {
        let direction =
            if filter.newest_first && filter.after > 0 { " where seq < " } else { " where seq > " };
        let mut text = SqlText::new(COLUMNS).push(direction).bind(filter.after);
        if let Some(kind) = &filter.kind {
            text = match kind.strip_suffix(".*") {
                Some(noun) => {
                    text.push(" and kind like ").bind(format!("{}.%", noun.replace(['%', '_'], "")))
                }
                None => text.push(" and kind = ").bind(kind),
            };
        }
        if let Some(object) = &filter.object {
            text = text
                .push(" and object_kind = ")
                .bind(&object.kind)
                .push(" and object_name = ")
                .bind(&object.name);
        }
        text =
            text.push(if filter.newest_first { " order by seq desc limit " } else { " order by seq limit " });
        self.read().await?.fetch_all_text(text.bind(to_bigint(limit))).await
    }

    /// Walks the whole log and checks numbers and hashes.
    pub async fn verify_chain(&self) -> Result<ChainReport, Error> {
        let mut report = ChainReport { entries: 0, head: Digest::from_bytes([0; 32]) };
        loop {
            let filter = EventFilter { after: report.entries, ..EventFilter::default() };
            let rows = self.event_rows(&filter, VERIFY_CHUNK).await?;
            // Others may go on appending: a walk ends where it finds less than it asked for.
            let is_last = rows.len() < VERIFY_CHUNK;
            for row in rows {
                // The text as it is stored was hashed; read as JSON and written again it may differ.
                let (event, data) = (event_from(&row)?, row.text("data")?);
                check_link(&event, &data, &report)?;
                report = ChainReport { entries: event.seq, head: event.hash };
            }
            if is_last {
                return Ok(report);
            }
        }
    }
}

fn check_link(event: &Event, data: &str, before: &ChainReport) -> Result<(), Error> {
    let broken = |what| Err(Error::BrokenChain { seq: event.seq, what });
    if event.seq != before.entries + 1 {
        return broken("its number does not follow the one before");
    }
    if event.previous_hash != before.head {
        return broken("it does not name the hash of the one before");
    }
    let content = NewEvent {
        kind: event.kind.clone(),
        actor: event.actor.clone(),
        object: event.object.clone(),
        summary: event.summary.clone(),
        data: serde_json::Value::Null,
    };
    let hash = Event::chain_hash(event.seq, event.at, &content, data, event.previous_hash);
    if hash == event.hash { Ok(()) } else { broken("its content is not what was hashed") }
}

fn event_from(row: &Row) -> Result<Event, Error> {
    Ok(Event {
        seq: row.int("seq")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        actor: Actor::named(row.text("actor")?),
        object: ObjectRef::new(&row.text("object_kind")?, row.text("object_name")?),
        summary: row.text("summary")?,
        data: row.json("data")?,
        previous_hash: row.digest("previous_hash")?,
        hash: row.digest("hash")?,
    })
}

fn to_bigint(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
