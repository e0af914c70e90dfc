//! Models, versions, aliases and promotions.

mod evidence;
mod expected;
mod file;
mod restore;
mod routes;
mod wire;

pub(crate) use evidence::routes as evidence_routes;
pub(crate) use expected::routes as expected_routes;
pub(crate) use restore::routes as restore_routes;
pub(crate) use routes::routes;
pub(crate) use wire::ModelSummary;
