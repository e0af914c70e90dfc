//! What goes in comes out: at once, after a commit, after opening anew.

use archive::{Archive, Cell, Error};
use base::{Failure, Kind, Timestamp};
use tables::{Column, ColumnType};

use crate::{HOUR, features, label, number, options, prediction, sql, traffic};

#[tokio::test]
async fn rows_are_seen_at_once_and_stay_the_same_in_delta() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let rows: Vec<_> = (0..50).map(prediction).collect();
    archive.append(rows.clone()).await.unwrap();
    archive.append_labels(vec![label(&rows[3], 30.0, 27 * HOUR)]).await.unwrap();
    for step in ["pending", "committed", "opened anew"] {
        assert_eq!(number(&archive, "select count(*) from predictions").await, 50.0, "{step}");
        let kept = archive.prediction(rows[3].id).await.unwrap().unwrap();
        assert_eq!(kept.prediction, rows[3], "{step}");
        assert_eq!(kept.label.unwrap().value, Cell::Real(30.0), "{step}");
        assert_eq!(archive.watermark("traffic"), Some(Timestamp::from_micros(49 * HOUR)), "{step}");
        if step == "pending" {
            assert_eq!(archive.status().pending_rows, 51);
            archive.flush().await.unwrap();
            assert_eq!(archive.status().pending_rows, 0);
        }
    }
    drop(archive);
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(archive.status().pending_rows, 0);
    assert_eq!(number(&archive, "select count(*) from traffic.predictions where temp > 272").await, 29.0);
    assert_eq!(archive.prediction(rows[9].id).await.unwrap().unwrap().prediction, rows[9]);
    assert_eq!(archive.prediction(uuid::Uuid::now_v7()).await.unwrap(), None);
    assert_eq!(archive.watermark("traffic"), Some(Timestamp::from_micros(49 * HOUR)));
}

#[tokio::test]
async fn rows_that_were_not_committed_are_taken_up_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.append((0..5).map(prediction).collect()).await.unwrap();
    archive.flush().await.unwrap();
    archive.append((5..9).map(prediction).collect()).await.unwrap();
    drop(archive);
    for _ in 0..3 {
        let archive = Archive::open(options(folder.path())).await.unwrap();
        assert_eq!(archive.status().pending_rows, 4);
        assert_eq!(number(&archive, "select count(*) from predictions").await, 9.0);
    }
    let archive = Archive::open(options(folder.path())).await.unwrap();
    archive.flush().await.unwrap();
    archive.append(vec![prediction(9)]).await.unwrap();
    assert_eq!(number(&archive, "select count(distinct prediction_id) from predictions").await, 10.0);
    assert_eq!(number(&archive, "select count(*) from predictions").await, 10.0);
}

#[tokio::test]
async fn the_newest_label_counts_whichever_way_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let rows: Vec<_> = (0..4).map(prediction).collect();
    archive.append(rows.clone()).await.unwrap();
    let keyed = |n: i64, value: f64, known: i64| {
        let mut label = label(&rows[0], value, known);
        label.prediction_id = None;
        label.entity = Some("I-94".into());
        label.event_time = Some(Timestamp::from_micros(n * HOUR));
        label
    };
    // Hour 0: corrected by id. Hour 1: by entity and time. Hour 2: the later one of both kinds. Hour 3: none.
    let labels =
        vec![label(&rows[0], 1.0, HOUR), label(&rows[0], 2.0, 3 * HOUR), label(&rows[0], 9.0, 2 * HOUR)];
    archive.append_labels(labels).await.unwrap();
    archive.flush().await.unwrap();
    archive
        .append_labels(vec![keyed(1, 3.0, HOUR), keyed(2, 4.0, 5 * HOUR), label(&rows[2], 5.0, 4 * HOUR)])
        .await
        .unwrap();
    let expected = vec![Some(2.0), Some(3.0), Some(4.0), None];
    let from = Timestamp::from_micros(0);
    let window = archive.scored("traffic", from, Timestamp::from_micros(4 * HOUR)).await.unwrap();
    assert_eq!(window.numbers("label").unwrap(), expected);
    assert_eq!(window.times("label_time").unwrap()[0], Some(3 * HOUR));
    for table in ["scored", "traffic.scored"] {
        let joined =
            sql(&archive, &format!("select label, label_time from {table} order by event_time")).await;
        assert_eq!(joined.numbers("label").unwrap(), expected, "{table}");
    }
    // The window is half-open.
    let window = archive.scored("traffic", from, Timestamp::from_micros(3 * HOUR)).await.unwrap();
    assert_eq!(window.row_count(), 3);
    let window =
        archive.scored("traffic", Timestamp::from_micros(HOUR), Timestamp::from_micros(HOUR)).await.unwrap();
    assert_eq!(window.row_count(), 0);
    assert!(window.schema().find("label").is_some());
}

#[tokio::test]
async fn a_feature_can_be_added_while_rows_wait() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.append(vec![prediction(0)]).await.unwrap();
    archive.flush().await.unwrap();
    archive.append(vec![prediction(1)]).await.unwrap();
    number(&archive, "select count(*) from predictions").await;

    let mut wider = prediction(2);
    wider.features.push(("volume_last_week".into(), Cell::Int(77)));
    let error = archive.append(vec![wider.clone()]).await.unwrap_err();
    assert_eq!(error.to_string(), "model `traffic` has no feature `volume_last_week`");
    let more = [features(), vec![Column::new("volume_last_week", ColumnType::Int)]].concat();
    archive.declare("traffic", &more, ColumnType::Real).await.unwrap();
    archive.append(vec![wider.clone()]).await.unwrap();
    // Declaring fewer features takes none away.
    archive.declare("traffic", &features(), ColumnType::Real).await.unwrap();
    archive.append(vec![prediction(3)]).await.unwrap();

    for step in ["pending", "committed"] {
        let rows = sql(&archive, "select * from traffic.predictions order by event_time").await;
        let added = rows.numbers("volume_last_week").unwrap();
        assert_eq!(added, vec![None, None, Some(77.0), None], "{step}");
        archive.flush().await.unwrap();
    }
    drop(archive);
    let archive = Archive::open(options(folder.path())).await.unwrap();
    assert_eq!(archive.prediction(wider.id).await.unwrap().unwrap().prediction, wider);
    let error = archive
        .declare("traffic", &[Column::new("hour", ColumnType::Text)], ColumnType::Real)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`hour` of model `traffic` is declared as text, the archive holds whole numbers"
    );
    assert_eq!(error.kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_feature_named_like_a_common_column_is_kept_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    archive.declare("clash", &[Column::new("model", ColumnType::Text)], ColumnType::Text).await.unwrap();
    let mut row = prediction(0);
    row.model = "clash".into();
    row.features = vec![("model".into(), Cell::Text("T-800".into()))];
    row.prediction = Cell::Text("yes".into());
    archive.append(vec![row.clone(), prediction(1)]).await.unwrap();
    let kept = sql(&archive, "select model, feature_model from clash.predictions").await;
    assert_eq!(kept.json_rows(1)[0]["model"], "clash");
    assert_eq!(kept.json_rows(1)[0]["feature_model"], "T-800");
    assert_eq!(archive.prediction(row.id).await.unwrap().unwrap().prediction, row);
    // Answers of unlike types stand under each other as text.
    let all = sql(&archive, "select prediction from predictions order by event_time").await;
    assert_eq!(all.texts("prediction").unwrap(), [Some("yes".to_owned()), Some("1.0".to_owned())]);
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let mut wrong = prediction(1);
    wrong.features[0].1 = Cell::Text("noon".into());
    let error = archive.append(vec![prediction(0), wrong]).await.unwrap_err();
    assert_eq!(error.to_string(), "`hour` of model `traffic` holds whole numbers, the new value is `noon`");
    let mut stranger = prediction(0);
    stranger.model = "trafic".into();
    let error = archive.append(vec![stranger]).await.unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `traffic`?");
    let mut loose = label(&prediction(0), 1.0, 1);
    loose.prediction_id = None;
    assert!(matches!(archive.append_labels(vec![loose]).await, Err(Error::LooseLabel { .. })));
    assert_eq!(archive.status().acknowledged_rows, 0);
    assert_eq!(number(&archive, "select count(*) from predictions").await, 0.0);
    // Whole numbers of a real column, and real ones without a fraction in a whole one, do fit.
    let mut numbers = prediction(2);
    numbers.features = vec![("hour".into(), Cell::Real(7.0)), ("temp".into(), Cell::Int(280))];
    archive.append(vec![numbers]).await.unwrap();
    assert_eq!(number(&archive, "select hour from traffic.predictions").await, 7.0);
    assert!(archive.declare("../evil", &[], ColumnType::Real).await.is_err());
}

#[tokio::test]
async fn two_cannot_have_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let error = Archive::open(options(folder.path())).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    drop(archive);
    Archive::open(options(folder.path())).await.unwrap();
}
