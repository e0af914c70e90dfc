//! Training a version again, from what it recorded: the same dataset version, SQL, params and seed.
//!
//! Nothing is taken from the cache of steps and nothing is registered; what comes out is only compared.

use std::sync::Arc;

use base::{Actor, Digest, Timestamp};
use checks::Circumstances;
use pipelines::runs;
use serde::Serialize;
use serde_json::Value;
use tables::Query;

use super::Cause;
use super::candidate::train_again;
use super::prepare::split;
use super::steps::Pipeline;
use crate::rows::signature_of;
use crate::specs;
use crate::{Error, Platform};

/// What became of training a version again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrainVerdict {
    /// The same bytes came out.
    Equal,
    /// Other bytes came out.
    Differs,
    /// What it needs is not there any more, or never was.
    Missing,
}

/// A version that was trained again.
#[derive(Debug, Clone, Serialize)]
pub struct Retrained {
    /// The model.
    pub model: String,
    /// The version.
    pub version: i64,
    /// What came of it.
    pub verdict: RetrainVerdict,
    /// The bytes of the version.
    pub digest: Option<Digest>,
    /// The bytes that came out now.
    pub retrained_digest: Option<Digest>,
    /// The prepared rows of then.
    pub rows_digest: Option<Digest>,
    /// The prepared rows of now.
    pub prepared_digest: Option<Digest>,
    /// The first step that gave something else: `prepare` or `train`.
    pub first_difference: Option<&'static str>,
    /// The dataset version that it learnt from.
    pub dataset: Option<String>,
    /// The candidate that was trained.
    pub candidate: Option<String>,
    /// What is missing, or what may be the cause.
    pub why: Option<String>,
}

impl Platform {
    /// Trains a version again from what it recorded and compares the bytes.
    ///
    /// # Errors
    /// When there is no such version; when the training itself fails. What is merely gone is part of the answer.
    pub async fn retrain(&self, model: &str, number: i64) -> Result<Retrained, Error> {
        let version = self.version(model, number).await?.version;
        let mut told = Retrained {
            model: model.to_owned(),
            version: number,
            verdict: RetrainVerdict::Missing,
            digest: version.digest,
            retrained_digest: None,
            rows_digest: None,
            prepared_digest: None,
            first_difference: None,
            dataset: None,
            candidate: version.tags.get("gingham.candidate").cloned(),
            why: None,
        };
        let missing = |told: Retrained, why: String| Ok(Retrained { why: Some(why), ..told });
        let (Some(run), Some(digest)) = (&version.pipeline_run, version.digest) else {
            return missing(told, "it was not trained here: it has no pipeline run or no model file".into());
        };
        let pipeline_run = runs::get(&mut self.db.read().await?, run).await?;
        let learnt_from = version.dataset_versions.as_ref().and_then(|list| list.get(0)).cloned();
        let learnt_from = learnt_from.unwrap_or_default();
        let named = learnt_from.get("dataset").and_then(Value::as_str);
        let (Some(dataset), Some(dataset_number)) =
            (named, learnt_from.get("number").and_then(Value::as_i64))
        else {
            return missing(told, "it does not say from which dataset version it learnt".into());
        };
        told.dataset = Some(format!("{dataset}@{dataset_number}"));
        let dataset = datasets::get_version(&mut self.db.read().await?, dataset, dataset_number).await?;
        let applied = specs::at(&mut self.db.read().await?, model, pipeline_run.started_at).await?;
        let Some(applied) = applied else {
            return missing(told, "the `gingham.yaml` of then is not kept".into());
        };
        let wanted = told.candidate.clone().unwrap_or_default();
        let candidate = applied.spec.pipeline.candidates.iter().find(|known| known.id == wanted).cloned();
        let Some(candidate) = candidate else {
            return missing(told, format!("the `gingham.yaml` of then names no candidate `{wanted}`"));
        };
        let rows = version.training_rows.clone().unwrap_or_default();
        told.rows_digest = rows.get("table").and_then(Value::as_str).and_then(|text| text.parse().ok());

        let (sql, checks) = (applied.prepare_sql().to_owned(), &applied.spec.checks);
        let input = self.rows_of(&dataset).await?;
        let sound = checks::sound_rows(checks, &input, &Circumstances::at(pipeline_run.started_at)).await?;
        let table = Query::new().table("input", input.filter(&sound)?).run(&sql).await?;
        let prepared_digest = Digest::of(table.to_parquet()?);
        told.prepared_digest = Some(prepared_digest);

        let signature = signature_of(&applied.spec.pipeline, &table)?;
        // Rows that were judged by came after these; where the order was cut short is told by their end.
        let judged = version.evaluation_rows.clone().unwrap_or_default();
        let last = judged.get("to").and_then(Value::as_str).and_then(|text| Timestamp::parse(text).ok());
        let until = last.map(|last| Timestamp::from_micros(last.as_micros() + 1));
        let cause =
            Cause { words: "training again".to_owned(), actor: Actor::platform("retrain"), job: None };
        let pipeline = Pipeline::detached(self, applied, cause, Arc::new(|_, _| {}));
        let prepared = split(&pipeline, dataset, signature, &table, prepared_digest, until)?;
        let bytes = train_again(&pipeline, &prepared, &candidate).await?;
        let retrained = Digest::of(&bytes);
        told.retrained_digest = Some(retrained);
        if retrained == digest {
            told.verdict = RetrainVerdict::Equal;
            return Ok(told);
        }
        told.verdict = RetrainVerdict::Differs;
        let rows_differ = told.rows_digest.is_some_and(|then| then != prepared_digest);
        told.first_difference = Some(if rows_differ { "prepare" } else { "train" });
        told.why = Some(if rows_differ {
            "the prepared rows are others already: the SQL depends on the moment or on the order of rows, \
             or another version of the program writes them in another way"
                .to_owned()
        } else {
            "the rows are the same to the bit: another version of the program, or another processor, \
             computes the model differently"
                .to_owned()
        });
        Ok(told)
    }
}
