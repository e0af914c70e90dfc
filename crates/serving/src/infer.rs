//! One request from its arrival to its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Failure, Kind, Timestamp};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use crate::counters::Ending;
use crate::deployment::{Archiving, Loaded, Slot, Working};
use crate::engine::{Answer, Cost, EngineFailure};
use crate::limiter::Full;
use crate::oip::{ENTITY, InferRequest, InferResponse};
use crate::outputs::{given, wanted};
use crate::predict::predict;
use crate::record::Record;
use crate::routing::{Choice, Route, Variant, Wish};
use crate::rows::{self, Rows};
use crate::serving::version_not_served;
use crate::sink::ServedPrediction;
use crate::{Error, Result, Serving};

/// What comes with a request beside its body.
#[derive(Debug, Clone, Default)]
pub struct Inference {
    /// The version that must answer; whichever the traffic settings choose when absent.
    pub version: Option<String>,
    /// The trace that the request belongs to.
    pub trace_id: Option<String>,
    /// `canary` or `primary`, when the request asks for one of them.
    pub variant: Option<String>,
    /// What keeps its version from request to request.
    pub key: Option<String>,
    /// When nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

/// When a request came.
#[derive(Debug, Clone, Copy)]
struct Begin {
    instant: Instant,
    received: Timestamp,
}

/// An answer and who gave it.
struct Answered {
    loaded: Arc<Loaded>,
    answer: Answer,
    rows: Arc<Rows>,
    route: Route,
}

impl Serving {
    /// Answers a request. It is answered by one version as a whole, chosen when it began.
    ///
    /// With [`Archiving::Required`] the answer is given when its record is durable. Fails naming the field that does
    /// not fit, with [`Error::Busy`] when the queue is full, with [`Error::NotArchived`] when there is no record.
    pub async fn infer(
        &self,
        name: &str,
        request: InferRequest,
        inference: Inference,
    ) -> Result<InferResponse> {
        let begin = Begin { instant: Instant::now(), received: self.clock.now() };
        let slot = self.slot(name)?;
        let choice = {
            let routing = slot.routing();
            let wish = Wish {
                version: inference.version.as_deref(),
                variant: inference.variant.as_deref().or_else(|| text(&request, "variant")),
                key: inference.key.as_deref().or_else(|| key(&request)),
                chance: chance(),
            };
            routing.choose(&slot.name, wish).ok_or_else(|| {
                version_not_served(name, wish.version.unwrap_or_default(), &routing.versions())
            })?
        };
        let hold = slot.hold(choice);
        let Some(choice) = hold.choice() else {
            return Err(Error::DeploymentNotFound { name: name.to_owned(), nearest: None });
        };
        let answer = self.answer(&slot, choice, request, &inference, begin).await;
        let ending = match &answer {
            Ok((_, rows)) => Ending::Answered { rows: *rows as u64 },
            Err(Error::Busy { .. }) => Ending::Shed,
            Err(error) if matches!(error.kind(), Kind::Invalid | Kind::NotFound | Kind::TooLarge) => {
                Ending::Refused
            }
            Err(error) => {
                tracing::warn!(deployment.name = name, %error, "a request was not answered");
                Ending::Failed
            }
        };
        let took = begin.instant.elapsed();
        slot.counters.ended(ending, took);
        choice.loaded.ended(&slot.name, ending, took);
        choice.loaded.counters.at(begin.received.as_micros().unsigned_abs() / 1_000);
        if let Some(guard) = &choice.guard {
            // A version that was helped out has failed all the same.
            match (&answer, ending) {
                (Ok((response, _)), _) if response.route.fallback.is_none() => {
                    guard.note(Some(took), Instant::now());
                }
                (_, Ending::Failed) | (Ok(_), _) => guard.note(None, Instant::now()),
                _ => {}
            }
        }
        answer.map(|(response, _)| response)
    }

    async fn answer(
        &self,
        slot: &Slot,
        choice: &Choice,
        mut request: InferRequest,
        inference: &Inference,
        begin: Begin,
    ) -> Result<(InferResponse, usize)> {
        let working = slot.working();
        let signature = choice.loaded.engine.signature();
        let rows = rows::fit(signature, &mut request, working.settings.request_rows, &choice.known)?;
        let wanted_first = wanted(&request, signature)?;
        let deadline = deadline(&request, inference, begin)?;
        // Held until the answer is archived, too: what waits for the disk takes a place.
        let place = Arc::new(self.place(slot, &working, deadline).await?);
        let queued = begin.instant.elapsed();
        let count = rows.rows;
        let answered = self.predicted(slot, choice, &working, rows, &place, deadline).await?;
        let engine = begin.instant.elapsed().saturating_sub(queued);
        answered.loaded.spent(&slot.name, queued, engine);
        let latency_us = i64::try_from(begin.instant.elapsed().as_micros()).unwrap_or(i64::MAX);
        let ids: Vec<uuid::Uuid> = (0..count).map(|_| base::id::new_uuid()).collect();
        // Who stepped in may have other outputs.
        let of = answered.loaded.engine.signature();
        let wanted = if answered.route.fallback.is_none() || of == signature {
            wanted_first
        } else {
            wanted(&InferRequest { outputs: Vec::new(), ..request.clone() }, of)?
        };
        let response = InferResponse {
            model_name: slot.name.to_string(),
            model_version: answered.loaded.version.to_string(),
            id: request.id.take(),
            outputs: given(&wanted, of, &answered.answer, &ids),
            route: answered.route.clone(),
        };
        self.show_to_shadow(slot, choice, &working, &answered, begin, inference);
        if working.settings.archive != Archiving::Off {
            let record = Record {
                deployment: &slot.name,
                loaded: &answered.loaded,
                variant: answered.route.variant,
                received: begin.received,
                latency_us,
                trace_id: inference.trace_id.as_deref(),
            };
            let rows = Arc::try_unwrap(answered.rows).unwrap_or_else(|rows| Rows::clone(&rows));
            let records = record.of(rows, &answered.answer, &ids);
            self.archive(slot, &answered.loaded, &working, records).await?;
        }
        Ok((response, count))
    }

    async fn place(
        &self,
        slot: &Slot,
        working: &Working,
        deadline: Option<Instant>,
    ) -> Result<OwnedSemaphorePermit> {
        let busy = |why| Error::Busy { name: slot.name.to_string(), why };
        let enter = async {
            working.limiter.enter().await.map_err(|full| {
                busy(match full {
                    Full::Queue => "all places are taken and the queue is full",
                    Full::Wait => "no place became free in time",
                })
            })
        };
        match deadline {
            None => enter.await,
            Some(deadline) => tokio::time::timeout_at(deadline.into(), enter)
                .await
                .unwrap_or_else(|_| Err(busy("no place became free before the deadline of the request"))),
        }
    }

    /// Asks the chosen version, and whoever steps in for it when it cannot answer.
    async fn predicted(
        &self,
        slot: &Slot,
        choice: &Choice,
        working: &Working,
        rows: Rows,
        place: &Arc<OwnedSemaphorePermit>,
        deadline: Option<Instant>,
    ) -> Result<Answered> {
        let rows = Arc::new(rows);
        let rule = choice.fallback.as_ref().map(|fallback| &fallback.rule);
        let patience = rule.and_then(|rule| rule.after_ms).map(Duration::from_millis);
        let dear = choice.loaded.engine.cost() == Cost::Dear;
        let limit = dear.then(|| Duration::from_millis(working.settings.answer_timeout_ms));
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let at_most = [patience, limit, left.filter(|_| dear)].into_iter().flatten().min();
        let first = predict(&choice.loaded, &rows, place, at_most).await;
        let why = match first {
            Ok(answer) => match rule.and_then(|rule| rule.objection(&answer.predictions)) {
                None => {
                    return Ok(Answered {
                        loaded: Arc::clone(&choice.loaded),
                        answer,
                        rows,
                        route: Route { variant: choice.variant, fallback: None },
                    });
                }
                Some(objection) => EngineFailure::internal(objection),
            },
            // The rows' own fault is no reason to ask somebody else.
            Err(failure) if failure.kind == Kind::Invalid => {
                return Err(failed(slot, choice.loaded.version, failure));
            }
            Err(failure) => failure,
        };
        let Some(fallback) = &choice.fallback else {
            return Err(failed(slot, choice.loaded.version, why));
        };
        tracing::warn!(
            deployment.name = %slot.name,
            model.version = choice.loaded.version,
            error = %why,
            "somebody else answers in place of version {}", choice.loaded.version
        );
        metrics::counter!("gingham_fallbacks_total", "deployment" => slot.name.to_string()).increment(1);
        let reason = format!("version {}: {why}", choice.loaded.version);
        let route = Route { variant: Variant::Fallback, fallback: Some(reason) };
        if let Some(loaded) = &fallback.loaded {
            let refitted = rows.fitted(choice.loaded.engine.signature(), loaded.engine.signature());
            let answer = match refitted {
                Ok(rows) => {
                    let rows = Arc::new(rows);
                    predict(loaded, &rows, place, limit).await.map(|answer| (answer, rows))
                }
                Err(field) => Err(EngineFailure::internal(format!("it needs `{field}`"))),
            };
            match answer {
                Ok((answer, rows)) if fallback.rule.objection(&answer.predictions).is_none() => {
                    return Ok(Answered { loaded: Arc::clone(loaded), answer, rows, route });
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(deployment.name = %slot.name, %error, "who should step in cannot answer either");
                }
            }
        }
        let Some(value) = fallback.rule.value else {
            return Err(failed(slot, choice.loaded.version, why));
        };
        // A fixed value knows nothing of further outputs; they are left out of the signature that it answers by.
        let loaded = Arc::new(choice.loaded.constant(value));
        let answer = Answer { predictions: vec![value; rows.rows], shown: None, more: Vec::new() };
        Ok(Answered { loaded, answer, rows, route })
    }

    /// Shows answered rows to the shadow, after the answer and only if there is room.
    fn show_to_shadow(
        &self,
        slot: &Slot,
        choice: &Choice,
        working: &Working,
        answered: &Answered,
        begin: Begin,
        inference: &Inference,
    ) {
        let Some(shadow) = choice.shadow.as_ref().filter(|shadow| chance() < shadow.share) else { return };
        let count = answered.rows.rows;
        let Some(room) = shadow.room(count, working.limiter.waiting() > 0) else { return };
        let shadow = Arc::clone(shadow);
        let rows = answered.rows.fitted(answered.loaded.engine.signature(), shadow.loaded.engine.signature());
        let Ok(rows) = rows else {
            shadow.failed(count);
            return;
        };
        let rows = Arc::new(rows);
        let given = answered.answer.predictions.clone();
        let name = Arc::clone(&slot.name);
        let keep = working.settings.archive != Archiving::Off;
        let (sink, trace_id) = (Arc::clone(&self.sink), inference.trace_id.clone());
        let limit = Duration::from_millis(working.settings.answer_timeout_ms);
        tokio::spawn(async move {
            // The answer goes out first.
            tokio::task::yield_now().await;
            let began = Instant::now();
            let place = Arc::new(room);
            let answer = predict(&shadow.loaded, &rows, &place, Some(limit)).await;
            let took = began.elapsed();
            match answer {
                Ok(answer) => {
                    shadow.compare(&given, &answer.predictions);
                    shadow.loaded.ended(&name, Ending::Answered { rows: count as u64 }, took);
                    if keep {
                        let ids: Vec<uuid::Uuid> = (0..count).map(|_| base::id::new_uuid()).collect();
                        let record = Record {
                            deployment: &name,
                            loaded: &shadow.loaded,
                            variant: Variant::Shadow,
                            received: begin.received,
                            latency_us: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
                            trace_id: trace_id.as_deref(),
                        };
                        let rows = Rows::clone(&rows);
                        let records = record.of(rows, &answer, &ids);
                        if sink.take(records).await.is_err() {
                            shadow.loaded.counters.unarchived(count as u64);
                        }
                    }
                }
                Err(error) => {
                    tracing::debug!(deployment.name = %name, %error, "the shadow did not answer");
                    shadow.failed(count);
                    shadow.loaded.ended(&name, Ending::Failed, took);
                }
            }
        });
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
            metrics::counter!("gingham_unarchived_rows_total").increment(rows as u64);
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

fn failed(slot: &Slot, version: i64, failure: EngineFailure) -> Error {
    Error::Engine { name: slot.name.to_string(), version, failure }
}

fn text<'a>(request: &'a InferRequest, parameter: &str) -> Option<&'a str> {
    request.parameters.get(parameter).and_then(Value::as_str)
}

/// What keeps its version when no header says so: the entity of the request.
fn key(request: &InferRequest) -> Option<&str> {
    text(request, "key").or_else(|| text(request, ENTITY)).or_else(|| {
        let input = request.inputs.iter().find(|input| input.name == ENTITY)?;
        match input.data.as_ref()?.values.first()? {
            crate::oip::Scalar::Text(text) => Some(text),
            _ => None,
        }
    })
}

/// Somewhere between 0 and 1, each time somewhere else.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
fn chance() -> f64 {
    let bits = uuid::Uuid::now_v7().as_u128() & ((1 << 53) - 1);
    bits as f64 / (1_u64 << 53) as f64
}

/// When nobody waits for the answer any more: what the protocol's `timeout` says, in microseconds, or the call itself.
fn deadline(request: &InferRequest, inference: &Inference, begin: Begin) -> Result<Option<Instant>> {
    let Some(timeout) = request.parameters.get("timeout") else { return Ok(inference.deadline) };
    let micros = timeout.as_u64().or_else(|| timeout.as_str().and_then(|text| text.parse().ok()));
    let Some(micros) = micros else {
        let problem = format!("{timeout} is no whole number of microseconds");
        return Err(Error::field("timeout", "field_type", problem));
    };
    if micros == 0 {
        return Ok(inference.deadline);
    }
    let said = begin.instant.checked_add(Duration::from_micros(micros));
    Ok(said.into_iter().chain(inference.deadline).min())
}
