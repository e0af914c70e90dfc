//! What happens at the limits: a full queue, a full disk, many callers at once, a commit that fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use archive::{Archive, ArchiveOptions, Error, FaultPoint, Faults};
use base::{Failure, Kind};

use crate::{number, options, prediction, traffic};

#[tokio::test]
async fn too_many_waiting_rows_are_refused_until_they_are_committed() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(ArchiveOptions { max_pending_rows: 10, ..options(folder.path()) }).await;
    archive.append((0..8).map(prediction).collect()).await.unwrap();
    let error = archive.append((8..11).map(prediction).collect()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Busy);
    assert_eq!(error.to_string(), "8 rows wait to be committed, no more than 10 may");
    archive.append((8..10).map(prediction).collect()).await.unwrap();
    archive.flush().await.unwrap();
    archive.append((10..13).map(prediction).collect()).await.unwrap();
    assert_eq!(archive.status().refused_rows, 3);
    assert_eq!(number(&archive, "select count(*) from predictions").await, 13.0);
}

#[tokio::test]
async fn many_rows_are_committed_without_waiting_for_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(ArchiveOptions { commit_rows: 100, ..options(folder.path()) }).await;
    archive.append((0..150).map(prediction).collect()).await.unwrap();
    for _ in 0..500 {
        if archive.status().pending_rows == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(archive.status().pending_rows, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_the_same_time_share_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults::new(|point| {
        if point == FaultPoint::LogSync {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    });
    let archive = traffic(ArchiveOptions { faults, ..options(folder.path()) }).await;
    let calls = (0..200).map(|n| {
        let archive = archive.clone();
        tokio::spawn(async move { archive.append(vec![prediction(n)]).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let status = archive.status();
    assert_eq!(status.acknowledged_rows, 200);
    assert!(status.flushes < 50, "{} flushes for 200 calls", status.flushes);
    assert_eq!(number(&archive, "select count(*) from predictions").await, 200.0);
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let disk = Arc::clone(&full);
    let faults = Faults::new(move |point| match point {
        FaultPoint::LogWrite if disk.load(Ordering::SeqCst) => Err(io::Error::from_raw_os_error(28)),
        _ => Ok(()),
    });
    let archive = traffic(ArchiveOptions { faults, ..options(folder.path()) }).await;
    archive.append(vec![prediction(0)]).await.unwrap();
    full.store(true, Ordering::SeqCst);
    let error = archive.append((1..4).map(prediction).collect()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("No space left on device"), "{error}");
    full.store(false, Ordering::SeqCst);
    archive.append(vec![prediction(4)]).await.unwrap();
    assert_eq!(archive.status().pending_rows, 2);
    drop(archive);
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(number(&archive, "select sum(prediction) from predictions").await, 4.0);
}

#[tokio::test]
async fn a_commit_that_fails_is_made_again_with_all_rows_once() {
    let folder = tempfile::tempdir().unwrap();
    let steps = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&steps);
    // The first commit fails before anything happened, the second after the commit itself.
    let faults = Faults::new(move |point| match (point, counter.load(Ordering::SeqCst)) {
        (FaultPoint::BeforeCommit, 0) | (FaultPoint::AfterCommit, 1) => {
            counter.fetch_add(1, Ordering::SeqCst);
            Err(io::Error::other("the store is away"))
        }
        _ => Ok(()),
    });
    let archive = traffic(ArchiveOptions { faults, ..options(folder.path()) }).await;
    archive.append((0..3).map(prediction).collect()).await.unwrap();
    let error = archive.flush().await.unwrap_err();
    assert!(matches!(error, Error::Storage { .. }), "{error:?}");
    assert_eq!(
        (number(&archive, "select count(*) from predictions").await, archive.status().pending_rows),
        (3.0, 3)
    );
    archive.append((3..5).map(prediction).collect()).await.unwrap();
    archive.flush().await.unwrap();
    assert_eq!(steps.load(Ordering::SeqCst), 2);
    archive.append(vec![prediction(5)]).await.unwrap();
    archive.flush().await.unwrap();
    assert_eq!(
        (number(&archive, "select count(*) from predictions").await, archive.status().pending_rows),
        (6.0, 0)
    );
    drop(archive);
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(number(&archive, "select count(*) from predictions").await, 6.0);
}

#[tokio::test]
async fn committed_segments_of_the_log_go_away() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(ArchiveOptions { wal_segment_bytes: 2_000, ..options(folder.path()) }).await;
    for n in 0..40 {
        archive.append(vec![prediction(n)]).await.unwrap();
    }
    let segments = || {
        let files = std::fs::read_dir(folder.path().join(".wal")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "wal")).count()
    };
    assert!(segments() > 3);
    archive.flush().await.unwrap();
    // The next call is written after the log was told of the commit.
    archive.append(vec![prediction(40)]).await.unwrap();
    assert!(segments() <= 2, "{} segments", segments());
    drop(archive);
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(number(&archive, "select count(*) from predictions").await, 41.0);
}
