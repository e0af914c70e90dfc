//! JSON shapes across all rooms.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::deployments::DeploymentBody;
use crate::events::EventBody;
use crate::models::ModelSummary;

/// How everything is, at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusBody {
    /// What needs attention, worst and newest first.
    pub needs_attention: Vec<AttentionBody>,
    /// The models.
    pub models: Vec<ModelSummary>,
    /// The deployments.
    pub deployments: Vec<DeploymentBody>,
    /// How many alerts need an act.
    pub alerts_firing: usize,
    /// How many jobs wait or are under way.
    pub jobs_running: i64,
    /// What happened last, newest first.
    pub recent_events: Vec<EventBody>,
}

/// One thing that needs attention.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttentionBody {
    /// `alert` or `job`.
    pub kind: String,
    /// In a line.
    pub title: String,
    /// More words.
    pub detail: String,
    /// What it is about, such as `model:traffic`.
    pub object: String,
    /// The page about it.
    pub link: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How bad it is.
    pub severity: String,
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words as typed.
    #[serde(default)]
    pub q: String,
}

/// What fits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HitPage {
    /// At most ten of each kind.
    pub items: Vec<HitBody>,
}

/// Something that fits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HitBody {
    /// What kind of thing it is.
    pub kind: String,
    /// Its name.
    pub title: String,
    /// What it is.
    pub detail: String,
    /// The page about it.
    pub link: String,
}

/// Whose origin is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LineageQuery {
    /// `prediction:ID`, `model:NAME@VERSION` or `dataset:NAME@VERSION`.
    pub object: String,
}

/// Where something came from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineageBody {
    /// Each thing once, the asked one first.
    pub nodes: Vec<NodeBody>,
    /// The steps between them.
    pub edges: Vec<EdgeBody>,
}

/// A thing on the way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeBody {
    /// Its place in the graph.
    pub id: String,
    /// What kind of thing it is.
    pub kind: String,
    /// Its name.
    pub title: String,
    /// What is to be said about it.
    pub detail: String,
    /// The page about it.
    pub link: String,
}

/// A step on the way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EdgeBody {
    /// The thing.
    pub from: String,
    /// What it came from.
    pub to: String,
    /// How.
    pub label: String,
}

impl From<platform::Attention> for AttentionBody {
    fn from(attention: platform::Attention) -> Self {
        AttentionBody {
            kind: attention.kind,
            title: attention.title,
            detail: attention.detail,
            object: attention.object,
            link: attention.link,
            since: attention.since,
            severity: attention.severity,
        }
    }
}

impl From<platform::Hit> for HitBody {
    fn from(hit: platform::Hit) -> Self {
        HitBody { kind: hit.kind, title: hit.title, detail: hit.detail, link: hit.link }
    }
}

impl From<platform::Lineage> for LineageBody {
    fn from(lineage: platform::Lineage) -> Self {
        let node = |node: platform::Node| NodeBody {
            id: node.id,
            kind: node.kind,
            title: node.title,
            detail: node.detail,
            link: node.link,
        };
        let edge = |edge: platform::Edge| EdgeBody { from: edge.from, to: edge.to, label: edge.label };
        LineageBody {
            nodes: lineage.nodes.into_iter().map(node).collect(),
            edges: lineage.edges.into_iter().map(edge).collect(),
        }
    }
}
