//! Bringing in runs and models that were made elsewhere.

mod routes;
mod wire;

pub(crate) use routes::routes;
