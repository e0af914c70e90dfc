//! Lineage: events of OpenLineage in, neighbourhoods out.

mod routes;
mod wire;

pub(crate) use routes::routes;
