//! Across all rooms: what needs attention, search, and where things come from.

mod routes;
mod wire;

pub(crate) use routes::routes;
pub(crate) use wire::LineageBody;
