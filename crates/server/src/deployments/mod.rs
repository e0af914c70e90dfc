//! Deployments: what serves which version, and how it does.

mod create;
mod routes;
mod wire;

pub(crate) use create::routes as create_routes;
pub(crate) use routes::routes;
pub(crate) use wire::DeploymentBody;
