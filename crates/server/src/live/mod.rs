//! Runs as they go: what they log is sent to whoever watches, by server-sent events.

mod hub;
mod routes;
#[cfg(test)]
mod tests;
mod topic;

pub(crate) use hub::Hub;
pub(crate) use routes::routes;
