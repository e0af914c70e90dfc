//! Webhooks in the database, and how far each has been told.

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};

use super::{cut_page, offset_of, one_more};
use crate::webhook::check;
use crate::{Error, Found, NewWebhook, Subject, Webhook, WebhookChange, WebhookStatus};

/// The most webhooks that a project has.
const MOST_IN_PROJECT: i64 = 100;
/// The most that are worked through in one go.
const MOST_AT_ONCE: i64 = 1_000;

const COLUMNS: &str = "select id, project, name, description, url, events_json, status, secret, created_at, \
    updated_at, after_seq, attempts, delivered, given_up, last_status, last_error from webhooks";

/// What became of trying to tell a webhook of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It took it, with this status.
    Delivered {
        /// The status of its answer.
        status: i64,
    },
    /// It did not; the event is tried again at this time.
    Later {
        /// When.
        at: Timestamp,
        /// The status of its answer, if one came.
        status: Option<i64>,
        /// What was wrong.
        error: String,
    },
    /// It did not, and the event is not tried again.
    GivenUp {
        /// The status of its answer, if one came.
        status: Option<i64>,
        /// What was wrong.
        error: String,
    },
}

/// Makes a webhook; it is told of what happens from now on.
pub async fn create_webhook(
    tx: &mut Tx,
    new: NewWebhook,
    actor: &Actor,
    now: Timestamp,
) -> Result<Webhook, Error> {
    let mut webhook = Webhook {
        id: base::id::new_uuid().to_string(),
        project: new.project,
        name: new.name,
        description: new.description,
        url: new.url,
        subjects: new.subjects,
        status: new.status,
        secret: new.secret,
        created_at: now,
        updated_at: now,
        after_seq: 0,
        attempts: 0,
        delivered: 0,
        given_up: 0,
        last_status: None,
        last_error: None,
    };
    check(&webhook)?;
    if count_webhooks(tx, &webhook.project).await? >= MOST_IN_PROJECT {
        return Err(Error::invalid(
            format!("project `{}`", webhook.project),
            format!("has {MOST_IN_PROJECT} webhooks already, which is the most there can be"),
        ));
    }
    let told = tx.append_event(event("webhook.created", &webhook, actor, "created")).await?;
    webhook.after_seq = told.seq;
    tx.execute(
        "insert into webhooks (id, project, name, description, url, events_json, status, secret, created_at, \
         updated_at, after_seq, attempts, next_attempt_at, leased_until, delivered, given_up) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 0, 0, 0)",
        params![
            &webhook.id,
            &webhook.project,
            &webhook.name,
            webhook.description.clone(),
            &webhook.url,
            words_of(&webhook.subjects),
            webhook.status.word(),
            webhook.secret.clone(),
            now,
            now,
            webhook.after_seq
        ],
    )
    .await?;
    Ok(webhook)
}

/// The webhook with this id in a project.
pub async fn get_webhook(sql: &mut impl Sql, project: &str, id: &str) -> Result<Webhook, Error> {
    let text = SqlText::new(COLUMNS).push(" where id = ").bind(id).push(" and project = ").bind(project);
    match sql.fetch_all_text(text).await?.first() {
        Some(row) => webhook(row),
        None => Err(Error::WebhookNotFound { id: id.to_owned() }),
    }
}

/// The webhooks of a project, newest first.
pub async fn list_webhooks(
    sql: &mut impl Sql,
    project: &str,
    limit: usize,
    token: Option<&str>,
) -> Result<Found<Webhook>, Error> {
    let offset = offset_of(token)?;
    let text = SqlText::new(COLUMNS)
        .push(" where project = ")
        .bind(project)
        .push(" order by created_at desc, id desc limit ")
        .bind(one_more(limit))
        .push(" offset ")
        .bind(offset);
    let page = cut_page(sql.fetch_all_text(text).await?, limit, offset);
    Ok(Found {
        items: page.items.iter().map(webhook).collect::<Result<_, _>>()?,
        next_token: page.next_token,
    })
}

/// Changes a webhook. One that was disabled is not told of what happened meanwhile.
pub async fn update_webhook(
    tx: &mut Tx,
    project: &str,
    id: &str,
    change: WebhookChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<Webhook, Error> {
    let mut webhook = get_webhook(tx, project, id).await?;
    let before = webhook.status;
    webhook.name = change.name.unwrap_or(webhook.name);
    webhook.description = change.description.or(webhook.description);
    webhook.url = change.url.unwrap_or(webhook.url);
    webhook.subjects = change.subjects.unwrap_or(webhook.subjects);
    webhook.status = change.status.unwrap_or(webhook.status);
    webhook.secret = change.secret.or(webhook.secret);
    webhook.updated_at = now;
    check(&webhook)?;
    let told = tx.append_event(event("webhook.changed", &webhook, actor, "changed")).await?;
    if before == WebhookStatus::Disabled && webhook.status == WebhookStatus::Active {
        webhook.after_seq = told.seq;
    }
    tx.execute(
        "update webhooks set name = $1, description = $2, url = $3, events_json = $4, status = $5, secret = $6, \
         updated_at = $7, after_seq = $8, attempts = 0, next_attempt_at = 0 where id = $9",
        params![
            &webhook.name,
            webhook.description.clone(),
            &webhook.url,
            words_of(&webhook.subjects),
            webhook.status.word(),
            webhook.secret.clone(),
            now,
            webhook.after_seq,
            id
        ],
    )
    .await?;
    Ok(webhook)
}

/// Removes a webhook, and with it what it was not told of yet.
pub async fn delete_webhook(tx: &mut Tx, project: &str, id: &str, actor: &Actor) -> Result<(), Error> {
    let webhook = get_webhook(tx, project, id).await?;
    tx.execute("delete from webhooks where id = $1", params![id]).await?;
    tx.append_event(event("webhook.deleted", &webhook, actor, "deleted")).await?;
    Ok(())
}

/// How many webhooks a project has.
pub async fn count_webhooks(sql: &mut impl Sql, project: &str) -> Result<i64, Error> {
    let row = sql
        .fetch_optional("select count(*) as found from webhooks where project = $1", params![project])
        .await?;
    row.map_or(Ok(0), |row| Ok(row.int("found")?))
}

/// Hands the webhooks of one project to another.
pub async fn move_webhooks(tx: &mut Tx, from: &str, to: &str) -> Result<(), Error> {
    tx.execute("update webhooks set project = $1 where project = $2", params![to, from]).await?;
    Ok(())
}

/// Removes every webhook of a project.
pub async fn delete_webhooks_of(tx: &mut Tx, project: &str) -> Result<(), Error> {
    tx.execute("delete from webhooks where project = $1", params![project]).await?;
    Ok(())
}

/// Active webhooks that nobody is telling at the moment and that are not to be left alone until later than `now`.
pub async fn active_webhooks(sql: &mut impl Sql, now: Timestamp) -> Result<Vec<Webhook>, Error> {
    let text = SqlText::new(COLUMNS)
        .push(" where status = 'ACTIVE' and next_attempt_at <= ")
        .bind(now)
        .push(" and leased_until <= ")
        .bind(now)
        .push(" order by next_attempt_at, id limit ")
        .bind(MOST_AT_ONCE);
    sql.fetch_all_text(text).await?.iter().map(webhook).collect()
}

/// When the next webhook that is left alone at `now` is due again, if one is.
pub async fn next_webhook_due(sql: &mut impl Sql, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let row = sql
        .fetch_optional(
            "select min(case when next_attempt_at > leased_until then next_attempt_at else leased_until end) as due \
             from webhooks where status = 'ACTIVE' and (next_attempt_at > $1 or leased_until > $2)",
            params![now, now],
        )
        .await?;
    Ok(row.map(|row| row.opt_time("due")).transpose()?.flatten())
}

/// Takes the right to tell a webhook of what comes after `after_seq`, until `until`; `false` when somebody else has it
/// or has told it already.
pub async fn claim_webhook(
    tx: &mut Tx,
    id: &str,
    after_seq: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Error> {
    let taken = tx
        .execute(
            "update webhooks set leased_until = $1 where id = $2 and after_seq = $3 and status = 'ACTIVE' \
             and leased_until <= $4",
            params![until, id, after_seq, now],
        )
        .await?;
    Ok(taken > 0)
}

/// Writes down what became of telling a webhook of event `seq`, and gives the right back.
pub async fn settle_webhook(tx: &mut Tx, id: &str, seq: i64, tried: &Tried) -> Result<(), Error> {
    match tried {
        Tried::Delivered { status } => {
            tx.execute(
                "update webhooks set after_seq = $1, attempts = 0, next_attempt_at = 0, leased_until = 0, \
                 delivered = delivered + 1, last_status = $2, last_error = null where id = $3 and after_seq < $4",
                params![seq, *status, id, seq],
            )
            .await?;
        }
        Tried::Later { at, status, error } => {
            tx.execute(
                "update webhooks set attempts = attempts + 1, next_attempt_at = $1, leased_until = 0, \
                 last_status = $2, last_error = $3 where id = $4 and after_seq < $5",
                params![*at, *status, error, id, seq],
            )
            .await?;
        }
        Tried::GivenUp { status, error } => {
            tx.execute(
                "update webhooks set after_seq = $1, attempts = 0, next_attempt_at = 0, leased_until = 0, \
                 given_up = given_up + 1, last_status = $2, last_error = $3 where id = $4 and after_seq < $5",
                params![seq, *status, error, id, seq],
            )
            .await?;
        }
    }
    Ok(())
}

fn words_of(subjects: &[Subject]) -> String {
    serde_json::Value::from_iter(subjects.iter().map(ToString::to_string)).to_string()
}

fn webhook(row: &Row) -> Result<Webhook, Error> {
    let words: Vec<String> = row.json("events_json")?;
    Ok(Webhook {
        id: row.text("id")?,
        project: row.text("project")?,
        name: row.text("name")?,
        description: row.opt_text("description")?,
        url: row.text("url")?,
        subjects: words.iter().filter_map(|words| Subject::find(words)).collect(),
        status: WebhookStatus::find(&row.text("status")?).unwrap_or(WebhookStatus::Disabled),
        secret: row.opt_text("secret")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        after_seq: row.int("after_seq")?,
        attempts: row.int("attempts")?,
        delivered: row.int("delivered")?,
        given_up: row.int("given_up")?,
        last_status: row.opt_int("last_status")?,
        last_error: row.opt_text("last_error")?,
    })
}

/// An event on a webhook: never its address's query or its secret.
fn event(kind: &str, webhook: &Webhook, actor: &Actor, verb: &str) -> NewEvent {
    let summary = format!("webhook `{}` {verb}", webhook.name);
    NewEvent::new(kind, actor, ObjectRef::new("webhook", &webhook.id), summary)
        .with(serde_json::json!({"project": webhook.project, "status": webhook.status.word()}))
}
