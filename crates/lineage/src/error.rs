//! What can go wrong with lineage.

use base::{Failure, Kind};

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of this name is in the graph.
    #[error("nothing is known of where `{object}` came from")]
    ObjectNotFound {
        /// What was asked for.
        object: String,
    },
    /// An event does not fit the specification of OpenLineage.
    #[error("this is no OpenLineage event: `{place}` {why}")]
    BadEvent {
        /// Which field, by its path.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::ObjectNotFound { .. } => Kind::NotFound,
            Self::BadEvent { .. } => Kind::Invalid,
            Self::Db(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ObjectNotFound { .. } => "lineage_not_found",
            Self::BadEvent { .. } => "lineage_event_invalid",
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ObjectNotFound { .. } => Some(
                "write `run:ID`, `version:MODEL@NUMBER`, `dataset:NAME@NUMBER` or, for other systems, \
                 `dataset:NAMESPACE/NAME`"
                    .to_owned(),
            ),
            Self::BadEvent { .. } => {
                Some("see https://openlineage.io/docs/spec/object-model for its shape".to_owned())
            }
            Self::Db(error) => error.hint(),
        }
    }
}
