//! JSON shapes of models and versions.

use std::collections::BTreeMap;

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// A model in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelSummary {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub owner: String,
    /// The greatest version number in use.
    pub latest_version: Option<i64>,
    /// Which version each alias points at.
    #[schema(value_type = Object)]
    pub aliases: Map<String, Value>,
    /// The deployment that serves it.
    pub deployment: Option<String>,
    /// How many of its alerts are open.
    pub alerts_firing: usize,
    /// The metric that decides, as `{name, value}` of the version in production.
    pub metric: Option<Value>,
    /// When it or one of its versions or aliases last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A page of models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelPage {
    /// The models, by name.
    pub items: Vec<ModelSummary>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A model with its file, aliases and newest versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelBody {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub owner: String,
    /// The greatest version number in use.
    pub latest_version: Option<i64>,
    /// The deployment that serves it.
    pub deployment: Option<String>,
    /// How many of its alerts are open.
    pub alerts_firing: usize,
    /// The metric that decides, as `{name, value}` of the version in production.
    pub metric: Option<Value>,
    /// When it or one of its versions or aliases last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// The `gingham.yaml` that was applied last; null for a model made elsewhere.
    pub spec: Option<Value>,
    /// The text of that file.
    pub spec_yaml: Option<String>,
    /// Which revision of that file holds.
    pub revision: Option<i64>,
    /// Its aliases.
    pub aliases: Vec<AliasBody>,
    /// Its newest versions, at most 20.
    pub versions: Vec<VersionBody>,
}

/// How many are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeletedLimit {
    /// How many at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
}

/// A model that was deleted and can be brought back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedModel {
    /// Its name, with its project before it unless that is `default`.
    pub name: String,
    /// When it was deleted.
    #[schema(value_type = String, format = DateTime)]
    pub deleted_at: Timestamp,
    /// How many versions went with it.
    pub versions: i64,
}

/// Models that were deleted, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedModels {
    /// The models.
    pub items: Vec<DeletedModel>,
}

/// A name that points at a version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AliasBody {
    /// The name.
    pub alias: String,
    /// The version that it points at.
    pub version: i64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Who moved it there.
    pub actor: String,
}

/// A version of a model; what it holds never changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionBody {
    /// The model.
    pub model: String,
    /// 1, 2, 3 …; never used twice.
    pub number: i64,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who registered it.
    pub actor: String,
    /// What is to be said about it.
    pub description: String,
    /// The digest of its bytes.
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// The format of its files.
    pub flavor: String,
    /// The engine that runs it.
    pub engine: String,
    /// The trainer that made it.
    pub trainer: String,
    /// The run that made it.
    pub source_run: Option<String>,
    /// The pipeline run that made it.
    pub pipeline_run: Option<String>,
    /// What goes in and what comes out.
    pub signature: Option<Value>,
    /// How good it is.
    pub metrics: Option<Value>,
    /// How good each baseline is on the same rows.
    pub baseline_metrics: Option<Value>,
    /// The dataset versions that it was trained on.
    pub dataset_versions: Option<Value>,
    /// The range and number of rows that it was trained on.
    pub training_rows: Option<Value>,
    /// The range and number of rows that it was evaluated on.
    pub evaluation_rows: Option<Value>,
    /// The aliases that point at it.
    pub aliases: Vec<String>,
    /// The newest decision on whether it takes an alias.
    pub promotion: Option<DecisionBody>,
    /// Which features it leans on.
    pub feature_importance: Option<Value>,
    /// Profiles of its training rows; lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_profile: Option<Value>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A page of versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionPage {
    /// The versions, newest first.
    pub items: Vec<VersionBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Whether a version took an alias, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionBody {
    /// Whether it did.
    pub promoted: bool,
    /// The decision in a sentence.
    pub decision: String,
    /// Each rule: `{rule, passed, observed, required, why}`.
    pub rules: Value,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A decision in the history of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PromotionBody {
    /// The version that was weighed.
    pub version: i64,
    /// The version that held the alias.
    pub previous: Option<i64>,
    /// The alias.
    pub alias: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The decision in a sentence.
    pub decision: String,
    /// Whether the version took the alias.
    pub promoted: bool,
    /// Each rule: `{rule, passed, observed, required, why}`.
    pub rules: Value,
    /// Who decided.
    pub actor: String,
}

/// A page of decisions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PromotionPage {
    /// The decisions, newest first.
    pub items: Vec<PromotionBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Where an alias is to point.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveAlias {
    /// The version that it shall point at.
    pub version: i64,
    /// Where you think it points now; if it does not, nothing changes and the answer is 409.
    #[serde(default)]
    pub expected_version: Option<i64>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Why a training is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainBody {
    /// Why, in words.
    #[serde(default)]
    pub reason: String,
}

/// What moving an alias did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MovedAlias {
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// Where it points now.
    pub version: i64,
    /// Where it pointed before.
    pub previous: Option<i64>,
}

impl From<platform::ModelSummary> for ModelSummary {
    fn from(summary: platform::ModelSummary) -> Self {
        ModelSummary {
            name: summary.name,
            project: summary.project,
            description: summary.description,
            owner: summary.owner,
            latest_version: summary.latest_version,
            aliases: summary.aliases,
            deployment: summary.deployment,
            alerts_firing: summary.alerts_firing,
            metric: summary.metric,
            updated_at: summary.updated_at,
        }
    }
}

impl From<platform::ModelView> for ModelBody {
    fn from(model: platform::ModelView) -> Self {
        let summary = model.summary;
        ModelBody {
            name: summary.name,
            project: summary.project,
            description: summary.description,
            owner: summary.owner,
            latest_version: summary.latest_version,
            deployment: summary.deployment,
            alerts_firing: summary.alerts_firing,
            metric: summary.metric,
            updated_at: summary.updated_at,
            spec: model.spec,
            spec_yaml: model.spec_yaml,
            revision: model.revision,
            aliases: model.alias_list.into_iter().map(AliasBody::from).collect(),
            versions: model.versions.into_iter().map(VersionBody::from).collect(),
        }
    }
}

impl From<platform::VersionView> for VersionBody {
    fn from(view: platform::VersionView) -> Self {
        VersionBody { promotion: view.promotion.map(DecisionBody::from), ..VersionBody::from(view.version) }
    }
}

impl From<registry::Alias> for AliasBody {
    fn from(alias: registry::Alias) -> Self {
        AliasBody {
            alias: alias.alias,
            version: alias.version,
            since: alias.since,
            reason: alias.reason,
            actor: alias.actor,
        }
    }
}

impl From<registry::Version> for VersionBody {
    fn from(version: registry::Version) -> Self {
        VersionBody {
            model: version.model,
            number: version.number,
            created_at: version.created_at,
            actor: version.actor,
            description: version.description,
            digest: version.digest,
            flavor: version.flavor,
            engine: version.engine,
            trainer: version.trainer,
            source_run: version.source_run,
            pipeline_run: version.pipeline_run,
            signature: version.signature,
            metrics: version.metrics,
            baseline_metrics: version.baseline_metrics,
            dataset_versions: version.dataset_versions,
            training_rows: version.training_rows,
            evaluation_rows: version.evaluation_rows,
            aliases: version.aliases,
            promotion: None,
            feature_importance: version.feature_importance,
            reference_profile: version.reference_profile,
            tags: version.tags,
        }
    }
}

impl From<registry::Promotion> for DecisionBody {
    fn from(promotion: registry::Promotion) -> Self {
        DecisionBody {
            promoted: promotion.promoted,
            decision: promotion.decision,
            rules: promotion.rules,
            at: promotion.at,
        }
    }
}

impl From<registry::Promotion> for PromotionBody {
    fn from(promotion: registry::Promotion) -> Self {
        PromotionBody {
            version: promotion.version,
            previous: promotion.previous,
            alias: promotion.alias,
            at: promotion.at,
            reason: promotion.reason,
            decision: promotion.decision,
            promoted: promotion.promoted,
            rules: promotion.rules,
            actor: promotion.actor,
        }
    }
}

impl From<registry::AliasMove> for MovedAlias {
    fn from(moved: registry::AliasMove) -> Self {
        MovedAlias {
            model: moved.model,
            alias: moved.alias,
            version: moved.version,
            previous: moved.previous,
        }
    }
}
