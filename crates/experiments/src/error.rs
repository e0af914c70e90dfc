//! What can go wrong with experiments and runs.

use base::{Failure, Kind};

use crate::filter::FilterError;

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No experiment has that id or name.
    #[error("there is no experiment `{experiment}`")]
    ExperimentNotFound {
        /// The id or name that was asked for.
        experiment: String,
    },
    /// The name is taken, perhaps by a deleted experiment.
    #[error("experiment `{name}` exists already{}", if *.deleted { ", as a deleted one" } else { "" })]
    ExperimentExists {
        /// The name that was asked for.
        name: String,
        /// Whether the experiment that holds the name is deleted.
        deleted: bool,
    },
    /// A deleted experiment takes no writes.
    #[error("experiment `{experiment}` is deleted: restore it before writing to it")]
    ExperimentDeleted {
        /// Its id.
        experiment: i64,
    },
    /// The operation needs a deleted experiment, and this one is active.
    #[error("experiment `{experiment}` is not deleted")]
    ExperimentActive {
        /// Its id.
        experiment: i64,
    },
    /// The default experiment stays.
    #[error("the default experiment cannot be deleted")]
    DefaultExperiment,
    /// No run has that id.
    #[error("there is no run `{run}`")]
    RunNotFound {
        /// The id that was asked for.
        run: String,
    },
    /// The id is taken.
    #[error("run `{run}` exists already")]
    RunExists {
        /// The id that was asked for.
        run: String,
    },
    /// A deleted run takes no writes.
    #[error("run `{run}` is deleted: restore it before writing to it")]
    RunDeleted {
        /// Its id.
        run: String,
    },
    /// A param holds its first value for ever.
    #[error("param `{key}` of run `{run}` is `{old}` and cannot become `{new}`: params are written once")]
    ParamChanged {
        /// The run.
        run: String,
        /// The param.
        key: String,
        /// Its value.
        old: String,
        /// The value that was refused.
        new: String,
    },
    /// There is no such tag to delete.
    #[error("`{owner}` has no tag `{key}`")]
    TagNotFound {
        /// The run, experiment or logged model.
        owner: String,
        /// The tag.
        key: String,
    },
    /// No logged model has that id.
    #[error("there is no logged model `{model}`")]
    LoggedModelNotFound {
        /// The id that was asked for.
        model: String,
    },
    /// A key, name or value breaks a rule or a limit.
    #[error("{what} {rule}")]
    Invalid {
        /// What was given, such as ``metric name `a b` ``.
        what: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// The filter or ordering cannot be understood.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The page token was not made here.
    #[error("page token `{token}` was not given by this server")]
    BadPageToken {
        /// The token as given.
        token: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    /// A broken rule in two halves: what it is about, and the rule.
    pub(crate) fn invalid(what: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), rule: rule.into() }
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::ExperimentNotFound { .. }
            | Self::RunNotFound { .. }
            | Self::TagNotFound { .. }
            | Self::LoggedModelNotFound { .. } => Kind::NotFound,
            Self::ExperimentExists { .. } | Self::RunExists { .. } => Kind::Conflict,
            Self::ExperimentDeleted { .. }
            | Self::ExperimentActive { .. }
            | Self::DefaultExperiment
            | Self::RunDeleted { .. }
            | Self::ParamChanged { .. }
            | Self::Invalid { .. }
            | Self::Filter(_)
            | Self::BadPageToken { .. } => Kind::Invalid,
            Self::Db(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ExperimentNotFound { .. } => "experiment_not_found",
            Self::ExperimentExists { .. } => "experiment_exists",
            Self::ExperimentDeleted { .. } => "experiment_deleted",
            Self::ExperimentActive { .. } => "experiment_active",
            Self::DefaultExperiment => "default_experiment",
            Self::RunNotFound { .. } => "run_not_found",
            Self::RunExists { .. } => "run_exists",
            Self::RunDeleted { .. } => "run_deleted",
            Self::ParamChanged { .. } => "param_changed",
            Self::TagNotFound { .. } => "tag_not_found",
            Self::LoggedModelNotFound { .. } => "logged_model_not_found",
            Self::Invalid { .. } => "invalid_value",
            Self::Filter(_) => "invalid_filter",
            Self::BadPageToken { .. } => "bad_page_token",
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ExperimentExists { deleted: true, .. } => {
                Some("restore the deleted one, or take another name".into())
            }
            Self::ParamChanged { .. } => {
                Some("start a new run, or log the new value under another key".into())
            }
            Self::Filter(error) => error.hint(),
            Self::Db(error) => error.hint(),
            _ => None,
        }
    }
}
