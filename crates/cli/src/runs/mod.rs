//! What is done with runs: listed, shown, searched, compared, changed by the hundred, exported, followed.

mod bulk;
mod difference;
mod export;
mod list;
mod show;
mod watch;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::carry::{self, ImportArguments};
use crate::client::Client;

pub(crate) use bulk::{BulkArguments, change};
pub(crate) use difference::{DiffArguments, diff};
pub(crate) use export::{ExportArguments, export};
pub(crate) use list::{Listing, SearchArguments, list, search};
pub(crate) use show::show;
pub(crate) use watch::watch;

/// From where things are brought in.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportFrom {
    #[command(subcommand)]
    from: Foreign,
}

#[derive(Debug, Clone, Subcommand)]
enum Foreign {
    /// From MLflow: a running server, its database, or a folder `mlruns`. Repeated, it goes on where it stopped.
    Mlflow(Box<ImportArguments>),
}

impl ImportFrom {
    pub(crate) async fn run(&self, client: &Client, json: bool) -> Result<ExitCode> {
        match &self.from {
            Foreign::Mlflow(arguments) => carry::import(client, arguments, json).await,
        }
    }
}

/// Whether a word is a run's id rather than a model's name.
pub(crate) fn is_run(word: &str) -> bool {
    let id = word.strip_prefix("run:").unwrap_or(word);
    word.starts_with("run:") || (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The id in `run:ID` or `ID`.
pub(crate) fn run_id(word: &str) -> &str {
    word.strip_prefix("run:").unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::is_run;

    #[test]
    fn ids_of_runs_are_told_from_names_of_models() {
        assert!(is_run("0123456789abcdef0123456789abcdef") && is_run("run:anything"));
        assert!(!is_run("traffic"));
    }
}
