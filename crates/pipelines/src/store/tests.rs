//! Facts about jobs and runs, on both engines.

use std::collections::BTreeMap;

use base::{Actor, Digest, PageRequest, Period, Timestamp};
use db::{Db, Tx};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{jobs, runs};
use crate::{
    Backoff, Enqueued, Error, Job, JobFilter, JobState, Lease, NewJob, NewRun, Retry, RunState, StepEnd,
    StepParts,
};

const LEASE: Period = Period::from_micros(30_000_000);
const SOON: Retry = Retry::Later(Backoff { first: Period::from_micros(5_000_000), longest: LEASE });

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + seconds * 1_000)
}

fn train() -> NewJob {
    NewJob::new("train", json!({"version": 1}), "it drifted", &Actor::named("ann")).about("traffic")
}

async fn write<T, F>(db: &Db, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
{
    db.write(work).await
}

async fn enqueue(db: &Db, new: NewJob, now: Timestamp) -> Enqueued {
    write(db, move |tx| Box::pin(async move { jobs::enqueue(tx, &new, now).await })).await.unwrap()
}

async fn lease(db: &Db, worker: &'static str, now: Timestamp) -> Option<(Lease, Job)> {
    write(db, move |tx| Box::pin(jobs::lease_next(tx, &["train"], worker, LEASE, now))).await.unwrap()
}

async fn fail(db: &Db, lease: &Lease, retry: Retry, now: Timestamp) -> Result<Job, Error> {
    let lease = lease.clone();
    write(db, move |tx| Box::pin(async move { jobs::fail(tx, &lease, "it broke", retry, now).await })).await
}

async fn complete(db: &Db, lease: &Lease, now: Timestamp) -> Result<Job, Error> {
    let lease = lease.clone();
    write(db, move |tx| Box::pin(async move { jobs::complete(tx, &lease, &json!({"mae": 260}), now).await }))
        .await
}

async fn expire(db: &Db, now: Timestamp) -> Vec<Job> {
    write(db, move |tx| Box::pin(jobs::expire(tx, now))).await.unwrap()
}

/// The kinds of all events so far, in order.
async fn told(db: &Db) -> Vec<String> {
    let events = db.events(&db::EventFilter::default(), 1_000).await.unwrap();
    assert_eq!(db.verify_chain().await.unwrap().entries, events.len() as i64);
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_job_goes_from_queue_to_worker_to_result() {
    for db in testing::databases().await {
        let job = enqueue(&db, train(), at(0)).await.into_job();
        assert_eq!((job.state, job.attempts), (JobState::Queued, 0));
        let (held, job) = lease(&db, "server", at(1)).await.unwrap();
        assert_eq!((job.state, job.attempts, job.lease_until), (JobState::Running, 1, Some(at(31))));
        assert!(lease(&db, "other", at(1)).await.is_none());

        let beating = held.clone();
        let beat = write(&db, move |tx| {
            Box::pin(
                async move { jobs::heartbeat(tx, &beating, Some(0.4), Some("tree 40"), LEASE, at(20)).await },
            )
        });
        assert_eq!(beat.await.unwrap().lease_until, at(50));
        assert!(expire(&db, at(40)).await.is_empty());
        let running = jobs::get(&mut db.read().await.unwrap(), &job.id).await.unwrap();
        assert_eq!((running.progress, running.message.as_deref()), (0.4, Some("tree 40")));

        let done = complete(&db, &held, at(45)).await.unwrap();
        assert_eq!(
            (done.state, done.result, done.finished_at),
            (JobState::Succeeded, Some(json!({"mae": 260})), Some(at(45)))
        );
        assert_eq!(told(&db).await, ["job.queued", "job.started", "job.succeeded"]);
    }
}

#[tokio::test]
async fn a_failed_job_waits_and_is_given_up_in_the_end() {
    for db in testing::databases().await {
        enqueue(&db, NewJob { most_attempts: 2, ..train() }, at(0)).await;
        let (held, _) = lease(&db, "server", at(0)).await.unwrap();
        let job = fail(&db, &held, SOON, at(1)).await.unwrap();
        assert_eq!(
            (job.state, job.not_before, job.error.as_deref()),
            (JobState::Queued, at(6), Some("it broke"))
        );
        assert!(lease(&db, "server", at(5)).await.is_none());
        let (held, _) = lease(&db, "server", at(6)).await.unwrap();
        let job = fail(&db, &held, SOON, at(7)).await.unwrap();
        assert_eq!((job.state, job.finished_at), (JobState::Failed, Some(at(7))));
        assert_eq!(
            told(&db).await,
            ["job.queued", "job.started", "job.retried", "job.started", "job.failed"],
            "{}",
            db.engine
        );
    }
}

#[tokio::test]
async fn what_would_fail_again_is_not_tried_again() {
    for db in testing::databases().await {
        enqueue(&db, train(), at(0)).await;
        let (held, _) = lease(&db, "server", at(0)).await.unwrap();
        assert_eq!(fail(&db, &held, Retry::Never, at(1)).await.unwrap().state, JobState::Failed);
    }
}

#[tokio::test]
async fn a_worker_that_died_loses_its_job_and_its_late_word_is_refused() {
    for db in testing::databases().await {
        enqueue(&db, train(), at(0)).await;
        let (dead, _) = lease(&db, "worker-1", at(0)).await.unwrap();
        assert_eq!(expire(&db, at(29)).await, []);
        let back = expire(&db, at(31)).await;
        assert_eq!((back.len(), back[0].state), (1, JobState::Queued));
        let (alive, job) = lease(&db, "worker-1", at(60)).await.unwrap();
        assert_eq!(job.attempts, 2);
        // The same name, but an older attempt.
        assert!(matches!(complete(&db, &dead, at(61)).await, Err(Error::LeaseLost { .. })));
        assert!(matches!(fail(&db, &dead, SOON, at(61)).await, Err(Error::LeaseLost { .. })));
        let beating = dead.clone();
        let beat = write(&db, move |tx| {
            Box::pin(async move { jobs::heartbeat(tx, &beating, None, None, LEASE, at(61)).await })
        });
        assert!(matches!(beat.await, Err(Error::LeaseLost { .. })));
        complete(&db, &alive, at(62)).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_starts_again_takes_back_what_it_held() {
    for db in testing::databases().await {
        enqueue(&db, train(), at(0)).await;
        lease(&db, "server", at(0)).await.unwrap();
        let back = write(&db, |tx| Box::pin(jobs::take_back_from(tx, "server", at(1)))).await.unwrap();
        assert_eq!((back.len(), back[0].state, back[0].not_before), (1, JobState::Queued, at(6)));
    }
}

#[tokio::test]
async fn one_active_job_a_key() {
    for db in testing::databases().await {
        let retrain = || train().only_one("retrain traffic");
        let Enqueued::New(first) = enqueue(&db, retrain(), at(0)).await else { panic!() };
        assert!(matches!(enqueue(&db, retrain(), at(1)).await, Enqueued::Already(job) if job.id == first.id));
        let (held, _) = lease(&db, "server", at(2)).await.unwrap();
        assert!(matches!(enqueue(&db, retrain(), at(3)).await, Enqueued::Already(_)));
        complete(&db, &held, at(4)).await.unwrap();
        assert!(matches!(enqueue(&db, retrain(), at(5)).await, Enqueued::New(_)));
    }
}

#[tokio::test]
async fn many_workers_never_hold_the_same_job() {
    for db in testing::databases().await {
        for _ in 0..12 {
            enqueue(&db, train(), at(0)).await;
        }
        let workers = (0..30).map(|_| lease(&db, "worker", at(1)));
        let mut held: Vec<_> = futures::future::join_all(workers)
            .await
            .into_iter()
            .flatten()
            .map(|(lease, _)| lease.job)
            .collect();
        while let Some((lease, _)) = lease(&db, "worker", at(1)).await {
            held.push(lease.job);
        }
        assert_eq!(held.len(), 12, "{}", db.engine);
        held.sort();
        held.dedup();
        assert_eq!(held.len(), 12, "{}", db.engine);
    }
}

#[tokio::test]
async fn jobs_are_cancelled_at_once_or_by_their_worker() {
    async fn cancel(db: &Db, id: &str) -> Result<Job, Error> {
        let id = id.to_owned();
        write(db, move |tx| {
            Box::pin(async move { jobs::cancel(tx, &id, &Actor::named("ann"), "not needed", at(9)).await })
        })
        .await
    }
    for db in testing::databases().await {
        let waiting = enqueue(&db, train(), at(0)).await.into_job();
        assert_eq!(cancel(&db, &waiting.id).await.unwrap().state, JobState::Cancelled);
        assert!(matches!(cancel(&db, &waiting.id).await, Err(Error::JobOver { .. })));
        assert!(matches!(cancel(&db, "nothing").await, Err(Error::JobNotFound { .. })));

        let running = enqueue(&db, train(), at(1)).await.into_job();
        let (held, _) = lease(&db, "server", at(1)).await.unwrap();
        assert_eq!(cancel(&db, &running.id).await.unwrap().state, JobState::Running);
        let beating = held.clone();
        let beat = write(&db, move |tx| {
            Box::pin(async move { jobs::heartbeat(tx, &beating, None, None, LEASE, at(2)).await })
        });
        assert_eq!(beat.await.unwrap().cancel_reason.as_deref(), Some("not needed"));
        let stopped = write(&db, move |tx| Box::pin(async move { jobs::stopped(tx, &held, at(3)).await }));
        assert_eq!(stopped.await.unwrap().state, JobState::Cancelled);
        assert_eq!(
            told(&db).await,
            [
                "job.queued",
                "job.cancelled",
                "job.queued",
                "job.started",
                "job.cancel_requested",
                "job.cancelled"
            ]
        );
    }
}

#[tokio::test]
async fn jobs_come_in_pages_and_can_be_filtered() {
    for db in testing::databases().await {
        for number in 0..5 {
            enqueue(&db, train().about(if number % 2 == 0 { "traffic" } else { "pizza" }), at(number)).await;
        }
        let mut read = db.read().await.unwrap();
        let first = jobs::list(&mut read, &JobFilter::default(), &PageRequest::first(3)).await.unwrap();
        let after = PageRequest::after(3, first.next_cursor.clone());
        let second = jobs::list(&mut read, &JobFilter::default(), &after).await.unwrap();
        let ids: Vec<_> = first.items.iter().chain(&second.items).map(|job| job.id.clone()).collect();
        assert_eq!((first.items.len(), second.items.len(), second.next_cursor), (3, 2, None));
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]));
        let filter = JobFilter {
            model: Some("pizza".to_owned()),
            kind: Some("train".to_owned()),
            state: Some(JobState::Queued),
        };
        assert_eq!(jobs::list(&mut read, &filter, &PageRequest::first(9)).await.unwrap().items.len(), 2);
        assert_eq!(jobs::count_active(&mut read).await.unwrap(), 5);
    }
}

fn parts(trees: i64) -> StepParts {
    StepParts {
        command: "train gradient_boosting".to_owned(),
        inputs: BTreeMap::from([("rows".to_owned(), Digest::of("rows"))]),
        params: BTreeMap::from([("trees".to_owned(), json!(trees))]),
        code: Digest::of("code"),
        platform: "x86_64-linux".to_owned(),
    }
}

async fn start_run(db: &Db, job: Option<String>, now: Timestamp) -> String {
    let new =
        NewRun { model: "traffic".to_owned(), job, cause: "apply".to_owned(), actor: Actor::named("ann") };
    write(db, move |tx| Box::pin(async move { runs::start_run(tx, &new, now).await })).await.unwrap().id
}

async fn start_step(db: &Db, run: &str, trees: i64, now: Timestamp) -> Result<(), Error> {
    let run = run.to_owned();
    write(db, move |tx| {
        Box::pin(async move { runs::start_step(tx, &run, "train", &parts(trees), now).await.map(|_| ()) })
    })
    .await
}

async fn finish_step(db: &Db, run: &str, end: StepEnd, now: Timestamp) -> Result<(), Error> {
    let run = run.to_owned();
    write(db, move |tx| {
        Box::pin(async move { runs::finish_step(tx, &run, "train", &end, now).await.map(|_| ()) })
    })
    .await
}

async fn finish_run(db: &Db, run: &str, state: RunState, now: Timestamp) -> Result<(), Error> {
    let run = run.to_owned();
    write(db, move |tx| {
        Box::pin(async move { runs::finish_run(tx, &run, state, None, now).await.map(|_| ()) })
    })
    .await
}

#[tokio::test]
async fn a_step_that_ran_before_is_reused_and_a_change_is_explained() {
    for db in testing::databases().await {
        let first = start_run(&db, None, at(0)).await;
        start_step(&db, &first, 300, at(1)).await.unwrap();
        assert!(matches!(start_step(&db, &first, 300, at(1)).await, Err(Error::StepExists { .. })));
        let mut read = db.read().await.unwrap();
        // Under way is not done.
        assert_eq!(runs::find_cached(&mut read, parts(300).key()).await.unwrap(), None);
        finish_step(&db, &first, StepEnd::succeeded(json!({"model": "abc"})).tracked_as("r1"), at(2))
            .await
            .unwrap();
        finish_run(&db, &first, RunState::Succeeded, at(3)).await.unwrap();

        let explained = runs::explain(&mut read, "traffic", "train", &parts(500)).await.unwrap();
        assert_eq!((explained.cached, explained.previous_run.as_deref()), (false, Some(first.as_str())));
        let changes: Vec<_> =
            explained.changes.into_iter().map(|change| (change.part, change.before, change.after)).collect();
        assert_eq!(changes, [("param trees".to_owned(), Some("300".to_owned()), Some("500".to_owned()))]);
        let explained = runs::explain(&mut read, "pizza", "train", &parts(300)).await.unwrap();
        assert_eq!((explained.cached, explained.previous_run), (true, None));

        let cached = runs::find_cached(&mut read, parts(300).key()).await.unwrap().unwrap();
        assert_eq!(
            (&cached.run, &cached.outputs, cached.run_id.as_deref()),
            (&first, &json!({"model": "abc"}), Some("r1"))
        );
        let second = start_run(&db, None, at(4)).await;
        let (run, hit) = (second.clone(), cached.clone());
        write(&db, move |tx| {
            Box::pin(async move { runs::reuse_step(tx, &run, "train", &parts(300), &hit, at(5)).await })
        })
        .await
        .unwrap();
        finish_run(&db, &second, RunState::Succeeded, at(6)).await.unwrap();
        let run = runs::get(&mut read, &second).await.unwrap();
        let step = &run.steps[0];
        assert_eq!(
            (step.cached, step.reused_from.as_ref(), &step.outputs),
            (true, Some(&first), &cached.outputs)
        );
        // The one that really ran stays the source.
        assert_eq!(runs::find_cached(&mut read, parts(300).key()).await.unwrap().unwrap().run, first);

        let key = parts(300).key();
        assert_eq!(write(&db, move |tx| Box::pin(runs::forget_cached(tx, key))).await.unwrap(), 1);
        assert_eq!(runs::find_cached(&mut read, key).await.unwrap(), None);
        assert_eq!(
            told(&db).await,
            [
                "pipeline_run.started",
                "step.started",
                "step.succeeded",
                "pipeline_run.finished",
                "pipeline_run.started",
                "step.cached",
                "pipeline_run.finished",
                "step.forgotten",
            ]
        );
    }
}

#[tokio::test]
async fn a_failed_step_is_no_cache_and_a_run_that_ended_takes_no_more() {
    for db in testing::databases().await {
        let run = start_run(&db, None, at(0)).await;
        start_step(&db, &run, 300, at(1)).await.unwrap();
        finish_step(&db, &run, StepEnd::failed("it crashed"), at(2)).await.unwrap();
        assert!(matches!(
            finish_step(&db, &run, StepEnd::succeeded(Value::Null), at(2)).await,
            Err(Error::StepNotRunning { .. })
        ));
        finish_run(&db, &run, RunState::Failed, at(3)).await.unwrap();
        let mut read = db.read().await.unwrap();
        assert_eq!(runs::find_cached(&mut read, parts(300).key()).await.unwrap(), None);
        let again = finish_run(&db, &run, RunState::Succeeded, at(4)).await;
        assert!(matches!(again, Err(Error::RunOver { .. })));
        assert!(matches!(start_step(&db, &run, 300, at(4)).await, Err(Error::RunOver { .. })));
        assert!(matches!(runs::get(&mut read, "nothing").await, Err(Error::RunNotFound { .. })));
    }
}

#[tokio::test]
async fn runs_without_a_worker_are_ended_and_others_left_alone() {
    for db in testing::databases().await {
        let old = enqueue(&db, train(), at(0)).await.into_job();
        let (held, _) = lease(&db, "dead", at(0)).await.unwrap();
        let lost = start_run(&db, Some(held.job.clone()), at(1)).await;
        start_step(&db, &lost, 300, at(1)).await.unwrap();
        expire(&db, at(40)).await;
        enqueue(&db, train(), at(2)).await;
        let (held, _) = lease(&db, "alive", at(41)).await.unwrap();
        assert_ne!(held.job, old.id);
        let kept = start_run(&db, Some(held.job), at(42)).await;
        let by_hand = start_run(&db, None, at(43)).await;
        let ended = write(&db, |tx| Box::pin(runs::end_abandoned(tx, at(43), at(44)))).await.unwrap();
        assert_eq!(ended.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), [lost.as_str()]);
        let mut read = db.read().await.unwrap();
        let lost = runs::get(&mut read, &lost).await.unwrap();
        assert_eq!((lost.state, lost.steps[0].state), (RunState::Failed, RunState::Failed));
        let page = runs::list(&mut read, Some("traffic"), &PageRequest::first(2)).await.unwrap();
        assert_eq!(page.items.iter().map(|run| run.id.clone()).collect::<Vec<_>>(), [by_hand, kept]);
        assert!(page.next_cursor.is_some() && page.items.iter().all(|run| run.state == RunState::Running));
    }
}
