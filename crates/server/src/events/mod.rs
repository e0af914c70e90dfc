//! The event log: in pages, as a live stream, and verified.

mod routes;
mod stream;
mod wire;

pub(crate) use routes::routes;
pub(crate) use wire::{EventBody, parse_object};
