//! What can go wrong between a request and its answer.

use base::{Failure, Kind};

use crate::EngineFailure;

/// A failure of a deployment or of a request to one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No deployment has that name.
    #[error("there is no deployment `{name}`")]
    DeploymentNotFound {
        /// The name asked for.
        name: String,
        /// A name that is near, if there is one.
        nearest: Option<String>,
    },
    /// The deployment does not serve that version.
    #[error("deployment `{name}` does not serve version `{version}`")]
    VersionNotServed {
        /// The deployment.
        name: String,
        /// The version asked for.
        version: String,
        /// The versions it serves.
        current: Vec<i64>,
    },
    /// The body is no request of the protocol.
    #[error("the request does not fit the protocol: {problem}")]
    BadBody {
        /// What is wrong, with line and column where the text itself is.
        problem: String,
    },
    /// A part of the request does not fit the signature.
    #[error("`{field}`: {problem}")]
    BadField {
        /// The input, output or parameter.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// The word for programs.
        code: &'static str,
        /// What may help.
        hint: Option<String>,
    },
    /// More rows than a request may have.
    #[error("a request may have at most {limit} rows, this one has {rows}")]
    TooManyRows {
        /// Rows of the request.
        rows: usize,
        /// The limit.
        limit: usize,
    },
    /// All places are taken and the queue is full, or the wait was too long.
    #[error("deployment `{name}` is busy: {why}")]
    Busy {
        /// The deployment.
        name: String,
        /// Full or too long.
        why: &'static str,
    },
    /// The model refused the rows or failed on them.
    #[error("version {version} of `{name}` cannot answer: {failure}")]
    Engine {
        /// The deployment.
        name: String,
        /// The version.
        version: i64,
        /// What it said.
        failure: EngineFailure,
    },
    /// A version did not answer its warm-up rows and takes no traffic.
    #[error("version {version} of `{name}` does not take traffic: {failure}")]
    WarmUp {
        /// The deployment.
        name: String,
        /// The version.
        version: i64,
        /// What it said.
        failure: EngineFailure,
    },
    /// The prediction could not be archived, and an answer without a record is not given.
    #[error("the prediction of `{name}` could not be archived, so it is not given: {why}")]
    NotArchived {
        /// The deployment.
        name: String,
        /// What the archive said.
        why: String,
    },
    /// A name that cannot be used.
    #[error(transparent)]
    Name(#[from] base::names::NameError),
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl Error {
    pub(crate) fn field(field: impl Into<String>, code: &'static str, problem: impl Into<String>) -> Self {
        Self::BadField { field: field.into(), problem: problem.into(), code, hint: None }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::DeploymentNotFound { .. } | Self::VersionNotServed { .. } => Kind::NotFound,
            Self::BadBody { .. } | Self::BadField { .. } | Self::Name(_) => Kind::Invalid,
            Self::TooManyRows { .. } => Kind::TooLarge,
            Self::Busy { .. } => Kind::Busy,
            Self::Engine { failure, .. } => failure.kind,
            Self::WarmUp { .. } => Kind::CheckFailed,
            Self::NotArchived { .. } => Kind::Unavailable,
            Self::Database(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::DeploymentNotFound { .. } => "deployment_not_found",
            Self::VersionNotServed { .. } => "version_not_served",
            Self::BadBody { .. } => "invalid_body",
            Self::BadField { code, .. } => code,
            Self::TooManyRows { .. } => "rows_too_many",
            Self::Busy { .. } => "deployment_busy",
            Self::Engine { failure, .. } => failure.code,
            Self::WarmUp { .. } => "warm_up_failed",
            Self::NotArchived { .. } => "prediction_not_archived",
            Self::Name(_) => "invalid_name",
            Self::Database(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::DeploymentNotFound { nearest: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::VersionNotServed { current, .. } => {
                let current: Vec<String> = current.iter().map(i64::to_string).collect();
                Some(format!("it serves version {}", current.join(" and ")))
            }
            Self::BadField { hint, .. } => hint.clone(),
            Self::TooManyRows { .. } => Some("send the rows in several requests".into()),
            Self::Busy { .. } => Some("try again in a moment".into()),
            Self::Engine { failure, .. } | Self::WarmUp { failure, .. } => failure.hint.clone(),
            Self::Database(error) => error.hint(),
            _ => None,
        }
    }
}
