//! Experiments, runs and metric histories.

mod routes;
mod wire;

pub(crate) use routes::routes;
