//! What can be said to `data`.

use std::path::PathBuf;

use base::Period;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Clone, Args)]
pub(crate) struct DataArguments {
    /// The local store; the `.gingham` of this folder or one above it when not given.
    #[arg(long, global = true, env = "GINGHAM_STORE")]
    pub(crate) store: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DataCommand {
    /// Store a folder or file as a new version; what did not change costs a look at its times.
    Add(AddArguments),
    /// List names, the versions of a name, or the files of a version.
    Ls(LsArguments),
    /// Show which files differ between two versions, or between a version and a folder.
    Diff(DiffArguments),
    /// Send versions to a server, a bucket or a folder; only what is missing there travels.
    Push(PushDataArguments),
    /// Fetch a version and write its files; only what is missing here travels.
    Pull(PullArguments),
    /// Collect what no version refers to.
    Gc(CollectArguments),
    /// Hash everything that is stored anew, and say what is damaged.
    Verify,
}

/// What becomes of symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LinkChoice {
    /// They are refused by name.
    Refuse,
    /// They are left out.
    Skip,
    /// What they lead to is stored in their place.
    Follow,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AddArguments {
    /// The folder or file.
    pub(crate) path: PathBuf,
    /// The name; that of the folder or file when not given.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What is new in this version.
    #[arg(long, short = 'm')]
    pub(crate) note: Option<String>,
    /// What becomes of symbolic links.
    #[arg(long, value_enum, default_value = "refuse")]
    pub(crate) links: LinkChoice,
    /// Read every file, also those that look unchanged.
    #[arg(long)]
    pub(crate) read_all: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LsArguments {
    /// `NAME` for its versions, `NAME@VERSION` for its files; all names when not given.
    pub(crate) what: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DiffArguments {
    /// `NAME` or `NAME@VERSION`.
    pub(crate) old: String,
    /// `NAME`, `NAME@VERSION`, or a folder.
    pub(crate) new: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PushDataArguments {
    /// `NAME` or `NAME@VERSION`; the newest versions of all names when none is given.
    pub(crate) what: Vec<String>,
    /// `s3://BUCKET/PREFIX`, `gs://…`, `az://CONTAINER/…`, a folder, or a server; the server of `--server` when not given.
    #[arg(long)]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PullArguments {
    /// `NAME` or `NAME@VERSION`.
    pub(crate) what: String,
    /// `s3://BUCKET/PREFIX`, `gs://…`, `az://CONTAINER/…`, a folder, or a server; the server of `--server` when not given.
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Where the files go; a folder of that name here when not given.
    #[arg(long)]
    pub(crate) into: Option<PathBuf>,
    /// Only fetch; write no files.
    #[arg(long, conflicts_with = "into")]
    pub(crate) no_files: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CollectArguments {
    /// Only tell what would be done, with sizes and reasons.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long nothing may have referred to something before it goes.
    #[arg(long, default_value = "1d")]
    pub(crate) grace: Period,
    /// How long something stays in the bin before it is gone for good.
    #[arg(long, default_value = "7d")]
    pub(crate) keep_in_bin: Period,
    /// Take everything out of the bin instead.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) restore: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct GcArguments {
    #[command(flatten)]
    pub(crate) collect: CollectArguments,
    /// Remove for good what was deleted longer ago than this: experiments, runs, models and versions.
    #[arg(long, value_name = "PERIOD", conflicts_with = "restore")]
    pub(crate) deleted_for: Option<Period>,
}
