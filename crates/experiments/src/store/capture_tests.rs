//! Captured runs: written, replaced, kept alive, and ended when nobody is heard of any more.

use base::{Actor, Timestamp};
use db::Db;
use serde_json::json;

use super::*;
use crate::RunStatus;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

async fn run(db: &Db) -> String {
    let new = NewRun { start_time: at(10), ..NewRun::default() };
    let actor = Actor::named("ada");
    db.write(move |tx| Box::pin(async move { create_run(tx, new, &actor).await })).await.unwrap().id
}

async fn put(db: &Db, run: &str, alive_until: Option<Timestamp>) {
    let run = run.to_owned();
    db.write(move |tx| {
        Box::pin(async move { put_capture(tx, &run, &json!({"format": 1}), alive_until, at(11)).await })
    })
    .await
    .unwrap();
}

async fn end(db: &Db, now: Timestamp) -> Vec<String> {
    db.write(move |tx| Box::pin(async move { end_abandoned(tx, now).await })).await.unwrap()
}

#[tokio::test]
async fn only_runs_that_have_gone_silent_are_ended() {
    let db = testing::sqlite().await;
    let (silent, alive, over) = (run(&db).await, run(&db).await, run(&db).await);
    put(&db, &silent, Some(at(20))).await;
    put(&db, &alive, Some(at(20))).await;
    put(&db, &over, None).await;
    let beaten = alive.clone();
    let kept: Result<bool, Error> =
        db.write(move |tx| Box::pin(async move { keep_alive(tx, &beaten, at(80)).await })).await;
    assert!(kept.unwrap());

    assert!(!any_abandoned(&mut db.read().await.unwrap(), at(20)).await.unwrap());
    assert!(any_abandoned(&mut db.read().await.unwrap(), at(30)).await.unwrap());
    assert_eq!(end(&db, at(30)).await, std::slice::from_ref(&silent));
    let mut read = db.read().await.unwrap();
    let ended = get_run(&mut read, &silent).await.unwrap();
    assert_eq!((ended.status, ended.end_time), (RunStatus::Killed, Some(at(20))));
    assert!(ended.tags.contains_key("gingham.ended"));
    assert_eq!(get_run(&mut read, &alive).await.unwrap().status, RunStatus::Running);
    assert_eq!(find_capture(&mut read, &silent).await.unwrap().unwrap().alive_until, None);
    drop(read);
    assert_eq!(end(&db, at(30)).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_run_that_is_over_is_not_kept_alive() {
    let db = testing::sqlite().await;
    let run = run(&db).await;
    put(&db, &run, None).await;
    let kept: Result<bool, Error> =
        db.write(move |tx| Box::pin(async move { keep_alive(tx, &run, at(80)).await })).await;
    assert!(!kept.unwrap());
}
