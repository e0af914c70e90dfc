//! How a model without a `gingham.yaml` is watched: by its own first week.

use std::sync::PoisonError;

use base::{Actor, Digest, NewEvent, ObjectRef, Period, Timestamp};
use db::{Sql, params};
use monitoring::{MonitorSpec, Reference, Rows};
use serde_json::json;
use tables::ColumnType;

use crate::rows::watched_column;
use crate::spec::{DataSpec, EvaluateSpec, PipelineSpec, PromotionSpec, RetrainSpec, Spec, SpecSource};
use crate::watch::{times_of, with_outcomes};
use crate::{AppliedSpec, Error, Platform};

/// Days, compared with the first week; two days of three must show it.
const USUAL_MONITOR: &str =
    r#"{"window":"1d","min_rows":50,"drift":{"threshold":0.25,"persist":{"windows":2,"of":3}}}"#;
/// What the model is compared with: so much from its first prediction on.
const REFERENCE: Period = Period::from_days(7);

impl Platform {
    /// Gives a model that sends its first predictions a monitor, unless a `gingham.yaml` was applied for it.
    pub(super) async fn watch_elsewhere(&self, model: &str, now: Timestamp) -> Result<(), Error> {
        // Asked with every call, of which there may be thousands a second.
        let remembered =
            self.watched_elsewhere.read().unwrap_or_else(PoisonError::into_inner).contains(model);
        if remembered {
            return Ok(());
        }
        let known = !self
            .db
            .read()
            .await?
            .fetch_all_text(db::SqlText::new("select model from models_elsewhere where model = ").bind(model))
            .await?
            .is_empty();
        if known {
            let mut remembered = self.watched_elsewhere.write().unwrap_or_else(PoisonError::into_inner);
            remembered.insert(model.to_owned());
            return Ok(());
        }
        if crate::specs::find(&mut self.db.read().await?, model).await?.is_some() {
            return Ok(());
        }
        let model = model.to_owned();
        let made: Result<(), Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let made = tx
                        .execute(
                            "insert into models_elsewhere (model, monitor, first_seen) values ($1, $2, $3) \
                             on conflict do nothing",
                            params![&model, USUAL_MONITOR, now],
                        )
                        .await?;
                    if made == 0 {
                        return Ok(());
                    }
                    let summary = format!(
                        "`{model}` is served elsewhere and watched: days, compared with its first week"
                    );
                    let event = NewEvent::new(
                        "monitor.created",
                        &Actor::platform("archive"),
                        ObjectRef::new("model", &model),
                        summary,
                    );
                    tx.append_event(event.with(json!({ "monitor": "usual" }))).await?;
                    Ok(())
                })
            })
            .await;
        made
    }

    /// A model that is served elsewhere, in the form in which applied ones are watched; its revision is 0.
    pub(crate) async fn elsewhere(&self, model: &str) -> Result<Option<AppliedSpec>, Error> {
        let text =
            db::SqlText::new("select monitor, first_seen from models_elsewhere where model = ").bind(model);
        let rows = self.db.read().await?.fetch_all_text(text).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let monitor: MonitorSpec = row.json("monitor")?;
        let schema = self.archive.schema(model)?;
        let own = super::read::OWN;
        let features = schema
            .columns
            .iter()
            .filter(|column| column.kind != ColumnType::Time && !own.contains(&column.name.as_str()))
            .map(|column| column.name.strip_prefix("feature_").unwrap_or(&column.name).to_owned())
            .collect();
        Ok(Some(AppliedSpec {
            revision: 0,
            digest: Digest::of(""),
            source: SpecSource { spec_yaml: String::new(), files: std::collections::BTreeMap::new() },
            spec: spec_of(model, features, monitor),
            actor: Actor::platform("archive"),
            applied_at: row.time("first_seen")?,
        }))
    }

    /// The models that are served elsewhere and have no `gingham.yaml`.
    pub(crate) async fn all_elsewhere(&self) -> Result<Vec<AppliedSpec>, Error> {
        let text = db::SqlText::new(
            "select model from models_elsewhere where model not in (select model from applied_specs) order by model",
        );
        let rows = self.db.read().await?.fetch_all_text(text).await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            all.extend(self.elsewhere(&row.text("model")?).await?);
        }
        Ok(all)
    }

    /// The first week of a model that is served elsewhere, once it is over.
    pub(crate) async fn first_week(&self, applied: &AppliedSpec) -> Result<Option<Reference>, Error> {
        let model = &applied.spec.model;
        let (Some(first), Some(newest)) = (self.first_event(model).await?, self.archive.watermark(model))
        else {
            return Ok(None);
        };
        let end = first.plus(REFERENCE);
        if newest < end {
            return Ok(None);
        }
        let table = self.archive.scored(model, first, end).await?;
        let mut columns = Vec::new();
        for feature in &applied.spec.pipeline.features {
            let column = archive::feature_column(feature);
            let column = if table.schema().find(&column).is_some() { column } else { feature.clone() };
            if table.schema().find(&column).is_some() {
                columns.push((feature.clone(), watched_column(&table, &column)?));
            }
        }
        let rows = with_outcomes(Rows::new(times_of(&table, "event_time")?, columns)?, &table)?;
        Ok(Some(Reference::new(rows, std::collections::BTreeMap::new())))
    }
}

fn spec_of(model: &str, features: Vec<String>, monitor: MonitorSpec) -> Spec {
    Spec {
        model: model.to_owned(),
        project: "default".to_owned(),
        description: "served elsewhere".to_owned(),
        owner: None,
        data: DataSpec {
            dataset: String::new(),
            source: None,
            time: "event_time".to_owned(),
            first_until: None,
            datasheet: std::collections::BTreeMap::new(),
        },
        checks: Vec::new(),
        model_checks: Vec::new(),
        pipeline: PipelineSpec {
            prepare: String::new(),
            time: "event_time".to_owned(),
            target: "prediction".to_owned(),
            features,
            evaluate: EvaluateSpec { last: REFERENCE, metric: String::new() },
            candidates: Vec::new(),
        },
        promotion: PromotionSpec { alias: "champion".to_owned(), rules: Vec::new() },
        deployment: None,
        monitor: Some(monitor),
        retrain: RetrainSpec::default(),
        archive: None,
        risk: None,
        card: std::collections::BTreeMap::new(),
        policy: None,
    }
}
