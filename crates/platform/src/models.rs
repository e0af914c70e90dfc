//! Models and versions as people look at them: with all that other rooms know of them.

use base::{PageRequest, Timestamp};
use db::Read;
use registry::{Alias, Filter, Model, ModelQuery, Promotion, Version};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Error, Platform, specs};

/// How many versions a model's view holds.
const NEWEST_VERSIONS: usize = 20;

/// A model in a list.
#[derive(Debug, Clone, Serialize)]
pub struct ModelSummary {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// What it is for.
    pub description: String,
    /// Whose it is.
    pub owner: String,
    /// Its newest version.
    pub latest_version: Option<i64>,
    /// Where its aliases point.
    pub aliases: Map<String, Value>,
    /// Where it is served.
    pub deployment: Option<String>,
    /// How many of its alerts need an act.
    pub alerts_firing: usize,
    /// The metric that decides, with the value of the version in production.
    pub metric: Option<Value>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelView {
    /// As in lists.
    #[serde(flatten)]
    pub summary: ModelSummary,
    /// Its `gingham.yaml`, as far as it was applied.
    pub spec: Option<Value>,
    /// The text of its `gingham.yaml`.
    pub spec_yaml: Option<String>,
    /// Which revision of the `gingham.yaml` holds.
    pub revision: Option<i64>,
    /// Its aliases, with when and why they moved.
    #[serde(rename = "aliases")]
    pub alias_list: Vec<Alias>,
    /// Its newest versions, newest first.
    pub versions: Vec<VersionView>,
}

/// A version with the decision on it.
#[derive(Debug, Clone, Serialize)]
pub struct VersionView {
    /// The version.
    #[serde(flatten)]
    pub version: Version,
    /// Whether it took the alias, and why; absent when nobody decided.
    pub promotion: Option<Promotion>,
}

impl Platform {
    /// Models by name, a page at a time. The token of the next page comes with them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn models(&self, page: &PageRequest) -> Result<(Vec<ModelSummary>, Option<String>), Error> {
        let query = ModelQuery {
            filter: Filter::everything(),
            order: Vec::new(),
            limit: page.limit,
            token: page.cursor.clone(),
        };
        let found = registry::search_models(&mut self.db.read().await?, &query).await?;
        let mut summaries = Vec::with_capacity(found.items.len());
        for model in found.items {
            summaries.push(self.summary_of(model).await?);
        }
        Ok((summaries, found.next_token))
    }

    /// A model with its newest versions.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn model(&self, name: &str) -> Result<ModelView, Error> {
        let model = registry::get_model(&mut self.db.read().await?, name).await?;
        let applied = specs::find(&mut self.db.read().await?, name).await?;
        let alias_list = model.aliases.clone();
        let (versions, _) = self.versions(name, &PageRequest::first(NEWEST_VERSIONS)).await?;
        Ok(ModelView {
            summary: self.summary_of(model).await?,
            spec: applied.as_ref().map(|applied| json!(applied.spec)),
            spec_yaml: applied.as_ref().map(|applied| applied.source.spec_yaml.clone()),
            revision: applied.map(|applied| applied.revision),
            alias_list,
            versions,
        })
    }

    /// The versions of a model, newest first, a page at a time.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn versions(
        &self,
        model: &str,
        page: &PageRequest,
    ) -> Result<(Vec<VersionView>, Option<String>), Error> {
        let mut read = self.db.read().await?;
        let found = registry::list_versions(&mut read, model, page.limit, page.cursor.clone()).await?;
        let mut views = Vec::with_capacity(found.items.len());
        for version in found.items {
            views.push(with_promotion(&mut read, version).await?);
        }
        Ok((views, found.next_token))
    }

    /// One version.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn version(&self, model: &str, number: i64) -> Result<VersionView, Error> {
        let mut read = self.db.read().await?;
        let version = registry::get_version(&mut read, model, number).await?;
        with_promotion(&mut read, version).await
    }

    async fn summary_of(&self, model: Model) -> Result<ModelSummary, Error> {
        let mut read = self.db.read().await?;
        let applied = specs::find(&mut read, &model.name).await?;
        let metric = match &applied {
            None => None,
            Some(applied) => {
                let name = &applied.spec.pipeline.evaluate.metric;
                let number = model.alias(&applied.spec.promotion.alias).or(model.latest_version);
                match number {
                    None => None,
                    Some(number) => {
                        let version = registry::get_version(&mut read, &model.name, number).await?;
                        let value = version.metrics.as_ref().and_then(|metrics| metrics.get(name).cloned());
                        value.map(|value| json!({ "name": name, "value": value }))
                    }
                }
            }
        };
        let alerts_firing = self.firing_alerts(Some(&model.name)).await?.len();
        Ok(ModelSummary {
            latest_version: model.latest_version,
            aliases: model.aliases.iter().map(|alias| (alias.alias.clone(), json!(alias.version))).collect(),
            deployment: applied.and_then(|applied| applied.spec.deployment).map(|deployment| deployment.name),
            alerts_firing,
            metric,
            updated_at: model.updated_at,
            name: model.name,
            project: model.project,
            description: model.description,
            owner: model.owner,
        })
    }
}

async fn with_promotion(read: &mut Read, version: Version) -> Result<VersionView, Error> {
    let promotion = registry::promotion_of(read, &version.model, version.number).await?;
    Ok(VersionView { version, promotion })
}
