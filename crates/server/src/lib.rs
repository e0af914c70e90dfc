//! HTTP: the API, MLflow's API, the Open Inference Protocol and the embedded UI.
//!
//! Every request passes [`front_door`](crate) — request id, guard against other sites, credentials — and then the gate
//! of its route, which is made from the route's rule. Failures become responses in [`problem`] and nowhere else.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod app;
mod apply;
mod archive_door;
mod captures;
mod carry;
mod cluster;
mod content;
mod credentials;
mod data;
mod deployments;
mod endpoint;
mod events;
pub mod extract;
#[cfg(test)]
mod fixture;
mod front_door;
mod grpc;
mod guard;
mod info;
mod lineage;
mod live;
mod mlflow;
mod models;
mod monitoring;
mod observe;
mod oip;
mod openapi;
mod overview;
mod pipelines;
mod predictions;
pub mod problem;
mod replicas;
mod reviews;
mod router;
pub mod routes;
mod runs;
mod serve;
mod settings;
mod traces;
mod ui;

pub use app::App;
pub use front_door::Connection;
pub use replicas::{ReplicaAccess, ReplicaSettings};
pub use router::{document, router, routes as all_routes};
pub use serve::{browser_address, serve};
pub use settings::{LocalAccess, Settings};
