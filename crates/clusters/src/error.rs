//! What can go wrong between here and a cluster.

use base::{Failure, Kind};

use crate::Misfit;

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings make no sense.
    #[error("`deployment.kubernetes` of `{deployment}`: {}", in_words(.misfit))]
    Settings {
        /// The deployment.
        deployment: String,
        /// The part, and what is wrong with it.
        misfit: Box<Misfit>,
    },
    /// This server was not told how to reach a cluster.
    #[error("this server knows no cluster")]
    NoCluster,
    /// The way to the cluster cannot be used.
    #[error("the cluster cannot be used: {reason}")]
    Access {
        /// What is wrong with it.
        reason: String,
    },
    /// The cluster does not answer.
    #[error("the cluster does not answer: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// Somebody else has set fields that are to be set.
    #[error("{object} has fields that somebody else has set: {}", .fields.join(", "))]
    Conflict {
        /// The object.
        object: String,
        /// The fields, each with who has set it.
        fields: Vec<String>,
    },
    /// The account may not do this in the cluster.
    #[error("the cluster does not allow it: {reason}")]
    Forbidden {
        /// What the API server said.
        reason: String,
    },
    /// The namespace is not there.
    #[error("the cluster has no namespace `{namespace}`")]
    NoNamespace {
        /// The namespace.
        namespace: String,
    },
    /// The cluster does not know a kind of object.
    #[error("the cluster knows no `{kind}`")]
    NoKind {
        /// The kind.
        kind: String,
    },
    /// The API server refused an object.
    #[error("the cluster refuses {object}: {reason}")]
    Refused {
        /// The object.
        object: String,
        /// What the API server said.
        reason: String,
    },
    /// The deployment was never applied to a cluster.
    #[error("`{deployment}` was never applied to a cluster")]
    NeverApplied {
        /// The deployment.
        deployment: String,
    },
    /// There is no such revision.
    #[error("`{deployment}` has no revision {revision} that could be applied again")]
    NoRevision {
        /// The deployment.
        deployment: String,
        /// The revision.
        revision: i64,
    },
    /// Something has a shape that cannot be read.
    #[error("{what} cannot be read: {cause}")]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        cause: String,
    },
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] db::Error),
}

fn in_words(misfit: &Misfit) -> String {
    if misfit.path.is_empty() {
        misfit.message.clone()
    } else {
        format!("`{}`: {}", misfit.path, misfit.message)
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Settings { .. } | Self::Refused { .. } => Kind::Invalid,
            Self::NoCluster | Self::NoKind { .. } => Kind::Unsupported,
            Self::Access { .. } | Self::Unreachable { .. } => Kind::Unavailable,
            Self::Conflict { .. } => Kind::Conflict,
            Self::Forbidden { .. } => Kind::Denied,
            Self::NoNamespace { .. } | Self::NeverApplied { .. } | Self::NoRevision { .. } => Kind::NotFound,
            Self::Unreadable { .. } => Kind::Internal,
            Self::Database(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Settings { .. } => "kubernetes_settings_invalid",
            Self::NoCluster => "cluster_not_configured",
            Self::Access { .. } => "cluster_access_invalid",
            Self::Unreachable { .. } => "cluster_unreachable",
            Self::Conflict { .. } => "cluster_conflict",
            Self::Forbidden { .. } => "cluster_forbidden",
            Self::NoNamespace { .. } => "cluster_namespace_missing",
            Self::NoKind { .. } => "cluster_kind_missing",
            Self::Refused { .. } => "cluster_refused",
            Self::NeverApplied { .. } => "cluster_never_applied",
            Self::NoRevision { .. } => "cluster_revision_missing",
            Self::Unreadable { .. } => "internal",
            Self::Database(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Settings { misfit, .. } => return misfit.hint.clone(),
            Self::NoCluster => "start it with `gingham up --kubernetes in-cluster`, or with the path of a kubeconfig; \
                                `gingham manifests` prints what would be applied"
                .to_owned(),
            Self::Conflict { .. } => {
                "say with `--take-over` that these fields are Gingham's from now on, or set them in `gingham.yaml`"
                    .to_owned()
            }
            Self::Forbidden { .. } => {
                "docs/kubernetes.md lists the rights that Gingham's account needs".to_owned()
            }
            Self::NoNamespace { namespace } => format!("make it with `kubectl create namespace {namespace}`"),
            Self::NoKind { kind } if kind == "ScaledObject" => {
                "install KEDA, or leave `autoscale.keda` out".to_owned()
            }
            Self::NoKind { .. } => "Kubernetes 1.25 or newer has it".to_owned(),
            Self::Database(error) => return error.hint(),
            _ => return None,
        })
    }
}
