//! `export`: runs and predictions as files.

use anyhow::Result;
use clap::Subcommand;

use super::archive;
use crate::client::Client;
use crate::runs;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ExportCommand {
    /// Runs, and every point of their metrics if asked for.
    Runs(runs::ExportArguments),
    /// Predictions of a model with their labels.
    Predictions(archive::ExportArguments),
}

/// Writes what is asked for to a file.
pub(super) async fn export(client: &Client, command: &ExportCommand, json: bool) -> Result<()> {
    match command {
        ExportCommand::Runs(arguments) => runs::export(client, arguments).await,
        ExportCommand::Predictions(arguments) => archive::export(client, arguments, json).await,
    }
}
