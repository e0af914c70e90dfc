//! CloudEvents from the logger of KServe, in binary and in structured mode.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base::Timestamp;
use governance::{Action, ObjectKind};
use platform::{CloudEvent, EventTaken};
use serde_json::Value;
use utoipa_axum::routes;

use super::wire::EventQuery;
use crate::app::App;
use crate::extract::{Body, Caller, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

const EVENT_LIMIT_BYTES: usize = 8 * 1024 * 1024;
const REQUEST: &str = "org.kubeflow.serving.inference.request";
const RESPONSE: &str = "org.kubeflow.serving.inference.response";

pub(super) fn routes() -> Routes {
    let create = may(Action::Create, ObjectKind::Prediction).body_limit_bytes(EVENT_LIMIT_BYTES);
    Routes::new().documented(create, routes!(take_cloud_event))
}

/// Takes a request or a response of a model as KServe's logger sends them; joined by their id they are predictions.
#[utoipa::path(
    post,
    path = "/api/v1/cloudevents",
    tag = "predictions",
    params(EventQuery),
    request_body(content = Object, content_type = "application/cloudevents+json"),
    responses((status = 200, description = "Both halves are there: the predictions are kept"), (status = 202, description = "It waits for its other half"))
)]
async fn take_cloud_event(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<EventQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    let event = if content_type.starts_with("application/cloudevents+json") {
        structured(&body, asked.model)?
    } else {
        binary(&headers, &body, asked.model)?
    };
    Ok(match app.platform().take_cloud_event(event, &caller.actor()).await? {
        EventTaken::Waiting => StatusCode::ACCEPTED,
        EventTaken::Joined(_) => StatusCode::OK,
    })
}

fn structured(body: &[u8], model: Option<String>) -> Result<CloudEvent, Problem> {
    let mut event: Value = json_of(body)?;
    let data = event.get_mut("data").map(Value::take);
    let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    event_of(text, data.unwrap_or_default(), model)
}

fn binary(headers: &HeaderMap, body: &[u8], model: Option<String>) -> Result<CloudEvent, Problem> {
    let text = |name: &str| {
        let value = headers.get(format!("ce-{name}"))?.to_str().ok()?;
        Some(value.to_owned())
    };
    event_of(text, json_of(body)?, model)
}

fn event_of(
    text: impl Fn(&str) -> Option<String>,
    data: Value,
    model: Option<String>,
) -> Result<CloudEvent, Problem> {
    let needed = |name: &str| {
        text(name).filter(|value| !value.is_empty() && value.len() <= 256).ok_or_else(|| {
            bad(&format!("it has no `{name}`, or a very long one"))
                .with_hint("in binary mode attributes are headers: `ce-id`, `ce-type`, …")
        })
    };
    let kind = needed("type")?;
    let is_response = match kind.as_str() {
        REQUEST => false,
        RESPONSE => true,
        other => {
            return Err(bad(&format!("its type is `{other}`; `{REQUEST}` and `{RESPONSE}` are understood")));
        }
    };
    let time = text("time")
        .map(|time| Timestamp::parse(&time).map_err(|error| bad(&format!("its time: {error}"))))
        .transpose()?;
    let model = match model {
        Some(model) => model,
        None => needed("inferenceservicename")?,
    };
    Ok(CloudEvent { id: needed("id")?, is_response, model, time, data })
}

fn json_of(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid("invalid_json", format!("the body is not JSON: {error}")))
}

fn bad(problem: &str) -> Problem {
    Problem::invalid("cloud_event_invalid", format!("the event cannot be used: {problem}"))
}
