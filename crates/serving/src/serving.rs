//! The table of deployments: requests find their version in it, and versions change in it without a pause.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arc_swap::ArcSwap;
use base::{Clock, Failure, Kind, Timestamp};
use serde_json::Value;

use crate::counters::{Ending, Stats};
use crate::deployment::{Archiving, Draining, InFlight, Loaded, Offer, Slot, Working};
use crate::engine::{Column, Engine, EngineFailure, FieldKind};
use crate::limiter::Full;
use crate::oip::{
    Datatype, InferRequest, InferResponse, ModelMetadata, OutputData, PREDICTION_ID, RequestedOutput,
    ResponseOutput,
};
use crate::rows::{self, Rows};
use crate::sink::{Cell, PredictionSink, ServedPrediction};
use crate::{Error, Result};

/// Requests with more rows than this are computed on a thread of their own.
const ROWS_IN_PLACE: usize = 256;

/// What comes with a request beside its body.
#[derive(Debug, Clone, Default)]
pub struct Inference {
    /// The version that must answer; the current one when absent.
    pub version: Option<String>,
    /// The trace that the request belongs to.
    pub trace_id: Option<String>,
}

/// What a swap did.
#[derive(Debug)]
pub struct Swap {
    /// The version that answers now.
    pub version: i64,
    /// The version that answered before and drains; absent for a new deployment.
    pub previous: Option<Draining>,
}

/// A deployment as it is now.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// The version that answers.
    pub current: Arc<Loaded>,
    /// Its limits.
    pub settings: crate::Settings,
    /// All that was asked of it since the server started.
    pub stats: Stats,
    /// What was asked of the current version.
    pub current_stats: Stats,
}

/// All deployments of this process.
#[derive(Debug)]
pub struct Serving {
    slots: ArcSwap<HashMap<String, Arc<Slot>>>,
    /// Held while the table changes; requests never wait for it.
    changing: Mutex<()>,
    sink: Arc<dyn PredictionSink>,
    clock: Arc<dyn Clock>,
}

impl Serving {
    /// A table without deployments, whose predictions go to `sink`.
    #[must_use]
    pub fn new(sink: Arc<dyn PredictionSink>, clock: Arc<dyn Clock>) -> Self {
        Self { slots: ArcSwap::default(), changing: Mutex::new(()), sink, clock }
    }

    /// Lets a version answer under a name, in place of the one that did.
    ///
    /// It must answer its warm-up rows first; if it does not, [`Error::WarmUp`] says why and the old version goes on
    /// answering. Requests that are under way keep the old version, which drains.
    pub async fn deploy(&self, offer: Offer) -> Result<Swap> {
        base::names::check_name("deployment", &offer.deployment)?;
        let warmed = offer.clone();
        let answered = tokio::task::spawn_blocking(move || warm_up(&warmed)).await;
        let failed = match answered {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(EngineFailure::internal("the engine broke down")),
        };
        if let Some(failure) = failed {
            return Err(Error::WarmUp { name: offer.deployment, version: offer.version, failure });
        }
        let next = Arc::new(Loaded::of(&offer, self.clock.now()));
        let _changing = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(slot) = self.slots.load().get(&offer.deployment) {
            let previous = Some(slot.swap(next, offer.settings));
            return Ok(Swap { version: offer.version, previous });
        }
        let slot = Arc::new(Slot::new(&offer.deployment, next, offer.settings));
        let mut table = HashMap::clone(&self.slots.load());
        table.insert(offer.deployment, slot);
        self.slots.store(Arc::new(table));
        Ok(Swap { version: offer.version, previous: None })
    }

    /// Takes a deployment away; requests that are under way are answered. Whether there was one.
    pub fn withdraw(&self, name: &str) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut table = HashMap::clone(&self.slots.load());
        let found = table.remove(name).is_some();
        self.slots.store(Arc::new(table));
        found
    }

    fn slot(&self, name: &str) -> Result<Arc<Slot>> {
        let slots = self.slots.load();
        slots.get(name).cloned().ok_or_else(|| Error::DeploymentNotFound {
            name: name.to_owned(),
            nearest: base::names::nearest(name, slots.keys().map(String::as_str)).map(str::to_owned),
        })
    }

    /// The names of all deployments, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.slots.load().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// A deployment as it is now. Fails with [`Error::DeploymentNotFound`].
    pub fn describe(&self, name: &str) -> Result<Described> {
        let slot = self.slot(name)?;
        let (current, working) = (slot.current(), slot.working());
        // The table's hold and the one just taken are no requests.
        let in_flight = Arc::strong_count(&current).saturating_sub(2) as u64;
        let waiting = working.limiter.waiting() as u64;
        let live = |stats| Stats { in_flight, waiting, ..stats };
        Ok(Described {
            name: name.to_owned(),
            settings: working.settings,
            stats: live(slot.counters.stats()),
            current_stats: live(current.counters.stats()),
            current,
        })
    }

    /// What the deployment says of itself in the Open Inference Protocol.
    pub fn metadata(&self, name: &str, version: Option<&str>) -> Result<ModelMetadata> {
        let current = self.slot(name)?.current();
        check_version(name, &current, version)?;
        Ok(ModelMetadata::of(name, current.version, current.engine.name(), current.engine.signature()))
    }

    /// Answers a request. It is answered by one version as a whole, the one that was current when it began.
    ///
    /// With [`Archiving::Required`] the answer is given when its record is durable. Fails naming the field that does
    /// not fit, with [`Error::Busy`] when the queue is full, with [`Error::NotArchived`] when there is no record.
    pub async fn infer(
        &self,
        name: &str,
        request: InferRequest,
        inference: Inference,
    ) -> Result<InferResponse> {
        let (began, received) = (Instant::now(), self.clock.now());
        let slot = self.slot(name)?;
        let hold = slot.begin();
        let answer = self.answer(&slot, &hold, request, &inference, (began, received)).await;
        let ending = match &answer {
            Ok(answer) => Ending::Answered { rows: rows_of(answer) },
            Err(Error::Busy { .. }) => Ending::Shed,
            Err(error) if matches!(error.kind(), Kind::Invalid | Kind::NotFound | Kind::TooLarge) => {
                Ending::Refused
            }
            Err(error) => {
                tracing::warn!(deployment.name = name, %error, "a request was not answered");
                Ending::Failed
            }
        };
        let took = began.elapsed();
        slot.counters.ended(ending, took);
        if let Some(loaded) = hold.version() {
            loaded.ended(&slot.name, ending, took);
        }
        answer
    }

    async fn answer(
        &self,
        slot: &Slot,
        hold: &InFlight,
        mut request: InferRequest,
        inference: &Inference,
        (began, received): (Instant, Timestamp),
    ) -> Result<InferResponse> {
        let Some(loaded) = hold.version() else {
            return Err(Error::DeploymentNotFound { name: slot.name.to_string(), nearest: None });
        };
        check_version(&slot.name, loaded, inference.version.as_deref())?;
        let working = slot.working();
        let rows = rows::fit(loaded.engine.signature(), &mut request, working.settings.request_rows)?;
        let wanted = wanted(&request, &loaded.engine.signature().output)?;
        let _place = working.limiter.enter().await.map_err(|full| Error::Busy {
            name: slot.name.to_string(),
            why: match full {
                Full::Queue => "all places are taken and the queue is full",
                Full::Wait => "no place became free in time",
            },
        })?;
        let failed =
            |failure| Error::Engine { name: slot.name.to_string(), version: loaded.version, failure };
        let (rows, predictions) = predict(loaded, rows).await.map_err(failed)?;
        let latency_us = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let ids: Vec<uuid::Uuid> = (0..rows.rows).map(|_| base::id::new_uuid()).collect();
        let outputs = wanted
            .iter()
            .map(|wanted| output(*wanted, &loaded.engine.signature().output, &predictions, &ids));
        let response = InferResponse {
            model_name: slot.name.to_string(),
            model_version: loaded.version.to_string(),
            id: request.id.take(),
            outputs: outputs.collect(),
        };
        if working.settings.archive != Archiving::Off {
            let record =
                Record { slot, loaded, received, latency_us, trace_id: inference.trace_id.as_deref() };
            let records = record.of(rows, &predictions, &ids);
            self.archive(slot, loaded, &working, records).await?;
        }
        Ok(response)
    }

    /// Sees to it that records are kept, as the settings ask.
    async fn archive(
        &self,
        slot: &Slot,
        loaded: &Arc<Loaded>,
        working: &Working,
        records: Vec<ServedPrediction>,
    ) -> Result<()> {
        if working.settings.archive == Archiving::Required {
            return self
                .sink
                .take(records)
                .await
                .map_err(|failure| Error::NotArchived { name: slot.name.to_string(), why: failure.0 });
        }
        let rows = records.len();
        let unarchived = move |loaded: &Loaded, why: &str| {
            loaded.counters.unarchived(rows as u64);
            tracing::warn!(
                model.version = loaded.version,
                rows,
                why,
                "predictions were given but not archived"
            );
        };
        let room = u32::try_from(rows).unwrap_or(u32::MAX);
        match Arc::clone(&working.late_records).try_acquire_many_owned(room) {
            Err(_) => {
                slot.counters.unarchived(rows as u64);
                unarchived(loaded, "too many records are on their way");
            }
            Ok(room) => {
                let (sink, loaded) = (Arc::clone(&self.sink), Arc::clone(loaded));
                tokio::spawn(async move {
                    if let Err(failure) = sink.take(records).await {
                        unarchived(&loaded, &failure.0);
                    }
                    drop(room);
                });
            }
        }
        Ok(())
    }
}

fn check_version(name: &str, loaded: &Loaded, version: Option<&str>) -> Result<()> {
    match version {
        Some(asked) if asked != loaded.version.to_string() => Err(Error::VersionNotServed {
            name: name.to_owned(),
            version: asked.chars().take(40).collect(),
            current: loaded.version,
        }),
        _ => Ok(()),
    }
}

/// An output that a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Prediction,
    PredictionId,
}

/// The outputs in the order in which they are wanted.
fn wanted(request: &InferRequest, output: &str) -> Result<Vec<Wanted>> {
    let with_id = match request.parameters.get("return_prediction_id") {
        None => false,
        Some(Value::Bool(with_id)) => *with_id,
        Some(other) => {
            let problem = format!("{other} is neither true nor false");
            return Err(Error::field("return_prediction_id", "field_type", problem));
        }
    };
    if request.outputs.is_empty() {
        let id = with_id.then_some(Wanted::PredictionId);
        return Ok([Some(Wanted::Prediction), id].into_iter().flatten().collect());
    }
    let one = |asked: &RequestedOutput| {
        if asked.parameters.get("binary_data").and_then(Value::as_bool) == Some(true) {
            let problem = "binary tensors are not offered here; leave `binary_data` out";
            return Err(Error::field(&asked.name, "field_type", problem));
        }
        match asked.name.as_str() {
            name if name == output => Ok(Wanted::Prediction),
            PREDICTION_ID => Ok(Wanted::PredictionId),
            name => Err(Error::BadField {
                field: name.chars().take(100).collect(),
                problem: "the model has no output of that name".into(),
                code: "field_unknown",
                hint: Some(format!("the outputs are {output} and {PREDICTION_ID}")),
            }),
        }
    };
    let mut wanted = request.outputs.iter().map(one).collect::<Result<Vec<_>>>()?;
    if with_id && !wanted.contains(&Wanted::PredictionId) {
        wanted.push(Wanted::PredictionId);
    }
    Ok(wanted)
}

fn output(wanted: Wanted, name: &str, predictions: &[f64], ids: &[uuid::Uuid]) -> ResponseOutput {
    let shape = vec![i64::try_from(predictions.len()).unwrap_or(i64::MAX)];
    match wanted {
        Wanted::Prediction => ResponseOutput {
            name: name.to_owned(),
            datatype: Datatype::Fp64,
            shape,
            data: OutputData::Numbers(predictions.to_vec()),
        },
        Wanted::PredictionId => ResponseOutput {
            name: PREDICTION_ID.to_owned(),
            datatype: Datatype::Bytes,
            shape,
            data: OutputData::Texts(ids.iter().map(uuid::Uuid::to_string).collect()),
        },
    }
}

fn rows_of(answer: &InferResponse) -> u64 {
    let rows = answer.outputs.first().and_then(|output| output.shape.first());
    rows.and_then(|rows| u64::try_from(*rows).ok()).unwrap_or_default()
}

/// Asks the engine, many rows on a thread of their own.
async fn predict(loaded: &Arc<Loaded>, rows: Rows) -> Result<(Rows, Vec<f64>), EngineFailure> {
    if rows.rows <= ROWS_IN_PLACE {
        let predictions = checked(&*loaded.engine, &rows.columns, rows.rows)?;
        return Ok((rows, predictions));
    }
    let engine = Arc::clone(&loaded.engine);
    tokio::task::spawn_blocking(move || {
        let predictions = checked(&*engine, &rows.columns, rows.rows)?;
        Ok((rows, predictions))
    })
    .await
    .unwrap_or_else(|_| Err(EngineFailure::internal("the engine broke down")))
}

/// What an engine answers, or why that is no answer.
fn checked(engine: &dyn Engine, columns: &[Column], rows: usize) -> Result<Vec<f64>, EngineFailure> {
    let predictions = std::panic::catch_unwind(AssertUnwindSafe(|| engine.predict(columns)))
        .unwrap_or_else(|_| Err(EngineFailure::internal("the engine broke down")))?;
    if predictions.len() != rows {
        let message = format!("the engine gave {} predictions for {rows} rows", predictions.len());
        return Err(EngineFailure::internal(message));
    }
    match predictions.iter().position(|prediction| !prediction.is_finite()) {
        Some(row) => {
            Err(EngineFailure::internal(format!("the prediction for row {row} is not a finite number")))
        }
        None => Ok(predictions),
    }
}

/// Lets an offered version answer its warm-up rows.
fn warm_up(offer: &Offer) -> Result<(), EngineFailure> {
    let made_up = || {
        let columns = offer.engine.signature().inputs.iter().map(|field| match field.kind {
            FieldKind::Number => Column::Numbers(vec![0.0]),
            FieldKind::Category => Column::Words(vec![Some(String::new())]),
        });
        columns.collect()
    };
    let columns: Vec<Column> = offer.warm_up.clone().unwrap_or_else(made_up);
    let rows = columns.first().map_or(0, Column::len);
    checked(&*offer.engine, &columns, rows).map(drop)
}

/// What the records of one request have in common.
struct Record<'a> {
    slot: &'a Slot,
    loaded: &'a Loaded,
    received: Timestamp,
    latency_us: i64,
    trace_id: Option<&'a str>,
}

impl Record<'_> {
    fn of(&self, rows: Rows, predictions: &[f64], ids: &[uuid::Uuid]) -> Vec<ServedPrediction> {
        let mut features: Vec<Vec<Cell>> =
            (0..rows.rows).map(|_| Vec::with_capacity(rows.columns.len())).collect();
        for column in rows.columns {
            match column {
                Column::Numbers(values) => {
                    for (row, value) in features.iter_mut().zip(values) {
                        row.push(if value.is_nan() { Cell::Missing } else { Cell::Number(value) });
                    }
                }
                Column::Words(values) => {
                    for (row, value) in features.iter_mut().zip(values) {
                        row.push(value.map_or(Cell::Missing, Cell::Word));
                    }
                }
            }
        }
        let said = rows.event_times.into_iter().zip(rows.entities);
        let answers = predictions.iter().zip(ids).zip(features);
        answers
            .zip(said)
            .map(|(((prediction, id), features), (event_time, entity))| ServedPrediction {
                id: *id,
                event_time: event_time.unwrap_or(self.received),
                received_time: self.received,
                deployment: Arc::clone(&self.slot.name),
                model: Arc::clone(&self.loaded.model),
                version: self.loaded.version,
                variant: "primary",
                feature_names: Arc::clone(&self.loaded.feature_names),
                features,
                prediction: *prediction,
                latency_us: self.latency_us,
                trace_id: self.trace_id.map(str::to_owned),
                entity,
            })
            .collect()
    }
}
