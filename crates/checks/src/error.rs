//! What can go wrong with checks as such; a check that fails or cannot be evaluated is a result instead.

use base::{Failure, Kind};

/// A failure around checks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The table could not be read.
    #[error(transparent)]
    Table(#[from] tables::Error),
    /// Rows could not be compared with those of another time.
    #[error("{0}")]
    Drift(String),
    /// No verdict has that id.
    #[error("there is no verdict `{id}`")]
    VerdictNotFound {
        /// The id asked for.
        id: String,
    },
    /// A cursor that no page gave.
    #[error("`{cursor}` is not a cursor of this list")]
    BadCursor {
        /// What was sent.
        cursor: String,
    },
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Database(error) => error.kind(),
            Self::Table(error) => error.kind(),
            Self::VerdictNotFound { .. } => Kind::NotFound,
            Self::BadCursor { .. } | Self::Drift(_) => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Database(error) => error.code(),
            Self::Table(error) => error.code(),
            Self::VerdictNotFound { .. } => "verdict_not_found",
            Self::BadCursor { .. } => "invalid_cursor",
            Self::Drift(_) => "rows_unknown",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Database(error) => error.hint(),
            Self::Table(error) => error.hint(),
            _ => None,
        }
    }
}
