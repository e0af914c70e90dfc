//! The `register` step: the best candidate becomes a version, and the rules say whether it takes the alias.

use std::collections::BTreeMap;

use base::{Actor, Digest, NewEvent, ObjectRef, Timestamp};
use checks::gate::{Demand, Evaluated, Others, Rule, RuleResult, metric_gate};
use checks::{CheckResult, Outcome, Severity, Verdict};
use db::Tx;
use registry::{AliasChange, Expected, NewPromotion, NewVersion};
use serde_json::{Value, json};
use stats::Profile;

use super::evaluate::{Judged, Score};
use super::expected;
use super::prepare::Prepared;
use super::prove::prove;
use super::steps::{Pipeline, StepResult, parts};
use super::{TrainOutcome, params};
use crate::Error;
use crate::parity::EXPECTED;
use crate::proving::keep_verdict;
use crate::reviews::{self, Guard};

/// Where chance in the bootstrap of the rules starts.
const SEED: u64 = 7;

/// Registers and decides, all in one transaction.
pub(super) async fn register(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    judged: Judged,
) -> Result<TrainOutcome, Error> {
    let spec = &pipeline.applied.spec;
    let Some((best, score)) = judged.candidates.get(judged.best) else {
        return Err(Error::Prepared { reason: "there is no best candidate".to_owned() });
    };
    let rules = verdict(&spec.promotion.rules, &judged, score, &best.candidate.id);
    let checked = prove(pipeline, rows, &judged).await?;
    let new = new_version(pipeline, rows, &judged, rules.as_slice())?;
    let key = parts("register".to_owned(), [("model", best.digest)], params([("run", json!(pipeline.run))]));
    let mut outcome = None;
    pipeline
        .step("register", key, None, || async {
            let expected = match expected::rows(best, rows)? {
                Some(rows) => Some(pipeline.platform.store_expected_rows(&rows).await?),
                None => None,
            };
            let done = write(pipeline, &judged, (new, expected), rules, checked).await?;
            let result = StepResult {
                outputs: json!({ "version": done.version, "promoted": done.promoted }),
                tracked: Some(best.run.clone()),
                message: format!("version {}: {}", done.version, done.decision),
            };
            outcome = Some(TrainOutcome { candidate: best.candidate.id.clone(), ..done });
            Ok(result)
        })
        .await?;
    outcome.ok_or_else(|| Error::Stored { what: "outcome", cause: "the step gave none".to_owned() })
}

/// Each rule with its result on the rows to judge by.
fn verdict(rules: &[Rule], judged: &Judged, score: &Score, name: &str) -> Vec<RuleResult> {
    rules
        .iter()
        .map(|rule| {
            let evaluated = |name, score: &'_ Score| (name, score.metrics.get(&rule.metric));
            let (name, value) = evaluated(name, score);
            let losses =
                |score: &'_ Score| if rule.metric == "mae" { score.losses.clone() } else { Vec::new() };
            let own = losses(score);
            let rivals: Vec<(String, Option<f64>, Vec<f64>)> = match rule.demand {
                Demand::Beats { others: Others::Baselines, .. } => judged
                    .candidates
                    .iter()
                    .filter(|(trained, _)| trained.candidate.baseline)
                    .map(|(trained, score)| {
                        (trained.candidate.id.clone(), score.metrics.get(&rule.metric), losses(score))
                    })
                    .collect(),
                Demand::Beats { others: Others::Champion, .. } => judged
                    .champion
                    .iter()
                    .map(|(version, score)| {
                        (
                            format!("version {}", version.number),
                            score.metrics.get(&rule.metric),
                            losses(score),
                        )
                    })
                    .collect(),
                _ => Vec::new(),
            };
            let others: Vec<Evaluated<'_>> = rivals
                .iter()
                .map(|(name, value, losses)| Evaluated { name, value: *value, losses })
                .collect();
            metric_gate(rule, &Evaluated { name, value, losses: &own }, &others, SEED)
        })
        .collect()
}

fn new_version(
    pipeline: &Pipeline<'_>,
    rows: &Prepared,
    judged: &Judged,
    rules: &[RuleResult],
) -> Result<NewVersion, Error> {
    let Some((best, score)) = judged.candidates.get(judged.best) else {
        return Err(Error::Prepared { reason: "there is no best candidate".to_owned() });
    };
    let baselines: BTreeMap<&str, Value> = judged
        .candidates
        .iter()
        .filter(|(trained, _)| trained.candidate.baseline)
        .map(|(trained, score)| (trained.candidate.id.as_str(), json!(score.metrics)))
        .collect();
    let dataset = &rows.dataset;
    Ok(NewVersion {
        model: pipeline.applied.spec.model.clone(),
        digest: Some(best.digest),
        source: format!("runs:/{}/model", best.run),
        source_run: Some(best.run.clone()),
        pipeline_run: Some(pipeline.run.clone()),
        flavor: "gingham".to_owned(),
        engine: best.engine.name().to_owned(),
        trainer: best.candidate.trainer.clone(),
        signature: Some(json!(rows.signature)),
        metrics: Some(json!(score.metrics)),
        baseline_metrics: Some(json!(baselines)),
        dataset_versions: Some(json!([{
            "dataset": dataset.name, "number": dataset.number, "rows": dataset.rows,
            "from": dataset.from, "to": dataset.to, "digest": dataset.digest,
        }])),
        training_rows: Some(json!(rows.training_range)),
        evaluation_rows: Some(json!(rows.evaluation_range)),
        feature_importance: Some(json!(best.importance)),
        reference_profile: Some(reference_profile(rows)?),
        tags: BTreeMap::from([
            ("gingham.candidate".to_owned(), best.candidate.id.clone()),
            ("gingham.cause".to_owned(), pipeline.cause.words.clone()),
            ("gingham.rules_passed".to_owned(), rules.iter().all(|rule| rule.passed).to_string()),
        ]),
        ..NewVersion::default()
    })
}

/// A profile of each feature and of the target over the rows that were learnt from.
fn reference_profile(rows: &Prepared) -> Result<Value, Error> {
    let names = rows.signature.inputs.iter().map(|field| &field.name).chain([&rows.signature.output.name]);
    let profiles = names
        .map(|name| {
            let profile = match rows.training.column(name)? {
                tables::Values::Text(texts) => Profile::of_texts(&texts),
                _ => Profile::of_numbers(&rows.training.numbers(name)?, None),
            };
            Ok((name.clone(), json!(profile)))
        })
        .collect::<Result<serde_json::Map<_, _>, Error>>()?;
    Ok(profiles.into())
}

async fn write(
    pipeline: &Pipeline<'_>,
    judged: &Judged,
    (new, expected): (NewVersion, Option<Digest>),
    rules: Vec<RuleResult>,
    checked: Verdict,
) -> Result<TrainOutcome, Error> {
    let spec = &pipeline.applied.spec;
    let (alias, actor, now) =
        (spec.promotion.alias.clone(), pipeline.cause.actor.clone(), pipeline.platform.clock.now());
    let previous = judged.champion.as_ref().map(|(version, _)| version.number);
    let same = judged.champion.as_ref().is_some_and(|(version, _)| version.digest == new.digest);
    let passed = rules.iter().all(|rule| rule.passed) && !checked.blocked;
    let holds = !rules.is_empty() && !same && passed;
    let guard = Guard::over(pipeline.applied.clone()).filter(|guard| guard.policy.guards(&alias));
    let told = decide(&rules, &checked, same, &alias);
    let pipeline_run = pipeline.run.clone();
    let weighed = rules.clone();
    let cause = pipeline.cause.words.clone();
    let (version, promoted, decision) = pipeline
        .platform
        .db
        .write(move |tx| {
            Box::pin(async move {
                let model = new.model.clone();
                let digest: Option<Digest> = new.digest;
                let version = registry::create_version(tx, new, &actor, now).await?.number;
                if let Some(rows) = expected {
                    registry::put_version_file(tx, (&model, version), EXPECTED, rows, &actor, now).await?;
                }
                keep_verdict(tx, &model, version, &actor, now, &checked).await?;
                let weighing =
                    Weighing { model, version, previous, alias, cause, rules: weighed, holds, told };
                let (promoted, decision) = weighing.decide(tx, guard.as_ref(), &actor, now).await?;
                let summary = format!("pipeline run of `{}` made version {version}", weighing.model);
                let event = NewEvent::new(
                    "pipeline.registered",
                    &actor,
                    ObjectRef::new("pipeline_run", &pipeline_run),
                    summary,
                );
                tx.append_event(event.with(json!({ "version": version, "digest": digest }))).await?;
                Ok::<_, Error>((version, promoted, decision))
            })
        })
        .await?;
    Ok(TrainOutcome {
        pipeline_run: pipeline.run.clone(),
        version,
        candidate: String::new(),
        promoted,
        decision,
        rules,
    })
}

/// A version that was weighed by the promotion rules, and what they said.
struct Weighing {
    model: String,
    version: i64,
    previous: Option<i64>,
    alias: String,
    cause: String,
    rules: Vec<RuleResult>,
    /// Whether all rules hold.
    holds: bool,
    told: String,
}

impl Weighing {
    /// Lets the version take the alias if the rules hold: at once, or by a review where a policy guards the alias.
    /// Answers whether it did and why, and writes that down.
    async fn decide(
        &self,
        tx: &mut Tx,
        guard: Option<&Guard>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(bool, String), Error> {
        let about = (self.model.as_str(), self.alias.as_str(), self.version);
        let Some(guard) = guard.filter(|_| self.holds) else {
            self.record(tx, self.holds, &self.told, actor, now).await?;
            if self.holds {
                let change = AliasChange {
                    model: self.model.clone(),
                    alias: self.alias.clone(),
                    version: self.version,
                    expected: self.previous.map_or(Expected::Nothing, Expected::Version),
                    reason: self.told.clone(),
                };
                registry::set_alias(tx, &change, actor, now).await?;
            }
            return Ok((self.holds, self.told.clone()));
        };
        let prefix = format!("promoted to {}: ", self.alias);
        let reason = self.told.strip_prefix(&prefix).unwrap_or(&self.told);
        let attempt =
            reviews::ask_and_attempt(tx, guard, about, (reason, None), Some(&self.rules), actor, now).await?;
        if let Some(decision) = attempt.decision() {
            return Ok((true, decision));
        }
        let waits = format!("review {}: {}", attempt.review.number, attempt.verdict.summary);
        let decision = format!("not promoted yet: {reason}; {waits}");
        self.record(tx, false, &decision, actor, now).await?;
        Ok((false, decision))
    }

    async fn record(
        &self,
        tx: &mut Tx,
        promoted: bool,
        decision: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), Error> {
        let promotion = NewPromotion {
            model: self.model.clone(),
            version: self.version,
            previous: self.previous,
            alias: self.alias.clone(),
            promoted,
            decision: decision.to_owned(),
            reason: self.cause.clone(),
            rules: json!(self.rules),
        };
        registry::record_promotion(tx, promotion, actor, now).await?;
        Ok(())
    }
}

/// The decision in one sentence; the rules tell the rest.
fn decide(rules: &[RuleResult], checked: &Verdict, same: bool, alias: &str) -> String {
    if same {
        return format!("not promoted: it is the same model as the {alias}");
    }
    if rules.is_empty() {
        return format!("no rules: a person moves `{alias}`");
    }
    if let Some(failed) = rules.iter().find(|rule| !rule.passed) {
        return format!("not promoted: {}", failed.why);
    }
    // Rules of promotion are told above; what is left are the checks of the model.
    let stops = |result: &&CheckResult| {
        result.severity == Severity::Block
            && result.outcome >= Outcome::Fail
            && !result.check_id.starts_with("promotion-")
    };
    if let Some(failed) = checked.results.iter().find(stops) {
        return format!("not promoted: check `{}`: {}", failed.check_id, failed.message);
    }
    let reasons: Vec<&str> = rules.iter().map(|rule| clause(&rule.why)).collect();
    format!("promoted to {alias}: {}", reasons.join("; "))
}

/// The first clause of a sentence.
fn clause(sentence: &str) -> &str {
    sentence.split("; ").next().unwrap_or(sentence)
}
