//! What every handler can reach.

use std::sync::Arc;

use base::Timestamp;
use db::Db;
use governance::Directory;
use platform::Platform;
use tokio::sync::watch;

use crate::live::Hub;
use crate::mlflow::scope::Belongings;
use crate::settings::Settings;

/// The state behind all routes; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    platform: Arc<Platform>,
    directory: Directory,
    settings: Settings,
    belongings: Belongings,
    started_at: Timestamp,
    stopping: watch::Sender<bool>,
    hub: Hub,
}

impl App {
    /// The state over an opened platform.
    #[must_use]
    pub fn new(platform: Arc<Platform>, settings: Settings) -> Self {
        App(Arc::new(Parts {
            belongings: Belongings::default(),
            directory: Directory::new(platform.db.clone()),
            started_at: platform.clock.now(),
            platform,
            settings,
            stopping: watch::Sender::new(false),
            hub: Hub::default(),
        }))
    }

    /// The use cases over all rooms.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.0.platform
    }

    #[cfg(test)]
    pub(crate) fn platform_handle(&self) -> Arc<Platform> {
        Arc::clone(&self.0.platform)
    }

    /// The metadata database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.0.platform.db
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.platform.clock.now()
    }

    /// The accounts behind tokens.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// What is known about which project things belong to.
    pub(crate) fn belongings(&self) -> &Belongings {
        &self.0.belongings
    }

    /// How the server behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// When the server started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// Becomes true when the server is told to stop; streams end then.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.subscribe()
    }

    /// The runs that are being watched.
    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Says that the server is about to stop: it is not ready any more and its streams end; requests are still answered.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }
}
