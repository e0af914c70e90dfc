//! A real process is killed while it archives; nothing acknowledged is lost or doubled.
//!
//! The child is this test executable, started again for the test `the_child_that_is_killed`, with its orders in
//! environment variables.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use archive::{Archive, ArchiveOptions, FaultPoint, Faults};

use crate::{label, number, options, prediction, sql, traffic};

const FOLDER: &str = "GINGHAM_TEST_ARCHIVE";
const ABORT_AFTER_COMMITS: &str = "GINGHAM_TEST_ABORT_AFTER_COMMITS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let commits = std::sync::atomic::AtomicUsize::new(0);
    let abort_after = std::env::var(ABORT_AFTER_COMMITS).ok().and_then(|count| count.parse::<usize>().ok());
    let faults = Faults::new(move |point| {
        if point == FaultPoint::AfterCommit {
            let count = 1 + commits.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if abort_after.is_some_and(|limit| count >= limit) {
                std::process::abort();
            }
        }
        Ok(())
    });
    let archive = traffic(ArchiveOptions {
        commit_every: Duration::from_millis(40),
        wal_segment_bytes: 20_000,
        faults,
        ..options(Path::new(&folder))
    })
    .await;
    let tasks: Vec<_> = (0..6)
        .map(|task| {
            let archive = archive.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let rows: Vec<_> = (0..1 + (n + task) % 3).map(|k| prediction(n * 10 + k)).collect();
                    let labels = vec![label(&rows[0], 1.0, n)];
                    archive.append(rows.clone()).await.unwrap();
                    let lines: Vec<_> =
                        rows.iter().map(|row| format!("kept prediction {}\n", row.id)).collect();
                    say(&lines.concat());
                    archive.append_labels(labels).await.unwrap();
                    say(&format!("kept label {}\n", rows[0].id));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn say(lines: &str) {
    std::io::stdout().lock().write_all(lines.as_bytes()).unwrap();
}

fn child(folder: &Path, abort_after_commits: Option<usize>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::the_child_that_is_killed", "--nocapture"]);
    command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(count) = abort_after_commits {
        command.env(ABORT_AFTER_COMMITS, count.to_string());
    }
    command.spawn().unwrap()
}

/// What the child said before it died, a last half line apart.
fn acknowledged(child: &mut Child, kill_after: Option<Duration>) -> Vec<String> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let started = Instant::now();
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut killed = false;
    while out.read_line(&mut line).unwrap() > 0 {
        if line.starts_with("kept ") && line.ends_with('\n') {
            lines.push(line.trim_end().to_owned());
        }
        line.clear();
        if !killed && kill_after.is_some_and(|after| lines.len() > 20 && started.elapsed() >= after) {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    lines
}

async fn check_kept_once(archive: &Archive, acknowledged: &[String]) {
    for (table, word) in [("predictions", "kept prediction "), ("labels", "kept label ")] {
        let ids =
            sql(archive, &format!("select prediction_id from {table}")).await.texts("prediction_id").unwrap();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for id in ids.into_iter().flatten() {
            *counts.entry(id).or_default() += 1;
        }
        let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "{table} doubled: {doubled:?}");
        for id in acknowledged.iter().filter_map(|line| line.strip_prefix(word)) {
            assert!(counts.contains_key(id), "{table} lost {id}");
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_by_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = Vec::new();
    for round in 0..4 {
        let mut child = child(folder.path(), None);
        lines.extend(acknowledged(&mut child, Some(Duration::from_millis(350 + round * 130))));
        let archive = Archive::open(options(folder.path())).await.unwrap();
        check_kept_once(&archive, &lines).await;
        if round % 2 == 0 {
            archive.flush().await.unwrap();
            check_kept_once(&archive, &lines).await;
        }
    }
    assert!(lines.len() > 100, "only {} rows were acknowledged", lines.len());
}

#[tokio::test]
async fn a_crash_between_the_commit_and_the_log_doubles_nothing() {
    for commits in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = child(folder.path(), Some(commits));
        let lines = acknowledged(&mut child, None);
        let archive = Archive::open(options(folder.path())).await.unwrap();
        check_kept_once(&archive, &lines).await;
        let before = number(&archive, "select count(*) from predictions").await;
        archive.flush().await.unwrap();
        check_kept_once(&archive, &lines).await;
        assert_eq!(number(&archive, "select count(*) from predictions").await, before);
    }
}
