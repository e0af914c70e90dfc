//! Lineage: events of OpenLineage in, neighbourhoods out.

mod body;
mod routes;
mod wire;

pub(crate) use routes::routes;
