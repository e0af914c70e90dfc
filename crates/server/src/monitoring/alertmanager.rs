//! Alertmanager's API v2, served: existing dashboards and `amtool` see our alerts, and Prometheus can send its own.

use std::collections::BTreeMap;

use ::monitoring::store::{self, AlertFilter, Look, Matcher, Silence, alert_labels};
use ::monitoring::{Act, Alert, AlertKind, AlertState, ApiCall, Finding, Observation, Severity, Verdict};
use axum::extract::State;
use base::{Actor, Digest, PageRequest, Period, Timestamp};
use governance::{Action, ObjectKind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::extract::{Caller, Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// How long an alert stays true for those who ask, unless they hear of it again.
const STAYS: Period = Period::from_micros(5 * 60 * 1_000_000);
/// Silences are shown so long after their end.
const SHOWN_AFTER: Period = Period::from_days(5);
/// At most so many alerts are sent at once.
const MOST_AT_ONCE: usize = 1_000;

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Alert);
    let handle = may(Action::Handle, ObjectKind::Alert);
    Routes::new()
        .get("/api/v2/status", view, get_status)
        .get("/api/v2/receivers", view, list_receivers)
        .get("/api/v2/alerts", view, list_alerts)
        .post("/api/v2/alerts", handle, take_alerts)
        .get("/api/v2/alerts/groups", view, list_groups)
        .get("/api/v2/silences", view, list_silences)
        .post("/api/v2/silences", handle, put_silence)
        .get("/api/v2/silence/{silence}", view, get_silence)
        .delete("/api/v2/silence/{silence}", handle, end_silence)
}

async fn get_status(State(app): State<App>) -> Json<Value> {
    Json(json!({
        "cluster": { "name": "", "status": "disabled", "peers": [] },
        "versionInfo": {
            "version": env!("CARGO_PKG_VERSION"), "revision": "", "branch": "", "buildUser": "gingham",
            "buildDate": "", "goVersion": "",
        },
        "config": { "original": "# gingham: see notifiers.yaml\n" },
        "uptime": app.started_at(),
    }))
}

async fn list_receivers(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let names = app.platform().notifiers()?.notifiers.into_iter().map(|one| json!({ "name": one.name }));
    Ok(Json(names.collect()))
}

/// What is asked of a list: `active`, `silenced`, `inhibited`, `unprocessed` (all true when not said), `filter` (any
/// number of matchers) and `receiver`.
struct Wanted {
    active: bool,
    silenced: bool,
    filters: Vec<Matcher>,
    receiver: Option<String>,
}

impl Wanted {
    fn of(asked: &[(String, String)]) -> Result<Self, Problem> {
        let mut wanted = Self { active: true, silenced: true, filters: Vec::new(), receiver: None };
        for (name, value) in asked {
            match name.as_str() {
                "active" => wanted.active = value != "false",
                "silenced" => wanted.silenced = value != "false",
                "receiver" => wanted.receiver = Some(value.clone()),
                "filter" | "filter[]" => wanted.filters.push(matcher(value)?),
                _ => {}
            }
        }
        Ok(wanted)
    }
}

/// `name="value"`, with `=`, `!=`, `=~` or `!~` between.
fn matcher(text: &str) -> Result<Matcher, Problem> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    let wrong = || Problem::invalid("invalid_query", format!("`{text}` is no matcher"));
    let at = text.find(['=', '!']).ok_or_else(wrong)?;
    let (name, rest) = text.split_at(at);
    let kinds = [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
    let (value, is_regex, is_equal) = kinds
        .into_iter()
        .find_map(|(sign, is_regex, is_equal)| Some((rest.strip_prefix(sign)?, is_regex, is_equal)))
        .ok_or_else(wrong)?;
    let value = value.trim().trim_matches('"').to_owned();
    Ok(Matcher { name: name.trim().to_owned(), value, is_regex, is_equal })
}

async fn current_alerts(app: &App, wanted: &Wanted) -> Result<Vec<Value>, Problem> {
    let now = app.now();
    let mut read = app.db().read().await?;
    let states = vec![AlertState::Firing, AlertState::Acknowledged, AlertState::Silenced];
    let filter = AlertFilter { states, ..AlertFilter::default() };
    let found = store::list_alerts(&mut read, &filter, &PageRequest::first(PageRequest::MOST)).await?;
    let silences = store::list_silences(&mut read, now).await?;
    drop(read);
    let known = app.platform().notifiers()?.notifiers;
    let mut shown = Vec::new();
    for alert in found.items {
        let probe = Silence {
            id: String::new(),
            matchers: wanted.filters.clone(),
            starts_at: now,
            ends_at: now.plus(STAYS),
            created_by: String::new(),
            note: String::new(),
            updated_at: now,
        };
        let mut silenced_by: Vec<String> =
            silences.iter().filter(|one| one.holds(&alert, now)).map(|one| one.id.clone()).collect();
        if alert.state == AlertState::Silenced && silenced_by.is_empty() {
            silenced_by.push(format!("alert-{}", alert.id));
        }
        let is_silenced = !silenced_by.is_empty();
        let receivers: Vec<&str> = known
            .iter()
            .filter(|one| one.hears(&alert.model, alert.severity.as_str()))
            .map(|one| one.name.as_str())
            .collect();
        let received = wanted.receiver.as_deref().is_none_or(|name| receivers.contains(&name));
        let in_state = if is_silenced { wanted.silenced } else { wanted.active };
        if in_state && received && probe.holds(&alert, now) {
            shown.push(shape(&alert, &silenced_by, &receivers, now));
        }
    }
    Ok(shown)
}

fn shape(alert: &Alert, silenced_by: &[String], receivers: &[&str], now: Timestamp) -> Value {
    let labels: BTreeMap<String, String> = alert_labels(alert).into_iter().collect();
    let state = if silenced_by.is_empty() { "active" } else { "suppressed" };
    let receivers: Vec<Value> = receivers.iter().map(|name| json!({ "name": name })).collect();
    let acknowledged = if alert.state == AlertState::Acknowledged { "yes" } else { "no" };
    json!({
        "fingerprint": short_fingerprint(&alert.fingerprint),
        "labels": labels,
        "annotations": {
            "summary": alert.title,
            "description": alert.what_changed,
            "cause": alert.cause,
            "impact": alert.impact,
            "suggested_action": alert.suggested_action.label,
            "command": alert.suggested_action.command,
            "acknowledged": acknowledged,
        },
        "startsAt": alert.since,
        "updatedAt": alert.updated_at,
        "endsAt": now.plus(STAYS),
        "generatorURL": format!("/alerts/{}", alert.id),
        "receivers": receivers,
        "status": { "state": state, "silencedBy": silenced_by, "inhibitedBy": [], "mutedBy": [] },
    })
}

fn short_fingerprint(text: &str) -> String {
    Digest::of(text).to_string().chars().take(16).collect()
}

async fn list_alerts(
    State(app): State<App>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Json<Vec<Value>>, Problem> {
    Ok(Json(current_alerts(&app, &Wanted::of(&asked)?).await?))
}

async fn list_groups(
    State(app): State<App>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Json<Vec<Value>>, Problem> {
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for alert in current_alerts(&app, &Wanted::of(&asked)?).await? {
        let model = alert.pointer("/labels/model").and_then(Value::as_str).unwrap_or_default().to_owned();
        groups.entry(model).or_default().push(alert);
    }
    let shape = |(model, alerts): (String, Vec<Value>)| json!({ "labels": { "model": model }, "receiver": { "name": "gingham" }, "alerts": alerts });
    Ok(Json(groups.into_iter().map(shape).collect()))
}

/// An alert as Prometheus sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedAlert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    #[serde(rename = "generatorURL", default)]
    generator_url: String,
}

/// Takes alerts of other systems: they join ours, with their own lifecycle, messages and silences.
async fn take_alerts(
    State(app): State<App>,
    Json(posted): Json<Vec<PostedAlert>>,
) -> Result<Json<Value>, Problem> {
    if posted.len() > MOST_AT_ONCE {
        let detail = format!("{} alerts at once, {MOST_AT_ONCE} are allowed", posted.len());
        return Err(Problem::invalid("invalid_body", detail));
    }
    let now = app.now();
    let observed: Vec<(Observation, bool)> =
        posted.into_iter().map(|alert| observation_of(&alert, now)).collect();
    let taken: Result<(), ::monitoring::Error> = app
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let actor = Actor::platform("alertmanager");
                let look = Look::single(0, Period::from_days(1));
                for (observation, over) in observed {
                    if over {
                        let filter = AlertFilter {
                            kind: Some(AlertKind::External),
                            states: AlertState::ALL.into_iter().filter(|state| state.is_open()).collect(),
                            model: None,
                        };
                        let page = PageRequest::first(PageRequest::MOST);
                        let open = store::list_alerts(tx, &filter, &page).await?;
                        let found = open.items.iter().find(|one| one.fingerprint == observation.fingerprint);
                        if let Some(alert) = found {
                            store::resolve(tx, &alert.id, &actor, "its sender says that it is over", now)
                                .await?;
                        }
                    } else {
                        store::observe(tx, &observation, &look, &actor).await?;
                    }
                }
                Ok(())
            })
        })
        .await;
    taken?;
    Ok(Json(json!({})))
}

fn observation_of(posted: &PostedAlert, now: Timestamp) -> (Observation, bool) {
    let label = |name: &str| posted.labels.get(name).cloned();
    let note = |name: &str| posted.annotations.get(name).cloned();
    let name = label("alertname").unwrap_or_else(|| "alert".to_owned());
    let identity: Vec<String> = posted.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let fingerprint = format!("external/{}", short_fingerprint(&identity.join(",")));
    let over = posted.ends_at.is_some_and(|end| end <= now && end.as_micros() > 0);
    let bad = matches!(label("severity").as_deref(), Some("error" | "critical" | "page"));
    let runbook = note("runbook_url").unwrap_or_else(|| posted.generator_url.clone());
    let finding = Finding {
        fingerprint: fingerprint.clone(),
        model: label("model").unwrap_or_else(|| "external".to_owned()),
        version: 0,
        kind: AlertKind::External,
        severity: if bad { Severity::Error } else { Severity::Warn },
        title: note("summary").unwrap_or_else(|| name.clone()),
        what_changed: note("description").unwrap_or_else(|| format!("`{name}` fires in another system")),
        since: posted.starts_at.filter(|start| start.as_micros() > 0).unwrap_or(now),
        cause: "another system sent it".to_owned(),
        impact: note("impact").unwrap_or_else(|| "its sender knows".to_owned()),
        suggested_action: Act {
            label: note("suggested_action").unwrap_or_else(|| "See where it comes from".to_owned()),
            command: if runbook.is_empty() { "gingham ls alerts".to_owned() } else { runbook },
            api: ApiCall { method: "GET".to_owned(), path: "/api/v1/alerts".to_owned(), body: None },
            automatic: false,
        },
        more_actions: Vec::new(),
        automatic: None,
        details: json!({ "labels": posted.labels, "annotations": posted.annotations }),
    };
    let observation = Observation {
        fingerprint,
        kind: AlertKind::External,
        at: now,
        verdict: Verdict::Firing,
        finding: Some(finding),
    };
    (observation, over)
}

/// A silence as it is sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedSilence {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<Matcher>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

fn silence_shape(silence: &Silence, now: Timestamp) -> Value {
    let state = if silence.ends_at <= now {
        "expired"
    } else if silence.starts_at > now {
        "pending"
    } else {
        "active"
    };
    json!({
        "id": silence.id,
        "matchers": silence.matchers,
        "startsAt": silence.starts_at,
        "endsAt": silence.ends_at,
        "updatedAt": silence.updated_at,
        "createdBy": silence.created_by,
        "comment": silence.note,
        "status": { "state": state },
    })
}

async fn list_silences(State(app): State<App>) -> Result<Json<Vec<Value>>, Problem> {
    let now = app.now();
    let found = store::list_silences(&mut app.db().read().await?, now.minus(SHOWN_AFTER)).await?;
    Ok(Json(found.iter().map(|one| silence_shape(one, now)).collect()))
}

async fn put_silence(
    State(app): State<App>,
    caller: Caller,
    Json(posted): Json<PostedSilence>,
) -> Result<Json<Value>, Problem> {
    let now = app.now();
    if posted.matchers.is_empty() || posted.matchers.len() > 100 {
        return Err(Problem::invalid("invalid_body", "a silence needs 1 to 100 matchers".to_owned()));
    }
    if posted.ends_at <= posted.starts_at || posted.ends_at <= now {
        return Err(Problem::invalid(
            "invalid_body",
            "a silence ends after its start and in the future".to_owned(),
        ));
    }
    let actor = caller.actor();
    let silence = Silence {
        id: posted.id.unwrap_or_default(),
        matchers: posted.matchers,
        starts_at: posted.starts_at,
        ends_at: posted.ends_at,
        created_by: if posted.created_by.is_empty() { actor.as_str().to_owned() } else { posted.created_by },
        note: posted.comment,
        updated_at: now,
    };
    let id = keep(&app, silence, actor, "silence.set").await?;
    Ok(Json(json!({ "silenceID": id })))
}

async fn keep(app: &App, silence: Silence, actor: Actor, kind: &'static str) -> Result<String, Problem> {
    let kept: Result<String, ::monitoring::Error> = app
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let id = store::put_silence(tx, &silence).await?;
                let words = format!("silence {id} until {}: {}", silence.ends_at, silence.note);
                let object = base::ObjectRef::new("silence", &id);
                let event = base::NewEvent::new(kind, &actor, object, words);
                let data = json!({ "matchers": silence.matchers, "until": silence.ends_at });
                tx.append_event(event.with(data)).await?;
                Ok(id)
            })
        })
        .await;
    Ok(kept?)
}

async fn found_silence(app: &App, id: &str) -> Result<Silence, Problem> {
    let found = store::find_silence(&mut app.db().read().await?, id).await?;
    found.ok_or_else(|| {
        Problem::new(base::Kind::NotFound, "silence_not_found", format!("there is no silence `{id}`"))
    })
}

async fn get_silence(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    Ok(Json(silence_shape(&found_silence(&app, &id).await?, app.now())))
}

async fn end_silence(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let now = app.now();
    let silence = Silence { ends_at: now, updated_at: now, ..found_silence(&app, &id).await? };
    keep(&app, silence, caller.actor(), "silence.ended").await?;
    Ok(Json(json!({})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_as_amtool_writes_them() {
        for (text, value, is_regex, is_equal) in [
            ("model=\"traffic\"", "traffic", false, true),
            ("model!=traffic", "traffic", false, false),
            ("model=~\"tra.*\"", "tra.*", true, true),
            ("model!~\"tra.*\"", "tra.*", true, false),
        ] {
            let read = matcher(text).unwrap();
            assert_eq!((read.name.as_str(), read.value.as_str()), ("model", value));
            assert_eq!((read.is_regex, read.is_equal), (is_regex, is_equal), "{text}");
        }
        assert!(matcher("model").is_err());
    }
}
