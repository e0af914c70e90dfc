//! The worker inside the server: takes jobs one after another and does them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{Actor, Failure, Kind, Period};
use pipelines::{Backoff, Job, Lease, NewJob, Retry, jobs, runs};
use serde_json::json;
use tokio::sync::watch;

use crate::train::{Cause, Report, TrainOrder};
use crate::{Error, Platform, specs};

const KINDS: [&str; 1] = ["train"];
const LEASE: Period = Period::from_micros(30_000_000);
const BEAT: Duration = Duration::from_millis(500);
/// How long to wait for news before looking again: retries come due, and other servers die, without an event here.
const IDLE: Duration = Duration::from_secs(2);
/// How long to wait when the database does not answer.
const TROUBLE: Duration = Duration::from_secs(2);
/// The name under which this server holds jobs; a server that starts again takes back what it held.
const WORKER: &str = "server";

impl Platform {
    /// Asks for a training of the model, or answers the one that is already asked for.
    ///
    /// # Errors
    /// [`Error::ModelNotApplied`].
    pub async fn order_training(&self, model: &str, cause: &str, actor: &Actor) -> Result<Job, Error> {
        if specs::find(&mut self.db.read().await?, model).await?.is_none() {
            return Err(self.not_applied(model).await?);
        }
        let order = TrainOrder { model: model.to_owned(), until: None };
        let new = NewJob::new("train", json!({ "order": order }), cause, actor)
            .about(model)
            .only_one(format!("train:{model}"));
        let now = self.clock.now();
        let queued: Result<_, pipelines::Error> = self
            .db
            .write(move |tx| Box::pin(async move { Ok(jobs::enqueue(tx, &new, now).await?.into_job()) }))
            .await;
        Ok(queued?)
    }

    /// Does jobs until `stop` becomes true. Jobs that a crash broke off are taken up again.
    pub async fn work(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.take_up_broken_off().await {
            tracing::error!(%error, "jobs that were broken off cannot be taken up");
        }
        let mut news = self.db.subscribe();
        while !*stop.borrow() {
            match self.next_job().await {
                Ok(Some((lease, job))) => self.do_job(lease, job).await,
                Ok(None) => {
                    tokio::select! {
                        _ = stop.changed() => {}
                        // A job that is queued leaves an event.
                        _ = news.changed() => {}
                        () = tokio::time::sleep(IDLE) => {}
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "no job can be taken");
                    tokio::time::sleep(TROUBLE).await;
                }
            }
        }
    }

    async fn take_up_broken_off(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let taken: Result<_, pipelines::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    jobs::take_back_from(tx, WORKER, now).await?;
                    runs::end_abandoned(tx, now, now).await
                })
            })
            .await;
        Ok(taken.map(drop)?)
    }

    async fn next_job(&self) -> Result<Option<(Lease, Job)>, Error> {
        let now = self.clock.now();
        let leased: Result<_, pipelines::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    jobs::expire(tx, now).await?;
                    jobs::lease_next(tx, &KINDS, WORKER, LEASE, now).await
                })
            })
            .await;
        Ok(leased?)
    }

    async fn do_job(self: &Arc<Self>, lease: Lease, job: Job) {
        let progress: Arc<Mutex<(f64, String)>> = Arc::default();
        let heard = Arc::clone(&progress);
        let report: Report = Arc::new(move |share, what| {
            if let Ok(mut progress) = heard.lock() {
                *progress = (share, what.to_owned());
            }
        });
        tracing::info!(job.id = %job.id, "job `{}` begins: {}", job.kind, job.cause);
        let work = self.run_job(&job, &report);
        let outcome = tokio::select! {
            outcome = work => outcome,
            stopped = self.keep_alive(&lease, &progress) => Err(stopped),
        };
        if let Err(error) = self.end_job(&lease, &job, outcome).await {
            tracing::error!(job.id = %job.id, %error, "the end of job `{}` cannot be written down", job.id);
        }
    }

    async fn run_job(&self, job: &Job, report: &Report) -> Result<serde_json::Value, Error> {
        let order = job.payload.get("order").cloned().unwrap_or_default();
        let order: TrainOrder = serde_json::from_value(order)
            .map_err(|cause| Error::Stored { what: "training order", cause: cause.to_string() })?;
        let cause = Cause { words: job.cause.clone(), actor: job.actor.clone(), job: Some(job.id.clone()) };
        let outcome = self.train(&order, &cause, report).await?;
        Ok(json!(outcome))
    }

    /// Renews the lease until the work is done, or somebody asks for its end.
    async fn keep_alive(&self, lease: &Lease, progress: &Arc<Mutex<(f64, String)>>) -> Error {
        loop {
            tokio::time::sleep(BEAT).await;
            let (share, what) = progress.lock().map(|progress| progress.clone()).unwrap_or_default();
            let (held, now) = (lease.clone(), self.clock.now());
            let beat: Result<_, pipelines::Error> = self
                .db
                .write(move |tx| {
                    Box::pin(
                        async move { jobs::heartbeat(tx, &held, Some(share), Some(&what), LEASE, now).await },
                    )
                })
                .await;
            match beat {
                Ok(beat) => {
                    if let Some(reason) = beat.cancel_reason {
                        return Error::Training {
                            candidate: lease.job.clone(),
                            reason: format!("stopped: {reason}"),
                        };
                    }
                }
                Err(error) if error.kind() == Kind::Conflict => return error.into(),
                Err(error) => {
                    tracing::warn!(job.id = %lease.job, %error, "the lease of job `{}` was not renewed", lease.job);
                }
            }
        }
    }

    async fn end_job(
        &self,
        lease: &Lease,
        job: &Job,
        outcome: Result<serde_json::Value, Error>,
    ) -> Result<(), Error> {
        let (lease, now) = (lease.clone(), self.clock.now());
        let ended: Result<Job, pipelines::Error> = match outcome {
            Ok(result) => {
                tracing::info!(job.id = %job.id, "job `{}` is done", job.kind);
                self.db
                    .write(move |tx| Box::pin(async move { jobs::complete(tx, &lease, &result, now).await }))
                    .await
            }
            Err(error) => {
                tracing::warn!(job.id = %job.id, %error, "job `{}` failed", job.kind);
                let retry = match error.kind() {
                    Kind::Unavailable | Kind::Busy | Kind::TimedOut => Retry::Later(Backoff::default()),
                    _ => Retry::Never,
                };
                let words = error.to_string();
                self.db
                    .write(move |tx| {
                        Box::pin(async move { jobs::fail(tx, &lease, &words, retry, now).await })
                    })
                    .await
            }
        };
        Ok(ended.map(drop)?)
    }
}
