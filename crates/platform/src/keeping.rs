//! How long predictions are kept, what must not be deleted, and what must be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use archive::Erased;
use base::{Actor, NewEvent, ObjectRef, PageRequest, Period, Timestamp};
use db::{Row, Sql, params};
use serde::Serialize;
use serde_json::{Value, json};
use tables::{ColumnType, DeltaTable, Range};
use tokio::sync::watch;

use crate::{Error, Platform, specs};

/// How often the archive is looked after.
const EVERY: Duration = Duration::from_secs(3600);
/// Files that no table needs any more stay this long, for readers that still use them.
const GRACE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many datasets and models an erasure looks through for what was learned from an entity.
const MOST_LOOKED_AT: usize = 1_000;

/// What holds for the archive of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeepingRule {
    /// The model.
    pub model: String,
    /// Predictions are kept this long after the moment that they are about; for ever when absent.
    pub keep: Option<Period>,
    /// While it is held, nothing of it is deleted.
    pub held: bool,
    /// Why.
    pub reason: String,
    /// Who decided so last; nobody yet when empty.
    pub actor: String,
    /// When.
    pub changed_at: Option<Timestamp>,
}

/// What an erasure did, and what it could not do.
#[derive(Debug, Clone, Serialize)]
pub struct ErasureReport {
    /// What went, by model.
    pub erased: Vec<ErasedRows>,
    /// Datasets whose newest version holds the entity; they are not changed.
    pub datasets: Vec<String>,
    /// Model versions that were trained on them, as `MODEL@VERSION`.
    pub trained_on: Vec<String>,
}

/// What went of one model.
#[derive(Debug, Clone, Serialize)]
pub struct ErasedRows {
    /// The model.
    pub model: String,
    /// Predictions.
    pub predictions: usize,
    /// Labels.
    pub labels: usize,
}

impl Platform {
    /// Looks after the archive every hour until `stop` becomes true: what is too old goes, and files that nothing
    /// needs.
    pub async fn keep_archive(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.tidy_archive(GRACE).await {
                tracing::error!(%error, "the archive cannot be looked after");
            }
        }
    }

    /// Takes out what is older than its model's rule allows, unless it is held; then deletes files that nothing needs
    /// and that are older than `grace`. Returns how many predictions went.
    ///
    /// # Errors
    /// When the archive or the database fails.
    pub async fn tidy_archive(&self, grace: Duration) -> Result<usize, Error> {
        let mut gone = 0;
        for model in self.archive.models() {
            let rule = self.keeping_rule(&model).await?;
            let (Some(keep), false) = (rule.keep, rule.held) else { continue };
            let before = self.clock.now().minus(keep);
            let expired = self.archive.expire(&model, before).await?;
            if expired.predictions + expired.labels == 0 {
                continue;
            }
            gone += expired.predictions;
            let summary = format!(
                "{} predictions and {} labels of `{model}` from before {before} were deleted",
                expired.predictions, expired.labels
            );
            let data =
                json!({ "predictions": expired.predictions, "labels": expired.labels, "before": before });
            self.write_down("archive.expired", &Actor::platform("archive"), &model, summary, data).await?;
        }
        let files = self.archive.vacuum(grace).await?;
        if files > 0 {
            tracing::info!(files, "deleted {files} files of the archive that nothing needed");
        }
        Ok(gone)
    }

    /// What holds for the archive of a model: what was decided here, or what its `gingham.yaml` says.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keeping_rule(&self, model: &str) -> Result<KeepingRule, Error> {
        let text = db::SqlText::new("select * from archive_rules where model = ").bind(model);
        let rows = self.db.read().await?.fetch_all_text(text).await?;
        let mut rule = match rows.first() {
            Some(row) => read(row)?,
            None => KeepingRule {
                model: model.to_owned(),
                keep: None,
                held: false,
                reason: String::new(),
                actor: String::new(),
                changed_at: None,
            },
        };
        if rule.keep.is_none() {
            let applied = specs::find(&mut self.db.read().await?, model).await?;
            rule.keep = applied.and_then(|applied| applied.spec.archive).and_then(|archive| archive.keep);
        }
        Ok(rule)
    }

    /// Decides how long predictions of a model are kept (`None`: as its `gingham.yaml` says, or for ever) and whether
    /// it is held.
    ///
    /// # Errors
    /// When there is no such model; when the database fails.
    pub async fn set_keeping_rule(
        &self,
        model: &str,
        keep: Option<Period>,
        held: bool,
        reason: &str,
        actor: &Actor,
    ) -> Result<KeepingRule, Error> {
        registry::get_model(&mut self.db.read().await?, model).await?;
        let now = self.clock.now();
        let (name, why, who) = (model.to_owned(), reason.to_owned(), actor.clone());
        let written: Result<(), Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "insert into archive_rules (model, keep_us, held, reason, actor, changed_at) \
                         values ($1, $2, $3, $4, $5, $6) on conflict (model) do update set \
                         keep_us = excluded.keep_us, held = excluded.held, reason = excluded.reason, \
                         actor = excluded.actor, changed_at = excluded.changed_at",
                        params![&name, keep.map(Period::as_micros), i64::from(held), &why, who.as_str(), now],
                    )
                    .await?;
                    let words = keep.map_or_else(|| "for ever".to_owned(), |keep| format!("for {keep}"));
                    let hold = if held { ", and nothing may be deleted" } else { "" };
                    let summary = format!("predictions of `{name}` are kept {words}{hold}");
                    let data = json!({ "keep": keep, "held": held, "reason": why });
                    let event =
                        NewEvent::new("archive.rule_set", &who, ObjectRef::new("model", &name), summary);
                    tx.append_event(event.with(data)).await?;
                    Ok(())
                })
            })
            .await;
        written?;
        self.keeping_rule(model).await
    }

    /// Erases everything about an entity from the archive of one model, or of all: when it answers, the bytes are in
    /// no file of the archive. Says which datasets hold the entity still, and which versions learned from them.
    ///
    /// # Errors
    /// [`Error::Held`] when a model that would be changed is held; nothing is erased then.
    pub async fn erase_entity(
        &self,
        entity: &str,
        model: Option<&str>,
        reason: &str,
        actor: &Actor,
    ) -> Result<ErasureReport, Error> {
        let models = match model {
            Some(model) => {
                self.archive.schema(model)?;
                vec![model.to_owned()]
            }
            None => self.archive.models(),
        };
        for model in &models {
            let rule = self.keeping_rule(model).await?;
            if rule.held {
                return Err(Error::Held { model: model.clone(), reason: rule.reason });
            }
        }
        let erased = self.archive.erase(entity, &models).await?;
        // What was summed up of the rows goes with them: the sums are made anew from what is left.
        for model in &models {
            if let Ok(applied) = self.applied(model).await {
                self.sum_up(&applied).await?;
            }
        }
        let (datasets, trained_on) = self.learned_from(entity).await?;
        for Erased { model, predictions, labels, files } in &erased {
            // The log of events is for ever: it does not say who was erased.
            let summary = format!(
                "{predictions} predictions and {labels} labels about one entity were erased from `{model}`"
            );
            let data = json!({
                "predictions": predictions, "labels": labels, "files": files,
                "reason": reason, "trained_on": trained_on,
            });
            self.write_down("archive.erased", actor, model, summary, data).await?;
        }
        let erased = erased
            .into_iter()
            .map(|rows| ErasedRows { model: rows.model, predictions: rows.predictions, labels: rows.labels })
            .collect();
        Ok(ErasureReport { erased, datasets, trained_on })
    }

    /// The datasets that hold a word, and the model versions that were trained on them.
    async fn learned_from(&self, word: &str) -> Result<(Vec<String>, Vec<String>), Error> {
        let page = PageRequest::first(MOST_LOOKED_AT);
        let all = datasets::list_datasets(&mut self.db.read().await?, &page).await?;
        let mut holding = Vec::new();
        for dataset in all.items {
            let table = match DeltaTable::open(&self.dataset_location(&dataset.name)).await {
                Ok(table) => table,
                Err(tables::Error::NoTable { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let schema = table.schema()?;
            for column in schema.columns.iter().filter(|column| column.kind == ColumnType::Text) {
                let range = Range::Text { first: word.to_owned(), last: word.to_owned() };
                if table.read_within(None, &column.name, &range).await?.row_count() > 0 {
                    holding.push(dataset.name.clone());
                    break;
                }
            }
        }
        let mut trained = BTreeSet::new();
        if holding.is_empty() {
            return Ok((holding, Vec::new()));
        }
        let all = specs::all(&mut self.db.read().await?).await?;
        for applied in all {
            let model = &applied.spec.model;
            let mut read = self.db.read().await?;
            let versions = registry::list_versions(&mut read, model, MOST_LOOKED_AT, None).await?;
            for version in versions.items {
                let from = version.dataset_versions.unwrap_or_default();
                if holding.iter().any(|dataset| names(&from, dataset)) {
                    trained.insert(format!("{model}@{}", version.number));
                }
            }
        }
        Ok((holding, trained.into_iter().collect()))
    }

    async fn write_down(
        &self,
        kind: &'static str,
        actor: &Actor,
        model: &str,
        summary: String,
        data: Value,
    ) -> Result<(), Error> {
        let event = NewEvent::new(kind, actor, ObjectRef::new("model", model), summary).with(data);
        let told: Result<(), Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_event(event).await?;
                    Ok(())
                })
            })
            .await;
        told
    }
}

/// Whether a dataset is named anywhere in what a version keeps about its origin.
fn names(value: &Value, dataset: &str) -> bool {
    match value {
        Value::String(text) => text.split('@').next() == Some(dataset),
        Value::Array(values) => values.iter().any(|value| names(value, dataset)),
        Value::Object(fields) => {
            fields.contains_key(dataset) || fields.values().any(|value| names(value, dataset))
        }
        _ => false,
    }
}

fn read(row: &Row) -> Result<KeepingRule, Error> {
    Ok(KeepingRule {
        model: row.text("model")?,
        keep: row.opt_int("keep_us")?.map(Period::from_micros),
        held: row.bool("held")?,
        reason: row.text("reason")?,
        actor: row.text("actor")?,
        changed_at: row.opt_time("changed_at")?,
    })
}
