//! From a `gingham.yaml` to what it says: plan and apply.

mod routes;
mod wire;

pub(crate) use routes::routes;
