//! Deployments: what serves which version, and how it does.

mod create;
mod routes;
mod traffic;
mod wire;

pub(crate) use create::routes as create_routes;
pub(crate) use wire::DeploymentBody;

/// Every route of this domain.
pub(crate) fn routes() -> crate::routes::Routes {
    routes::routes().and(traffic::routes())
}
