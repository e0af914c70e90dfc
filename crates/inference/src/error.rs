//! What can be wrong with a model file or with the rows given to it.

use base::{Failure, Kind};

/// A model that cannot be loaded, or rows that do not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no model file.
    #[error("this is not a model file of Gingham: {reason}")]
    NotAModel {
        /// What the reader stumbled over.
        reason: String,
    },
    /// The file was written by a newer release.
    #[error("the model file has format {found}, this release reads format {readable}")]
    NewerFormat {
        /// The format it has.
        found: u64,
        /// The newest format this release reads.
        readable: u64,
    },
    /// Something in the file is more than is allowed.
    #[error("the model file has {found} {what}, at most {most} are allowed")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// The file can be read, but does not hold together.
    #[error("the model file is damaged at `{place}`: {reason}")]
    Damaged {
        /// Where, as a path into the JSON.
        place: String,
        /// What does not hold.
        reason: String,
    },
    /// A signature that no model can have.
    #[error("the signature is wrong at field `{field}`: {reason}")]
    BadSignature {
        /// The field.
        field: String,
        /// What does not hold.
        reason: String,
    },
    /// A required field was not given.
    #[error("the required field `{field}` is missing")]
    MissingField {
        /// The field.
        field: String,
    },
    /// A required field has a hole.
    #[error("the required field `{field}` has no value in row {row}")]
    MissingValue {
        /// The field.
        field: String,
        /// The row, counted from 0.
        row: usize,
    },
    /// A field was given that the model does not know.
    #[error("the model has no field `{field}`")]
    UnknownField {
        /// The field as given.
        field: String,
        /// The field that was probably meant.
        nearest: Option<String>,
    },
    /// A field was given twice.
    #[error("the field `{field}` was given twice")]
    RepeatedField {
        /// The field.
        field: String,
    },
    /// A field holds values of the wrong type.
    #[error("the field `{field}` takes {expected}, but {found} were given")]
    WrongType {
        /// The field.
        field: String,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        found: &'static str,
    },
    /// A number is infinite.
    #[error("the field `{field}` has an infinite number in row {row}")]
    NotFiniteInput {
        /// The field.
        field: String,
        /// The row, counted from 0.
        row: usize,
    },
    /// Columns differ in length.
    #[error("the field `{field}` has {found} rows, others have {expected}")]
    UnequalRows {
        /// The field.
        field: String,
        /// The rows of the other fields.
        expected: usize,
        /// The rows of this one.
        found: usize,
    },
    /// The batch or row was made for another signature.
    #[error("the rows have {found} inputs, the model takes {expected}")]
    WrongInputs {
        /// The inputs of the model.
        expected: usize,
        /// The inputs given.
        found: usize,
    },
    /// Our own evaluator cannot run the graph.
    #[error("the built-in engine cannot run this model: {}", reasons(operators, obstacles))]
    OperatorsMissing {
        /// The operators that it lacks.
        operators: Vec<String>,
        /// Other reasons.
        obstacles: Vec<String>,
    },
    /// What the inputs add to a prediction cannot be said.
    #[error("predictions of this model cannot be explained: {reason}")]
    NotExplainable {
        /// Why.
        reason: String,
    },
    /// A graph that does not hold together.
    #[error("the ONNX model is wrong at {node}: {reason}")]
    BadGraph {
        /// The node, or another place in the file.
        node: String,
        /// What does not hold.
        reason: String,
    },
    /// A model of another library that cannot be read.
    #[error("the {library} model is wrong at `{place}`: {reason}")]
    BadModel {
        /// The library.
        library: &'static str,
        /// The place in the file.
        place: String,
        /// What does not hold.
        reason: String,
    },
    /// The inputs cannot be computed.
    #[error("{node} cannot be computed: {reason}")]
    NotComputed {
        /// The operator.
        node: String,
        /// Why.
        reason: String,
    },
    /// A tensor does not fit what the model takes.
    #[error("the input `{input}` does not fit: {reason}")]
    BadTensor {
        /// The input.
        input: String,
        /// What does not fit.
        reason: String,
    },
    /// A format that no engine reads.
    #[error("this is no model that an engine here reads: {reason}")]
    UnknownFormat {
        /// What was found.
        reason: String,
    },
    /// An engine that is not there, or not as it must be.
    #[error("the engine `{engine}` cannot be used: {reason}")]
    EngineUnavailable {
        /// The engine.
        engine: &'static str,
        /// Why.
        reason: String,
        /// What may help.
        hint: String,
    },
    /// An engine that failed while it computed.
    #[error("the engine `{engine}` failed: {reason}")]
    EngineFailed {
        /// The engine.
        engine: &'static str,
        /// What it said.
        reason: String,
    },
    /// An engine that did not answer in time.
    #[error("the engine `{engine}` did not answer within {seconds} s")]
    EngineTimeout {
        /// The engine.
        engine: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// A row whose stored output is not what the engine gives now.
    #[error("row {row} of the stored rows: `{output}` is {found}, it was {expected}")]
    NotAlike {
        /// The row, counted from 0.
        row: usize,
        /// The output.
        output: String,
        /// What was stored.
        expected: String,
        /// What the engine gives.
        found: String,
    },
    /// The model computes something that is no finite number for these inputs.
    #[error("the prediction for row {row} is not a finite number")]
    NotFiniteOutput {
        /// The row, counted from 0.
        row: usize,
    },
}

fn reasons(operators: &[String], obstacles: &[String]) -> String {
    let missing = (!operators.is_empty()).then(|| format!("it lacks the operators {}", operators.join(", ")));
    missing.into_iter().chain(obstacles.iter().cloned()).collect::<Vec<_>>().join("; ")
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NewerFormat { .. }
            | Self::NotExplainable { .. }
            | Self::OperatorsMissing { .. }
            | Self::UnknownFormat { .. } => Kind::Unsupported,
            Self::EngineUnavailable { .. } => Kind::Unavailable,
            Self::EngineTimeout { .. } => Kind::TimedOut,
            Self::EngineFailed { .. } => Kind::Internal,
            Self::NotAlike { .. } => Kind::Conflict,
            Self::TooLarge { .. } => Kind::TooLarge,
            _ => Kind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAModel { .. } => "model_file_unreadable",
            Self::NewerFormat { .. } => "model_file_newer",
            Self::TooLarge { .. } => "model_file_too_large",
            Self::Damaged { .. } => "model_file_damaged",
            Self::BadSignature { .. } => "signature_invalid",
            Self::MissingField { .. } => "field_missing",
            Self::MissingValue { .. } => "value_missing",
            Self::UnknownField { .. } => "field_unknown",
            Self::RepeatedField { .. } => "field_repeated",
            Self::WrongType { .. } => "field_type",
            Self::NotFiniteInput { .. } => "value_not_finite",
            Self::UnequalRows { .. } => "rows_unequal",
            Self::WrongInputs { .. } => "inputs_mismatch",
            Self::NotFiniteOutput { .. } => "prediction_not_finite",
            Self::OperatorsMissing { .. } => "operators_missing",
            Self::NotExplainable { .. } => "not_explainable",
            Self::BadGraph { .. } => "model_graph_invalid",
            Self::BadModel { .. } => "model_unreadable",
            Self::NotComputed { .. } => "inputs_not_computable",
            Self::BadTensor { .. } => "tensor_mismatch",
            Self::UnknownFormat { .. } => "model_format_unknown",
            Self::EngineUnavailable { .. } => "engine_unavailable",
            Self::EngineFailed { .. } => "engine_failed",
            Self::EngineTimeout { .. } => "engine_timeout",
            Self::NotAlike { .. } => "parity_mismatch",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NewerFormat { .. } => {
                Some("run a newer release of gingham, or train the model again with this one".to_owned())
            }
            Self::UnknownField { nearest: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            Self::MissingField { field } => {
                Some(format!("send `{field}` in every row, or declare it optional in the signature"))
            }
            Self::OperatorsMissing { .. } => Some(
                "ONNX Runtime can run it when its library is at hand: `pip install onnxruntime`, and name its libonnxruntime.so in ORT_DYLIB_PATH"
                    .to_owned(),
            ),
            Self::NotExplainable { .. } => {
                Some("`gingham explain --model MODEL@NUMBER` says what any model leans on as a whole".to_owned())
            }
            Self::EngineUnavailable { hint, .. } => Some(hint.clone()),
            Self::NotAlike { .. } => Some(
                "the engine computes something else than when the version was made; nothing was deployed"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
