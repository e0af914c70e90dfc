//! `webhooks`: who is told over HTTP of what happens to models. A secret goes in and never comes out.

use axum::Json;
use axum::extract::{Path, State};
use registry::{NewWebhook, Subject, Webhook, WebhookChange, WebhookStatus};
use serde_json::{Map, Value, json};

use super::Answer;
use super::asked::{Asked, Fields};
use super::failure::Failure;
use crate::app::App;

fn shape(webhook: &Webhook) -> Value {
    let events: Value = webhook
        .subjects
        .iter()
        .map(|subject| {
            json!({"entity": subject.entity().to_uppercase(), "action": subject.action().to_uppercase()})
        })
        .collect();
    let mut shape = Map::new();
    let mut put = |name: &str, value: Value| shape.insert(name.to_owned(), value);
    put("webhook_id", webhook.id.as_str().into());
    put("name", webhook.name.as_str().into());
    if let Some(description) = &webhook.description {
        put("description", description.as_str().into());
    }
    put("url", webhook.url.as_str().into());
    put("events", events);
    put("status", webhook.status.word().into());
    put("creation_timestamp", webhook.created_at.as_millis().into());
    put("last_updated_timestamp", webhook.updated_at.as_millis().into());
    Value::Object(shape)
}

/// The subject that an `{entity, action}` names, in capitals as the protocol's definition has them or not.
fn subject(fields: &Fields<'_>) -> Result<Subject, Failure> {
    let entity = fields.required("entity")?.to_lowercase();
    let action = fields.required("action")?.to_lowercase();
    Subject::find(&format!("{entity}.{action}")).ok_or_else(|| {
        let valid: Vec<&str> =
            Subject::all().filter(|known| known.entity() == entity).map(Subject::action).collect();
        Failure::invalid(format!(
            "Invalid action '{action}' for entity '{entity}'. Valid actions are: {valid:?}"
        ))
    })
}

fn subjects(asked: &Asked) -> Result<Option<Vec<Subject>>, Failure> {
    let mut subjects = Vec::new();
    for fields in asked.list("events")? {
        let subject = subject(&fields)?;
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    Ok((!subjects.is_empty()).then_some(subjects))
}

fn status(asked: &Asked) -> Result<Option<WebhookStatus>, Failure> {
    let Some(word) = asked.text("status")? else { return Ok(None) };
    WebhookStatus::find(word)
        .map(Some)
        .ok_or_else(|| Failure::invalid_value("status", &Value::from(word), "Expected ACTIVE or DISABLED."))
}

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Answer {
    let text = |name: &str| asked.text(name).map(|text| text.map(str::to_owned));
    let new = NewWebhook {
        project: asked.project.name().to_owned(),
        name: asked.required("name")?.to_owned(),
        description: text("description")?,
        url: asked.required("url")?.to_owned(),
        subjects: subjects(&asked)?.ok_or_else(|| Failure::missing_value("events"))?,
        status: status(&asked)?.unwrap_or(WebhookStatus::Active),
        secret: text("secret")?,
    };
    registry::check_webhook_name(&new.name)?;
    app.platform().check_webhook_address(&app.settings().webhooks, &new.url).await?;
    let (actor, now) = (asked.actor, app.now());
    let made = app
        .db()
        .write(move |tx| Box::pin(async move { registry::create_webhook(tx, new, &actor, now).await }))
        .await?;
    Ok(Json(json!({"webhook": shape(&made)})))
}

pub(super) async fn list(State(app): State<App>, asked: Asked) -> Answer {
    let limit = asked.max_results(100, 1_000)?;
    let token = asked.text("page_token")?;
    let found =
        registry::list_webhooks(&mut app.db().read().await?, asked.project.name(), limit, token).await?;
    Ok(super::page("webhooks", found.items.iter().map(shape).collect(), found.next_token))
}

pub(super) async fn get(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Answer {
    let webhook = registry::get_webhook(&mut app.db().read().await?, asked.project.name(), &id).await?;
    Ok(Json(json!({"webhook": shape(&webhook)})))
}

pub(super) async fn update(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Answer {
    let text = |name: &str| asked.text(name).map(|text| text.map(str::to_owned));
    let change = WebhookChange {
        name: text("name")?,
        description: text("description")?,
        url: text("url")?,
        subjects: subjects(&asked)?,
        status: status(&asked)?,
        secret: text("secret")?,
    };
    if let Some(url) = &change.url {
        app.platform().check_webhook_address(&app.settings().webhooks, url).await?;
    }
    let (project, actor, now) = (asked.project.name().to_owned(), asked.actor, app.now());
    let webhook = app
        .db()
        .write(move |tx| {
            Box::pin(async move { registry::update_webhook(tx, &project, &id, change, &actor, now).await })
        })
        .await?;
    Ok(Json(json!({"webhook": shape(&webhook)})))
}

pub(super) async fn delete(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Answer {
    let (project, actor) = (asked.project.name().to_owned(), asked.actor);
    app.db()
        .write(move |tx| Box::pin(async move { registry::delete_webhook(tx, &project, &id, &actor).await }))
        .await?;
    Ok(super::nothing())
}

/// Sends an example of the event that is named, or else of the first that the webhook is told of.
pub(super) async fn test(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Answer {
    let webhook = registry::get_webhook(&mut app.db().read().await?, asked.project.name(), &id).await?;
    let named = asked.fields().object("event")?.as_ref().map(subject).transpose()?;
    let Some(subject) = named.or(webhook.subjects.first().copied()) else {
        return Err(Failure::invalid("The webhook is told of nothing."));
    };
    let result = match app.platform().try_webhook(&app.settings().webhooks, &webhook, subject).await {
        Ok(answer) => json!({
            "success": answer.status < 400, "response_status": answer.status, "response_body": answer.body,
        }),
        Err(error) => json!({"success": false, "error_message": format!("Failed to test webhook: {error}")}),
    };
    Ok(Json(json!({"result": result})))
}
