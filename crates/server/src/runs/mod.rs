//! Experiments, runs and metric histories; changing many runs at once; comparing two.

mod asked;
mod bulk;
mod difference;
mod routes;
mod search;
mod wire;

pub(crate) use routes::routes;
pub(crate) use wire::RunBody;
