//! What is forgotten is gone: from answers, and from every byte on the disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use archive::{Archive, Cell, Label, Prediction};
use base::Timestamp;
use tables::{QueryLimits, Table};
use tempfile::tempdir;

use crate::{HOUR, options, prediction, traffic};

const SECRET: &str = "customer-4711-secret";

fn about(entity: &str, n: i64) -> Prediction {
    Prediction { entity: Some(entity.into()), ..prediction(n) }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_of(&path)) } else { files.push(path) }
    }
    files
}

/// Every file that has the word, as bytes or as a value of a Parquet file, whose pages are compressed.
pub(crate) fn files_with(folder: &Path, word: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
            return true;
        }
        let is_data = path.extension().is_some_and(|extension| extension == "parquet")
            && !path.to_string_lossy().contains("_delta_log");
        is_data && Table::from_parquet_file(path).unwrap().to_csv().unwrap().contains(word)
    };
    files_of(folder).into_iter().filter(holds).collect()
}

async fn rows(archive: &Archive, sql: &str) -> usize {
    archive.sql(sql, QueryLimits::default()).await.unwrap().row_count()
}

#[tokio::test]
async fn an_erased_entity_is_in_no_file() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let committed = about(SECRET, 1);
    let feature = Prediction {
        features: vec![("weather_main".into(), Cell::Text(SECRET.into()))],
        ..about("another", 2)
    };
    archive.append(vec![committed.clone(), feature, about("innocent", 3)]).await.unwrap();
    archive
        .append_labels(vec![
            Label {
                prediction_id: Some(committed.id),
                entity: None,
                event_time: None,
                model: "traffic".into(),
                value: Cell::Real(1.0),
                label_time: Timestamp::from_micros(HOUR),
                received_time: Timestamp::from_micros(HOUR),
                source: "api".into(),
            },
            Label {
                prediction_id: None,
                entity: Some(SECRET.into()),
                event_time: Some(Timestamp::from_micros(HOUR)),
                model: "traffic".into(),
                value: Cell::Real(2.0),
                label_time: Timestamp::from_micros(HOUR),
                received_time: Timestamp::from_micros(HOUR),
                source: "api".into(),
            },
        ])
        .await
        .unwrap();
    archive.flush().await.unwrap();
    // One more that is in the log only.
    archive.append(vec![about(SECRET, 4), about("innocent", 5)]).await.unwrap();
    let before = files_with(folder.path(), SECRET);
    assert!(before.iter().any(|path| path.to_string_lossy().contains(".wal")), "{before:?}");
    assert!(before.iter().any(|path| path.to_string_lossy().contains("_delta_log")), "{before:?}");
    assert!(before.len() >= 4, "{before:?}");

    let erased = archive.erase(SECRET, &["traffic".to_owned()]).await.unwrap();
    assert_eq!((erased[0].predictions, erased[0].labels), (3, 2));
    assert_eq!(files_with(folder.path(), SECRET), Vec::<PathBuf>::new());
    assert_eq!(rows(&archive, "select * from traffic.predictions").await, 2);
    assert_eq!(rows(&archive, "select * from traffic.labels").await, 0);

    // The archive goes on, and opens again as it was.
    archive.append(vec![about("innocent", 6)]).await.unwrap();
    archive.flush().await.unwrap();
    drop(archive);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(rows(&archive, "select * from traffic.predictions where entity = 'innocent'").await, 3);
    assert_eq!(files_with(folder.path(), SECRET), Vec::<PathBuf>::new());
    // Again, with nothing left to do.
    assert_eq!(archive.erase(SECRET, &["traffic".to_owned()]).await.unwrap()[0].predictions, 0);
}

#[tokio::test]
async fn what_is_too_old_goes_and_its_files_after_the_grace() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive
        .append((0..100).map(|n| about(if n < 60 { SECRET } else { "young" }, n)).collect())
        .await
        .unwrap();
    archive.flush().await.unwrap();
    let expired = archive.expire("traffic", Timestamp::from_micros(60 * HOUR)).await.unwrap();
    assert_eq!((expired.predictions, expired.labels), (60, 0));
    assert_eq!(rows(&archive, "select * from predictions").await, 40);
    let window =
        archive.scored("traffic", Timestamp::from_micros(0), Timestamp::from_micros(200 * HOUR)).await;
    assert_eq!(window.unwrap().row_count(), 40);
    let data = folder.path().join("traffic/predictions");
    assert!(
        files_with(&data, SECRET).iter().any(|path| path.extension().is_some_and(|end| end == "parquet"))
    );
    assert_eq!(archive.vacuum(Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(archive.vacuum(Duration::ZERO).await.unwrap(), 1);
    let data_files = |path: &PathBuf| !path.to_string_lossy().contains("_delta_log");
    assert!(!files_with(&data, SECRET).iter().any(data_files));
}

#[tokio::test]
async fn an_erasure_loses_no_row_that_comes_meanwhile() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.append((0..20).map(|n| about(SECRET, n)).collect()).await.unwrap();
    let writing = {
        let archive = archive.clone();
        tokio::spawn(async move {
            for n in 100..160 {
                archive.append(vec![about("innocent", n)]).await.unwrap();
            }
        })
    };
    archive.erase(SECRET, &["traffic".to_owned()]).await.unwrap();
    writing.await.unwrap();
    drop(archive);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(rows(&archive, "select * from predictions").await, 60);
}
