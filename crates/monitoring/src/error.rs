//! What can go wrong when models are watched.

use base::{Failure, Kind};

/// A failure of monitoring.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The `monitor:` part of a model's file asks for something that cannot be.
    #[error("`monitor.{path}` {problem}")]
    Spec {
        /// Where in the part, such as `drift.persist`.
        path: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// Columns of one table have different lengths.
    #[error("column `{column}` has {found} rows where {expected} were expected")]
    RaggedRows {
        /// The column.
        column: String,
        /// Its rows.
        found: usize,
        /// The rows of the table.
        expected: usize,
    },
    /// There is no report of that window.
    #[error("model `{model}` has no evaluated window that begins at {from}")]
    WindowNotFound {
        /// The model.
        model: String,
        /// The beginning that was asked for.
        from: base::Timestamp,
    },
    /// There is no such alert.
    #[error("there is no alert `{id}`")]
    AlertNotFound {
        /// The id that was asked for.
        id: String,
    },
    /// The alert is in a state from which this is not possible.
    #[error("alert `{id}` is {state} and cannot be {wanted}")]
    WrongState {
        /// The alert.
        id: String,
        /// Its state.
        state: &'static str,
        /// What was asked for, such as `acknowledged`.
        wanted: &'static str,
    },
    /// A page was asked for with a cursor that no list has given.
    #[error("`{cursor}` is not a cursor of this list")]
    BadCursor {
        /// The cursor.
        cursor: String,
    },
    /// What was kept of predictions cannot be read or added up.
    #[error("a stored profile cannot be used: {problem}")]
    Profile {
        /// What is wrong with it.
        problem: String,
    },
    /// Others have summed up the same predictions in the meantime.
    #[error("the profiles of model `{model}` were changed at the same time")]
    ProfilesMoved {
        /// The model.
        model: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A report could not be written as JSON.
    #[error("a report could not be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<stats::Error> for Error {
    fn from(error: stats::Error) -> Self {
        Self::Profile { problem: error.to_string() }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Spec { .. } | Self::BadCursor { .. } => Kind::Invalid,
            Self::WindowNotFound { .. } | Self::AlertNotFound { .. } => Kind::NotFound,
            Self::WrongState { .. } | Self::ProfilesMoved { .. } => Kind::Conflict,
            Self::Db(error) => error.kind(),
            Self::RaggedRows { .. } | Self::Json(_) | Self::Profile { .. } => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Spec { .. } => "monitor_spec_invalid",
            Self::WindowNotFound { .. } => "monitor_window_not_found",
            Self::AlertNotFound { .. } => "alert_not_found",
            Self::WrongState { .. } => "alert_state_conflict",
            Self::BadCursor { .. } => "invalid_cursor",
            Self::Db(error) => error.code(),
            Self::ProfilesMoved { .. } => "database_conflict",
            Self::RaggedRows { .. } | Self::Json(_) | Self::Profile { .. } => "internal",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Spec { hint, .. } => hint.clone(),
            Self::WindowNotFound { model, .. } => {
                Some(format!("`gingham show monitor {model}` lists the windows there are"))
            }
            Self::AlertNotFound { .. } => Some("`gingham status` lists the open alerts".to_owned()),
            Self::Db(error) => error.hint(),
            _ => None,
        }
    }
}
