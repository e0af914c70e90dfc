//! Models, versions, aliases and promotions.

mod routes;
mod wire;

pub(crate) use routes::routes;
pub(crate) use wire::ModelSummary;
