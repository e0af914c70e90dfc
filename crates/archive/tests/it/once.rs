//! Rows that are sent again are kept once, and what was known when can be asked.

use archive::{Archive, Cell, Label};
use base::Timestamp;
use tables::QueryLimits;
use tempfile::tempdir;

use crate::{HOUR, options, prediction, traffic};

async fn count(archive: &Archive, table: &str) -> usize {
    archive.sql(&format!("select * from {table}"), QueryLimits::default()).await.unwrap().row_count()
}

fn label(of: &archive::Prediction, value: f64, told: i64, source: &str) -> Label {
    Label {
        prediction_id: Some(of.id),
        entity: None,
        event_time: None,
        model: "traffic".into(),
        value: Cell::Real(value),
        label_time: Timestamp::from_micros(told),
        received_time: Timestamp::from_micros(told),
        source: source.into(),
    }
}

#[tokio::test]
async fn an_empty_archive_has_its_views() {
    let folder = tempdir().unwrap();
    let archive = Archive::open(options(folder.path())).await.unwrap();
    for table in ["predictions", "labels", "scored"] {
        assert_eq!(count(&archive, table).await, 0);
    }
    let answer = archive.sql("select sum(prediction - label) as e from scored", QueryLimits::default()).await;
    assert_eq!(answer.unwrap().row_count(), 1);
}

#[tokio::test]
async fn rows_that_are_sent_again_are_kept_once_wherever_they_lie() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let rows: Vec<_> = (0..50).map(prediction).collect();
    let first = archive.append_new(rows.clone()).await.unwrap();
    assert_eq!((first.taken, first.repeated), (50, 0));
    // Before they are in a table, and after.
    assert_eq!(archive.append_new(rows.clone()).await.unwrap().repeated, 50);
    archive.flush().await.unwrap();
    let mut more = rows.clone();
    more.push(prediction(50));
    let again = archive.append_new(more).await.unwrap();
    assert_eq!((again.taken, again.repeated), (1, 50));
    assert_eq!(count(&archive, "traffic.predictions").await, 51);
    // Twice in one call.
    let twin = prediction(51);
    let twins = archive.append_new(vec![twin.clone(), twin]).await.unwrap();
    assert_eq!((twins.taken, twins.repeated), (1, 1));

    let labels: Vec<_> = rows.iter().map(|row| label(row, 1.0, HOUR, "api")).collect();
    assert_eq!(archive.append_new_labels(labels.clone()).await.unwrap().taken, 50);
    archive.flush().await.unwrap();
    assert_eq!(archive.append_new_labels(labels).await.unwrap().repeated, 50);
    assert_eq!(count(&archive, "traffic.labels").await, 50);
}

#[tokio::test]
async fn what_was_known_then_can_be_asked_and_a_person_overrules() {
    let folder = tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let row = prediction(1);
    archive.append(vec![row.clone()]).await.unwrap();
    let told = [
        label(&row, 10.0, 5 * HOUR, "api"),
        label(&row, 20.0, 7 * HOUR, "override:ada"),
        label(&row, 30.0, 9 * HOUR, "api"),
    ];
    for label in told {
        archive.append_labels(vec![label]).await.unwrap();
    }
    let (from, to) = (Timestamp::from_micros(0), Timestamp::from_micros(100 * HOUR));
    for (hour, expected) in [(4, None), (5, Some(10.0)), (6, Some(10.0)), (8, Some(20.0)), (10, Some(20.0))] {
        let then = Some(Timestamp::from_micros(hour * HOUR));
        let rows = archive.scored_known_by("traffic", from, to, then).await.unwrap();
        assert_eq!(rows.numbers("label").unwrap(), vec![expected], "hour {hour}");
        let query = archive.query_known_by(then).unwrap();
        for view in ["scored", "traffic.scored"] {
            let answer = query.run(&format!("select label from {view}")).await.unwrap();
            assert_eq!(answer.numbers("label").unwrap(), vec![expected], "hour {hour}, {view}");
        }
    }
    let before_all = archive.scored_known_by("traffic", from, to, Some(Timestamp::from_micros(0))).await;
    assert_eq!(before_all.unwrap().row_count(), 0);
}
