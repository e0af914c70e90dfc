//! What applying a `gingham.yaml` would change, and making it so.

use base::Actor;
use serde::Serialize;
use serde_json::{Value, json};

use crate::spec::{self, Spec, SpecSource};
use crate::{AppliedSpec, Error, Platform, specs, weaker};

/// What happens to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAction {
    /// It is not there yet.
    Create,
    /// It becomes different.
    Update,
    /// It stays as it is.
    Unchanged,
}

/// One change, object by object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What happens.
    pub action: ChangeAction,
    /// To what: `model traffic`, `checks`, `pipeline`, …
    pub object: String,
    /// How it is now.
    pub before: Value,
    /// How it will be.
    pub after: Value,
    /// In words.
    pub detail: String,
}

/// What applying changes, or has changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The model.
    pub model: String,
    /// Each part of the file with what happens to it.
    pub changes: Vec<Change>,
    /// In which ways it would ask less of versions than what is in force under a policy: to apply that takes the right to
    /// approve moves.
    pub weakens: Vec<String>,
}

impl Plan {
    /// Whether anything would be different afterwards.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        self.changes.iter().any(|change| change.action != ChangeAction::Unchanged)
    }
}

impl Platform {
    /// What [`Platform::apply`] would change; changes nothing.
    ///
    /// # Errors
    /// A spec that makes no sense, with line and column.
    pub async fn plan(&self, source: &SpecSource) -> Result<Plan, Error> {
        let spec = spec::parse(source)?;
        let before = specs::find(&mut self.db.read().await?, &spec.model).await?;
        let prepare_before = before.as_ref().map(|applied| applied.prepare_sql().to_owned());
        let prepare = source.files.get(&spec.pipeline.prepare).cloned().unwrap_or_default();
        let mut changes = compare(before.as_ref().map(|applied| &applied.spec), &spec);
        if let Some(pipeline) = changes.iter_mut().find(|change| change.object == "pipeline")
            && pipeline.action == ChangeAction::Unchanged
            && prepare_before.as_ref() != Some(&prepare)
        {
            pipeline.action = ChangeAction::Update;
            pipeline.detail = format!("`{}` reads differently", spec.pipeline.prepare);
        }
        let weakens = before.map(|before| weaker::weaker_in(&before.spec, &spec)).unwrap_or_default();
        Ok(Plan { model: spec.model, changes, weakens })
    }

    /// Makes what the file says: writes down the spec and makes dataset, model, experiment and deployment known.
    ///
    /// Rows and versions come afterwards, by [`Platform::push_rows`] and a training. Applying the same file again
    /// changes nothing.
    ///
    /// # Errors
    /// A spec that makes no sense, with line and column; nothing is kept then.
    pub async fn apply(&self, source: &SpecSource, actor: &Actor) -> Result<Plan, Error> {
        let plan = self.plan(source).await?;
        if !plan.changes_anything() {
            return Ok(plan);
        }
        let spec = spec::parse(source)?;
        let (source, actor, now) = (source.clone(), actor.clone(), self.clock.now());
        self.admit_traffic(AppliedSpec {
            revision: 0,
            digest: specs::digest_of(&source),
            source: source.clone(),
            spec: spec.clone(),
            actor: actor.clone(),
            applied_at: now,
        })
        .await?;
        let followed = actor.clone();
        let written = spec.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    specs::insert(tx, &written, &source, &actor, now).await?;
                    crate::birth::make_known(tx, &written, &actor, now).await
                })
            })
            .await?;
        self.mask_as(&spec);
        self.follow_alias(&spec).await?;
        self.apply_traffic(&spec, &followed).await?;
        Ok(plan)
    }
}

impl Platform {
    /// Lets the archive mask what the spec says from now on.
    pub(crate) fn mask_as(&self, spec: &Spec) {
        let columns = spec.archive.as_ref().map(|archive| archive.mask.clone()).unwrap_or_default();
        self.archive.set_masked(&spec.model, &columns);
    }
}

/// The parts of a spec that are compared one by one, with a sentence on each.
fn parts(spec: &Spec) -> Vec<(String, Value, String)> {
    let part = |value: Value, object: &str, detail: String| (object.to_owned(), value, detail);
    let candidates: Vec<&str> =
        spec.pipeline.candidates.iter().map(|candidate| candidate.id.as_str()).collect();
    let mut parts = vec![
        part(
            json!({ "description": spec.description, "owner": spec.owner, "project": spec.project }),
            &format!("model {}", spec.model),
            spec.description.clone(),
        ),
        part(
            json!(spec.data),
            &format!("dataset {}", spec.data.dataset),
            format!("rows are timed by `{}`", spec.data.time),
        ),
        part(
            json!(spec.checks),
            "checks",
            format!("{} on each new version of the dataset", spec.checks.len()),
        ),
        part(
            json!(spec.pipeline),
            "pipeline",
            format!(
                "predicts `{}` from {} features; trains {}",
                spec.pipeline.target,
                spec.pipeline.features.len(),
                candidates.join(", ")
            ),
        ),
        part(
            json!(spec.promotion),
            "promotion",
            format!("`{}` moves when {}", spec.promotion.alias, rules_in_words(spec)),
        ),
    ];
    if let (Some(risk), Some(policy)) = (&spec.risk, &spec.policy) {
        let detail = format!("`{}` says what a move needs, for risk `{}`", policy.policy, risk.tier);
        parts.push(part(json!({ "risk": risk, "policy": policy }), "policy", detail));
    }
    if !spec.model_checks.is_empty() {
        let detail = format!("{} on each new version of the model", spec.model_checks.len());
        parts.push(part(json!(spec.model_checks), "model checks", detail));
    }
    if !spec.card.is_empty() {
        let fields: Vec<&str> = spec.card.keys().map(String::as_str).collect();
        parts.push(part(json!(spec.card), "card", fields.join(", ")));
    }
    if let Some(deployment) = &spec.deployment {
        let detail = format!("follows `{}` at /v2/models/{}/infer", deployment.alias, deployment.name);
        parts.push(part(json!(deployment), &format!("deployment {}", deployment.name), detail));
    }
    if let Some(monitor) = &spec.monitor {
        let detail = format!("looks at each {} of live data", monitor.window.in_words());
        parts.push(part(json!(monitor), "monitor", detail));
    }
    if let Some(archive) = &spec.archive {
        let keep =
            archive.keep.map_or_else(|| "for ever".to_owned(), |keep| format!("for {}", keep.in_words()));
        let masked = if archive.mask.is_empty() {
            String::new()
        } else {
            format!(", `{}` masked", archive.mask.join("`, `"))
        };
        parts.push(part(json!(archive), "archive", format!("predictions are kept {keep}{masked}")));
    }
    let retrain = format!("at most every {}", spec.retrain.cooldown.in_words());
    parts.push(part(json!(spec.retrain), "retraining", retrain));
    parts
}

fn rules_in_words(spec: &Spec) -> String {
    let rules: Vec<String> = spec.promotion.rules.iter().map(checks::gate::Rule::in_words).collect();
    if rules.is_empty() { "a person moves it".to_owned() } else { rules.join(" and ") }
}

fn compare(before: Option<&Spec>, after: &Spec) -> Vec<Change> {
    let old = before.map(parts).unwrap_or_default();
    let new = parts(after);
    let mut changes: Vec<Change> = new
        .iter()
        .map(|(object, value, detail)| {
            let was = old.iter().find(|(name, ..)| name == object).map(|(_, value, _)| value.clone());
            let action = match &was {
                None => ChangeAction::Create,
                Some(was) if was == value => ChangeAction::Unchanged,
                Some(_) => ChangeAction::Update,
            };
            Change {
                action,
                object: object.clone(),
                before: was.unwrap_or_default(),
                after: value.clone(),
                detail: detail.clone(),
            }
        })
        .collect();
    for (object, value, _) in old.iter().filter(|(object, ..)| new.iter().all(|(name, ..)| name != object)) {
        changes.push(Change {
            action: ChangeAction::Update,
            object: object.clone(),
            before: value.clone(),
            after: Value::Null,
            detail: "is no longer in the file; what it has made stays".to_owned(),
        });
    }
    changes
}
