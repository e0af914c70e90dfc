//! The bodies of this protocol that are not the deployment's own.

use serde::Serialize;

/// A failure.
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody {
    /// What went wrong, for people.
    pub(super) error: String,
}

/// Whether the server is alive.
#[derive(Debug, Serialize)]
pub(super) struct Live {
    /// It is, if it answers.
    pub(super) live: bool,
}

/// Whether the server takes requests.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    /// Not any more when it is told to stop.
    pub(super) ready: bool,
}

/// What the server says of itself.
#[derive(Debug, Serialize)]
pub(super) struct ServerMetadata {
    /// Its name.
    pub(super) name: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// The extensions of the protocol that it speaks.
    pub(super) extensions: &'static [&'static str],
}

/// Whether a model takes requests.
#[derive(Debug, Serialize)]
pub(super) struct ModelReady {
    /// Its name.
    pub(super) name: String,
    /// Always true: a model that is not ready is not in the table.
    pub(super) ready: bool,
}
