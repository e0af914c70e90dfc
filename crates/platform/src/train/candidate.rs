//! Training one candidate: a tracked run, in a process of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::Digest;
use experiments::{Batch, Metric, NewRun, RunChange, RunStatus};
use inference::{Importance, TrainedModel};
use pipelines::{Limits, run_child};
use serde_json::{Value, json};
use training::worker::{Done, Job, Message};

use super::params;
use super::prepare::Prepared;
use super::steps::{Pipeline, StepResult, digest_in, parts};
use crate::spec::Candidate;
use crate::{Error, Platform};

/// Chance, where a trainer uses it, starts here: the same rows give the same model.
const SEED: u64 = 20_121_002;
const MOST_MODEL_BYTES: u64 = 1 << 30;
/// The most address space a training may use.
const MOST_MEMORY_BYTES: u64 = 16 << 30;
/// The longest a training may take.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// A candidate that was trained.
pub(super) struct Trained {
    pub(super) candidate: Candidate,
    pub(super) digest: Digest,
    pub(super) engine: Arc<TrainedModel>,
    pub(super) run: String,
    pub(super) importance: Vec<Importance>,
}

/// Trains a candidate, or takes what the same training gave before. `span` is its share of the whole: start and length.
pub(super) async fn train(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    candidate: &Candidate,
    span: (f64, f64),
) -> Result<Trained, Error> {
    let platform = pipeline.platform;
    let step = format!("train {}", candidate.id);
    let key = parts(
        format!("train {}", candidate.trainer),
        [("rows", rows.training_range.table)],
        params([
            ("params", json!(candidate.params)),
            ("signature", json!(rows.signature)),
            ("until", json!(rows.training_range.to)),
            ("seed", json!(SEED)),
        ]),
    );
    let work = || run(pipeline, rows, candidate, span);
    let done = pipeline.step(&step, key, Some("model"), work).await?;
    let digest = digest_in(&done.outputs, "model")?;
    let engine = platform.engine(digest).await?;
    let importance = done.outputs.get("importance").cloned().unwrap_or_default();
    Ok(Trained {
        candidate: candidate.clone(),
        digest,
        engine,
        run: done.tracked.unwrap_or_default(),
        importance: serde_json::from_value(importance).unwrap_or_default(),
    })
}

impl Platform {
    /// The engine of a model that is kept as an artifact.
    pub(crate) async fn engine(&self, digest: Digest) -> Result<Arc<TrainedModel>, Error> {
        let bytes = self.artifacts.read_bytes(digest, MOST_MODEL_BYTES).await?;
        Ok(inference::load(&bytes)?)
    }
}

async fn run(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    candidate: &Candidate,
    span: (f64, f64),
) -> Result<StepResult, Error> {
    let platform = pipeline.platform;
    let run = begin_tracking(pipeline, rows, candidate).await?;
    let trained = in_child(pipeline, rows, candidate, span).await;
    let (done, figures, bytes) = match trained {
        Ok(trained) => trained,
        Err(error) => {
            end_tracking(platform, &run, RunStatus::Failed, Batch::default()).await?;
            return Err(error);
        }
    };
    let blob = platform.artifacts.put_bytes(bytes).await?;
    let now = platform.clock.now();
    let metrics = done.figures.iter().map(|(key, value)| Metric {
        key: key.clone(),
        value: *value,
        time: now,
        step: 0,
    });
    let batch = Batch {
        metrics: figures.into_iter().chain(metrics).collect(),
        params: done.params.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        tags: vec![("gingham.model_digest".to_owned(), blob.digest.to_string())],
    };
    end_tracking(platform, &run, RunStatus::Finished, batch).await?;
    Ok(StepResult {
        outputs: json!({ "model": blob.digest, "bytes": blob.bytes, "rows": done.rows, "importance": done.importance }),
        message: format!("{} learnt from {} rows", candidate.trainer, done.rows),
        tracked: Some(run),
    })
}

/// Trains a candidate without tracking or keeping anything; the bytes of the model.
pub(super) async fn train_again(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    candidate: &Candidate,
) -> Result<Vec<u8>, Error> {
    Ok(in_child(pipeline, rows, candidate, (0.0, 1.0)).await?.2)
}

type Child = (Done, Vec<Metric>, Vec<u8>);

/// Hands the rows to a process of its own and takes the model from it.
async fn in_child(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    candidate: &Candidate,
    (start, length): (f64, f64),
) -> Result<Child, Error> {
    let platform = pipeline.platform;
    let failed = |reason: String| Error::Training { candidate: candidate.id.clone(), reason };
    let folder = platform.scratch()?;
    let train_parquet = folder.path().join("rows.parquet");
    let model_file = folder.path().join("model.json");
    tokio::fs::write(&train_parquet, rows.training.to_parquet()?)
        .await
        .map_err(|cause| Error::Files { doing: "rows cannot be handed to the training".to_owned(), cause })?;
    let job = Job {
        trainer: candidate.trainer.clone(),
        params: candidate.params.clone(),
        seed: SEED,
        signature: rows.signature.clone(),
        train_parquet,
        model_file: model_file.clone(),
    };
    let text = serde_json::to_string(&job).map_err(|error| failed(error.to_string()))?;
    let heard: Arc<Mutex<Heard>> = Arc::default();
    let listener = Arc::clone(&heard);
    let (report, clock) = (pipeline.reporter(), Arc::clone(&platform.clock));
    let doing = format!("training {}", candidate.id);
    let child = platform.worker.child("train").reading(text);
    let limits = Limits { memory_bytes: Some(MOST_MEMORY_BYTES), timeout: LONGEST, ..Limits::default() };
    let ended = run_child(&child, &limits, move |line: &str| {
        let Some(message) = Message::parse(line) else { return };
        if let Message::Progress(share) = message {
            report(start + length * share, &doing);
        }
        if let Ok(mut heard) = listener.lock() {
            heard.take_in(message, clock.now());
        }
    })
    .await;
    let mut heard = heard.lock().map(|mut heard| std::mem::take(&mut *heard)).unwrap_or_default();
    match (heard.done.take(), heard.problem.take(), ended) {
        (_, Some(problem), _) => Err(failed(problem)),
        (Some(done), None, Ok(_)) => {
            let bytes = tokio::fs::read(&model_file).await.map_err(|cause| Error::Files {
                doing: "the trained model cannot be read".to_owned(),
                cause,
            })?;
            if Digest::of(&bytes) != done.digest {
                return Err(failed("the model file is not what the training said it wrote".to_owned()));
            }
            Ok((done, heard.figures, bytes))
        }
        (None, None, Ok(_)) => Err(failed("the process ended without a word".to_owned())),
        (_, None, Err(error)) => Err(failed(error.to_string())),
    }
}

/// What a training process has said.
#[derive(Default)]
struct Heard {
    done: Option<Done>,
    problem: Option<String>,
    figures: Vec<Metric>,
}

impl Heard {
    fn take_in(&mut self, message: Message, now: base::Timestamp) {
        match message {
            Message::Progress(_) => {}
            Message::Metric { key, value, step } => {
                let step = i64::try_from(step).unwrap_or(i64::MAX);
                self.figures.push(Metric { key, value, time: now, step });
            }
            Message::Done(done) => self.done = Some(done),
            Message::Error(problem) => {
                let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
                self.problem = Some(format!("{problem}{hint}"));
            }
        }
    }
}

async fn begin_tracking(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    candidate: &Candidate,
) -> Result<String, Error> {
    let model = pipeline.applied.spec.model.clone();
    let tags = BTreeMap::from([
        ("gingham.pipeline_run".to_owned(), pipeline.run.clone()),
        ("gingham.candidate".to_owned(), candidate.id.clone()),
        ("gingham.dataset".to_owned(), format!("{}@{}", rows.dataset.name, rows.dataset.number)),
        ("gingham.cause".to_owned(), pipeline.cause.words.clone()),
    ]);
    let start_time = pipeline.platform.clock.now();
    let (name, actor, trainer) =
        (candidate.id.clone(), pipeline.cause.actor.clone(), candidate.trainer.clone());
    pipeline
        .platform
        .db
        .write(move |tx| {
            Box::pin(async move {
                let experiment = experiments::find_experiment(tx, &model).await?;
                let new = NewRun {
                    id: None,
                    experiment_id: experiment.map_or(0, |experiment| experiment.id),
                    name: Some(name),
                    user: actor.as_str().to_owned(),
                    start_time,
                    tags,
                };
                let run = experiments::create_run(tx, new, &actor).await?;
                let params = vec![("trainer".to_owned(), trainer)];
                experiments::log_batch(tx, &run.id, Batch { params, ..Batch::default() }).await?;
                Ok::<_, Error>(run.id)
            })
        })
        .await
}

async fn end_tracking(platform: &Platform, run: &str, status: RunStatus, batch: Batch) -> Result<(), Error> {
    let (run, now) = (run.to_owned(), platform.clock.now());
    platform
        .db
        .write(move |tx| {
            Box::pin(async move {
                experiments::log_batch(tx, &run, batch).await?;
                let change = RunChange { status: Some(status), end_time: Some(now), ..RunChange::default() };
                experiments::update_run(tx, &run, change, &base::Actor::platform("training")).await?;
                Ok::<_, Error>(())
            })
        })
        .await
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
