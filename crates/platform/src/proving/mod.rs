//! Checks of a model version: what stands around it is gathered from all rooms, `checks` evaluates, the verdict is
//! kept as the version's.
//!
//! A verdict of a version is kept for the object `version:MODEL@NUMBER`; see [`version_object`].

mod drifts;
mod predictor;
mod surroundings;

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use checks::model::{Footprint, ModelCheck, Package, Predictor, Rival, Subject, evaluate_model};
use checks::store::StoredVerdict;
use checks::{Outcome, Verdict};
use db::Tx;
use registry::{Pointer, Version};
use serde::Deserialize;
use serde_json::json;
use tables::Table;

pub(crate) use drifts::DatasetDrifts;
pub use drifts::SourceDrifts;
pub(crate) use predictor::{EnginePredictor, columns_for};

use crate::rows::{RowRange, split_at, with_target};
use crate::specs::AppliedSpec;
use crate::{Error, Platform, specs};

/// Chance in checks of models starts here.
pub(crate) const SEED: u64 = 7;
/// More rows to judge by are thinned out evenly.
const MOST_ROWS: usize = 200_000;

/// What a version is tested for, where that is not in its `gingham.yaml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestOrder {
    /// These checks instead of those of the `gingham.yaml`.
    #[serde(default)]
    pub checks: Option<Vec<ModelCheck>>,
    /// Rows to judge by from this dataset, `NAME` or `NAME@VERSION`, instead of those it was evaluated on.
    #[serde(default)]
    pub dataset: Option<String>,
    /// The column with the truth; that of the `gingham.yaml`, or of the signature, when not given.
    #[serde(default)]
    pub target: Option<String>,
    /// The column that says when a row happened.
    #[serde(default)]
    pub time: Option<String>,
    /// The packages of its environment with their licences, for checks of those.
    #[serde(default)]
    pub packages: Option<Vec<Package>>,
}

/// What verdicts of a version are kept for.
#[must_use]
pub fn version_object(model: &str, number: i64) -> ObjectRef {
    ObjectRef::new("version", format!("{model}@{number}"))
}

/// Keeps the verdict of a version, with an event, in a transaction that is under way.
///
/// # Errors
/// When the database fails.
pub async fn keep_verdict(
    tx: &mut Tx,
    model: &str,
    number: i64,
    actor: &Actor,
    at: Timestamp,
    verdict: &Verdict,
) -> Result<StoredVerdict, Error> {
    let object = version_object(model, number);
    let stored = checks::store::insert_verdict(tx, &object, actor, at, verdict).await?;
    let kind = if verdict.outcome >= Outcome::Fail { "version.checks_failed" } else { "version.checked" };
    let summary = format!("version {number} of `{model}`: {}", verdict.in_words());
    let event = NewEvent::new(kind, actor, object, summary);
    tx.append_event(event.with(json!({ "verdict": stored.id, "blocked": verdict.blocked }))).await?;
    Ok(stored)
}

/// The rows that a version is tested on.
struct Judged {
    rows: Table,
    training: Option<Table>,
    target: String,
    time: Option<String>,
}

impl Platform {
    /// Tests a version and keeps the verdict as the version's.
    ///
    /// The checks are the `model_checks` of its `gingham.yaml` and its rules of promotion, or those of the order.
    ///
    /// # Errors
    /// When there is no such version; [`Error::Untestable`] when there are no checks or no rows. A check that cannot
    /// be evaluated is part of the verdict.
    pub async fn test_version(
        &self,
        model: &str,
        number: i64,
        order: &TestOrder,
        actor: &Actor,
    ) -> Result<StoredVerdict, Error> {
        let (checks, judged, version, applied) = self.prepare_test(model, number, order).await?;
        let verdict = self.prove_judged(&checks, &judged, &version, applied.as_ref(), order).await?;
        let (model, actor, now) = (model.to_owned(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                Box::pin(async move { keep_verdict(tx, &model, number, &actor, now, &verdict).await })
            })
            .await
    }

    async fn prepare_test(
        &self,
        model: &str,
        number: i64,
        order: &TestOrder,
    ) -> Result<(Vec<ModelCheck>, Judged, Version, Option<AppliedSpec>), Error> {
        let version = self.version(model, number).await?.version;
        let applied = specs::find(&mut self.db.read().await?, model).await?;
        let untestable = |reason: &str| Error::Untestable {
            model: model.to_owned(),
            version: number,
            reason: reason.to_owned(),
        };
        let checks = match (&order.checks, &applied) {
            (Some(checks), _) => checks.clone(),
            (None, Some(applied)) => checks_of(applied),
            (None, None) => Vec::new(),
        };
        if checks.is_empty() {
            return Err(untestable("it has no checks: neither `model_checks` nor rules of promotion"));
        }
        let judged = self.rows_to_judge(&version, applied.as_ref(), order).await?;
        if judged.rows.row_count() == 0 {
            return Err(untestable("there are no rows to judge it by"));
        }
        Ok((checks, judged, version, applied))
    }

    /// The rows that the version was evaluated on, or those of the dataset that was asked for.
    async fn rows_to_judge(
        &self,
        version: &Version,
        applied: Option<&AppliedSpec>,
        order: &TestOrder,
    ) -> Result<Judged, Error> {
        let untestable = |reason: String| Error::Untestable {
            model: version.model.clone(),
            version: version.number,
            reason,
        };
        let pipeline = applied.map(|applied| &applied.spec.pipeline);
        let target = order.target.clone().or_else(|| pipeline.map(|pipeline| pipeline.target.clone()));
        let time = order.time.clone().or_else(|| pipeline.map(|pipeline| pipeline.time.clone()));
        let Some(target) = target else {
            return Err(untestable(
                "which column holds the truth is not known: name the `target`".to_owned(),
            ));
        };
        if let Some(named) = &order.dataset {
            let (name, number) = match named.split_once('@') {
                Some((name, number)) => (name, number.parse::<i64>().ok()),
                None => (named.as_str(), None),
            };
            let dataset = match number {
                Some(number) => datasets::get_version(&mut self.db.read().await?, name, number).await?,
                None => self.newest_version(name).await?,
            };
            let rows = with_target(&self.rows_of(&dataset).await?, &target)?;
            let time = time.filter(|time| rows.schema().find(time).is_some());
            return Ok(Judged { rows: thinned(&rows)?, training: None, target, time });
        }
        let range = |value: &Option<serde_json::Value>| {
            value.clone().and_then(|value| serde_json::from_value::<RowRange>(value).ok())
        };
        let (Some(evaluation), Some(time)) = (range(&version.evaluation_rows), time) else {
            return Err(untestable(
                "it was not evaluated here: name a dataset with rows to judge it by".to_owned(),
            ));
        };
        let prepared = with_target(&self.stored_table(evaluation.table).await?, &target)?;
        let rows = between(&prepared, &time, &evaluation)?;
        let training = match range(&version.training_rows) {
            Some(range) if range.table == evaluation.table => Some(between(&prepared, &time, &range)?),
            _ => None,
        };
        Ok(Judged { rows: thinned(&rows)?, training, target, time: Some(time) })
    }

    /// The rows that a version is judged by, with the name of the column that holds the truth.
    pub(crate) async fn rows_with_truth(
        &self,
        version: &Version,
        applied: Option<&AppliedSpec>,
        order: &TestOrder,
    ) -> Result<(Table, String), Error> {
        let judged = self.rows_to_judge(version, applied, order).await?;
        Ok((judged.rows, judged.target))
    }

    async fn prove_judged(
        &self,
        checks: &[ModelCheck],
        judged: &Judged,
        version: &Version,
        applied: Option<&AppliedSpec>,
        order: &TestOrder,
    ) -> Result<Verdict, Error> {
        let own = EnginePredictor::new(self.engine_of_version(version).await?);
        let champion = self.rival_of(version, applied).await?;
        let others = self.artefacts(checks, version, &own).await?;
        let mut rivals = Surrounding { champion: None, baselines: Vec::new(), artefacts: Vec::new() };
        if let Some((name, engine)) = &champion {
            let model: &dyn Predictor = engine;
            rivals.champion = Some(Rival { name: name.clone(), model: Some(model), metrics: None });
        }
        let baselines = version.baseline_metrics.as_ref().and_then(serde_json::Value::as_object);
        for (name, metrics) in baselines.into_iter().flatten() {
            rivals.baselines.push(Rival { name: name.clone(), model: None, metrics: Some(metrics.clone()) });
        }
        for (name, engine) in &others {
            let rival = Rival { name: name.clone(), model: Some(engine.as_ref()), metrics: None };
            rivals.artefacts.push((name.clone(), rival));
        }
        let name = format!("{}@{}", version.model, version.number);
        let surroundings = self.surroundings(version).await?;
        let subject = Subject {
            name: &name,
            model: &own,
            inputs: own.inputs(),
            output: own.output(),
            rows: &judged.rows,
            training: judged.training.as_ref(),
            target: &judged.target,
            time: judged.time.as_deref(),
            champion: rivals.champion,
            baselines: rivals.baselines,
            artefacts: rivals.artefacts,
            footprint: Footprint { memory_bytes: own.memory_bytes(), ..surroundings.footprint },
            consumers: surroundings.consumers,
            packages: order.packages.clone().or(surroundings.packages),
            files: surroundings.files,
            seed: SEED,
        };
        let columns: Vec<String> = subject.inputs.iter().map(|input| input.name.clone()).collect();
        let references = self
            .references_for(
                checks,
                (&version.model, version.number),
                applied,
                &judged.rows,
                judged.training.as_ref(),
                columns,
            )
            .await?;
        Ok(evaluate_model(checks, &subject, Some(&references)).await)
    }

    /// The version that a version is compared with: what the alias points at, or, of the champion itself, the one
    /// before it.
    async fn rival_of(
        &self,
        version: &Version,
        applied: Option<&AppliedSpec>,
    ) -> Result<Option<(String, EnginePredictor)>, Error> {
        let alias = applied.map_or("champion", |applied| applied.spec.promotion.alias.as_str());
        let mut read = self.db.read().await?;
        let model = registry::get_model(&mut read, &version.model).await?;
        let number = match model.alias(alias) {
            Some(number) if number == version.number => {
                let promotion = registry::promotion_of(&mut read, &version.model, version.number).await?;
                promotion.and_then(|promotion| promotion.previous)
            }
            other => other,
        };
        let Some(number) = number.filter(|number| *number != version.number) else { return Ok(None) };
        let rival = registry::get_version(&mut read, &version.model, number).await?;
        drop(read);
        let engine = EnginePredictor::new(self.engine_of_version(&rival).await?);
        Ok(Some((format!("{}@{number}", version.model), engine)))
    }

    /// The artefacts that checks of parity name; one that cannot be had is left out, which the check says.
    async fn artefacts(
        &self,
        checks: &[ModelCheck],
        version: &Version,
        own: &EnginePredictor,
    ) -> Result<Vec<(String, Box<dyn Predictor>)>, Error> {
        let mut found: Vec<(String, Box<dyn Predictor>)> =
            vec![("served".to_owned(), Box::new(own.as_served()))];
        for name in checks.iter().filter_map(ModelCheck::other_version) {
            if found.iter().any(|(known, _)| known == name) {
                continue;
            }
            let Ok(pointer) = name.parse::<Pointer>() else { continue };
            let other = registry::resolve(&mut self.db.read().await?, &version.model, &pointer).await;
            let Ok(other) = other else { continue };
            if let Ok(engine) = self.engine_of_version(&other).await {
                found.push((name.to_owned(), Box::new(EnginePredictor::new(engine))));
            }
        }
        Ok(found)
    }
}

struct Surrounding<'a> {
    champion: Option<Rival<'a>>,
    baselines: Vec<Rival<'a>>,
    artefacts: Vec<(String, Rival<'a>)>,
}

/// All checks of a model: its rules of promotion first, then its `model_checks`.
pub(crate) fn checks_of(applied: &AppliedSpec) -> Vec<ModelCheck> {
    let rules = applied.spec.promotion.rules.iter().enumerate();
    let rules = rules.map(|(place, rule)| ModelCheck::of_rule(place, rule));
    rules.chain(applied.spec.model_checks.iter().cloned()).collect()
}

/// The rows of a range, both ends within it.
pub(crate) fn between(prepared: &Table, time: &str, range: &RowRange) -> Result<Table, Error> {
    let from = range.from.map_or(i64::MIN, Timestamp::as_micros);
    let end = range.to.map_or(i64::MAX, |to| to.as_micros().saturating_add(1));
    let (before_end, _) = split_at(prepared, time, end)?;
    Ok(split_at(&before_end, time, from)?.1)
}

/// At most [`MOST_ROWS`] rows, spread evenly.
fn thinned(rows: &Table) -> Result<Table, tables::Error> {
    let count = rows.row_count();
    if count <= MOST_ROWS {
        return Ok(rows.clone());
    }
    let keep: Vec<bool> =
        (0..count).map(|row| row * MOST_ROWS / count != (row + 1) * MOST_ROWS / count).collect();
    rows.filter(&keep)
}
