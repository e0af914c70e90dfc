//! A replica: serves what a server says, and goes on with what it has when the server is away.
//!
//! It keeps in its folder what the server said last and the content of the versions, so that it can start without the
//! server. Predictions lie in a spool until the server's archive has them.

mod feed;
mod registry;
mod spool;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::registry::Version;
use serde_json::Value;
use serving::{Beside, Offer, PredictionSink};
use tokio::sync::watch;

use crate::{Error, Platform, PlatformOptions, Worker};

pub use feed::Feed;
pub use registry::Registry;
pub use spool::Spool;

use registry::Refusal;

/// How often the server is asked for news.
const EVERY: Duration = Duration::from_secs(2);
/// How often predictions are sent.
const SEND_EVERY: Duration = Duration::from_millis(500);
/// The longest wait after the server did not take predictions.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Rows of one call to the server.
const ROWS_AT_ONCE: usize = 5_000;

/// What a replica is to do.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    /// Where it keeps models and unsent predictions.
    pub folder: PathBuf,
    /// The deployments that it serves.
    pub deployments: Vec<String>,
    /// The server that it is fed by.
    pub registry: Registry,
    /// The most bytes of predictions that wait for the server.
    pub most_unsent_bytes: u64,
    /// How to start a process for work that must not endanger this one.
    pub worker: Worker,
}

/// A replica at work.
pub struct Replica {
    platform: Arc<Platform>,
    registry: Registry,
    spool: Spool,
    folder: PathBuf,
    deployments: Vec<String>,
    held: Mutex<BTreeMap<String, Feed>>,
}

impl Replica {
    /// Opens the folder and serves what was served from it before, without asking the server.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub async fn open(options: ReplicaOptions) -> Result<Arc<Self>, Error> {
        let spool = Spool::open(&options.folder.join("unsent"), options.most_unsent_bytes)?;
        let sink: Arc<dyn PredictionSink> = Arc::new(spool.clone());
        let platform = Platform::open_with(
            PlatformOptions {
                folder: options.folder.clone(),
                database: None,
                artifacts: None,
                worker: options.worker,
                python: crate::PythonSettings::default(),
            },
            Some(sink),
            Arc::new(base::SystemClock),
        )
        .await?;
        let replica = Arc::new(Self {
            platform,
            registry: options.registry,
            spool,
            folder: options.folder,
            deployments: options.deployments,
            held: Mutex::default(),
        });
        for name in &replica.deployments {
            let Some(feed) = replica.remembered(name) else { continue };
            match replica.serve(feed).await {
                Ok(()) => tracing::info!(deployment.name = %name, "`{name}` is served from the folder"),
                Err(error) => {
                    tracing::warn!(deployment.name = %name, %error, "`{name}` cannot be served from the folder");
                }
            }
        }
        Ok(replica)
    }

    /// The platform that answers requests.
    #[must_use]
    pub fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }

    /// Bytes of predictions that the server does not have yet.
    #[must_use]
    pub fn unsent_bytes(&self) -> u64 {
        self.spool.waiting_bytes()
    }

    /// Follows the server until `stop` becomes true: versions, aliases, traffic.
    pub async fn follow(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut away = false;
        // A reason is told once, not at every look.
        let mut told: BTreeMap<&str, String> = BTreeMap::new();
        while !*stop.borrow() {
            let mut now_away = false;
            for name in &self.deployments {
                match self.look(name).await {
                    Ok(()) => {
                        told.remove(name.as_str());
                    }
                    Err(Refusal::Away(why)) => {
                        now_away = true;
                        if !away {
                            tracing::warn!(deployment.name = %name, "going on with what there is: {why}");
                        }
                    }
                    Err(Refusal::Refused(why)) => {
                        if told.get(name.as_str()) != Some(&why) {
                            tracing::error!(deployment.name = %name, "`{name}` stays as it is: {why}");
                            told.insert(name, why);
                        }
                    }
                }
            }
            if away && !now_away {
                tracing::info!("{} answers again", self.registry.address());
            }
            away = now_away;
            metrics::gauge!("gingham_replica_registry_up").set(if away { 0.0 } else { 1.0 });
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Asks the server for news of one deployment, and serves them.
    async fn look(&self, name: &str) -> Result<(), Refusal> {
        let feed = self.registry.feed(name).await?;
        if self.held().get(name) == Some(&feed) {
            return Ok(());
        }
        for version in &feed.versions {
            let fetched = self.registry.fetch(version, &self.platform.artifacts).await;
            fetched.map_err(|error| Refusal::Away(error.to_string()))?;
        }
        let text = serde_json::to_vec(&feed).unwrap_or_default();
        let version = feed.primary;
        // What is first served is remembered before anybody can hear that it is; later, what was served before stays until
        // what comes in its place could be served.
        let is_first = !self.memory(name).exists();
        if is_first {
            self.remember(name, &text);
        }
        self.serve(feed).await.map_err(|error| Refusal::Refused(error.to_string()))?;
        if !is_first {
            self.remember(name, &text);
        }
        match version {
            Some(version) => tracing::info!(deployment.name = %name, "`{name}` serves version {version}"),
            None => {
                tracing::info!(deployment.name = %name, "`{name}` serves nothing: no version answers at the server");
            }
        }
        Ok(())
    }

    /// Serves a deployment as a feed says, from content that is here.
    async fn serve(&self, feed: Feed) -> Result<(), Error> {
        let serving = &self.platform.serving;
        let name = feed.deployment.clone();
        let Some(primary) = feed.primary.and_then(|number| feed.version(number)) else {
            serving.withdraw(&name);
            self.held().insert(name, feed);
            return Ok(());
        };
        let serves = serving.describe(&name).ok().map(|described| {
            (described.current.model.to_string(), described.current.version, described.settings)
        });
        if serves != Some((primary.model.clone(), primary.number, feed.settings)) {
            serving.deploy(self.offer(&feed, primary, feed.alias.as_deref()).await?).await?;
        }
        let canary = match feed.traffic.canary.as_ref().and_then(|canary| feed.target(&canary.version)) {
            Some(version) => Some(self.offer(&feed, version, None).await?),
            None => None,
        };
        let shadow = match feed.traffic.shadow.as_ref().and_then(|shadow| feed.target(&shadow.version)) {
            Some(version) => Some(self.offer(&feed, version, None).await?),
            None => None,
        };
        let fallback = feed.traffic.fallback.as_ref().and_then(|fallback| fallback.version.as_ref());
        let fallback = match fallback.and_then(|target| feed.target(target)) {
            Some(version) => Some(self.offer(&feed, version, None).await?),
            None => None,
        };
        serving.share_out(&name, &feed.traffic, Beside { canary, shadow, fallback }).await?;
        self.held().insert(name, feed);
        Ok(())
    }

    async fn offer(&self, feed: &Feed, version: &Version, alias: Option<&str>) -> Result<Offer, Error> {
        self.platform.offer(&feed.deployment, alias, version, feed.settings).await
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Feed>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self, name: &str) -> PathBuf {
        self.folder.join("feeds").join(format!("{name}.json"))
    }

    fn remembered(&self, name: &str) -> Option<Feed> {
        serde_json::from_slice(&std::fs::read(self.memory(name)).ok()?).ok()
    }

    fn remember(&self, name: &str, text: &[u8]) {
        let path = self.memory(name);
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            let beside = path.with_extension("new");
            std::fs::write(&beside, text)?;
            std::fs::File::open(&beside)?.sync_all()?;
            std::fs::rename(&beside, &path)
        });
        if let Err(error) = written {
            tracing::warn!(deployment.name = %name, %error, "a start without the server will not know `{name}`");
        }
    }

    /// Sends predictions to the server until `stop` becomes true, and once more then.
    pub async fn send(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut pause = SEND_EVERY;
        loop {
            let last = *stop.borrow();
            let sent = self.send_ready().await;
            metrics::gauge!("gingham_replica_unsent_bytes").set(to_gauge(self.spool.waiting_bytes()));
            pause = match sent {
                Ok(()) => SEND_EVERY,
                Err(why) => {
                    tracing::debug!("predictions wait: {why}");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
            if last {
                return;
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn send_ready(&self) -> Result<(), Refusal> {
        for segment in self.spool.ready().await {
            let lines = spool::read(&segment).map_err(|error| Refusal::Away(error.to_string()))?;
            let mut by_model: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for line in lines {
                by_model.entry(line.model).or_default().push(Value::Object(line.row));
            }
            let mut refused = None;
            for (model, rows) in &by_model {
                for rows in rows.chunks(ROWS_AT_ONCE) {
                    match self.registry.archive(model, rows).await {
                        Ok(()) => {
                            metrics::counter!("gingham_replica_sent_rows_total").increment(rows.len() as u64);
                        }
                        Err(Refusal::Refused(why)) => refused = Some((rows.len(), why)),
                        Err(away) => return Err(away),
                    }
                }
            }
            match refused {
                None => self.spool.forget(&segment),
                Some((rows, why)) => {
                    metrics::counter!("gingham_replica_refused_rows_total").increment(rows as u64);
                    tracing::error!(
                        "`{}` is put aside, the server does not take it: {why}",
                        segment.display()
                    );
                    self.spool.put_aside(&segment);
                }
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge for people")]
fn to_gauge(bytes: u64) -> f64 {
    bytes as f64
}
