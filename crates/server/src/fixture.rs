//! A platform in a temporary folder, for tests beside the code.

use platform::{Platform, PlatformOptions, Worker};
use tempfile::TempDir;
use testing::TestDatabase;

use crate::{App, Settings};

/// The state over a fresh platform; the folder goes away with it.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) engine: &'static str,
    platform: std::sync::Arc<Platform>,
    _database: TestDatabase,
    _folder: TempDir,
}

impl Fixture {
    /// Another server over the same platform.
    pub(crate) fn with_settings(&self, settings: Settings) -> App {
        App::new(std::sync::Arc::clone(&self.platform), settings)
    }
}

pub(crate) async fn app(database: TestDatabase) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let options = PlatformOptions {
        folder: folder.path().to_owned(),
        database: Some(database.url.clone()),
        artifacts: None,
        worker: Worker { program: "false".into(), arguments: Vec::new() },
        python: platform::PythonSettings::default(),
    };
    let platform = Platform::open(options).await.unwrap();
    let app = App::new(std::sync::Arc::clone(&platform), Settings::default());
    Fixture { app, platform, engine: database.engine, _database: database, _folder: folder }
}
