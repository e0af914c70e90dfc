//! Who is told of alerts, and what became of the messages.

use ::monitoring::store;
use axum::extract::State;
use governance::{Action, ObjectKind};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::NoticeQuery;
use crate::app::App;
use crate::extract::{Json, Paging, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Server), routes!(list_notifiers))
        .documented(may(Action::Administer, ObjectKind::Server), routes!(test_notifier))
        .documented(may(Action::View, ObjectKind::Alert), routes!(list_notices))
}

/// A named way to tell someone. Secrets are not shown, only where they are found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotifierBody {
    /// Its name.
    name: String,
    /// `email`, `slack`, `teams`, `pagerduty`, `opsgenie`, `webhook` or `alertmanager`.
    kind: String,
    /// Only about these models; about all when empty.
    models: Vec<String>,
    /// Only of this severity or a worse one.
    severity: String,
    /// Whether it also hears when something is over.
    resolved: bool,
    /// Hears only of what nobody has taken for so many minutes.
    after_minutes: Option<u32>,
    /// Told again after so many minutes while nobody takes it.
    repeat_minutes: Option<u32>,
    /// At most so many messages in an hour.
    most_per_hour: u32,
}

/// Who is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotifierList {
    /// The file that says so.
    file: String,
    /// In the order of the file.
    items: Vec<NotifierBody>,
}

/// That a message arrived.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Delivered {
    /// Always true; what does not arrive is a problem.
    delivered: bool,
}

/// The notifiers of `notifiers.yaml`.
#[utoipa::path(get, path = "/api/v1/notifiers", tag = "monitoring", responses((status = 200, body = NotifierList)))]
async fn list_notifiers(State(app): State<App>) -> Result<Json<NotifierList>, Problem> {
    let known = app.platform().notifiers()?;
    let items = known
        .notifiers
        .into_iter()
        .map(|one| NotifierBody {
            kind: one.target.kind().to_owned(),
            name: one.name,
            models: one.models,
            severity: one.severity,
            resolved: one.resolved,
            after_minutes: one.after_minutes,
            repeat_minutes: one.repeat_minutes,
            most_per_hour: one.most_per_hour,
        })
        .collect();
    Ok(Json(NotifierList { file: app.platform().notifiers_file().display().to_string(), items }))
}

/// Sends a message that only tests the way, and tells whether it arrived.
#[utoipa::path(post, path = "/api/v1/notifiers/{notifier}/test", tag = "monitoring", params(("notifier" = String, Path)), responses((status = 200, body = Delivered)))]
async fn test_notifier(
    State(app): State<App>,
    Path(notifier): Path<String>,
) -> Result<Json<Delivered>, Problem> {
    app.platform().test_notifier(&notifier).await?;
    Ok(Json(Delivered { delivered: true }))
}

/// Messages about alerts, newest first: waiting, sent, or dropped with the reason.
#[utoipa::path(get, path = "/api/v1/notices", tag = "monitoring", params(NoticeQuery), responses((status = 200, body = Object)))]
async fn list_notices(
    State(app): State<App>,
    Query(asked): Query<NoticeQuery>,
) -> Result<Json<base::Page<store::Outgoing>>, Problem> {
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    Ok(Json(store::list_notices(&mut app.db().read().await?, asked.alert.as_deref(), &page).await?))
}
