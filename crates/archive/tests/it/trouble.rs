//! Trouble in the middle: a process that dies while it erases, a disk that is really full, a store that goes away, a model
//! whose columns change while rows are on their way.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use archive::{Archive, ArchiveOptions, Cell, FaultPoint, Faults, Label, Prediction};
use base::{Failure, Kind, Timestamp};
use tables::{Column, ColumnType};

use crate::forgetting::files_with;
use crate::{HOUR, features, number, options, prediction, sql, traffic};

const FOLDER: &str = "GINGHAM_TEST_TROUBLE";
const STRIKE: &str = "GINGHAM_TEST_STRIKE";
const SECRET: &str = "customer-1234-secret";

fn about(n: i64, entity: &str) -> Prediction {
    Prediction { entity: Some(entity.to_owned()), ..prediction(n) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_that_dies_while_it_erases() {
    let (Ok(folder), Ok(strike)) = (std::env::var(FOLDER), std::env::var(STRIKE)) else { return };
    let faults = Faults::new(move |point| {
        if format!("{point:?}") == strike {
            std::process::abort();
        }
        Ok(())
    });
    let archive = traffic(ArchiveOptions { faults, ..options(Path::new(&folder)) }).await;
    archive.erase(SECRET, &["traffic".to_owned()]).await.unwrap();
    panic!("the fault was never reached");
}

#[tokio::test]
async fn an_erasure_that_a_crash_cut_short_loses_no_other_row_and_is_ended_by_the_next() {
    for strike in [FaultPoint::ErasingPredictions, FaultPoint::ErasingLabels, FaultPoint::ErasingFiles] {
        let folder = tempfile::tempdir().unwrap();
        let archive = traffic(options(folder.path())).await;
        archive
            .append((0..40).map(|n| about(n, if n % 4 == 0 { SECRET } else { "others" })).collect())
            .await
            .unwrap();
        let of = |entity: &str| Label {
            prediction_id: None,
            entity: Some(entity.to_owned()),
            event_time: Some(Timestamp::from_micros(HOUR)),
            model: "traffic".into(),
            value: Cell::Real(1.0),
            label_time: Timestamp::from_micros(HOUR),
            received_time: Timestamp::from_micros(HOUR),
            source: "api".into(),
        };
        archive.append_labels(vec![of(SECRET), of("others")]).await.unwrap();
        archive.flush().await.unwrap();
        archive.append(vec![about(100, SECRET), about(101, "others")]).await.unwrap();
        drop(archive);
        tokio::time::sleep(Duration::from_millis(50)).await;

        let died = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "trouble::the_child_that_dies_while_it_erases", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(STRIKE, format!("{strike:?}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!died.success(), "{strike:?} was not reached");
        assert!(!files_with(folder.path(), SECRET).is_empty(), "{strike:?}: all was done before the crash");

        let archive = Archive::open(options(folder.path())).await.unwrap();
        let others = "select count(*) from traffic.predictions where entity = 'others'";
        assert_eq!(number(&archive, others).await, 31.0, "{strike:?}");
        archive.erase(SECRET, &["traffic".to_owned()]).await.unwrap();
        assert!(files_with(folder.path(), SECRET).is_empty(), "{strike:?}");
        assert_eq!(number(&archive, others).await, 31.0, "{strike:?}");
        assert_eq!(number(&archive, "select count(*) from traffic.labels").await, 1.0);
        archive.append(vec![about(102, "others")]).await.unwrap();
        archive.flush().await.unwrap();
        assert_eq!(number(&archive, others).await, 32.0);
    }
}

/// A process that may write no file beyond a few kilobytes: `RLIMIT_FSIZE`, set by the shell before it begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_child_whose_files_may_not_grow() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    if std::env::var(STRIKE).is_ok() {
        return;
    }
    let archive = traffic(ArchiveOptions { wal_segment_bytes: 1 << 30, ..options(Path::new(&folder)) }).await;
    for n in 0..10_000 {
        match archive.append(vec![about(n, "kept")]).await {
            Ok(()) => say(&format!("kept {n}")),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unavailable, "{error}");
                say(&format!("refused {n}"));
                // Questions go on.
                assert_eq!(number(&archive, "select count(*) from predictions").await as i64, n);
                return;
            }
        }
    }
}

fn say(line: &str) {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "\n{line}").unwrap();
}

#[tokio::test]
async fn on_a_disk_that_is_really_full_what_was_acknowledged_stays_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    drop(traffic(options(folder.path())).await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let child = std::env::current_exe().unwrap();
    // The signal that tells of it would end the process: like a full disk, the write shall fail instead.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 64; exec '{}' --exact trouble::the_child_whose_files_may_not_grow --nocapture",
        child.display()
    );
    let done = Command::new("sh")
        .args(["-c", &limited])
        .env(FOLDER, folder.path())
        .env_remove(STRIKE)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let kept = said.lines().filter(|line| line.starts_with("kept ")).count();
    assert!(said.contains("refused"), "the limit was never reached: {said}");
    assert!(kept > 20, "{said}");
    // With room again everything acknowledged is there, once, and new rows are taken.
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(number(&archive, "select count(*) from predictions").await as usize, kept);
    assert_eq!(
        number(&archive, "select count(distinct prediction_id) from predictions").await as usize,
        kept
    );
    archive.append(vec![about(20_000, "kept")]).await.unwrap();
    archive.flush().await.unwrap();
    assert_eq!(number(&archive, "select count(*) from predictions").await as usize, kept + 1);
}

#[tokio::test]
async fn a_table_whose_store_goes_away_keeps_its_rows_in_the_log_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.append((0..5).map(prediction).collect()).await.unwrap();
    archive.flush().await.unwrap();
    // The table is moved out of the way, as a mount that is lost.
    let (here, away) = (folder.path().join("traffic"), folder.path().join("elsewhere"));
    std::fs::rename(&here, &away).unwrap();
    std::fs::write(&here, "a file where the folder was").unwrap();
    archive.append((5..9).map(prediction).collect()).await.unwrap();
    assert!(archive.flush().await.is_err());
    assert_eq!(archive.status().pending_rows, 4);
    std::fs::remove_file(&here).unwrap();
    std::fs::rename(&away, &here).unwrap();
    archive.flush().await.unwrap();
    assert_eq!(archive.status().pending_rows, 0);
    assert_eq!(number(&archive, "select count(*) from predictions").await, 9.0);
    drop(archive);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(number(&archive, "select count(distinct prediction_id) from predictions").await, 9.0);
    let mode = std::fs::metadata(folder.path()).unwrap().permissions().mode();
    assert_ne!(mode & 0o700, 0);
}

#[tokio::test]
async fn columns_may_come_while_rows_wait_and_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.append((0..3).map(prediction).collect()).await.unwrap();
    archive.flush().await.unwrap();
    archive.append((3..5).map(prediction).collect()).await.unwrap();
    let mut wider = features();
    wider.push(Column::new("snow", ColumnType::Real));
    archive.declare("traffic", &wider, ColumnType::Real).await.unwrap();
    let mut snowy = prediction(5);
    snowy.features.push(("snow".into(), Cell::Real(2.5)));
    archive.append(vec![snowy]).await.unwrap();
    // Not committed: the log is all there is, with rows of before and after.
    drop(archive);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(number(&archive, "select count(*) from traffic.predictions").await, 6.0);
    assert_eq!(number(&archive, "select count(snow) from traffic.predictions").await, 1.0);
    archive.flush().await.unwrap();
    assert_eq!(number(&archive, "select sum(snow) from traffic.predictions").await, 2.5);
    let narrowed = sql(
        &archive,
        "select * from traffic.predictions where event_time = timestamp '1970-01-01T00:00:00Z'",
    )
    .await;
    assert!(narrowed.schema().find("snow").is_some());
    // A column that changes its type is refused, by name, and nothing is lost by it.
    let changed = vec![Column::new("temp", ColumnType::Text)];
    let error = archive.declare("traffic", &changed, ColumnType::Real).await.unwrap_err();
    assert!(error.to_string().contains("temp"), "{error}");
    assert_eq!(number(&archive, "select count(temp) from traffic.predictions").await, 6.0);
}

#[tokio::test]
async fn outcomes_have_the_labels_that_a_full_read_has_and_no_features() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let rows: Vec<Prediction> = (0..50).map(prediction).collect();
    archive.append(rows.clone()).await.unwrap();
    archive
        .append_labels(rows.iter().step_by(3).map(|row| crate::label(row, 7.0, 9)).collect())
        .await
        .unwrap();
    for flushed in [false, true] {
        if flushed {
            archive.flush().await.unwrap();
        }
        let (from, to) = (Timestamp::from_micros(10 * HOUR), Timestamp::from_micros(40 * HOUR));
        let whole = archive.scored("traffic", from, to).await.unwrap();
        let narrow = archive.outcomes("traffic", from, to, &["temp"]).await.unwrap();
        for column in ["prediction", "label", "temp", "version"] {
            assert_eq!(narrow.numbers(column).unwrap(), whole.numbers(column).unwrap(), "{column}");
        }
        assert_eq!(narrow.texts("prediction_id").unwrap(), whole.texts("prediction_id").unwrap());
        assert!(narrow.schema().find("weather_main").is_none());
    }
}

#[tokio::test]
async fn a_masked_word_is_in_no_file_and_can_still_be_counted_joined_and_erased() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.set_masked("traffic", &["entity".to_owned(), "weather_main".to_owned()]);
    let mut rows: Vec<Prediction> = (0..6).map(|n| about(n, if n < 2 { SECRET } else { "others" })).collect();
    rows[5].features =
        vec![("weather_main".into(), Cell::Text(SECRET.into())), ("temp".into(), Cell::Real(1.0))];
    archive.append(rows).await.unwrap();
    let told = Label {
        prediction_id: None,
        entity: Some(SECRET.to_owned()),
        event_time: Some(Timestamp::from_micros(HOUR)),
        model: "traffic".into(),
        value: Cell::Real(3.0),
        label_time: Timestamp::from_micros(9 * HOUR),
        received_time: Timestamp::from_micros(9 * HOUR),
        source: "api".into(),
    };
    archive.append_labels(vec![told]).await.unwrap();
    assert!(files_with(folder.path(), SECRET).is_empty());
    archive.flush().await.unwrap();
    assert!(files_with(folder.path(), SECRET).is_empty());
    assert_eq!(number(&archive, "select count(distinct entity) from traffic.predictions").await, 2.0);
    assert_eq!(number(&archive, "select count(label) from traffic.scored").await, 1.0);
    drop(archive);
    tokio::time::sleep(Duration::from_millis(50)).await;
    // The key stays: the same word has the same mask after a restart.
    let archive = Archive::open(options(folder.path())).await.unwrap();
    archive.set_masked("traffic", &["entity".to_owned(), "weather_main".to_owned()]);
    archive.append(vec![about(6, SECRET)]).await.unwrap();
    assert_eq!(number(&archive, "select count(distinct entity) from traffic.predictions").await, 2.0);
    let erased = archive.erase(SECRET, &["traffic".to_owned()]).await.unwrap();
    assert_eq!((erased[0].predictions, erased[0].labels), (4, 1));
    assert_eq!(number(&archive, "select count(*) from traffic.predictions").await, 3.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_sent_twice_at_the_same_time_are_kept_once_also_when_their_ids_are_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.append_new(vec![prediction(0)]).await.unwrap();
    for round in 1..30 {
        let rows: Vec<Prediction> = (0..5).map(|n| prediction(round * 10 + n)).collect();
        let calls = (0..4).map(|_| {
            let (archive, rows) = (archive.clone(), rows.clone());
            tokio::spawn(async move { archive.append_new(rows).await.unwrap().taken })
        });
        let mut taken = 0;
        for call in calls.collect::<Vec<_>>() {
            taken += call.await.unwrap();
        }
        assert_eq!(taken, 5, "round {round}");
        if round % 10 == 0 {
            archive.flush().await.unwrap();
        }
    }
    assert_eq!(number(&archive, "select count(*) from predictions").await, 146.0);
    assert_eq!(number(&archive, "select count(distinct prediction_id) from predictions").await, 146.0);
}
