//! Computing an archived prediction again, from the features and the version that were kept.

use std::collections::HashMap;
use std::sync::Arc;

use archive::{Cell, Prediction};
use base::{Digest, Failure, Kind};
use serde::Serialize;
use serving::{Column, Engine as _, FieldKind, InputField};
use tables::QueryLimits;
use uuid::Uuid;

use crate::served::ServedEngine;
use crate::{Error, Platform};

/// The most predictions that one call computes again.
pub const MOST_REPLAYED: usize = 10_000;
/// The most predictions that a report names; it counts all.
const MOST_NAMED: usize = 100;

/// What became of computing a prediction again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayVerdict {
    /// The same bits came out.
    Equal,
    /// Something else came out.
    Differs,
    /// What it needs is not there any more, or never was.
    Missing,
}

/// One prediction that was computed again.
#[derive(Debug, Clone, Serialize)]
pub struct Replay {
    /// The prediction.
    pub prediction: Uuid,
    /// The model.
    pub model: String,
    /// The version that answered then, and was asked again.
    pub version: i64,
    /// The bytes of that version.
    pub digest: Option<Digest>,
    /// What evaluated it now.
    pub engine: Option<String>,
    /// What came of it.
    pub verdict: ReplayVerdict,
    /// What was answered then.
    pub archived: Option<f64>,
    /// What is answered now.
    pub recomputed: Option<f64>,
    /// `recomputed - archived`, where the two differ.
    pub difference: Option<f64>,
    /// What is missing, or why the two may differ.
    pub why: Option<String>,
}

/// The newest predictions of a model, computed again.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayReport {
    /// The model.
    pub model: String,
    /// How many were computed again.
    pub replayed: usize,
    /// How many gave the same bits.
    pub equal: usize,
    /// How many gave something else.
    pub differing: usize,
    /// How many lacked something.
    pub missing: usize,
    /// Those that are not equal, newest first, at most a hundred.
    pub exceptions: Vec<Replay>,
}

/// An engine that is needed again, or why there is none.
type Loaded = Result<(Digest, Arc<ServedEngine>), String>;

impl Platform {
    /// Computes a prediction again; `None` when the archive has no such prediction.
    ///
    /// # Errors
    /// When archive, database or artifacts fail. What is merely gone is part of the answer.
    pub async fn replay(&self, id: Uuid) -> Result<Option<Replay>, Error> {
        let Some(stored) = self.archive.prediction(id).await? else { return Ok(None) };
        let loaded = self.version_engine(&stored.prediction.model, stored.prediction.version).await?;
        Ok(Some(replayed(&stored.prediction, &loaded)))
    }

    /// Computes the newest `last` predictions of a model again, at most [`MOST_REPLAYED`].
    ///
    /// # Errors
    /// When there is no such model; when archive, database or artifacts fail.
    pub async fn replay_newest(&self, model: &str, last: usize) -> Result<ReplayReport, Error> {
        let mut report = ReplayReport {
            model: model.to_owned(),
            replayed: 0,
            equal: 0,
            differing: 0,
            missing: 0,
            exceptions: Vec::new(),
        };
        if !self.archive.models().iter().any(|known| known == model) {
            registry::get_model(&mut self.db.read().await?, model).await?;
            return Ok(report);
        }
        let last = last.clamp(1, MOST_REPLAYED);
        let newest = format!(
            "select prediction_id from \"{model}\".predictions order by event_time desc, prediction_id desc limit {last}"
        );
        let limits = QueryLimits { max_rows: last, ..QueryLimits::default() };
        let ids = self.archive.sql(&newest, limits).await?.texts("prediction_id")?;
        let mut engines: HashMap<i64, Loaded> = HashMap::new();
        for id in ids.iter().flatten().filter_map(|id| id.parse().ok()) {
            let Some(stored) = self.archive.prediction(id).await? else { continue };
            let version = stored.prediction.version;
            if let std::collections::hash_map::Entry::Vacant(e) = engines.entry(version) {
                e.insert(self.version_engine(model, version).await?);
            }
            let Some(loaded) = engines.get(&version) else { continue };
            report.add(replayed(&stored.prediction, loaded));
        }
        Ok(report)
    }

    /// The engine of a version, or what it lacks.
    async fn version_engine(&self, model: &str, number: i64) -> Result<Loaded, Error> {
        let version = match registry::get_version(&mut self.db.read().await?, model, number).await {
            Ok(version) => version,
            Err(error) if error.kind() == Kind::NotFound => {
                return Ok(Err(format!("version {number} of `{model}` is not registered here (any more)")));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(digest) = version.digest.or(version.artifact) else {
            return Ok(Err(format!(
                "version {number} of `{model}` has no model file that is evaluated here"
            )));
        };
        Ok(match self.engine_of_version(&version).await {
            Ok(engine) => Ok((digest, Arc::new(ServedEngine::new(engine)))),
            Err(error) if error.kind() == Kind::NotFound => {
                Err(format!("the model file {digest} of version {number} is gone"))
            }
            Err(error) => return Err(error),
        })
    }
}

impl ReplayReport {
    fn add(&mut self, replay: Replay) {
        self.replayed += 1;
        match replay.verdict {
            ReplayVerdict::Equal => self.equal += 1,
            ReplayVerdict::Differs => self.differing += 1,
            ReplayVerdict::Missing => self.missing += 1,
        }
        if replay.verdict != ReplayVerdict::Equal && self.exceptions.len() < MOST_NAMED {
            self.exceptions.push(replay);
        }
    }
}

fn replayed(prediction: &Prediction, loaded: &Loaded) -> Replay {
    let archived = match prediction.prediction {
        Cell::Real(value) => Some(value),
        _ => None,
    };
    let mut replay = Replay {
        prediction: prediction.id,
        model: prediction.model.clone(),
        version: prediction.version,
        digest: loaded.as_ref().ok().map(|(digest, _)| *digest),
        engine: loaded.as_ref().ok().map(|(_, engine)| engine.name().to_owned()),
        verdict: ReplayVerdict::Missing,
        archived,
        recomputed: None,
        difference: None,
        why: None,
    };
    let again = loaded.as_ref().map_err(Clone::clone).and_then(|(_, engine)| {
        let before = archived.ok_or_else(|| "no number was archived as its answer".to_owned())?;
        Ok((before, predict(engine, prediction)?))
    });
    match again {
        Ok((before, now)) => {
            replay.recomputed = Some(now);
            let equal = before.to_bits() == now.to_bits();
            replay.verdict = if equal { ReplayVerdict::Equal } else { ReplayVerdict::Differs };
            replay.difference = (!equal).then_some(now - before);
            replay.why = (!equal).then(|| {
                "the version's bytes are those of its digest, so either features were changed after \
                 they were archived, or another engine answered then"
                    .to_owned()
            });
        }
        Err(why) => replay.why = Some(why),
    }
    replay
}

fn predict(engine: &ServedEngine, prediction: &Prediction) -> Result<f64, String> {
    let columns = engine
        .signature()
        .inputs
        .iter()
        .map(|field| column(field, prediction))
        .collect::<Result<Vec<_>, _>>()?;
    let predictions = engine.predict(&columns).map_err(|failure| failure.to_string())?;
    predictions.first().copied().ok_or_else(|| "the engine gave no prediction".to_owned())
}

/// The archived feature as a column of one row.
fn column(field: &InputField, prediction: &Prediction) -> Result<Column, String> {
    let archived = prediction.features.iter().find(|(name, _)| **name == field.name).map(|(_, cell)| cell);
    match (field.kind, archived) {
        (_, None) if field.required => Err(format!("feature `{}` was not archived", field.name)),
        (FieldKind::Number, None | Some(Cell::Null)) => Ok(Column::Numbers(vec![f64::NAN])),
        (FieldKind::Number, Some(Cell::Real(number))) => Ok(Column::Numbers(vec![*number])),
        (FieldKind::Category, None | Some(Cell::Null)) => Ok(Column::Words(vec![None])),
        (FieldKind::Category, Some(Cell::Text(word))) => Ok(Column::Words(vec![Some(word.clone())])),
        (_, Some(_)) => Err(format!("feature `{}` was archived in another type", field.name)),
    }
}
