//! What can be said to `run` and `rerun`.

use std::path::PathBuf;

use clap::Args;

/// A command that becomes a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArguments {
    /// The experiment; made if there is none of this name.
    #[arg(long, default_value = "Default")]
    pub(crate) experiment: String,
    /// The name of the run.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A param as `NAME=VALUE`. The command gets it as `GINGHAM_PARAM_NAME`, and `{NAME}` in its words becomes it.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// A file or folder that the command reads.
    #[arg(long = "input", value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    /// A file or folder that the command writes.
    #[arg(long = "output", value_name = "PATH")]
    pub(crate) outputs: Vec<PathBuf>,
    /// By how much a metric, or a number of this name in a JSON output, may differ when the run is repeated.
    #[arg(long = "tolerance", value_name = "NAME=AMOUNT")]
    pub(crate) tolerances: Vec<String>,
    /// The name of an environment variable whose value is a secret: it is kept nowhere and masked in logs.
    #[arg(long = "secret", value_name = "VARIABLE")]
    pub(crate) secrets: Vec<String>,
    /// The local store; the `.gingham` of this folder or one above it when not given.
    #[arg(long, env = "GINGHAM_STORE")]
    pub(crate) store: Option<PathBuf>,
    /// Wait until the runs that were queued before in this store have ended.
    #[arg(long)]
    pub(crate) queue: bool,
    /// The command and its arguments, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// A run, or a version of a model, that is repeated.
#[derive(Debug, Clone, Args)]
pub(crate) struct RerunArguments {
    /// The id of a run, or `version MODEL@VERSION`.
    #[arg(required = true, num_args = 1..=2, value_name = "RUN")]
    pub(crate) what: Vec<String>,
    /// Exit with 2 if anything differs.
    #[arg(long)]
    pub(crate) verify: bool,
    /// Where everything is restored, kept afterwards; a temporary folder when not given.
    #[arg(long)]
    pub(crate) into: Option<PathBuf>,
    /// Use the environment as it is here instead of restoring the recorded one.
    #[arg(long)]
    pub(crate) no_environment: bool,
}
