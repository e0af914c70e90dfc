//! Deployments on Kubernetes: from a few lines of `gingham.yaml` to manifests, into a cluster, and back as status.
//!
//! | Module | Subject |
//! | --- | --- |
//! | [`Kubernetes`] | what can be said in a `gingham.yaml`, and whether it makes sense |
//! | [`manifests`] | pure functions from that to typed objects, in a fixed order, always the same text |
//! | [`Cluster`] | server-side apply, look, remove; what may fail is found by a dry run first |
//! | `drift` | what in the cluster differs from what was applied, and who changed it |
//! | `status` | what the cluster says about the objects, in a few words |
//! | [`store`] | what was applied when, by whom and why; each revision can be applied again |
//!
//! This room does not know models, engines or HTTP routes: it is told a name and settings. It is the only one that
//! speaks with an API server.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod check;
mod cluster;
mod drift;
mod error;
pub mod manifests;
mod quantity;
mod settings;
mod status;
pub mod store;

pub use check::Misfit;
pub use cluster::{Access, Applied, Cluster, Conflicts, Outcome};
pub use drift::{Difference, ObjectDrift};
pub use error::Error;
pub use manifests::{Kind, Manifest, Target, yaml};
pub use settings::{Autoscale, Gpu, Keda, Kubernetes, Network, Resources, SecretKey, Toleration};
pub use status::{ObjectStatus, Rollout, Seen};

/// What the functions of this room answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
