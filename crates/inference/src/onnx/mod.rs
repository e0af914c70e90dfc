//! Our own evaluator of ONNX graphs: those that classical models become.
//!
//! A file is decoded, every constant is read, and every operator becomes a kernel that checks the
//! shapes and types it is given. A file can name no other file, and what it may use of memory and
//! steps is limited.

mod attributes;
mod explain;
mod external;
mod graph;
mod ops;
mod plan;
mod proto;
mod tensors;

pub(crate) use attributes::Attributes;
pub(crate) use external::refuse_external_data;
pub(crate) use plan::{Inputs, Kernel, Outputs};

pub use graph::{Inspection, OnnxModel, inspect};
pub(crate) use ops::converted;

/// Why an operator cannot be made or computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem(pub(crate) String);

impl From<&str> for Problem {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl From<String> for Problem {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}
