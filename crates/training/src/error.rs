//! Why a model could not be trained.

use base::{Failure, Kind};

/// A training that cannot be done as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No trainer has that name.
    #[error("there is no trainer `{name}`")]
    UnknownTrainer {
        /// The name as given.
        name: String,
        /// The trainer that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The trainer has no such parameter.
    #[error("the trainer `{trainer}` has no parameter `{name}`")]
    UnknownParam {
        /// The trainer.
        trainer: &'static str,
        /// The parameter as given.
        name: String,
        /// The parameter that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A parameter has a value that makes no sense.
    #[error("the parameter `{name}` of the trainer `{trainer}` must be {expected}, not `{found}`")]
    BadParam {
        /// The trainer.
        trainer: &'static str,
        /// The parameter.
        name: &'static str,
        /// What it may be.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A parameter names a feature that is not there.
    #[error("the parameter `{name}` names the feature `{feature}`, which is no number among the features")]
    NoSuchFeature {
        /// The parameter.
        name: &'static str,
        /// The feature as given.
        feature: String,
        /// The feature that was probably meant.
        nearest: Option<String>,
    },
    /// The target has another length than the rows.
    #[error("there are {rows} rows, but {targets} values of the target `{target}`")]
    UnequalRows {
        /// The target.
        target: String,
        /// Rows of features.
        rows: usize,
        /// Values of the target.
        targets: usize,
    },
    /// The target holds an infinite number.
    #[error("the target `{target}` is infinite in row {row}")]
    InfiniteTarget {
        /// The target.
        target: String,
        /// The row, counted from 0.
        row: usize,
    },
    /// There is not enough to learn from.
    #[error("{found} rows with a value of `{target}` are too few: at least {least} are needed")]
    TooFewRows {
        /// The target.
        target: String,
        /// Rows that can be used.
        found: usize,
        /// Rows that are needed.
        least: usize,
    },
    /// There is more than the trainer can hold.
    #[error("{found} rows are too many for this trainer: at most {most} are possible")]
    TooManyRows {
        /// Rows that were given.
        found: usize,
        /// Rows that are possible.
        most: usize,
    },
    /// One side of a split would be empty.
    #[error("holding out the last {last} of {rows} rows leaves nothing to {purpose}")]
    EmptySplit {
        /// The length of the part held out, in words.
        last: String,
        /// All rows.
        rows: usize,
        /// `train on` or `evaluate on`.
        purpose: &'static str,
    },
    /// The rows do not fit the signature, or the model made of them is none.
    #[error(transparent)]
    Inference(#[from] inference::Error),
    /// The message or job of a worker cannot be read.
    #[error("this is no training job: {reason}")]
    NotAJob {
        /// What the reader stumbled over.
        reason: String,
    },
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownTrainer { .. } => Kind::NotFound,
            Self::Inference(error) => error.kind(),
            Self::TooManyRows { .. } => Kind::TooLarge,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownTrainer { .. } => "trainer_not_found",
            Self::UnknownParam { .. } => "trainer_param_unknown",
            Self::BadParam { .. } => "trainer_param_invalid",
            Self::NoSuchFeature { .. } => "trainer_feature_unknown",
            Self::UnequalRows { .. } => "rows_unequal",
            Self::InfiniteTarget { .. } => "target_not_finite",
            Self::TooFewRows { .. } => "rows_too_few",
            Self::TooManyRows { .. } => "rows_too_many",
            Self::EmptySplit { .. } => "split_empty",
            Self::Inference(error) => error.code(),
            Self::NotAJob { .. } => "training_job_invalid",
        }
    }

    fn hint(&self) -> Option<String> {
        let meant = |name: &str| Some(format!("did you mean `{name}`?"));
        match self {
            Self::UnknownTrainer { nearest: Some(name), .. } => meant(name),
            Self::UnknownTrainer { nearest: None, .. } => {
                let names: Vec<_> = crate::trainers().iter().map(|trainer| trainer.name()).collect();
                Some(format!("the trainers are {}", names.join(", ")))
            }
            Self::UnknownParam { nearest: Some(name), .. } => meant(name),
            Self::UnknownParam { trainer, nearest: None, .. } => {
                let names: Vec<_> =
                    crate::trainer(trainer)?.params().iter().map(|param| param.name).collect();
                Some(format!("its parameters are {}", names.join(", ")))
            }
            Self::NoSuchFeature { nearest: Some(name), .. } => meant(name),
            Self::Inference(error) => error.hint(),
            _ => None,
        }
    }
}
