//! What can be said on the command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    DataArguments, DatasetArguments, GcArguments, PushArguments, RerunArguments, RunArguments,
};

/// Where a server listens when nothing else is said.
pub(crate) const DEFAULT_PORT: u16 = 5050;

/// A data science platform in one binary: from a table to a monitored model in production.
#[derive(Debug, Parser)]
#[command(
    name = "gingham",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which server is asked, and how its answers are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArguments {
    /// The server's address.
    #[arg(long, global = true, env = "GINGHAM_URL", default_value = "http://127.0.0.1:5050")]
    pub(crate) server: String,
    /// The token to show the server; not needed on the server's own machine.
    #[arg(long, global = true, env = "GINGHAM_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON instead of tables and sentences.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server, with everything it needs inside.
    Up(UpArguments),
    /// Serve deployments as a replica: fed by a server, and going on with what it has when that is away.
    Serve(crate::commands::serve::ServeArguments),
    /// Look whether everything that Gingham needs is in place; exit code 2 if something is not.
    Doctor(crate::commands::doctor::DoctorArguments),
    /// Show what `apply` would change.
    Plan(FileArguments),
    /// Make a model as its `gingham.yaml` says: data, checks, training, promotion, deployment.
    Apply(ApplyArguments),
    /// Show what needs attention, and how the models are.
    Status,
    /// Show what happened, newest first.
    Log(LogArguments),
    /// List things of one kind.
    Ls(ListArguments),
    /// Show one thing with all that is known about it.
    Show(ShowArguments),
    /// Say why two runs, or two versions of models, differ.
    Diff(crate::runs::DiffArguments),
    /// Find runs by a filter.
    Search(crate::runs::SearchArguments),
    /// Change many runs at once, after counting them: tag, archive, delete, restore, undo.
    Runs(crate::runs::BulkArguments),
    /// Write runs or predictions to a file.
    #[command(subcommand)]
    Export(crate::commands::export::ExportCommand),
    /// Bring in what another tracking server holds.
    Import(crate::runs::ImportFrom),
    /// Bring up what was logged while the server could not be reached.
    Sync(crate::spool::SyncArguments),
    /// Ask predictions, labels and datasets by SQL.
    Sql(SqlArguments),
    /// Evaluate the data checks of a folder here, without a server; exit code 2 if one fails.
    Test(crate::commands::test::TestArguments),
    /// Score archived requests with a version, and compare with what was served and what came true.
    Backtest(crate::commands::prove::BacktestArguments),
    /// Say what made a prediction what it is, feature by feature.
    Explain(crate::commands::prove::ExplainArguments),
    /// Say how differently a classifier treats groups of people: rates with intervals, differences, ratios.
    Fairness(crate::commands::fairness::FairnessArguments),
    /// Propose a suite of checks from rows, or bring one in from another tool.
    Checks(crate::commands::checks::ChecksArguments),
    /// Decide how long predictions are kept, hold them, erase an entity.
    Archive {
        #[command(subcommand)]
        command: crate::commands::archive::ArchiveCommand,
    },
    /// Compare two sets of rows column by column: files, datasets or stretches of the archive.
    Drift(crate::commands::drift::DriftArguments),
    /// Look at a dataset: its versions, rows, tags, and what changed between two versions.
    Dataset(DatasetArguments),
    /// Add rows to a dataset as a new version: of a file, a database, a Delta table, a bucket, or other datasets.
    Push(PushArguments),
    /// Train a model now, on the newest version of its dataset.
    Train(TrainArguments),
    /// Move an alias to a version.
    Promote(PromoteArguments),
    /// Say whether a version may take an alias, rule by rule.
    Policy {
        #[command(subcommand)]
        command: crate::commands::policy::PolicyCommand,
    },
    /// Ask for moves of guarded aliases, look at them, approve them, carry them out.
    Review {
        #[command(subcommand)]
        command: crate::commands::review::ReviewCommand,
    },
    /// Print the card of a version or the datasheet of a dataset, or write fields of it.
    Card(crate::commands::policy::CardArguments),
    /// Bring a version into a deployment: for all requests, for a share of them, or as a shadow.
    Deploy(crate::commands::traffic::DeployArguments),
    /// Print the Kubernetes manifests of a deployment, as `gingham deploy --target kubernetes` applies them.
    Manifests(crate::commands::cluster::ManifestsArguments),
    /// Show or change which version answers which requests.
    Traffic(crate::commands::traffic::TrafficArguments),
    /// Run any command as a run that can be repeated: code, environment, inputs, outputs and logs are kept.
    Run(RunArguments),
    /// Repeat a run in a clean folder, or train a version again, and compare what comes out.
    Rerun(RerunArguments),
    /// Ask a deployment for predictions.
    Predict(PredictArguments),
    /// Compute archived predictions again and say whether the same bits come out.
    Replay(ReplayArguments),
    /// Follow a run as it goes; or, of a model, look at the windows of live data that have ended.
    Watch(WatchArguments),
    /// Acknowledge, resolve or silence an alert.
    Alert(AlertArguments),
    /// Write the state of a model's monitor on one page: HTML, JSON or Markdown.
    Report(crate::commands::report::ReportArguments),
    /// Try rules on the past before they are saved.
    Rules(crate::commands::report::RulesArguments),
    /// Write dashboards for Grafana.
    Dashboards(crate::commands::report::DashboardsArguments),
    /// See who is told of alerts, and test whether messages arrive.
    Notify(crate::commands::notify::NotifyArguments),
    /// Follow where something came from, back to the rows.
    Lineage(LineageArguments),
    /// Send rows of a file through a deployment in the order of their time, with labels that follow.
    Feed(FeedArguments),
    /// Keep folders and files of any size under versioned names, here and elsewhere.
    Data(DataArguments),
    /// Collect artifacts on the server that nothing refers to, and empty the bin.
    Gc(GcArguments),
    /// Bring a deleted model or version back; without a name, list what can be brought back.
    Restore(RestoreArguments),
    /// Check that the log of events is whole and unchanged.
    Verify {
        /// Hash all artifacts anew as well, and say what is damaged.
        #[arg(long)]
        artifacts: bool,
    },
    /// Play the whole story of an example: from its table to a monitored model in production.
    Demo(DemoArguments),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Work that the server hands to a process of its own.
    #[command(hide = true)]
    Worker {
        /// Which work.
        work: WorkerKind,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WorkerKind {
    /// Train one candidate; the job is read from standard input.
    Train,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UpArguments {
    /// The folder for everything that is kept.
    #[arg(long, env = "GINGHAM_DATA", default_value = "gingham-data")]
    pub(crate) data: PathBuf,
    /// The address to listen on. Beyond this machine every request needs a token.
    #[arg(long, env = "GINGHAM_HOST", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port for everything: pages, APIs, predictions.
    #[arg(long, env = "GINGHAM_PORT", default_value_t = DEFAULT_PORT)]
    pub(crate) port: u16,
    /// The database: `postgres://…`; a SQLite file in the data folder when not given.
    #[arg(long, env = "GINGHAM_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Where artifacts are kept: `s3://BUCKET/PREFIX`, `gs://…` or `az://CONTAINER/…`; a folder in the data folder when
    /// not given.
    #[arg(long, env = "GINGHAM_ARTIFACTS")]
    pub(crate) artifacts: Option<String>,
    /// A path such as `/mlflow` below which everything is answered too, for a proxy that passes it on.
    #[arg(long, env = "GINGHAM_STATIC_PREFIX", value_parser = parse_prefix)]
    pub(crate) static_prefix: Option<String>,
    /// Worker processes of each version that only Python can run; with 0 such versions are not served.
    #[arg(long, env = "GINGHAM_PYTHON_WORKERS", default_value_t = 2)]
    pub(crate) python_workers: usize,
    /// How many MiB a Python worker may have in memory before it is replaced.
    #[arg(long, env = "GINGHAM_PYTHON_WORKER_MIB", default_value_t = 2_048)]
    pub(crate) python_worker_mib: u64,
    /// How long a Python model may take for one call, in seconds.
    #[arg(long, env = "GINGHAM_PYTHON_CALL_SECONDS", default_value_t = 15)]
    pub(crate) python_call_seconds: u64,
    /// The program `uv`, which makes the environments of Python models; looked for on the path when not given.
    #[arg(long, env = "GINGHAM_UV")]
    pub(crate) uv: Option<PathBuf>,
    /// Which addresses webhooks may have: `public` allows `https` to the public internet only.
    #[arg(long, env = "GINGHAM_WEBHOOK_TARGETS", default_value = "public")]
    pub(crate) webhook_targets: WebhookTargets,
    /// How much is logged: error, warn, info, debug or trace.
    #[arg(long, env = "GINGHAM_LOG", default_value = "info")]
    pub(crate) log: String,
    /// Write a line to the log for each request.
    #[arg(long, env = "GINGHAM_ACCESS_LOG")]
    pub(crate) access_log: bool,
    /// The cluster that deployments can be applied to: `in-cluster`, or the path of a kubeconfig.
    #[arg(long, env = "GINGHAM_KUBERNETES", value_name = "HOW")]
    pub(crate) kubernetes: Option<String>,
    /// The context of the kubeconfig; its current one when not given.
    #[arg(long, env = "GINGHAM_KUBERNETES_CONTEXT", requires = "kubernetes")]
    pub(crate) kubernetes_context: Option<String>,
    /// Send traces to this collector, over OTLP and HTTP, such as `http://127.0.0.1:4318`; none are sent otherwise.
    #[arg(long, env = "GINGHAM_OTLP")]
    pub(crate) otlp: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WebhookTargets {
    /// `https` to addresses of the public internet.
    Public,
    /// `http` and private addresses too.
    Any,
}

/// A path of plain words, `/` first and not last.
fn parse_prefix(text: &str) -> Result<String, String> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    match text.strip_prefix('/') {
        Some(rest) if rest.split('/').all(plain) => Ok(text.to_owned()),
        _ => Err("write a path such as `/mlflow`, with `/` first and not last".to_owned()),
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FileArguments {
    /// The `gingham.yaml`, or the folder it is in.
    #[arg(default_value = "gingham.yaml")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) file: FileArguments,
    /// Only write down what is wanted; bring in no rows and train nothing.
    #[arg(long)]
    pub(crate) no_train: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogArguments {
    /// Only events of this kind, such as `alias.moved` or `alert.*`.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only events about this object, such as `model:traffic`.
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 30)]
    pub(crate) limit: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ListArguments {
    /// What to list.
    pub(crate) what: ListKind,
    /// Only those of this model (or this experiment, for runs).
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only runs that fit, such as `metrics.mae < 300 and params.trainer = 'linear'`.
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) runs: crate::runs::Listing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListKind {
    Models,
    Versions,
    Experiments,
    Runs,
    Datasets,
    Pipelines,
    Deployments,
    Alerts,
    Jobs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ShowArguments {
    /// What kind of thing.
    pub(crate) what: ShowKind,
    /// Its name or id; a version is written `MODEL@NUMBER` or `MODEL@ALIAS`.
    pub(crate) name: String,
    /// Show what it came from and what came of it as well: of a run, version, dataset, deployment or prediction.
    #[arg(long)]
    pub(crate) lineage: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowKind {
    Model,
    Version,
    Run,
    Dataset,
    Pipeline,
    Deployment,
    Monitor,
    Alert,
    Prediction,
    Job,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SqlArguments {
    /// The query, such as `select count(*) from predictions`.
    pub(crate) query: String,
    /// At most so many rows.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
    /// Print CSV.
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Answer as of this moment: without predictions and labels that the archive was told later.
    #[arg(long, value_name = "TIME")]
    pub(crate) known_by: Option<base::Timestamp>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TrainArguments {
    /// The model.
    pub(crate) model: String,
    /// Do not wait for the end.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RestoreArguments {
    /// What kind of thing.
    #[arg(requires = "name")]
    pub(crate) what: Option<RestoreKind>,
    /// Its name; a version is written `MODEL@NUMBER`.
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RestoreKind {
    Model,
    Version,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PromoteArguments {
    /// The version, as `MODEL@NUMBER`.
    pub(crate) model_version: String,
    /// The alias that moves.
    #[arg(long, default_value = "champion")]
    pub(crate) alias: String,
    /// Why; kept for ever.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PredictArguments {
    /// The deployment that is asked; with --in the version that is run here, as `MODEL@ALIAS` or `MODEL@NUMBER`.
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    pub(crate) deployment: Option<String>,
    /// One row as JSON, such as `{"hour": 8, "temp": 281.5}`.
    #[arg(long, conflicts_with_all = ["file", "input"], required_unless_present_any = ["file", "input"])]
    pub(crate) row: Option<String>,
    /// A file with rows: CSV (also `.gz`) or Parquet.
    #[arg(long, conflicts_with_all = ["input", "model"])]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) batch: crate::commands::batch::BatchArguments,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayArguments {
    /// The id of one prediction.
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    pub(crate) prediction: Option<String>,
    /// The newest predictions of this model instead.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// How many of them, at most 10000.
    #[arg(long, default_value_t = 100, requires = "model")]
    pub(crate) last: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct WatchArguments {
    /// The run (its id), or the model.
    pub(crate) model: String,
    /// Windows that have ended by this time of the data; the newest prediction when not given.
    #[arg(long)]
    pub(crate) until: Option<base::Timestamp>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AlertArguments {
    /// What to do with it.
    pub(crate) act: AlertAct,
    /// Its id.
    pub(crate) id: String,
    /// Why.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Until when it is silenced.
    #[arg(long)]
    pub(crate) until: Option<base::Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AlertAct {
    Acknowledge,
    Resolve,
    Silence,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LineageArguments {
    /// The object: the id of a run or prediction, or `prediction:ID`, `predictions:MODEL@NUMBER`, `deployment:NAME`,
    /// `model:NAME`, `version:MODEL@VERSION`, `run:ID`, `dataset:NAME@VERSION`, `dataset:NAMESPACE/NAME`.
    pub(crate) object: String,
    /// Follow the graph towards what it came from.
    #[arg(long)]
    pub(crate) up: bool,
    /// Follow the graph towards what came of it.
    #[arg(long)]
    pub(crate) down: bool,
    /// How many steps are followed, 1 to 20; both ways when neither is said.
    #[arg(long)]
    pub(crate) depth: Option<u32>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FeedArguments {
    #[command(flatten)]
    pub(crate) file: FileArguments,
    /// The first hour that is sent; where the first dataset version ends when not given.
    #[arg(long)]
    pub(crate) from: Option<base::Timestamp>,
    /// The first hour that is not sent; the end of the file when not given.
    #[arg(long)]
    pub(crate) until: Option<base::Timestamp>,
    /// How often the rows that have happened become a new dataset version.
    #[arg(long, default_value = "4w")]
    pub(crate) push_every: base::Period,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArguments {
    /// The folder with the example's `gingham.yaml`.
    #[arg(long, default_value = "examples/traffic")]
    pub(crate) example: PathBuf,
    /// The folder for everything that is kept; must be new or empty.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// The port of the server.
    #[arg(long, default_value_t = DEFAULT_PORT)]
    pub(crate) port: u16,
    /// How far the months after the first year are replayed.
    #[arg(long, default_value = "2016-12-31")]
    pub(crate) until: base::Timestamp,
    /// Stop the server at the end; the exit code says whether every step of the story happened.
    #[arg(long)]
    pub(crate) once: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
