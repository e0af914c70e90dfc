//! Alerts: looked at, acknowledged, resolved, silenced.

use ::monitoring::store::{self, AlertFilter};
use ::monitoring::{Alert, AlertState};
use axum::extract::State;
use base::Timestamp;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{AlertAct, AlertBody, AlertPage, AlertQuery, USUAL_SILENCE};
use crate::app::App;
use crate::extract::{Caller, Json, Paging, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let handle = may(Action::Handle, ObjectKind::Alert).named_by("alert");
    Routes::new()
        .documented(may(Action::View, ObjectKind::Alert), routes!(list_alerts))
        .documented(may(Action::View, ObjectKind::Alert).named_by("alert"), routes!(get_alert))
        .documented(handle, routes!(acknowledge_alert))
        .documented(handle, routes!(resolve_alert))
        .documented(handle, routes!(silence_alert))
}

/// Alerts, newest first, without their histories.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "monitoring", params(AlertQuery), responses((status = 200, body = AlertPage)))]
async fn list_alerts(
    State(app): State<App>,
    Query(asked): Query<AlertQuery>,
) -> Result<Json<AlertPage>, Problem> {
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    let states = parse_states(asked.state.as_deref().unwrap_or_default())?;
    let filter = AlertFilter { model: asked.model, states, ..AlertFilter::default() };
    let page = store::list_alerts(&mut app.db().read().await?, &filter, &page).await?.map(AlertBody::from);
    Ok(Json(AlertPage { items: page.items, next_cursor: page.next_cursor }))
}

/// An alert with its history.
#[utoipa::path(get, path = "/api/v1/alerts/{alert}", tag = "monitoring", params(("alert" = String, Path)), responses((status = 200, body = AlertBody)))]
async fn get_alert(State(app): State<App>, Path(alert): Path<String>) -> Result<Json<AlertBody>, Problem> {
    let alert = store::get_alert(&mut app.db().read().await?, &alert).await?;
    Ok(Json(AlertBody::from(alert)))
}

/// Takes an alert: somebody looks after it.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{alert}/acknowledge",
    tag = "monitoring",
    params(("alert" = String, Path)),
    request_body = AlertAct,
    responses((status = 200, body = AlertBody))
)]
async fn acknowledge_alert(
    State(app): State<App>,
    caller: Caller,
    Path(alert): Path<String>,
    act: Option<Json<AlertAct>>,
) -> Result<Json<AlertBody>, Problem> {
    act_on(&app, &caller, alert, Wish::Acknowledge, act).await
}

/// Ends an alert; if its cause still holds, the next window opens it again.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{alert}/resolve",
    tag = "monitoring",
    params(("alert" = String, Path)),
    request_body = AlertAct,
    responses((status = 200, body = AlertBody))
)]
async fn resolve_alert(
    State(app): State<App>,
    caller: Caller,
    Path(alert): Path<String>,
    act: Option<Json<AlertAct>>,
) -> Result<Json<AlertBody>, Problem> {
    act_on(&app, &caller, alert, Wish::Resolve, act).await
}

/// Lets an alert bother nobody for a while: until `until`, or for a week.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{alert}/silence",
    tag = "monitoring",
    params(("alert" = String, Path)),
    request_body = AlertAct,
    responses((status = 200, body = AlertBody))
)]
async fn silence_alert(
    State(app): State<App>,
    caller: Caller,
    Path(alert): Path<String>,
    act: Option<Json<AlertAct>>,
) -> Result<Json<AlertBody>, Problem> {
    let until = act.as_ref().and_then(|Json(act)| act.until).unwrap_or_else(|| app.now().plus(USUAL_SILENCE));
    act_on(&app, &caller, alert, Wish::Silence(until), act).await
}

enum Wish {
    Acknowledge,
    Resolve,
    Silence(Timestamp),
}

async fn act_on(
    app: &App,
    caller: &Caller,
    id: String,
    wish: Wish,
    act: Option<Json<AlertAct>>,
) -> Result<Json<AlertBody>, Problem> {
    let reason = act.map(|Json(act)| act.reason).unwrap_or_default();
    let (actor, now) = (caller.actor(), app.now());
    let moved: Result<Alert, ::monitoring::Error> = app
        .db()
        .write(move |tx| {
            Box::pin(async move {
                match wish {
                    Wish::Acknowledge => store::acknowledge(tx, &id, &actor, &reason, now).await,
                    Wish::Resolve => store::resolve(tx, &id, &actor, &reason, now).await,
                    Wish::Silence(until) => store::silence(tx, &id, until, &actor, &reason, now).await,
                }
            })
        })
        .await;
    Ok(Json(AlertBody::from(moved?)))
}

/// States separated by commas; none means all.
fn parse_states(words: &str) -> Result<Vec<AlertState>, Problem> {
    let mut states = Vec::new();
    for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match (word, AlertState::parse(word)) {
            ("open", _) => states.extend(AlertState::ALL.into_iter().filter(|state| state.is_open())),
            (_, Some(state)) => states.push(state),
            _ => {
                let known = AlertState::ALL.map(AlertState::as_str).join(", ");
                return Err(Problem::invalid("invalid_query", format!("`{word}` is no state of an alert"))
                    .with_hint(format!("the states are {known}; `open` stands for all that are not over")));
            }
        }
    }
    Ok(states)
}
