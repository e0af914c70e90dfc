//! Facts about predictions that come as columns: they are kept as if they had come row by row.

use archive::{Archive, Cell, Ids, Prediction};
use base::{Failure, Timestamp};
use proptest::prelude::*;
use tables::{Table, Values};
use tempfile::tempdir;
use uuid::Uuid;

use crate::{number, options, prediction, sql, traffic};

/// The rows as columns, as a caller has them.
fn columns(rows: &[Prediction]) -> Table {
    let text =
        |of: &dyn Fn(&Prediction) -> String| Values::Text(rows.iter().map(|row| Some(of(row))).collect());
    let feature = |row: &Prediction, name: &str| {
        row.features.iter().find(|(known, _)| &**known == name).map_or(Cell::Null, |(_, cell)| cell.clone())
    };
    let real = |cell: Cell| match cell {
        Cell::Real(value) => Some(value),
        _ => None,
    };
    let whole = |cell: Cell| match cell {
        Cell::Int(value) => Some(value),
        _ => None,
    };
    Table::from_columns(vec![
        ("prediction_id".into(), text(&|row| row.id.to_string())),
        (
            "event_time".into(),
            Values::Time(rows.iter().map(|row| Some(row.event_time.as_micros())).collect()),
        ),
        (
            "received_time".into(),
            Values::Time(rows.iter().map(|row| Some(row.received_time.as_micros())).collect()),
        ),
        ("version".into(), Values::Int(rows.iter().map(|row| Some(row.version)).collect())),
        ("deployment".into(), text(&|row| row.deployment.clone())),
        ("variant".into(), text(&|row| row.variant.clone())),
        ("prediction".into(), Values::Real(rows.iter().map(|row| real(row.prediction.clone())).collect())),
        ("latency_us".into(), Values::Int(rows.iter().map(|row| Some(row.latency_us)).collect())),
        ("status".into(), text(&|row| row.status.clone())),
        ("entity".into(), Values::Text(rows.iter().map(|row| row.entity.clone()).collect())),
        ("weight".into(), Values::Real(rows.iter().map(|row| Some(row.weight)).collect())),
        ("hour".into(), Values::Int(rows.iter().map(|row| whole(feature(row, "hour"))).collect())),
        ("temp".into(), Values::Real(rows.iter().map(|row| real(feature(row, "temp"))).collect())),
    ])
    .unwrap()
}

async fn all(archive: &Archive) -> Vec<String> {
    let rows = sql(archive, "select * from traffic.predictions order by prediction_id").await;
    rows.json_rows(usize::MAX).into_iter().map(|row| format!("{row:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn columns_and_rows_leave_the_same_behind(
        lots in proptest::collection::vec((1_usize..40, any::<bool>()), 1..5),
        commit_after in 0_usize..6,
        reopen_after in 0_usize..6,
        masked in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (left, right) = (tempdir().unwrap(), tempdir().unwrap());
            let by_rows = traffic(options(left.path())).await;
            // The same key of masks.
            std::fs::copy(left.path().join(".mask-key"), right.path().join(".mask-key")).unwrap();
            let mut by_columns = traffic(options(right.path())).await;
            let mut first = 0;
            for (place, (count, mixed)) in lots.into_iter().enumerate() {
                for archive in [&by_rows, &by_columns] {
                    archive.set_masked("traffic", if masked { &MASKED } else { &[] });
                }
                let rows: Vec<Prediction> = (first..first + count).map(|n| Prediction {
                    features: prediction(n as i64).features.into_iter().take(2).collect(),
                    entity: (n % 3 > 0).then(|| format!("e{}", n % 4)),
                    ..prediction(n as i64)
                }).collect();
                first += count;
                by_rows.append(rows.clone()).await.unwrap();
                if mixed {
                    let half = rows.len() / 2;
                    by_columns.append(rows[..half].to_vec()).await.unwrap();
                    let table = columns(&rows[half..]);
                    by_columns.append_columns("traffic", &table, Ids::Fresh).await.unwrap();
                } else {
                    by_columns.append_columns("traffic", &columns(&rows), Ids::Fresh).await.unwrap();
                }
                if place == commit_after {
                    by_columns.flush().await.unwrap();
                }
                if place == reopen_after {
                    drop(by_columns);
                    by_columns = Archive::open(options(right.path())).await.unwrap();
                }
            }
            assert_eq!(all(&by_columns).await, all(&by_rows).await);
            assert_eq!(by_columns.watermark("traffic"), by_rows.watermark("traffic"));
            assert_eq!(by_columns.first_event("traffic").await.unwrap(), by_rows.first_event("traffic").await.unwrap());
            drop((by_columns, by_rows));
            // From the log, and from the tables.
            let (by_rows, by_columns) =
                (Archive::open(options(left.path())).await.unwrap(), Archive::open(options(right.path())).await.unwrap());
            assert_eq!(all(&by_columns).await, all(&by_rows).await);
            by_rows.flush().await.unwrap();
            by_columns.flush().await.unwrap();
            assert_eq!(by_columns.status().pending_rows, 0);
            assert_eq!(all(&by_columns).await, all(&by_rows).await);
        });
    }
}

static MASKED: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec!["entity".to_owned()]);

#[tokio::test]
async fn columns_that_are_sent_again_are_kept_once() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let mut rows: Vec<Prediction> = (0..30).map(prediction).collect();
    let send = |rows: &[Prediction]| {
        let (archive, table) = (archive.clone(), columns(rows));
        async move {
            let appended = archive.append_columns("traffic", &table, Ids::PerhapsKnown).await.unwrap();
            (appended.taken, appended.repeated)
        }
    };
    assert_eq!(send(&rows[..10]).await, (10, 0));
    assert_eq!(send(&rows[..10]).await, (0, 10));
    archive.flush().await.unwrap();
    assert_eq!(send(&rows[5..20]).await, (10, 5));
    // Row by row, columns are known too, and the other way round.
    let again = archive.append_new(rows[..25].to_vec()).await.unwrap();
    assert_eq!((again.taken, again.repeated), (5, 20));
    assert_eq!(send(&rows[20..]).await, (5, 5));
    // Not in order, and twice in one call.
    rows.reverse();
    rows.push(rows[3].clone());
    rows.push(prediction(40));
    assert_eq!(send(&rows).await, (1, 31));
    assert_eq!(number(&archive, "select count(*) from traffic.predictions").await, 31.0);
    assert_eq!(number(&archive, "select count(distinct prediction_id) from traffic.predictions").await, 31.0);
}

#[tokio::test]
async fn columns_that_do_not_fit_are_refused_and_leave_nothing() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let good = columns(&[prediction(0), prediction(1)]);
    for (bad, code) in [
        (good.with_column("wind", Values::Real(vec![Some(1.0); 2])).unwrap(), "archive_feature_unknown"),
        (good.with_column("hour", Values::Real(vec![Some(0.5); 2])).unwrap(), "archive_value_misfit"),
        (good.with_column("prediction_id", Values::Text(vec![Some("x".into()); 2])).unwrap(), ""),
    ] {
        let error = archive.append_columns("traffic", &bad, Ids::Fresh).await.unwrap_err();
        assert!(error.code().contains(code) || code.is_empty(), "{} {error}", error.code());
    }
    // Real numbers without a fraction are whole ones.
    let whole = good.with_column("hour", Values::Real(vec![Some(4.0), None])).unwrap();
    archive.append_columns("traffic", &whole, Ids::Fresh).await.unwrap();
    let kept = sql(&archive, "select hour from traffic.predictions order by prediction_id").await;
    assert_eq!(kept.column("hour").unwrap(), Values::Int(vec![Some(4), None]));
    assert_eq!(archive.append_columns("traffic", &good.slice(0, 0), Ids::Fresh).await.unwrap().taken, 0);
}

#[tokio::test]
async fn the_first_event_is_known_whatever_comes_and_goes() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    assert_eq!(archive.first_event("traffic").await.unwrap(), None);
    let at = |n: i64| Prediction { event_time: Timestamp::from_micros(n), ..prediction(n) };
    archive.append(vec![at(5_000_123), at(9_000_000)]).await.unwrap();
    let first = async || archive.first_event("traffic").await.unwrap().map(Timestamp::as_micros);
    assert_eq!(first().await, Some(5_000_123));
    archive.flush().await.unwrap();
    let early = Prediction { entity: Some("gone".into()), ..at(4_000_321) };
    archive.append_columns("traffic", &columns(&[early]), Ids::Fresh).await.unwrap();
    assert_eq!(first().await, Some(4_000_321));
    archive.erase("gone", &["traffic".to_owned()]).await.unwrap();
    assert_eq!(first().await, Some(5_000_123));
    let id = Uuid::now_v7();
    archive.append(vec![Prediction { id, ..at(77) }]).await.unwrap();
    assert_eq!(first().await, Some(77));
    drop(archive);
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(archive.first_event("traffic").await.unwrap().map(Timestamp::as_micros), Some(77));
}
