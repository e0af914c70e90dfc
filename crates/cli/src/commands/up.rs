//! `up`: the server, with everything it needs inside.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use base::Failure;
use nix::fcntl::{Flock, FlockArg};
use platform::webhooks::{self, WebhookRules};
use platform::{Platform, PlatformOptions, PythonSettings, Worker};
use server::{App, Settings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::args::{UpArguments, WebhookTargets};
use crate::exit::hinted;
use crate::output;
use crate::traces::Traces;

/// Libraries that tell more of their inner life than a day's story needs.
const QUIET: &str = "buoyant_kernel=warn,delta_kernel=warn,deltalake_core=warn,datafusion=warn,sqlx=warn";

/// More worker processes of one version than any machine has use for.
const MOST_PYTHON_WORKERS: usize = 256;

/// Serves until the process is told to stop.
pub(super) async fn up(arguments: UpArguments) -> Result<ExitCode> {
    let traces = begin_log(&arguments.log, arguments.otlp.as_deref())?;
    let listener = bind(SocketAddr::new(arguments.host, arguments.port)).await?;
    let data = make_folder(&arguments.data)?;
    let _lock = lock(&data)?;
    let options = PlatformOptions {
        folder: data.clone(),
        database: arguments.database,
        artifacts: arguments.artifacts,
        worker: worker()?,
        python: PythonSettings {
            processes: arguments.python_workers.min(MOST_PYTHON_WORKERS),
            resident_bytes: arguments.python_worker_mib.saturating_mul(1 << 20),
            call: Duration::from_secs(arguments.python_call_seconds.max(1)),
            uv: arguments.uv,
            ..PythonSettings::default()
        },
    };
    let platform = Platform::open(options).await.map_err(|error| with_hint(&error))?;
    if let Some(how) = &arguments.kubernetes {
        let access = super::cluster::access(how, arguments.kubernetes_context.clone());
        let cluster = clusters::Cluster::connect(&access).await;
        platform.use_cluster(
            cluster.map_err(|error| hinted(error.to_string(), "name a kubeconfig with --kubernetes"))?,
        );
    }
    let settings = Settings {
        data_folder: Some(data.display().to_string()),
        static_prefix: arguments.static_prefix,
        webhooks: WebhookRules {
            targets: match arguments.webhook_targets {
                WebhookTargets::Public => webhooks::Targets::Public,
                WebhookTargets::Any => webhooks::Targets::Any,
            },
            ..WebhookRules::default()
        },
        access_log: arguments.access_log,
        traces: traces.is_some(),
        ..Settings::default()
    };
    let rules = settings.webhooks.clone();
    let app = App::new(Arc::clone(&platform), settings);
    if let Some(token) = platform.first_token().await.map_err(|error| with_hint(&error))? {
        write_token(&data, &token)?;
    }
    let address = listener.local_addr().context("the listener has no address")?;
    output::line(&format!("Gingham is at http://{}", server::browser_address(address)));
    let (stop, stopping) = watch::channel(false);
    let mut background = JoinSet::new();
    background.spawn(Arc::clone(&platform).keep_watch(stopping.clone()));
    background.spawn(Arc::clone(&platform).keep_settled(stopping.clone()));
    background.spawn(Arc::clone(&platform).keep_telling(stopping.clone()));
    background.spawn(Arc::clone(&platform).keep_traffic(stopping.clone()));
    background.spawn(Arc::clone(&platform).tell_webhooks(rules, stopping.clone()));
    background.spawn(Arc::clone(&platform).keep_archive(stopping.clone()));
    background.spawn(Arc::clone(&platform).keep_reviews(stopping.clone()));
    background.spawn(Arc::clone(&platform).keep_lineage(stopping.clone()));
    background.spawn(Arc::clone(&platform).work(stopping));
    server::serve(app, listener, told_to_stop()).await.context("the server cannot serve")?;
    stop.send_replace(true);
    background.abort_all();
    platform.close().await.map_err(|error| with_hint(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// Begins to log, and to send traces where somebody collects them.
pub(super) fn begin_log(level: &str, collector: Option<&str>) -> Result<Option<Traces>> {
    let filter = EnvFilter::try_new(format!("{level},{QUIET}"))
        .map_err(|error| hinted(format!("`{level}` is no log level: {error}"), "such as info or debug"))?;
    let traces = collector.map(Traces::to).transpose()?;
    // What libraries tell of their inner life is no part of anybody's trace.
    let sent = Targets::new().with_target("server", Level::INFO).with_target("serving", Level::INFO);
    let tracing = traces
        .as_ref()
        .map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_filter(sent));
    let log =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_filter(filter);
    tracing_subscriber::registry().with(log).with(tracing).init();
    Ok(traces)
}

/// How this program starts processes for work that must not endanger it.
pub(super) fn worker() -> Result<Worker> {
    Ok(Worker {
        program: std::env::current_exe().context("this program does not know where it lies")?,
        arguments: vec!["worker".to_owned()],
    })
}

pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there; name another port with --port",
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need more rights; take one above with --port"
            }
            _ => "name another address with --host",
        };
        hinted(format!("cannot listen on {address}: {error}"), hint)
    })
}

pub(super) fn make_folder(folder: &Path) -> Result<std::path::PathBuf> {
    let refused = |error: std::io::Error| {
        hinted(
            format!("the data folder `{}` cannot be used: {error}", folder.display()),
            "name a folder on a disk that can be written to with --data",
        )
    };
    fs::create_dir_all(folder).map_err(refused)?;
    let folder = folder.canonicalize().map_err(refused)?;
    // Better to find out now than at the first write.
    tempfile::tempfile_in(&folder).map_err(refused)?;
    Ok(folder)
}

/// Keeps every other server out of the folder as long as this one lives.
pub(super) fn lock(folder: &Path) -> Result<Flock<File>> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("lock"))
        .context("the data folder cannot be locked")?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
        hinted(
            format!("another server uses the data folder `{}`", folder.display()),
            "stop it first, or name another folder with --data",
        )
    })
}

/// The token of the first administrator, for the one who may read the folder.
fn write_token(folder: &Path, token: &str) -> Result<()> {
    let path = folder.join("token");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .context("the first token cannot be written")?;
    writeln!(file, "{token}").context("the first token cannot be written")?;
    tracing::info!("the administrator's token is in `{}`", path.display());
    Ok(())
}

/// Ready when Ctrl+C is pressed or the process is told to end.
pub(super) async fn told_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

pub(super) fn with_hint(error: &platform::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => hinted(error.to_string(), hint),
        None => anyhow::anyhow!("{error}"),
    }
}
