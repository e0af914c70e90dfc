//! Pipeline runs with their steps, and the queue of jobs.

mod routes;
mod wire;

pub(crate) use routes::routes;
pub(crate) use wire::JobBody;
