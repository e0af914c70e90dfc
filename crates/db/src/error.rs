//! What can go wrong with a database.

use base::{Failure, Kind};

/// A failure of the database or of a statement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened.
    #[error("the database `{location}` cannot be opened: {cause}")]
    Open {
        /// Where it was looked for, without credentials.
        location: String,
        /// What the engine said.
        cause: String,
    },
    /// An answer has more rows than may be held.
    #[error("the answer has more than {limit} rows")]
    AnswerTooLong {
        /// The most.
        limit: usize,
    },
    /// The address names no engine that is known here.
    #[error("`{location}` is not a database address: expected `sqlite:PATH` or `postgres://…`")]
    UnknownEngine {
        /// The address, without credentials.
        location: String,
    },
    /// A newer version of the program has written this database.
    #[error(
        "the database was written by a newer version: it has the migration `{migration}`, which this version does not know"
    )]
    NewerSchema {
        /// The first unknown migration.
        migration: String,
    },
    /// A migration that was applied is not the one this program carries.
    #[error("the migration `{migration}` was changed after it had been applied")]
    ChangedMigration {
        /// Its name.
        migration: &'static str,
    },
    /// A migration did not run; nothing of it was kept.
    #[error("the migration `{migration}` failed: {cause}")]
    Migration {
        /// Its name.
        migration: &'static str,
        /// What the engine said.
        cause: String,
    },
    /// A row with this key is there already.
    #[error("there is such a row already: {constraint}")]
    Unique {
        /// The constraint or columns, as the engine names them.
        constraint: String,
    },
    /// Some other constraint forbids it.
    #[error("the database refused the row: {constraint}")]
    Constraint {
        /// The constraint, as the engine names it.
        constraint: String,
    },
    /// A row does not have the column, or it holds another type or a null.
    #[error("column `{column}` does not hold {expected}")]
    Column {
        /// The column.
        column: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Too much is waiting to be written.
    #[error("the database has too many writes waiting")]
    Busy,
    /// A write took longer than it may.
    #[error("a write took longer than {seconds} s and was rolled back")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The event log is not what it was when it was written.
    #[error("the event log is damaged at entry {seq}: {what}")]
    BrokenChain {
        /// The first entry that does not fit.
        seq: i64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The disk is full.
    #[error("the disk of the database is full; nothing was written")]
    DiskFull,
    /// The program made a mistake while writing; nothing was kept.
    #[error("a write was broken off by a fault in the program; nothing was written")]
    Panicked,
    /// Anything else.
    #[error("the database failed: {cause}")]
    Failed {
        /// What the engine said.
        cause: String,
    },
}

impl Error {
    /// Whether a row with the same key was there already.
    #[must_use]
    pub const fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Unique { .. })
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unique { .. } | Self::Constraint { .. } => Kind::Conflict,
            Self::Busy => Kind::Busy,
            Self::TimedOut { .. } => Kind::TimedOut,
            Self::Open { .. } | Self::DiskFull => Kind::Unavailable,
            Self::UnknownEngine { .. } => Kind::Invalid,
            Self::AnswerTooLong { .. } => Kind::TooLarge,
            Self::NewerSchema { .. } | Self::ChangedMigration { .. } => Kind::Unsupported,
            Self::Migration { .. }
            | Self::Column { .. }
            | Self::BrokenChain { .. }
            | Self::Panicked
            | Self::Failed { .. } => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "database_unavailable",
            Self::UnknownEngine { .. } => "database_address_invalid",
            Self::AnswerTooLong { .. } => "answer_too_long",
            Self::NewerSchema { .. } => "database_newer",
            Self::ChangedMigration { .. } | Self::Migration { .. } => "database_migration_failed",
            Self::Unique { .. } | Self::Constraint { .. } => "database_conflict",
            Self::Busy => "database_busy",
            Self::TimedOut { .. } => "database_timed_out",
            Self::BrokenChain { .. } => "event_log_damaged",
            Self::DiskFull => "disk_full",
            Self::Column { .. } | Self::Panicked | Self::Failed { .. } => "database_failed",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Open { .. } => Some(
                "check that the folder exists, can be written to and is not used by another server".into(),
            ),
            Self::NewerSchema { .. } => Some(
                "start the newer version again, or use a copy of the folder made before the upgrade".into(),
            ),
            Self::DiskFull => Some("free some space; waiting writes succeed again by themselves".into()),
            Self::Busy => Some("try again in a moment".into()),
            Self::BrokenChain { .. } => Some(
                "somebody changed the database by hand; compare with a backup from before that entry".into(),
            ),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(cause) if cause.is_unique_violation() => {
                Self::Unique { constraint: constraint_of(cause.as_ref()) }
            }
            sqlx::Error::Database(cause)
                if cause.is_check_violation() || cause.is_foreign_key_violation() =>
            {
                Self::Constraint { constraint: constraint_of(cause.as_ref()) }
            }
            // SQLITE_FULL is 13, PostgreSQL's disk_full is 53100.
            sqlx::Error::Database(cause) if matches!(cause.code().as_deref(), Some("13" | "53100")) => {
                Self::DiskFull
            }
            _ => Self::Failed { cause: error.to_string() },
        }
    }
}

fn constraint_of(cause: &dyn sqlx::error::DatabaseError) -> String {
    cause.constraint().map_or_else(|| cause.message().to_owned(), str::to_owned)
}
