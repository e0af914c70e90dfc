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
    /// Neither a tag nor a moment leads to a version.
    #[error("dataset `{dataset}` has no version `{pointer}`")]
    PointerNotFound {
        /// The dataset.
        dataset: String,
        /// The tag or the moment.
        pointer: String,
    },
    /// A tag that would be taken for something else.
    #[error("`{tag}` cannot be a tag")]
    BadTag {
        /// The tag.
        tag: String,
    },
    /// The dataset has as many tags as it may.
    #[error("dataset `{dataset}` has {limit} tags, and no room for more")]
    TooManyTags {
        /// The dataset.
        dataset: String,
        /// The most.
        limit: i64,
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
            Self::DatasetNotFound { .. } | Self::VersionNotFound { .. } | Self::PointerNotFound { .. } => {
                Kind::NotFound
            }
            Self::TooManyTags { .. } => Kind::TooLarge,
            Self::DatasetExists { .. } => Kind::Conflict,
            Self::Name(_) | Self::BadCursor { .. } | Self::BadTag { .. } => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Db(error) => error.code(),
            Self::DatasetNotFound { .. } => "dataset_not_found",
            Self::VersionNotFound { .. } | Self::PointerNotFound { .. } => "dataset_version_not_found",
            Self::BadTag { .. } => "dataset_tag_invalid",
            Self::TooManyTags { .. } => "dataset_tags_full",
            Self::DatasetExists { .. } => "dataset_exists",
            Self::Name(_) => "name_invalid",
            Self::BadCursor { .. } => "cursor_invalid",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Db(error) => error.hint(),
            Self::DatasetNotFound { .. } => Some("`gingham ls datasets` lists those there are".into()),
            Self::VersionNotFound { dataset, .. } | Self::PointerNotFound { dataset, .. } => {
                Some(format!("`gingham dataset versions {dataset}` lists its versions and tags"))
            }
            Self::BadTag { .. } => {
                Some("a number, a moment and `latest` mean versions already; take another word".into())
            }
            Self::TooManyTags { .. } => Some("take some away with `gingham dataset untag`".into()),
            _ => None,
        }
    }
}
