//! SQLite and PostgreSQL behind one handle: transactions, migrations, group commit, the event log.
//!
//! Statements are `&'static str` (or a [`SqlText`] built from such pieces and bound values) with
//! `$1 … $n` placeholders, and must run unchanged on both engines. Columns are `TEXT`, `BIGINT` and
//! `DOUBLE PRECISION` and `BYTEA`; booleans are 0 and 1, times are microseconds since the epoch, JSON is text.
//!
//! No other crate knows sqlx.

mod ask;
mod digests;
mod error;
mod events;
mod flush;
mod foreign;
mod handle;
mod lite;
mod migrations;
mod page;
mod postgres;
mod row;
mod session;
mod text;
mod value;

pub use ask::{Answer, AnswerKind};
pub use digests::Mention;
pub use error::Error;
pub use events::{ChainReport, EventFilter};
pub use foreign::Foreign;
pub use handle::{Db, Engine};
pub use migrations::known_migrations;
pub use page::{Page, SortKey, ended_at, first_mark, in_order};
pub use row::Row;
pub use session::{Read, Sql, Tx};
pub use text::SqlText;
pub use value::Value;
