//! JSON shapes of the graph.

use lineage::Graph;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of the graph is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GraphQuery {
    /// `prediction:ID`, `predictions:MODEL@NUMBER`, `deployment:NAME`, `model:NAME`, `version:MODEL@NUMBER`, `run:ID`,
    /// `pipeline_run:ID`, `dataset:NAME@NUMBER`, `dataset:NAMESPACE/NAME`, `files:DIGEST`, or the id of a run or
    /// prediction alone.
    pub(crate) object: String,
    /// Towards what it came from; both ways when neither is said.
    pub(crate) up: Option<bool>,
    /// Towards what came of it.
    pub(crate) down: Option<bool>,
    /// How many steps: 1 to 20, 3 if not said.
    pub(crate) depth: Option<u32>,
    /// The most things: 500 if not said, 5000 at most.
    pub(crate) limit: Option<usize>,
}

/// A thing of the graph.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphNodeBody {
    /// Its kind and name.
    id: String,
    /// What kind of thing it is.
    kind: String,
    /// Its name.
    title: String,
    /// What else is known of it.
    detail: String,
}

/// A step of the graph: `target` came of `source`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphEdgeBody {
    /// What was there before.
    source: String,
    /// What came of it.
    target: String,
    /// How.
    label: String,
}

/// The part of the graph around a thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphBody {
    /// Each thing once, the asked one first, what is nearer before what is farther.
    nodes: Vec<GraphNodeBody>,
    /// The steps between them.
    edges: Vec<GraphEdgeBody>,
    /// Whether there is more than the limit let through.
    is_cut: bool,
}

impl From<Graph> for GraphBody {
    fn from(graph: Graph) -> Self {
        let node = |node: lineage::Node| GraphNodeBody {
            id: node.id,
            kind: node.kind,
            title: node.title,
            detail: node.detail,
        };
        let edge = |edge: lineage::Edge| GraphEdgeBody {
            source: edge.source,
            target: edge.target,
            label: edge.label,
        };
        Self {
            nodes: graph.nodes.into_iter().map(node).collect(),
            edges: graph.edges.into_iter().map(edge).collect(),
            is_cut: graph.is_cut,
        }
    }
}

/// How many events stand how with one who is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryBody {
    /// Who is told.
    target: String,
    /// `waiting`, `sent` or `dropped`.
    state: String,
    /// How many events.
    events: i64,
    /// Why one of them is where it is, if there is a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How events stand with those who are told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// By target and state.
    pub(super) items: Vec<DeliveryBody>,
}

impl From<lineage::outbox::Standing> for DeliveryBody {
    fn from(standing: lineage::outbox::Standing) -> Self {
        let lineage::outbox::Standing { target, state, events, reason } = standing;
        Self { target, state, events, reason }
    }
}

/// What became of a batch of events, as the specification of OpenLineage has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchBody {
    /// `success`, or `partial_success` when some events were refused.
    status: &'static str,
    /// How many there were.
    summary: BatchSummary,
    /// Those that were refused.
    failed_events: Vec<RefusedEvent>,
}

/// How many events of a batch were taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchSummary {
    /// All.
    received: usize,
    /// Those that are in the graph now.
    successful: usize,
    /// Those that were refused.
    failed: usize,
    /// Those of them that another try would bring in: none, as a fault of the server refuses the whole batch.
    retriable: usize,
    /// Those that do not fit the specification.
    non_retriable: usize,
}

/// An event that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedEvent {
    /// Its place in the batch, from 0.
    index: usize,
    /// Why.
    reason: String,
    /// Whether another try could help.
    retriable: bool,
}

impl RefusedEvent {
    pub(super) fn of(index: usize, error: &lineage::Error) -> Self {
        Self { index, reason: error.to_string(), retriable: false }
    }
}

impl BatchBody {
    pub(super) fn of(received: usize, failed_events: Vec<RefusedEvent>) -> Self {
        let failed = failed_events.len();
        let summary = BatchSummary {
            received,
            successful: received - failed,
            failed,
            retriable: 0,
            non_retriable: failed,
        };
        let status = if failed == 0 { "success" } else { "partial_success" };
        Self { status, summary, failed_events }
    }
}
