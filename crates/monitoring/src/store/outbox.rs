//! Messages on their way: kept until they have arrived or it is said why not.

use base::{Page, PageRequest, Period, Timestamp, id};
use db::{Row, Sql, SqlText, Tx, params};
use serde::Serialize;

use crate::error::Error;
use crate::store::{overfetch, page_of};

/// Who reads the log of events to make messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeReader {
    /// Of alerts.
    Alerts,
    /// Of reviews: broken glass.
    Reviews,
}

impl NoticeReader {
    const fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Reviews => "reviews",
        }
    }
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outgoing {
    /// Its id, the same for every attempt.
    pub id: String,
    /// The alert it tells of; `override:3` for a broken glass.
    pub alert_id: String,
    /// The notifier by which it goes.
    pub notifier: String,
    /// The message.
    pub notice: serde_json::Value,
    /// Whether it is only sent while the alert still fires and nobody has taken it: repetitions and escalations.
    pub only_while_firing: bool,
    /// `waiting`, `sent` or `dropped`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// When it was written, or last held back: what fails is given up a day after.
    pub created_at: Timestamp,
    /// When it was sent or dropped.
    pub ended_at: Option<Timestamp>,
    /// Why it was dropped, or why the last attempt failed.
    pub reason: Option<String>,
}

const OUTGOING: &str = "select id, alert_id, notifier, notice, only_while_firing, state, attempts, due_at, created_at, \
     ended_at, reason from notice_outbox ";

fn read(row: &Row) -> Result<Outgoing, Error> {
    Ok(Outgoing {
        id: row.text("id")?,
        alert_id: row.text("alert_id")?,
        notifier: row.text("notifier")?,
        notice: row.json("notice")?,
        only_while_firing: row.bool("only_while_firing")?,
        state: row.text("state")?,
        attempts: row.int("attempts")?,
        due_at: row.time("due_at")?,
        created_at: row.time("created_at")?,
        ended_at: row.opt_time("ended_at")?,
        reason: row.opt_text("reason")?,
    })
}

/// Up to which event messages have been made; `None` before the first time.
///
/// # Errors
/// When the database fails.
pub async fn notices_read_to(sql: &mut impl Sql, reader: NoticeReader) -> Result<Option<i64>, Error> {
    let asked = "select seq from notice_reader where name = $1";
    let row = sql.fetch_optional(asked, params![reader.name()]).await?;
    Ok(row.map(|row| row.int("seq")).transpose()?)
}

/// Remembers up to which event messages have been made; in the transaction that keeps them.
///
/// # Errors
/// When the database fails.
pub async fn set_notices_read_to(tx: &mut Tx, reader: NoticeReader, seq: i64) -> Result<(), Error> {
    tx.execute(
        "insert into notice_reader (name, seq) values ($1, $2) on conflict (name) do update set seq = excluded.seq",
        params![reader.name(), seq],
    )
    .await?;
    Ok(())
}

/// A message to be kept.
#[derive(Debug, Clone)]
pub struct NewOutgoing {
    /// The alert it tells of.
    pub alert_id: String,
    /// The notifier.
    pub notifier: String,
    /// The message; its `id` is set to that of the row.
    pub notice: serde_json::Value,
    /// Whether it is only sent while the alert still fires.
    pub only_while_firing: bool,
    /// When it is due.
    pub due_at: Timestamp,
    /// The present.
    pub now: Timestamp,
}

/// Keeps a message. One that is only sent while the alert fires takes the place of what still waits to tell the same
/// notifier of that alert, so that an alert that fires again is not told twice.
///
/// # Errors
/// When the database fails.
pub async fn put_notice(tx: &mut Tx, new: NewOutgoing) -> Result<String, Error> {
    if new.only_while_firing {
        tx.execute(
            "update notice_outbox set state = 'dropped', ended_at = $3, reason = 'a newer message took its place' \
             where alert_id = $1 and notifier = $2 and state = 'waiting' and only_while_firing <> 0",
            params![&new.alert_id, &new.notifier, new.now],
        )
        .await?;
    }
    let id = id::new_hex_id();
    let mut notice = new.notice;
    if let Some(fields) = notice.as_object_mut() {
        fields.insert("id".to_owned(), serde_json::Value::String(id.clone()));
    }
    tx.execute(
        "insert into notice_outbox (id, alert_id, notifier, notice, only_while_firing, state, attempts, due_at, \
         created_at, ended_at, reason) values ($1, $2, $3, $4, $5, 'waiting', 0, $6, $7, null, null)",
        params![
            &id,
            &new.alert_id,
            &new.notifier,
            notice.to_string(),
            new.only_while_firing,
            new.due_at,
            new.now
        ],
    )
    .await?;
    Ok(id)
}

/// Messages that are due, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn due_notices(sql: &mut impl Sql, now: Timestamp, at_most: i64) -> Result<Vec<Outgoing>, Error> {
    let text = SqlText::new(OUTGOING)
        .push("where state = 'waiting' and due_at <= ")
        .bind(now)
        .push(" order by due_at, id limit ")
        .bind(at_most);
    sql.fetch_all_text(text).await?.iter().map(read).collect()
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It arrived.
    Sent,
    /// It did not, and is tried again then.
    Later(Timestamp, String),
    /// It is held back although all is well with the way, and looked at again then. Its day begins anew.
    Held(Timestamp, String),
    /// It will not be tried again.
    Dropped(String),
}

/// Writes down what became of an attempt. A postponement that was no attempt counts as none.
///
/// # Errors
/// When the database fails.
pub async fn note_attempt(
    tx: &mut Tx,
    id: &str,
    attempt: &Attempt,
    tried: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let (state, due, ended, reason) = match attempt {
        Attempt::Sent => ("sent", now, Some(now), None),
        Attempt::Later(due, reason) | Attempt::Held(due, reason) => {
            ("waiting", *due, None, Some(reason.as_str()))
        }
        Attempt::Dropped(reason) => ("dropped", now, Some(now), Some(reason.as_str())),
    };
    tx.execute(
        "update notice_outbox set state = $2, due_at = $3, ended_at = $4, reason = $5, attempts = attempts + $6 \
         where id = $1",
        params![id, state, due, ended, reason, i64::from(tried)],
    )
    .await?;
    if matches!(attempt, Attempt::Held(..)) {
        tx.execute("update notice_outbox set created_at = $2 where id = $1", params![id, now]).await?;
    }
    Ok(())
}

/// Whether a notifier may have heard that an alert fires: a message was sent, or tried with an end that is not known.
///
/// # Errors
/// When the database fails.
pub async fn may_have_heard(sql: &mut impl Sql, alert: &str, notifier: &str) -> Result<bool, Error> {
    let rows = sql
        .fetch_all(
            "select count(*) as heard from notice_outbox where alert_id = $1 and notifier = $2 \
             and only_while_firing <> 0 and (state = 'sent' or attempts > 0)",
            params![alert, notifier],
        )
        .await?;
    Ok(rows.first().map(|row| row.int("heard")).transpose()?.unwrap_or_default() > 0)
}

/// How many messages a notifier has sent since then.
///
/// # Errors
/// When the database fails.
pub async fn sent_since(sql: &mut impl Sql, notifier: &str, since: Timestamp) -> Result<i64, Error> {
    let rows = sql
        .fetch_all(
            "select count(*) as sent from notice_outbox where notifier = $1 and state = 'sent' and ended_at >= $2",
            params![notifier, since],
        )
        .await?;
    Ok(rows.first().map(|row| row.int("sent")).transpose()?.unwrap_or_default())
}

/// Messages, newest first; of one alert or of all.
///
/// # Errors
/// When the database fails.
pub async fn list_notices(
    sql: &mut impl Sql,
    alert: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Outgoing>, Error> {
    let mut text = SqlText::new(OUTGOING).push("where 1 = 1");
    if let Some(alert) = alert {
        text = text.push(" and alert_id = ").bind(alert);
    }
    if let Some(cursor) = &page.cursor {
        text = text.push(" and id < ").bind(cursor);
    }
    let text = text.push(" order by id desc limit ").bind(overfetch(page));
    let found = sql.fetch_all_text(text).await?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(page_of(found, page, |one| one.id.clone()))
}

/// Forgets messages that ended before `before`.
///
/// # Errors
/// When the database fails.
pub async fn forget_notices(tx: &mut Tx, before: Timestamp) -> Result<(), Error> {
    tx.execute("delete from notice_outbox where ended_at < $1", params![before]).await?;
    Ok(())
}

/// How long messages that ended are kept.
pub const NOTICES_KEPT: Period = Period::from_days(90);
