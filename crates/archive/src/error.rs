//! What can go wrong with the archive.

use base::names::NameError;
use base::{Failure, Kind};

/// The result of an operation on the archive.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with the archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model has no place in the archive.
    #[error("the archive knows no model `{model}`")]
    UnknownModel {
        /// The model.
        model: String,
        /// The models it knows.
        models: Vec<String>,
    },
    /// A row carries a feature that was not declared.
    #[error("model `{model}` has no feature `{feature}`")]
    UnknownFeature {
        /// The model.
        model: String,
        /// The feature.
        feature: String,
        /// The features it has.
        features: Vec<String>,
    },
    /// A value has another type than its column.
    #[error("`{column}` of model `{model}` holds {expected}, the new value is {found}")]
    Misfit {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// What the column holds.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A declaration contradicts what the archive holds already.
    #[error("`{column}` of model `{model}` is declared as {now}, the archive holds {before}")]
    Redeclared {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// What the archive holds.
        before: String,
        /// What was declared.
        now: String,
    },
    /// A label says neither which prediction it belongs to nor which entity at which time.
    #[error("a label of model `{model}` needs a prediction id, or an entity and an event time")]
    LooseLabel {
        /// The model.
        model: String,
    },
    /// A name that cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// So many rows wait to be committed that no more are taken.
    #[error("{pending} rows wait to be committed, no more than {limit} may")]
    Busy {
        /// Rows that wait.
        pending: usize,
        /// The limit.
        limit: usize,
    },
    /// One call carries too much.
    #[error("one call may archive at most {limit_bytes} bytes, this one has {bytes}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The log does not hold what was written to it.
    #[error("the archive's log `{file}` is damaged at byte {offset}: {problem}")]
    Damaged {
        /// The segment.
        file: String,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// Another process has the archive open.
    #[error("the archive `{folder}` is in use by another process")]
    InUse {
        /// Its folder.
        folder: String,
    },
    /// The disk refused.
    #[error("cannot {doing} the archive's log `{location}`: {problem}")]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        location: String,
        /// What the system says.
        problem: String,
    },
    /// The archive was closed.
    #[error("the archive is closed")]
    Closed,
    /// A table of the archive failed.
    #[error(transparent)]
    Table(#[from] tables::Error),
}

impl Error {
    /// The same words for each of several calls that shared one failed flush.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Storage { doing, location, problem } => {
                Self::Storage { doing, location: location.clone(), problem: problem.clone() }
            }
            Self::TooLarge { bytes, limit_bytes } => {
                Self::TooLarge { bytes: *bytes, limit_bytes: *limit_bytes }
            }
            other => Self::Storage { doing: "write", location: String::new(), problem: other.to_string() },
        }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownModel { .. } => Kind::NotFound,
            Self::UnknownFeature { .. } | Self::Misfit { .. } | Self::LooseLabel { .. } | Self::Name(_) => {
                Kind::Invalid
            }
            Self::Redeclared { .. } | Self::InUse { .. } => Kind::Conflict,
            Self::Busy { .. } => Kind::Busy,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::Damaged { .. } => Kind::Internal,
            Self::Storage { .. } | Self::Closed => Kind::Unavailable,
            Self::Table(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } => "archive_model_not_found",
            Self::UnknownFeature { .. } => "archive_feature_unknown",
            Self::Misfit { .. } => "archive_value_misfit",
            Self::Redeclared { .. } => "archive_column_redeclared",
            Self::LooseLabel { .. } => "archive_label_loose",
            Self::Name(_) => "name_invalid",
            Self::Busy { .. } => "archive_busy",
            Self::TooLarge { .. } => "archive_call_too_large",
            Self::Damaged { .. } => "archive_log_damaged",
            Self::InUse { .. } => "archive_in_use",
            Self::Storage { .. } => "archive_storage_failed",
            Self::Closed => "archive_closed",
            Self::Table(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        let nearest = |word: &str, known: &[String]| {
            base::names::nearest(word, known.iter().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"))
        };
        match self {
            Self::UnknownModel { model, models } => nearest(model, models),
            Self::UnknownFeature { feature, features, .. } => nearest(feature, features),
            Self::Busy { .. } => Some("try again in a moment".to_owned()),
            Self::Damaged { .. } => Some(
                "keep a copy of the folder, then move this segment away to go on without the rows after the damage"
                    .to_owned(),
            ),
            Self::InUse { .. } => Some("stop the other process, or give this one its own folder".to_owned()),
            Self::Table(error) => error.hint(),
            _ => None,
        }
    }
}
