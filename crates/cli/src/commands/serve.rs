//! `serve`: this binary as a replica.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use platform::replica::{Registry, Replica, ReplicaOptions};
use server::{App, LocalAccess, ReplicaAccess, ReplicaSettings, Settings};
use tokio::sync::watch;

use super::up;
use crate::args::ServerArguments;
use crate::exit::hinted;
use crate::output;

/// What `serve` is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArguments {
    /// The deployments that it serves.
    #[arg(required = true)]
    pub(crate) deployments: Vec<String>,
    /// The address of the server that it is fed by; that of --server when not given.
    #[arg(long, env = "GINGHAM_REGISTRY")]
    pub(crate) registry: Option<String>,
    /// The folder for models and predictions that were not sent yet.
    #[arg(long, env = "GINGHAM_CACHE", default_value = "gingham-replica")]
    pub(crate) cache: PathBuf,
    /// The address to listen on. Beyond this machine clients show a token, unless --open is given.
    #[arg(long, env = "GINGHAM_HOST", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port.
    #[arg(long, env = "GINGHAM_PORT", default_value_t = 8080)]
    pub(crate) port: u16,
    /// The token that clients must show.
    #[arg(long, env = "GINGHAM_CLIENT_TOKEN", hide_env_values = true, conflicts_with = "open")]
    pub(crate) client_token: Option<String>,
    /// Whoever reaches the replica may ask it for predictions.
    #[arg(long)]
    pub(crate) open: bool,
    /// The most predictions that wait for the server, in MiB; what happens then says the deployment's `archive`.
    #[arg(long, default_value_t = 1_024)]
    pub(crate) unsent_mib: u64,
    /// How long requests are still taken once the replica was told to stop, until everybody has heard.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(..=600))]
    pub(crate) drain_delay_seconds: u64,
    /// How long requests under way may take after that.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=3600))]
    pub(crate) drain_seconds: u64,
    /// How much is logged: error, warn, info, debug or trace.
    #[arg(long, env = "GINGHAM_LOG", default_value = "info")]
    pub(crate) log: String,
    /// Write a line to the log for each request.
    #[arg(long, env = "GINGHAM_ACCESS_LOG")]
    pub(crate) access_log: bool,
    /// Send traces to this collector, over OTLP and HTTP; none are sent otherwise.
    #[arg(long, env = "GINGHAM_OTLP")]
    pub(crate) otlp: Option<String>,
}

/// Serves until the process is told to stop.
pub(super) async fn serve(server: &ServerArguments, arguments: ServeArguments) -> Result<ExitCode> {
    let access = match (&arguments.client_token, arguments.open) {
        (Some(token), _) => ReplicaAccess::by_token(token),
        (None, true) => ReplicaAccess::Open,
        (None, false) if arguments.host.is_loopback() => ReplicaAccess::Open,
        (None, false) => {
            return Err(hinted(
                format!("everybody who reaches {} could ask this replica", arguments.host),
                "set GINGHAM_CLIENT_TOKEN to what clients must show, or say --open where the network decides",
            ));
        }
    };
    for name in &arguments.deployments {
        base::names::check_name("deployment", name).map_err(|error| hinted(error.to_string(), ""))?;
    }
    let traces = up::begin_log(&arguments.log, arguments.otlp.as_deref())?;
    let listener = up::bind(SocketAddr::new(arguments.host, arguments.port)).await?;
    let folder = up::make_folder(&arguments.cache)?;
    let _lock = up::lock(&folder)?;
    let address = arguments.registry.as_deref().unwrap_or(&server.server);
    let registry = Registry::at(address, server.token.clone()).map_err(|error| up::with_hint(&error))?;
    let replica = Replica::open(ReplicaOptions {
        folder,
        deployments: arguments.deployments.clone(),
        registry,
        most_unsent_bytes: arguments.unsent_mib.saturating_mul(1024 * 1024),
        worker: up::worker()?,
    })
    .await
    .map_err(|error| up::with_hint(&error))?;
    let settings = Settings {
        replica: Some(ReplicaSettings { deployments: arguments.deployments, access }),
        local_access: LocalAccess::Refused,
        drain: Duration::from_secs(arguments.drain_seconds),
        access_log: arguments.access_log,
        traces: traces.is_some(),
        ..Settings::default()
    };
    let app = App::new(Arc::clone(replica.platform()), settings);
    let address = listener.local_addr().context("the listener has no address")?;
    output::line(&format!("the replica is at http://{}", server::browser_address(address)));
    let (stop, stopping) = watch::channel(false);
    let follower = tokio::spawn(Arc::clone(&replica).follow(stopping.clone()));
    let sender = tokio::spawn(Arc::clone(&replica).send(stopping));
    let delay = Duration::from_secs(arguments.drain_delay_seconds);
    let leaving = app.clone();
    let told = async move {
        up::told_to_stop().await;
        tracing::info!("told to stop: not ready any more, requests are taken for {} s", delay.as_secs());
        leaving.stop();
        tokio::time::sleep(delay).await;
    };
    server::serve(app, listener, told).await.context("the replica cannot serve")?;
    stop.send_replace(true);
    follower.abort();
    // What is left goes now, or when the next replica starts in this folder.
    if tokio::time::timeout(Duration::from_secs(10), sender).await.is_err() {
        tracing::warn!("{} bytes of predictions stay in the folder", replica.unsent_bytes());
    }
    Ok(ExitCode::SUCCESS)
}
