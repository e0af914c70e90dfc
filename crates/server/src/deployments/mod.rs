//! Deployments: what serves which version, and how it does.

mod routes;
mod wire;

pub(crate) use routes::routes;
pub(crate) use wire::DeploymentBody;
