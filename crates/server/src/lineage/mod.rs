//! Lineage: events of OpenLineage in, neighbourhoods out.

mod body;
mod routes;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use routes::routes;
