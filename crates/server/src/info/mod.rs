//! What the server says about itself: health, readiness, figures and its description.

mod routes;
mod wire;

pub(crate) use routes::routes;
