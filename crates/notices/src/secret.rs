//! Secrets by name.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where a secret is found; its text is read when it is needed and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Secret {
    /// An environment variable of the server.
    Env(String),
    /// A file on the server; white space at its ends does not belong to the secret.
    File(PathBuf),
}

impl Secret {
    /// The text.
    ///
    /// # Errors
    /// [`Error::Secret`] when there is none.
    pub fn read(&self) -> Result<String, Error> {
        let (name, text) = match self {
            Self::Env(name) => (format!("the environment variable `{name}`"), std::env::var(name).ok()),
            Self::File(path) => {
                (format!("the file `{}`", path.display()), std::fs::read_to_string(path).ok())
            }
        };
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        text.ok_or(Error::Secret { name })
    }
}
