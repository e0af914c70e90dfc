//! Taking events and showing the graph around a thing.

use axum::extract::State;
use axum::http::StatusCode;
use governance::{Action, ObjectKind};
use lineage::Neighbourhood;
use serde_json::Value;
use utoipa_axum::routes;

use super::wire::{DeliveryBody, DeliveryList, GraphBody, GraphQuery};
use crate::app::App;
use crate::extract::{Json, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// The longest event, in bytes.
const EVENT_LIMIT_BYTES: usize = 8 << 20;
/// How many steps are walked at most.
const MOST_DEPTH: u32 = 20;
/// How many things are shown unless the client says otherwise, and at most.
const USUAL_NODES: usize = 500;
const MOST_NODES: usize = 5_000;

pub(crate) fn routes() -> Routes {
    let take = may(Action::Create, ObjectKind::Run).body_limit_bytes(EVENT_LIMIT_BYTES);
    Routes::new()
        .documented(take, routes!(take_lineage_event))
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
async fn take_lineage_event(State(app): State<App>, Json(event): Json<Value>) -> Result<StatusCode, Problem> {
    let graph = lineage::graph_of_event(&event)?;
    let now = app.now();
    let taken: Result<(), lineage::Error> =
        app.db().write(move |tx| Box::pin(async move { lineage::put(tx, &graph, now).await })).await;
    taken?;
    Ok(StatusCode::CREATED)
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
