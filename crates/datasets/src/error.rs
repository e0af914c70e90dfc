//! What can go wrong with datasets.

use base::{Failure, Kind};

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// Nothing is called that.
    #[error("there is no dataset `{dataset}`")]
    DatasetNotFound {
        /// The name.
        dataset: String,
    },
    /// The dataset has no such version.
    #[error("dataset `{dataset}` has no version {number}")]
    VersionNotFound {
        /// The dataset.
        dataset: String,
        /// The number.
        number: i64,
    },
    /// There is one of that name.
    #[error("there is a dataset `{dataset}` already")]
    DatasetExists {
        /// The name.
        dataset: String,
    },
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] base::names::NameError),
    /// The cursor is none that was handed out here.
    #[error("`{cursor}` is not where a page of this list begins")]
    BadCursor {
        /// What was sent.
        cursor: String,
    },
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Db(error) => error.kind(),
            Self::DatasetNotFound { .. } | Self::VersionNotFound { .. } => Kind::NotFound,
            Self::DatasetExists { .. } => Kind::Conflict,
            Self::Name(_) | Self::BadCursor { .. } => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Db(error) => error.code(),
            Self::DatasetNotFound { .. } => "dataset_not_found",
            Self::VersionNotFound { .. } => "dataset_version_not_found",
            Self::DatasetExists { .. } => "dataset_exists",
            Self::Name(_) => "name_invalid",
            Self::BadCursor { .. } => "cursor_invalid",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Db(error) => error.hint(),
            Self::DatasetNotFound { .. } => Some("`gingham ls datasets` lists those there are".into()),
            Self::VersionNotFound { dataset, .. } => {
                Some(format!("`gingham show dataset {dataset}` lists its versions"))
            }
            _ => None,
        }
    }
}
