//! Why a message did not arrive.

use std::time::Duration;

use base::{Failure, Kind};

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A secret is named that is not there.
    #[error("{name} holds no secret")]
    Secret {
        /// What was named.
        name: String,
    },
    /// The receiver cannot be reached.
    #[error("`{host}` cannot be reached: {problem}")]
    Unreachable {
        /// Whom.
        host: String,
        /// What happened.
        problem: String,
    },
    /// The receiver said no.
    #[error("`{host}` answered {status}: {body}")]
    Refused {
        /// Who.
        host: String,
        /// Its status.
        status: u16,
        /// The beginning of what it said.
        body: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The target cannot be right.
    #[error("{problem}")]
    Target {
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// Whether the same attempt would fail again: then somebody must mend the target first.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Secret { .. } | Self::Target { .. } => true,
            Self::Unreachable { .. } => false,
            Self::Refused { status, .. } => (400..500).contains(status) && !matches!(status, 408 | 425 | 429),
        }
    }

    /// How long the receiver wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Secret { .. } | Self::Target { .. } => Kind::Invalid,
            // Not of the kinds whose cause is hidden: whoever tests a way must read why it leads nowhere.
            Self::Unreachable { .. } | Self::Refused { .. } => Kind::Conflict,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "secret_missing",
            Self::Target { .. } => "notifier_invalid",
            Self::Unreachable { .. } | Self::Refused { .. } => "notice_not_delivered",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Secret { .. } => {
                "set it where the server runs; `gingham notify test NAME` tries again".to_owned()
            }
            Self::Target { .. } => "mend the notifier in `notifiers.yaml` of the data folder".to_owned(),
            Self::Unreachable { .. } => "see whether the server may reach that address".to_owned(),
            Self::Refused { .. } => "see whether address and secret are still right".to_owned(),
        })
    }
}
