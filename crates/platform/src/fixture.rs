//! A platform for tests of use cases: an empty folder, nobody who trains.

use std::sync::Arc;

use tempfile::TempDir;
use testing::TestDatabase;

use crate::{Platform, PlatformOptions, Worker};

/// On a database of its own, which has to stay as long as the platform does.
pub(crate) async fn empty() -> (Arc<Platform>, impl Sized) {
    let database = testing::sqlite().await;
    let (platform, folder) = on(&database).await;
    (platform, (database, folder))
}

/// On this database, in a folder that has to stay as long as the platform does.
pub(crate) async fn on(database: &TestDatabase) -> (Arc<Platform>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = PlatformOptions {
        folder: folder.path().to_owned(),
        database: Some(database.url.clone()),
        artifacts: None,
        worker: Worker { program: "false".into(), arguments: Vec::new() },
        python: crate::PythonSettings::default(),
    };
    (Platform::open(options).await.unwrap(), folder)
}
