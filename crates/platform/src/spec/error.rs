//! What is wrong with a file, where, and what was probably meant.

use base::{Failure, Kind};

use super::Position;

/// A `gingham.yaml` that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}: {message}", place(self.position.as_ref()))]
pub struct SpecError {
    /// The file.
    pub file: String,
    /// Where in the file, if that can be said.
    pub position: Option<Position>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

fn place(position: Option<&Position>) -> String {
    position.map_or_else(|| "?".to_owned(), |Position { line, column }| format!("{line}:{column}"))
}

impl Failure for SpecError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn code(&self) -> &'static str {
        "spec_invalid"
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}
