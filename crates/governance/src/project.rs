//! Projects: the unit of ownership and access.

use base::Timestamp;
use serde::Serialize;

use crate::error::Error;

/// The project of everything that names no other.
pub const DEFAULT_PROJECT: &str = "default";

const LEAST_CHARS: usize = 2;
const MOST_CHARS: usize = 63;
/// Words that are the beginnings of addresses.
const RESERVED: [&str; 4] = ["workspaces", "api", "ajax-api", "static-files"];

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Its unique name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where its experiments keep artifacts unless they say otherwise, as a URI; the platform's own store when absent.
    pub artifact_root: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project that is about to be made.
#[derive(Clone, Debug, Default)]
pub struct NewProject {
    /// Its unique name; see [`check_project_name`].
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where its experiments keep artifacts.
    pub artifact_root: Option<String>,
}

/// What changes in a project; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ProjectChange {
    /// What it is for.
    pub description: Option<String>,
    /// Where its experiments keep artifacts from now on; `Some(None)` is the platform's own store again.
    pub artifact_root: Option<Option<String>>,
}

/// Checks the name of a project as MLflow's clients check it: 2 to 63 lower-case letters, digits and single inner `-`.
pub fn check_project_name(name: &str) -> Result<(), Error> {
    let refuse = |rule| Err(Error::ProjectName { name: name.to_owned(), rule });
    if !(LEAST_CHARS..=MOST_CHARS).contains(&name.chars().count()) {
        return refuse("it must be between 2 and 63 characters long");
    }
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain || name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return refuse("it must be lower-case letters and digits, with single `-` between them");
    }
    if RESERVED.contains(&name) {
        return refuse("it is reserved");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_as_in_an_address() {
        for good in ["default", "team-a", "a1", "0x", "a-b-c"] {
            assert!(check_project_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "A1", "a--b", "-ab", "ab-", "a/b", "a b", "api", "é1", &"a".repeat(64)] {
            assert!(check_project_name(bad).is_err(), "{bad}");
        }
    }
}
