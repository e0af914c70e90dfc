//! What watchers are told, frame by frame: nothing twice, nothing left out, however slow they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Actor, Timestamp};
use experiments::{Batch, Metric, NewRun, RunChange, RunStatus};
use serde_json::Value;

use super::routes::Watcher;
use super::topic::{Frame, Look, Topic};
use crate::App;
use crate::fixture;

/// Steps of the metric `m`, as a watcher knows them after these frames.
fn steps(frames: &[Frame]) -> Vec<i64> {
    let mut steps = Vec::new();
    for frame in frames {
        let body: Value = serde_json::from_str(&frame.body).unwrap();
        for point in body["metrics"]["m"].as_array().into_iter().flatten() {
            steps.push(point[0].as_i64().unwrap());
        }
    }
    steps
}

async fn begin(app: &App) -> String {
    let made = app.db().write(|tx| {
        Box::pin(async move { experiments::create_run(tx, NewRun::default(), &Actor::named("ada")).await })
    });
    made.await.unwrap().id
}

async fn log(app: &App, run: &str, points: &[(i64, i64, f64)]) {
    let metrics = points
        .iter()
        .map(|(step, time, value)| Metric {
            key: "m".to_owned(),
            value: *value,
            time: Timestamp::from_millis(*time),
            step: *step,
        })
        .collect();
    let (run, batch) = (run.to_owned(), Batch { metrics, ..Batch::default() });
    app.db()
        .write(move |tx| Box::pin(async move { experiments::log_batch(tx, &run, batch).await }))
        .await
        .unwrap();
}

async fn end(app: &App, run: &str) {
    let run = run.to_owned();
    let change = RunChange { status: Some(RunStatus::Finished), ..RunChange::default() };
    app.db()
        .write(move |tx| {
            Box::pin(async move { experiments::update_run(tx, &run, change, &Actor::named("ada")).await })
        })
        .await
        .unwrap();
}

/// All frames until the end, or until the topic is closed.
async fn rest(watcher: &mut Watcher) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = watcher.next().await {
        frames.push(frame);
    }
    frames
}

#[tokio::test]
async fn who_comes_back_is_told_what_came_after_the_last_frame_and_nothing_else() {
    let fixture = fixture::app(testing::sqlite().await).await;
    let app = &fixture.app;
    let run = begin(app).await;
    let topic = Arc::new(Topic::of(app, &run).await.unwrap());
    let mut whole = Watcher::of(Arc::clone(&topic), None, app.stopping());
    for step in 0..40 {
        log(app, &run, &[(step, step, 0.5)]).await;
        assert_eq!(topic.look(app).await.unwrap(), Look::Going);
    }
    end(app, &run).await;
    while topic.look(app).await.unwrap() == Look::Going {}
    let all = rest(&mut whole).await;
    assert_eq!(all.first().map(|frame| frame.kind), Some("snapshot"));
    assert_eq!(all.last().map(|frame| frame.kind), Some("end"));
    assert_eq!(steps(&all), (0..40).collect::<Vec<_>>());
    // Cut off after any frame: what follows is what the others were told.
    for (cut, last) in all.iter().enumerate().take(all.len() - 1) {
        let mut again = Watcher::of(Arc::clone(&topic), Some(last.number), app.stopping());
        let after: Vec<u64> = rest(&mut again).await.iter().map(|frame| frame.number).collect();
        let told: Vec<u64> = all.iter().skip(cut + 1).map(|frame| frame.number).collect();
        assert_eq!(after, told, "cut after {cut}");
    }
    let mut stranger = Watcher::of(Arc::clone(&topic), Some(10_000), app.stopping());
    assert_eq!(stranger.next().await.map(|frame| frame.kind), Some("snapshot"));
}

#[tokio::test]
async fn a_slow_watcher_gets_a_snapshot_for_what_it_missed_and_nothing_twice() {
    let fixture = fixture::app(testing::sqlite().await).await;
    let app = &fixture.app;
    let run = begin(app).await;
    let topic = Arc::new(Topic::of(app, &run).await.unwrap());
    let mut slow = Watcher::of(Arc::clone(&topic), None, app.stopping());
    let mut quick = Watcher::of(Arc::clone(&topic), None, app.stopping());
    let mut asleep = Watcher::of(Arc::clone(&topic), None, app.stopping());
    assert_eq!(slow.next().await.map(|frame| frame.kind), Some("snapshot"));
    assert_eq!(quick.next().await.map(|frame| frame.kind), Some("snapshot"));
    let mut told = Vec::new();
    for step in 0..700 {
        log(app, &run, &[(step, step, 0.5)]).await;
        topic.look(app).await.unwrap();
        told.push(quick.next().await.unwrap());
    }
    assert_eq!(steps(&told), (0..700).collect::<Vec<_>>(), "the slow one keeps nobody else waiting");
    let first = slow.next().await.unwrap();
    let body: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((first.kind, &body["run"]["metrics"]["m"]), ("snapshot", &Value::from(0.5)));
    log(app, &run, &[(700, 700, 0.25)]).await;
    end(app, &run).await;
    while topic.look(app).await.unwrap() == Look::Going {}
    let after = rest(&mut slow).await;
    assert_eq!(steps(&after), [700], "what the snapshot holds is not told again");
    assert_eq!(after.last().map(|frame| frame.kind), Some("end"));
    // Who lags behind the end is told of it, too.
    let mut kinds = Vec::new();
    while let Some(frame) = asleep.next().await {
        kinds.push(frame.kind);
    }
    assert_eq!(kinds, ["snapshot", "snapshot", "end"]);
    // Who came with a frame that is no longer kept gets a snapshot too.
    let mut late = Watcher::of(Arc::clone(&topic), Some(3), app.stopping());
    assert_eq!(late.next().await.map(|frame| frame.kind), Some("snapshot"));
}

#[tokio::test]
async fn several_points_of_one_step_are_all_told() {
    let fixture = fixture::app(testing::sqlite().await).await;
    let app = &fixture.app;
    let run = begin(app).await;
    let topic = Arc::new(Topic::of(app, &run).await.unwrap());
    let mut watcher = Watcher::of(Arc::clone(&topic), None, app.stopping());
    log(app, &run, &[(1, 1, 0.1)]).await;
    topic.look(app).await.unwrap();
    log(app, &run, &[(1, 2, 0.2), (2, 3, 0.3)]).await;
    topic.look(app).await.unwrap();
    end(app, &run).await;
    while topic.look(app).await.unwrap() == Look::Going {}
    let mut points = BTreeMap::new();
    for frame in rest(&mut watcher).await {
        let body: Value = serde_json::from_str(&frame.body).unwrap();
        for point in body["metrics"]["m"].as_array().into_iter().flatten() {
            *points.entry(point.to_string()).or_insert(0) += 1;
        }
    }
    assert_eq!(
        points,
        BTreeMap::from(["[1,1,0.1]", "[1,2,0.2]", "[2,3,0.3]"].map(|point| (point.to_owned(), 1)))
    );
}
