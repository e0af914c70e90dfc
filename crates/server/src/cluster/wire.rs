//! JSON shapes of deployments in a cluster.

use base::Timestamp;
use clusters::store::Revision;
use clusters::{Manifest, ObjectDrift, Seen};
use platform::{ClusterChange, ClusterView};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// How a deployment is in its cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterBody {
    /// The deployment.
    pub deployment: String,
    /// `kubernetes` once it was applied, `server` as long as only this server answers for it.
    pub target: &'static str,
    /// Whether its `gingham.yaml` has settings for Kubernetes.
    pub configured: bool,
    /// The address of the cluster's API server, if this server knows one.
    pub cluster: Option<String>,
    /// What the cluster says; null when it was not applied or cannot be asked.
    pub status: Option<ClusterStatusBody>,
    /// Why the cluster cannot be asked, if it cannot.
    pub unreachable: Option<String>,
    /// Objects that are not as they were applied.
    pub drift: Vec<DriftBody>,
    /// Whether the `gingham.yaml` says something else than what was applied.
    pub outdated: bool,
    /// What was applied, newest first.
    pub history: Vec<ClusterRevisionBody>,
}

/// What the cluster says about the objects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterStatusBody {
    /// `ready`, `rolling`, `idle`, `degraded` or `missing`.
    pub rollout: Value,
    /// In a sentence.
    pub message: String,
    /// Replicas that there should be now.
    pub wanted_replicas: i64,
    /// Replicas that answer.
    pub ready_replicas: i64,
    /// Replicas of the newest settings.
    pub updated_replicas: i64,
    /// Each object.
    pub objects: Vec<ClusterObjectBody>,
}

/// An object as the cluster has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterObjectBody {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is there.
    pub exists: bool,
    /// What there is to say about it.
    pub message: String,
}

/// An object that is not as it was applied.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DriftBody {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Whether it is gone as a whole.
    pub missing: bool,
    /// The fields that differ.
    pub differences: Vec<DifferenceBody>,
}

/// A field that is not as it was applied.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceBody {
    /// The field.
    pub field: String,
    /// What stands there; null when it is gone.
    pub found: Value,
    /// What was applied; null when it was never there.
    pub applied: Value,
    /// Who has set it, if the cluster knows.
    pub by: Option<String>,
}

/// What was applied at some moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterRevisionBody {
    /// Its number.
    pub revision: i64,
    /// The kinds of its objects; none when the deployment was taken out.
    pub objects: Vec<&'static str>,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Objects as they would be applied.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManifestsBody {
    /// The objects, in the order in which they are applied.
    pub items: Vec<Value>,
    /// The same as a YAML stream.
    pub yaml: String,
}

/// A wish to change the cluster.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterWish {
    /// Why; kept for ever.
    pub reason: String,
    /// Whether fields that others have set are Gingham's from now on; otherwise they are a conflict.
    #[serde(default)]
    pub take_over: bool,
    /// The revision to go back to; of a rollback only, the one before the newest when absent.
    #[serde(default)]
    pub revision: Option<i64>,
}

/// What came of a change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterChangeBody {
    /// The revision that holds now.
    pub revision: i64,
    /// What became of each object: `created`, `changed`, `unchanged` or `deleted`.
    pub objects: Vec<AppliedBody>,
}

/// An object and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppliedBody {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Value,
}

fn status(seen: Seen) -> ClusterStatusBody {
    ClusterStatusBody {
        rollout: json!(seen.rollout),
        message: seen.message,
        wanted_replicas: seen.wanted_replicas,
        ready_replicas: seen.ready_replicas,
        updated_replicas: seen.updated_replicas,
        objects: seen
            .objects
            .into_iter()
            .map(|object| ClusterObjectBody {
                kind: object.kind.word(),
                namespace: object.namespace,
                name: object.name,
                exists: object.exists,
                message: object.message,
            })
            .collect(),
    }
}

fn drift(drift: ObjectDrift) -> DriftBody {
    let difference = |difference: clusters::Difference| DifferenceBody {
        field: difference.field,
        found: difference.found,
        applied: difference.applied,
        by: difference.by,
    };
    DriftBody {
        kind: drift.kind.word(),
        name: drift.name,
        missing: drift.missing,
        differences: drift.differences.into_iter().map(difference).collect(),
    }
}

fn revision(revision: Revision) -> ClusterRevisionBody {
    ClusterRevisionBody {
        revision: revision.revision,
        objects: revision.manifests.iter().map(|manifest| manifest.kind.word()).collect(),
        reason: revision.reason,
        actor: revision.actor.as_str().to_owned(),
        at: revision.at,
    }
}

impl From<ClusterView> for ClusterBody {
    fn from(view: ClusterView) -> Self {
        let target = if view.applied().is_some() { "kubernetes" } else { "server" };
        let (seen, unreachable) = match view.seen {
            Some(Ok(seen)) => (Some(status(seen)), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        Self {
            deployment: view.deployment,
            target,
            configured: view.configured,
            cluster: view.cluster,
            status: seen,
            unreachable,
            drift: view.drift.into_iter().map(drift).collect(),
            outdated: view.outdated,
            history: view.history.into_iter().map(revision).collect(),
        }
    }
}

impl From<ClusterChange> for ClusterChangeBody {
    fn from(change: ClusterChange) -> Self {
        let object = |applied: clusters::Applied| AppliedBody {
            kind: applied.kind.word(),
            name: applied.name,
            outcome: json!(applied.outcome),
        };
        Self { revision: change.revision, objects: change.applied.into_iter().map(object).collect() }
    }
}

impl From<Vec<Manifest>> for ManifestsBody {
    fn from(manifests: Vec<Manifest>) -> Self {
        Self {
            yaml: clusters::yaml(&manifests),
            items: manifests.into_iter().map(|manifest| manifest.object).collect(),
        }
    }
}
