//! The prediction archive: predictions, labels, and questions in SQL.

mod explore;
mod list;
mod replay;
mod routes;
mod wire;

pub(crate) use routes::routes;
