//! Verdicts: what checks found.

use axum::extract::State;
use checks::store;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{VerdictBody, VerdictPage, VerdictQuery};
use crate::app::App;
use crate::events::parse_object;
use crate::extract::{Json, Paging, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Verdict), routes!(list_verdicts))
        .documented(may(Action::View, ObjectKind::Verdict).named_by("verdict"), routes!(get_verdict))
}

/// Verdicts with their results, newest first.
#[utoipa::path(get, path = "/api/v1/verdicts", tag = "data", params(VerdictQuery), responses((status = 200, body = VerdictPage)))]
async fn list_verdicts(
    State(app): State<App>,
    Query(asked): Query<VerdictQuery>,
) -> Result<Json<VerdictPage>, Problem> {
    let object = asked.object.as_deref().map(parse_object).transpose()?;
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    let mut read = app.db().read().await?;
    let found = store::list_verdicts(&mut read, object.as_ref(), &page).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for summary in found.items {
        items.push(VerdictBody::from(store::get_verdict(&mut read, &summary.id).await?));
    }
    Ok(Json(VerdictPage { items, next_cursor: found.next_cursor }))
}

/// A verdict with its results.
#[utoipa::path(get, path = "/api/v1/verdicts/{verdict}", tag = "data", params(("verdict" = String, Path)), responses((status = 200, body = VerdictBody)))]
async fn get_verdict(
    State(app): State<App>,
    Path(verdict): Path<String>,
) -> Result<Json<VerdictBody>, Problem> {
    let verdict = store::get_verdict(&mut app.db().read().await?, &verdict).await?;
    Ok(Json(VerdictBody::from(verdict)))
}
