//! A platform in a temporary folder, with the traffic example applied.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::training::worker::Message;
use base::{Actor, Timestamp};
use pipelines::{Job, jobs};
use platform::spec::SpecSource;
use platform::{Platform, PlatformOptions, Worker};
use tables::{CsvOptions, Table, read_csv};
use tempfile::TempDir;
use tokio::sync::watch;

/// The process that a training is handed to is this program, started again for this one test.
#[test]
#[ignore = "the child process of other tests"]
fn train_in_a_process() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let mut emit = |message: &Message| {
        // Past the test harness, which would hold the lines back.
        writeln!(fs::File::options().append(true).open("/dev/stdout").unwrap(), "\n{}", message.to_line())
            .unwrap();
    };
    match platform::worker::train(&text, &mut emit) {
        Ok(done) => emit(&Message::Done(done)),
        Err(problem) => emit(&problem),
    }
}

pub(crate) fn actor() -> Actor {
    Actor::named("tester")
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/traffic")
}

/// The example's file with less time kept to judge by.
pub(crate) fn spec() -> SpecSource {
    let read = |name: &str| fs::read_to_string(example().join(name)).unwrap();
    SpecSource {
        spec_yaml: read("gingham.yaml").replace("last: 8w", "last: 4w"),
        files: ["prepare.sql", "low.policy.yaml"].map(|name| (name.to_owned(), read(name))).into(),
    }
}

/// The example's rows from one day until before another.
pub(crate) fn rows(from: &str, until: &str) -> Table {
    let all = read_csv(&example().join("traffic.csv.gz"), &CsvOptions::default()).unwrap();
    let (from, until) =
        (Timestamp::parse(from).unwrap().as_micros(), Timestamp::parse(until).unwrap().as_micros());
    let keep: Vec<bool> = all
        .times("date_time")
        .unwrap()
        .iter()
        .map(|at| at.is_some_and(|at| at >= from && at < until))
        .collect();
    all.filter(&keep).unwrap()
}

pub(crate) struct Home {
    pub(crate) platform: Arc<Platform>,
    folder: TempDir,
    _stop: watch::Sender<bool>,
}

impl Home {
    pub(crate) async fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap()).await
    }

    async fn in_folder(folder: TempDir) -> Self {
        let options = PlatformOptions {
            folder: folder.path().to_owned(),
            database: None,
            artifacts: None,
            worker: Worker {
                program: std::env::current_exe().unwrap(),
                arguments: ["harness::train_in_a_process", "--exact", "--ignored", "--nocapture"]
                    .map(str::to_owned)
                    .into(),
            },
            python: platform::PythonSettings::default(),
        };
        let platform = Platform::open(options).await.unwrap();
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(Arc::clone(&platform).work(stopping));
        Self { platform, folder, _stop: stop }
    }

    /// The same folder, opened anew.
    pub(crate) async fn again(self) -> Self {
        self.platform.close().await.unwrap();
        let Self { platform, folder, _stop } = self;
        _stop.send(true).unwrap();
        while Arc::strong_count(&platform) > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(platform);
        tokio::time::sleep(Duration::from_millis(100)).await;
        Self::in_folder(folder).await
    }

    /// With the example applied and rows pushed.
    pub(crate) async fn with_rows(from: &str, until: &str) -> Self {
        let home = Self::new().await;
        home.platform.apply(&spec(), &actor()).await.unwrap();
        home.platform.push_rows("traffic", rows(from, until), "a test", &actor()).await.unwrap();
        home
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Trains and waits for the end.
    pub(crate) async fn train(&self) -> Job {
        let job = self.platform.order_training("traffic", "a test", &actor()).await.unwrap();
        loop {
            let job = jobs::get(&mut self.platform.db.read().await.unwrap(), &job.id).await.unwrap();
            if job.state.is_over() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
