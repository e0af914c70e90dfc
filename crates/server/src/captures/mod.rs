//! What `gingham run` captures of a run, and training a version again.

mod routes;

pub(crate) use routes::routes;
