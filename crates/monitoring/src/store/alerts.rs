//! Alerts and their moves; each move leaves an event in the same transaction.

use base::{Actor, NewEvent, ObjectRef, Page, PageRequest, Period, Timestamp, id};
use db::{Row, Sql, SqlText, Tx, params};
use serde_json::json;

use crate::alert::{Alert, AlertState, Patience, Progress, Transition, Verdict, step};
use crate::error::Error;
use crate::finding::{AlertKind, Finding, Observation};
use crate::store::{overfetch, page_of};

/// Which alerts are wanted; nothing given means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this model.
    pub model: Option<String>,
    /// In one of these states.
    pub states: Vec<AlertState>,
    /// About this.
    pub kind: Option<AlertKind>,
}

/// An alert whose state changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// The alert afterwards.
    pub alert: Alert,
    /// The state before; absent when it is new.
    pub from: Option<AlertState>,
}

impl Moved {
    /// Whether it has just begun to fire: the moment to do what [`Alert::automatic`] says.
    #[must_use]
    pub fn began_to_fire(&self) -> bool {
        self.alert.state == AlertState::Firing && self.from != Some(AlertState::Firing)
    }
}

/// Which version is looked at, and how patient the rule is.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub(crate) version: i64,
    pub(crate) patience: Patience,
}

impl Look {
    /// A look at something that is judged one event at a time, such as a check of a dataset: two quiet looks end it.
    #[must_use]
    pub const fn single(version: i64, cooldown: Period) -> Self {
        Self { version, patience: Patience { clear_windows: 2, unknown_windows: i64::MAX, cooldown } }
    }
}

/// What is needed of an open alert to move it.
pub(super) struct OpenAlert {
    pub(super) id: String,
    pub(super) fingerprint: String,
    pub(super) version: i64,
    pub(super) kind: AlertKind,
    state: AlertState,
    progress: Progress,
    updated_at: Timestamp,
    silenced_until: Option<Timestamp>,
}

const ALERT: &str = "select id, fingerprint, model, version, kind, severity, state, finding, opened_at, updated_at, \
     closed_at, silenced_until, clear_windows, unknown_windows, flaps from alerts ";

fn read_alert(row: &Row) -> Result<Alert, Error> {
    let finding: Finding = row.json("finding")?;
    Ok(Alert {
        id: row.text("id")?,
        state: read_state(row)?,
        opened_at: row.time("opened_at")?,
        updated_at: row.time("updated_at")?,
        closed_at: row.opt_time("closed_at")?,
        silenced_until: row.opt_time("silenced_until")?,
        flaps: row.int("flaps")?,
        history: Vec::new(),
        fingerprint: finding.fingerprint,
        model: finding.model,
        version: finding.version,
        kind: finding.kind,
        severity: finding.severity,
        title: finding.title,
        what_changed: finding.what_changed,
        since: finding.since,
        cause: finding.cause,
        impact: finding.impact,
        suggested_action: finding.suggested_action,
        more_actions: finding.more_actions,
        automatic: finding.automatic,
        details: finding.details,
    })
}

fn read_state(row: &Row) -> Result<AlertState, Error> {
    let text = row.text("state")?;
    AlertState::parse(&text).ok_or_else(|| {
        Error::Db(db::Error::Column { column: "state".to_owned(), expected: "a state of an alert" })
    })
}

fn read_open(row: &Row) -> Result<OpenAlert, Error> {
    let kind: Finding = row.json("finding")?;
    Ok(OpenAlert {
        id: row.text("id")?,
        fingerprint: row.text("fingerprint")?,
        version: row.int("version")?,
        kind: kind.kind,
        state: read_state(row)?,
        progress: Progress {
            clear_windows: row.int("clear_windows")?,
            unknown_windows: row.int("unknown_windows")?,
            flaps: row.int("flaps")?,
        },
        updated_at: row.time("updated_at")?,
        silenced_until: row.opt_time("silenced_until")?,
    })
}

pub(super) async fn open_of_model(tx: &mut Tx, model: &str) -> Result<Vec<OpenAlert>, Error> {
    let text = SqlText::new(ALERT)
        .push("where model = ")
        .bind(model)
        .push(" and state in ('pending', 'firing', 'acknowledged', 'silenced') order by id");
    tx.fetch_all_text(text).await?.iter().map(read_open).collect()
}

/// Moves the alert of one cause: opens it, keeps it, lets it fire, ends it, or opens it again when the cause comes
/// back soon. Answers the alert when its state changed.
///
/// A look at a time that was looked at already can open an alert or let it fire, nothing else.
///
/// # Errors
/// When the database fails.
pub async fn observe(
    tx: &mut Tx,
    observation: &Observation,
    look: &Look,
    actor: &Actor,
) -> Result<Option<Moved>, Error> {
    let text = SqlText::new(ALERT)
        .push("where fingerprint = ")
        .bind(&observation.fingerprint)
        .push(" order by id desc limit 1");
    let last = tx.fetch_all_text(text).await?.first().map(read_open).transpose()?;
    match last {
        Some(alert) if alert.state.is_open() => move_open(tx, &alert, observation, look, actor).await,
        Some(alert) if observation.at <= alert.updated_at => Ok(None),
        Some(alert)
            if alert.version == look.version
                && observation.at <= alert.updated_at.plus(look.patience.cooldown) =>
        {
            reopen(tx, &alert, observation, actor).await
        }
        _ => open(tx, observation, actor).await,
    }
}

fn first_state(verdict: Verdict) -> Option<(AlertState, &'static str)> {
    match verdict {
        Verdict::Firing => Some((AlertState::Firing, "found")),
        Verdict::Pending => Some((AlertState::Pending, "found in one window, not yet in enough")),
        Verdict::Holding | Verdict::Clear | Verdict::Unknown => None,
    }
}

async fn open(tx: &mut Tx, observation: &Observation, actor: &Actor) -> Result<Option<Moved>, Error> {
    let (Some((state, reason)), Some(finding)) = (first_state(observation.verdict), &observation.finding)
    else {
        return Ok(None);
    };
    let id = id::new_hex_id();
    tx.execute(
        "insert into alerts (id, fingerprint, model, version, kind, severity, state, finding, opened_at, \
         updated_at, closed_at, silenced_until, clear_windows, unknown_windows, flaps) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, null, null, 0, 0, 0)",
        params![
            &id,
            &finding.fingerprint,
            &finding.model,
            finding.version,
            finding.kind.as_str(),
            finding.severity.as_str(),
            state.as_str(),
            serde_json::to_string(finding)?,
            observation.at,
            observation.at,
        ],
    )
    .await?;
    let moved = Move { id: &id, from: None, to: state, at: observation.at, actor, reason };
    Ok(Some(note(tx, moved).await?))
}

async fn reopen(
    tx: &mut Tx,
    alert: &OpenAlert,
    observation: &Observation,
    actor: &Actor,
) -> Result<Option<Moved>, Error> {
    let (Some((state, _)), Some(finding)) = (first_state(observation.verdict), &observation.finding) else {
        return Ok(None);
    };
    tx.execute(
        "update alerts set state = $2, finding = $3, severity = $4, updated_at = $5, closed_at = null, \
         silenced_until = null, clear_windows = 0, unknown_windows = 0, flaps = flaps + $6 where id = $1",
        params![
            &alert.id,
            state.as_str(),
            serde_json::to_string(finding)?,
            finding.severity.as_str(),
            observation.at,
            alert.state == AlertState::Resolved
        ],
    )
    .await?;
    let (from, reason) = (Some(alert.state), "it has come back");
    let moved = Move { id: &alert.id, from, to: state, at: observation.at, actor, reason };
    Ok(Some(note(tx, moved).await?))
}

async fn move_open(
    tx: &mut Tx,
    alert: &OpenAlert,
    observation: &Observation,
    look: &Look,
    actor: &Actor,
) -> Result<Option<Moved>, Error> {
    let again = observation.at <= alert.updated_at;
    if again && observation.verdict != Verdict::Firing {
        return Ok(None);
    }
    let silence_over = alert.silenced_until.is_some_and(|until| observation.at >= until);
    let step = step(alert.state, alert.progress, observation.verdict, look.patience, silence_over);
    let updated_at = observation.at.max(alert.updated_at);
    let closed_at = (!step.state.is_open()).then_some(updated_at);
    tx.execute(
        "update alerts set state = $2, updated_at = $3, closed_at = $4, clear_windows = $5, \
         unknown_windows = $6 where id = $1",
        params![
            &alert.id,
            step.state.as_str(),
            updated_at,
            closed_at,
            step.clear_windows,
            step.unknown_windows
        ],
    )
    .await?;
    if let Some(finding) = &observation.finding {
        renew(tx, &alert.id, finding).await?;
    }
    if step.state == alert.state {
        return Ok(None);
    }
    let (from, reason) = (Some(alert.state), step.reason);
    let moved = Move { id: &alert.id, from, to: step.state, at: observation.at, actor, reason };
    Ok(Some(note(tx, moved).await?))
}

/// Puts newer words into an alert that is open; it began when it began.
async fn renew(tx: &mut Tx, id: &str, finding: &Finding) -> Result<(), Error> {
    let known = get_alert(tx, id).await?;
    let finding = Finding { since: known.since.min(finding.since), ..finding.clone() };
    tx.execute(
        "update alerts set finding = $2, severity = $3, version = $4 where id = $1",
        params![id, serde_json::to_string(&finding)?, finding.severity.as_str(), finding.version],
    )
    .await?;
    Ok(())
}

pub(super) async fn close(
    tx: &mut Tx,
    alert: &OpenAlert,
    actor: &Actor,
    reason: &str,
    at: Timestamp,
) -> Result<Moved, Error> {
    let change = Change { to: AlertState::Resolved, closed_at: Some(at), silenced_until: None };
    apply(tx, &alert.id, alert.state, change, actor, reason, at).await
}

struct Change {
    to: AlertState,
    closed_at: Option<Timestamp>,
    silenced_until: Option<Timestamp>,
}

async fn apply(
    tx: &mut Tx,
    id: &str,
    from: AlertState,
    change: Change,
    actor: &Actor,
    reason: &str,
    at: Timestamp,
) -> Result<Moved, Error> {
    tx.execute(
        "update alerts set state = $2, closed_at = $3, silenced_until = $4 where id = $1",
        params![id, change.to.as_str(), change.closed_at, change.silenced_until],
    )
    .await?;
    note(tx, Move { id, from: Some(from), to: change.to, at, actor, reason }).await
}

/// Someone takes the alert; it stays so until it is over.
///
/// # Errors
/// [`Error::AlertNotFound`]; [`Error::WrongState`] when it is over or taken already.
pub async fn acknowledge(
    tx: &mut Tx,
    id: &str,
    actor: &Actor,
    reason: &str,
    at: Timestamp,
) -> Result<Alert, Error> {
    let alert = get_alert(tx, id).await?;
    if !alert.state.is_open() || alert.state == AlertState::Acknowledged {
        return Err(wrong_state(&alert, "acknowledged"));
    }
    let change = Change { to: AlertState::Acknowledged, closed_at: None, silenced_until: None };
    Ok(apply(tx, id, alert.state, change, actor, reason, at).await?.alert)
}

/// Nobody is bothered until `until` (event time, or the time of day if events come as they happen); what still holds
/// then fires again.
///
/// # Errors
/// [`Error::AlertNotFound`]; [`Error::WrongState`] when it is over.
pub async fn silence(
    tx: &mut Tx,
    id: &str,
    until: Timestamp,
    actor: &Actor,
    reason: &str,
    at: Timestamp,
) -> Result<Alert, Error> {
    let alert = get_alert(tx, id).await?;
    if !alert.state.is_open() {
        return Err(wrong_state(&alert, "silenced"));
    }
    let change = Change { to: AlertState::Silenced, closed_at: None, silenced_until: Some(until) };
    Ok(apply(tx, id, alert.state, change, actor, reason, at).await?.alert)
}

/// Someone says that it is over. If it is not, the next window opens it again.
///
/// # Errors
/// [`Error::AlertNotFound`]; [`Error::WrongState`] when it is over already.
pub async fn resolve(
    tx: &mut Tx,
    id: &str,
    actor: &Actor,
    reason: &str,
    at: Timestamp,
) -> Result<Alert, Error> {
    let alert = get_alert(tx, id).await?;
    if !alert.state.is_open() {
        return Err(wrong_state(&alert, "resolved"));
    }
    let change = Change { to: AlertState::Resolved, closed_at: Some(at), silenced_until: None };
    Ok(apply(tx, id, alert.state, change, actor, reason, at).await?.alert)
}

/// Resolves the open alerts of those kinds of a model, for example when a new version has been deployed.
///
/// # Errors
/// When the database fails.
pub async fn resolve_of_model(
    tx: &mut Tx,
    model: &str,
    kinds: &[AlertKind],
    actor: &Actor,
    reason: &str,
    at: Timestamp,
) -> Result<Vec<Moved>, Error> {
    let mut moved = Vec::new();
    for alert in open_of_model(tx, model).await? {
        if kinds.contains(&alert.kind) {
            moved.push(close(tx, &alert, actor, reason, at).await?);
        }
    }
    Ok(moved)
}

fn wrong_state(alert: &Alert, wanted: &'static str) -> Error {
    Error::WrongState { id: alert.id.clone(), state: alert.state.as_str(), wanted }
}

struct Move<'a> {
    id: &'a str,
    from: Option<AlertState>,
    to: AlertState,
    at: Timestamp,
    actor: &'a Actor,
    reason: &'a str,
}

/// Writes a move into the history and the event log.
async fn note(tx: &mut Tx, moved: Move<'_>) -> Result<Moved, Error> {
    tx.execute(
        "insert into alert_transitions (alert_id, number, at, from_state, to_state, actor, reason) \
         select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6 from alert_transitions where alert_id = $1",
        params![
            moved.id,
            moved.at,
            moved.from.map(AlertState::as_str),
            moved.to.as_str(),
            moved.actor.as_str(),
            moved.reason
        ],
    )
    .await?;
    let alert = get_alert(tx, moved.id).await?;
    let event = NewEvent::new(
        &format!("alert.{}", moved.to.as_str()),
        moved.actor,
        ObjectRef::new("alert", moved.id),
        format!("{} ({}: {})", alert.title, moved.to.as_str(), moved.reason),
    );
    let data = json!({
        "model": alert.model, "version": alert.version, "kind": alert.kind, "severity": alert.severity,
        "fingerprint": alert.fingerprint, "from": moved.from, "to": moved.to, "at": moved.at,
        "reason": moved.reason, "since": alert.since,
    });
    tx.append_event(event.with(data)).await?;
    Ok(Moved { alert, from: moved.from })
}

/// The alert with its history.
///
/// # Errors
/// [`Error::AlertNotFound`], or when the database fails.
pub async fn get_alert(sql: &mut impl Sql, id: &str) -> Result<Alert, Error> {
    let text = SqlText::new(ALERT).push("where id = ").bind(id);
    let rows = sql.fetch_all_text(text).await?;
    let row = rows.first().ok_or_else(|| Error::AlertNotFound { id: id.to_owned() })?;
    let mut alert = read_alert(row)?;
    let moves = sql
        .fetch_all(
            "select at, from_state, to_state, actor, reason from alert_transitions where alert_id = $1 \
             order by number",
            params![id],
        )
        .await?;
    for row in &moves {
        let from = row.opt_text("from_state")?;
        let to = row.text("to_state")?;
        alert.history.push(Transition {
            at: row.time("at")?,
            from: from.as_deref().and_then(AlertState::parse),
            to: AlertState::parse(&to).unwrap_or(alert.state),
            actor: row.text("actor")?,
            reason: row.text("reason")?,
        });
    }
    Ok(alert)
}

/// Alerts, newest first, without their histories.
///
/// # Errors
/// When the database fails.
pub async fn list_alerts(
    sql: &mut impl Sql,
    filter: &AlertFilter,
    page: &PageRequest,
) -> Result<Page<Alert>, Error> {
    let mut text = SqlText::new(ALERT).push("where 1 = 1");
    if let Some(model) = &filter.model {
        text = text.push(" and model = ").bind(model);
    }
    if let Some(kind) = filter.kind {
        text = text.push(" and kind = ").bind(kind.as_str());
    }
    if !filter.states.is_empty() {
        let states = filter.states.iter().map(|state| state.as_str());
        text = text.push(" and state in (").bind_list(states).push(")");
    }
    if let Some(cursor) = &page.cursor {
        text = text.push(" and id < ").bind(cursor);
    }
    let text = text.push(" order by id desc limit ").bind(overfetch(page));
    let alerts = sql.fetch_all_text(text).await?.iter().map(read_alert).collect::<Result<Vec<_>, _>>()?;
    Ok(page_of(alerts, page, |alert| alert.id.clone()))
}

/// How many alerts fire, of one model or of all.
///
/// # Errors
/// When the database fails.
pub async fn count_firing(sql: &mut impl Sql, model: Option<&str>) -> Result<i64, Error> {
    let mut text = SqlText::new("select count(*) as firing from alerts where state = 'firing'");
    if let Some(model) = model {
        text = text.push(" and model = ").bind(model);
    }
    let rows = sql.fetch_all_text(text).await?;
    Ok(rows.first().map(|row| row.int("firing")).transpose()?.unwrap_or_default())
}
