//! Models, versions, aliases and promotions.

mod restore;
mod routes;
mod wire;

pub(crate) use restore::routes as restore_routes;
pub(crate) use routes::routes;
pub(crate) use wire::ModelSummary;
