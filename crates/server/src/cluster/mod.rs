//! Deployments in a Kubernetes cluster.

mod routes;
mod wire;

pub(crate) use routes::routes;
