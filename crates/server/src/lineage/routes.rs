//! Taking events and showing the graph around a thing.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base::Kind;
use governance::{Action, ObjectKind};
use lineage::{Graph, Neighbourhood};
use serde_json::Value;
use utoipa_axum::routes;

use super::body;
use super::wire::{BatchBody, DeliveryBody, DeliveryList, GraphBody, GraphQuery, RefusedEvent};
use crate::app::App;
use crate::extract::{Body, Json, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// The longest event, in bytes.
const EVENT_LIMIT_BYTES: usize = 8 << 20;
/// The longest batch of events, in bytes, and the most events of one.
const BATCH_LIMIT_BYTES: usize = 32 << 20;
const MOST_EVENTS: usize = 10_000;
/// How many steps are walked at most.
const MOST_DEPTH: u32 = 20;
/// How many things are shown unless the client says otherwise, and at most.
const USUAL_NODES: usize = 500;
const MOST_NODES: usize = 5_000;

pub(crate) fn routes() -> Routes {
    let take = may(Action::Create, ObjectKind::Run).body_limit_bytes(EVENT_LIMIT_BYTES);
    Routes::new()
        .documented(take, routes!(take_lineage_event))
        .documented(take.body_limit_bytes(BATCH_LIMIT_BYTES), routes!(take_lineage_events))
        .documented(may(Action::View, ObjectKind::Model), routes!(get_lineage_graph))
        .documented(may(Action::View, ObjectKind::Model), routes!(get_lineage_delivery))
}

/// How events of OpenLineage reach those who are told.
#[utoipa::path(get, path = "/api/v1/lineage/delivery", tag = "overview", responses((status = 200, body = DeliveryList)))]
async fn get_lineage_delivery(State(app): State<App>) -> Result<Json<DeliveryList>, Problem> {
    let standing = lineage::outbox::standing(&mut app.db().read().await?).await?;
    Ok(Json(DeliveryList { items: standing.into_iter().map(DeliveryBody::from).collect() }))
}

/// Takes an event of OpenLineage.
#[utoipa::path(post, path = "/api/v1/lineage", tag = "overview", request_body = Object, responses((status = 201, description = "the event is taken")))]
async fn take_lineage_event(
    State(app): State<App>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let event = body::json(&headers, body, EVENT_LIMIT_BYTES)?;
    app.platform().take_lineage(vec![lineage::graph_of_event(&event)?]).await?;
    Ok(StatusCode::CREATED)
}

/// Takes a list of events of OpenLineage. Those that fit are taken together; the others are named with the reason.
#[utoipa::path(post, path = "/api/v1/lineage/batch", tag = "overview", request_body = Vec<Object>, responses((status = 200, body = BatchBody)))]
async fn take_lineage_events(
    State(app): State<App>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json<BatchBody>, Problem> {
    let events = match body::json(&headers, body, BATCH_LIMIT_BYTES)? {
        Value::Array(events) if events.len() <= MOST_EVENTS => events,
        Value::Array(events) => {
            let detail =
                format!("a batch may hold at most {MOST_EVENTS} events, this one has {}", events.len());
            return Err(Problem::new(Kind::TooLarge, "body_too_large", detail)
                .with_hint("send the rest in further batches"));
        }
        _ => {
            return Err(Problem::invalid("invalid_body", "a batch of events must be a list")
                .with_hint("a single event goes to `/api/v1/lineage`"));
        }
    };
    let mut all: Vec<Graph> = Vec::with_capacity(events.len());
    let mut refused = Vec::new();
    for (index, event) in events.iter().enumerate() {
        match lineage::graph_of_event(event) {
            Ok(graph) => all.push(graph),
            Err(error) => refused.push(RefusedEvent::of(index, &error)),
        }
    }
    app.platform().take_lineage(all).await?;
    Ok(Json(BatchBody::of(events.len(), refused)))
}

/// What a thing came from and what came of it, some steps far.
#[utoipa::path(get, path = "/api/v1/lineage/graph", tag = "overview", params(GraphQuery), responses((status = 200, body = GraphBody)))]
async fn get_lineage_graph(
    State(app): State<App>,
    Query(asked): Query<GraphQuery>,
) -> Result<Json<GraphBody>, Problem> {
    let (up, down) = (asked.up.unwrap_or(false), asked.down.unwrap_or(false));
    let both = !up && !down;
    let wanted = Neighbourhood {
        up: up || both,
        down: down || both,
        depth: asked.depth.unwrap_or(3).clamp(1, MOST_DEPTH),
        most_nodes: asked.limit.unwrap_or(USUAL_NODES).clamp(1, MOST_NODES),
    };
    let graph = app.platform().lineage_around(&asked.object, wanted).await?;
    Ok(Json(graph.into()))
}
