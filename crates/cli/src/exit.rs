//! How the program ends: exit codes and the last words.

use std::process::ExitCode;

use crate::client::ServerError;
use crate::output;

/// A check, a rule or a verification did not hold.
pub(crate) const CHECK_FAILED: u8 = 2;
/// The arguments make no sense.
const USAGE: u8 = 64;
const FAILED: u8 = 1;

/// Prints what clap has to say: help and version are no failure.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

/// Prints an error with its hint.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    output::error(&format!("{error:#}"));
    let server = error.downcast_ref::<ServerError>();
    if let Some(hint) = server.and_then(|error| error.hint.as_deref()).or_else(|| hint_of(error)) {
        output::hint(hint);
    }
    if let Some(id) = server.filter(|error| error.status >= 500).and_then(|error| error.request_id.as_deref())
    {
        output::hint(&format!("the server's log tells more under request id {id}"));
    }
    let check_failed =
        server.is_some_and(|error| matches!(error.code.as_str(), "check_failed" | "policy_refused"));
    ExitCode::from(if check_failed { CHECK_FAILED } else { FAILED })
}

/// An error with something to do about it, for failures that are found before the server is asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Hinted {
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// An error made of a message and a hint.
pub(crate) fn hinted(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { message: message.into(), hint: hint.into() }.into()
}

fn hint_of(error: &anyhow::Error) -> Option<&str> {
    error.downcast_ref::<Hinted>().map(|hinted| hinted.hint.as_str())
}
