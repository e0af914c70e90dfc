//! Databases that tests start and stop, and a stand-in for the API server of Kubernetes.
//!
//! [`databases()`] gives a fresh SQLite file and a fresh database on a real PostgreSQL server, so
//! that every store test runs on both. Failing to start either one fails the test: nothing is
//! skipped silently. `GINGHAM_TEST_POSTGRES=off` leaves PostgreSQL out and says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this crate serves tests, which fail by panicking and talk on stderr"
)]

mod api_server;
mod databases;
mod postgres;

pub use api_server::ApiServer;
pub use databases::{TestDatabase, databases, sqlite};
pub use postgres::FragileServer;
