//! Reading the event log.

use std::time::Duration;

use axum::extract::State;
use base::Failure;
use db::EventFilter;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::stream;
use super::wire::{ChainBody, EventBody, EventPage, EventQuery, parse_object};
use crate::app::App;
use crate::extract::{Json, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// How many events a page holds unless the client says otherwise, and at most.
const USUAL: usize = 50;
const MOST: usize = 1_000;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Event), routes!(list_events))
        .documented(may(Action::View, ObjectKind::Event), routes!(stream::stream_events))
        .documented(
            may(Action::Audit, ObjectKind::Event).deadline(Duration::from_secs(300)),
            routes!(verify_events),
        )
}

/// A page of the log: oldest first after `after`, or newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery), responses((status = 200, body = EventPage)))]
async fn list_events(
    State(app): State<App>,
    Query(query): Query<EventQuery>,
) -> Result<Json<EventPage>, Problem> {
    let limit = query.limit.unwrap_or(USUAL).clamp(1, MOST);
    let mut filter = filter_of(&query)?;
    let cursor = query.cursor.as_deref().map(parse_cursor).transpose()?;
    filter.newest_first = query.after.is_none();
    filter.after = cursor.unwrap_or(filter.after);
    let events = app.db().events(&filter, limit + 1).await?;
    let page = base::Page::from_overfetched(events, limit, |event| event.seq.to_string());
    Ok(Json(EventPage {
        items: page.items.into_iter().map(EventBody::from).collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Walks the whole log and checks that nothing was changed, left out or put in.
#[utoipa::path(get, path = "/api/v1/events/verify", tag = "events", responses((status = 200, body = ChainBody)))]
async fn verify_events(State(app): State<App>) -> Result<Json<ChainBody>, Problem> {
    match app.db().verify_chain().await {
        Ok(report) => {
            Ok(Json(ChainBody { entries: report.entries, head: report.head, ok: true, problem: None }))
        }
        Err(error @ db::Error::BrokenChain { seq, .. }) => {
            tracing::error!(error.code = error.code(), event.seq = seq, "{error}");
            let head = base::Digest::from_bytes([0; 32]);
            Ok(Json(ChainBody { entries: seq, head, ok: false, problem: Some(error.to_string()) }))
        }
        Err(error) => Err(error.into()),
    }
}

/// The filter that a query asks for, without its direction.
pub(super) fn filter_of(query: &EventQuery) -> Result<EventFilter, Problem> {
    let object = query.object.as_deref().map(parse_object).transpose()?;
    Ok(EventFilter {
        after: query.after.unwrap_or(0),
        kind: query.kind.clone(),
        object,
        ..EventFilter::default()
    })
}

fn parse_cursor(cursor: &str) -> Result<i64, Problem> {
    cursor
        .parse()
        .map_err(|_| Problem::invalid("invalid_cursor", format!("`{cursor}` is not a cursor of this list")))
}
