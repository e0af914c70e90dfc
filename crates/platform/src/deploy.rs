//! Deployments follow their alias: a version that takes it is loaded, warmed and swapped in.

use std::sync::Arc;

use base::{Actor, Failure as _, Kind, PageRequest, Timestamp};
use registry::{Pointer, Version};
use serde::Serialize;
use serde_json::Value;
use serving::store::{self, Answered, Deployment, NewDeployment};
use serving::{LatencyMs, Offer, Settings};
use tables::{Column, ColumnType};

use crate::served::ServedEngine;
use crate::spec::Spec;
use crate::{Error, Platform, specs};

const MOST_DEPLOYMENTS: usize = 1_000;
const HISTORY: usize = 50;

/// A deployment as people look at it.
#[derive(Debug, Clone, Serialize)]
pub struct DeploymentView {
    /// What is stored of it.
    #[serde(flatten)]
    pub deployment: Deployment,
    /// Requests since the server started.
    pub requests_total: u64,
    /// Rows answered since the server started.
    pub rows_total: u64,
    /// Requests that failed since the server started, whoever was at fault.
    pub errors_total: u64,
    /// How long answers took.
    pub latency_ms: LatencyMs,
    /// Where it is asked.
    pub endpoint: String,
    /// What it takes and gives.
    pub signature: Option<Value>,
    /// Where the version that answers is computed.
    pub place: Option<serving::Place>,
    /// Which versions answered, newest first, and why they changed; lists leave it out.
    pub history: Vec<Answered>,
    /// Every version behind it with what was asked of it, the primary first.
    #[serde(skip)]
    pub branches: Vec<serving::Branch>,
}

impl Platform {
    /// Moves an alias to a version by hand, and the deployments that follow it.
    ///
    /// # Errors
    /// When the alias does not point where `expected` says, there is no such version, or a policy guards the alias;
    /// nothing moves then.
    pub async fn promote(
        &self,
        change: registry::AliasChange,
        actor: &Actor,
    ) -> Result<registry::AliasMove, Error> {
        let model = change.model.clone();
        let (actor, now) = (actor.clone(), self.clock.now());
        let moved = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    crate::reviews::let_by(tx, &change).await?;
                    Ok::<_, Error>(registry::set_alias(tx, &change, &actor, now).await?)
                })
            })
            .await?;
        self.follow_model(&model).await?;
        Ok(moved)
    }

    /// Moves an alias back to the version that answered before, because the platform found that the new one breaks its
    /// limits. No policy stands in the way of that.
    pub(crate) async fn take_back_alias(
        &self,
        change: registry::AliasChange,
        actor: &Actor,
    ) -> Result<(), Error> {
        let model = change.model.clone();
        let (actor, now) = (actor.clone(), self.clock.now());
        let moved: Result<_, registry::Error> = self
            .db
            .write(move |tx| Box::pin(async move { registry::set_alias(tx, &change, &actor, now).await }))
            .await;
        moved?;
        self.follow_model(&model).await
    }

    /// Takes an alias away. One that a policy guards stays.
    ///
    /// # Errors
    /// When a policy guards the alias, or there is no such model.
    pub async fn remove_alias(
        &self,
        model: &str,
        alias: &str,
        reason: &'static str,
        actor: &Actor,
    ) -> Result<(), Error> {
        let (model, alias) = (model.to_owned(), alias.to_owned());
        let (actor, now) = (actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    crate::reviews::keep(tx, &model, &alias).await?;
                    Ok(registry::delete_alias(tx, &model, &alias, reason, &actor, now).await?)
                })
            })
            .await
    }

    /// Refuses to rename a model over which a policy is in force: the policy would be left behind.
    ///
    /// # Errors
    /// When a policy guards the alias that its promotions move.
    pub async fn may_rename(&self, model: &str) -> Result<(), Error> {
        let mut read = self.db.read().await?;
        let applied = specs::find(&mut read, model).await?;
        match applied.and_then(|applied| {
            let guarded = applied.spec.policy.as_ref()?.aliases.first().cloned();
            Some(guarded.unwrap_or(applied.spec.promotion.alias))
        }) {
            Some(alias) => crate::reviews::keep(&mut read, model, &alias).await,
            None => Ok(()),
        }
    }

    /// Puts into service what the aliases of a model point at now.
    pub(crate) async fn follow_model(&self, model: &str) -> Result<(), Error> {
        let applied = specs::find(&mut self.db.read().await?, model).await?;
        if let Some(applied) = applied {
            self.follow_alias(&applied.spec).await?;
        }
        self.follow_endpoints(Some(model)).await
    }

    /// All deployments.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deployments(&self) -> Result<Vec<DeploymentView>, Error> {
        let page = PageRequest::first(MOST_DEPLOYMENTS);
        let stored = store::list_deployments(&mut self.db.read().await?, None, &page).await?;
        Ok(stored.items.into_iter().map(|deployment| self.view_of(deployment, Vec::new())).collect())
    }

    /// One deployment with its history.
    ///
    /// # Errors
    /// When there is no such deployment.
    pub async fn deployment(&self, name: &str) -> Result<DeploymentView, Error> {
        let mut read = self.db.read().await?;
        let deployment = store::get_deployment(&mut read, name).await?;
        let history = store::history(&mut read, name, HISTORY).await?;
        Ok(self.view_of(deployment, history))
    }

    fn view_of(&self, deployment: Deployment, history: Vec<Answered>) -> DeploymentView {
        let described = self.serving.describe(&deployment.name).ok();
        let branches = described.as_ref().map(|described| described.branches.clone()).unwrap_or_default();
        let stats = described.as_ref().map(|described| described.stats.clone()).unwrap_or_default();
        let place = described.as_ref().map(|described| described.current.engine.place());
        let signature =
            described.and_then(|described| serde_json::to_value(described.current.engine.signature()).ok());
        DeploymentView {
            endpoint: format!("/v2/models/{}/infer", deployment.name),
            deployment,
            requests_total: stats.requests_total,
            rows_total: stats.rows_total,
            errors_total: stats.errors_total,
            latency_ms: stats.latency_ms,
            signature,
            place,
            history,
            branches,
        }
    }

    /// Puts the version that the deployment's alias points at into service, if it is not there already.
    pub(crate) async fn follow_alias(&self, spec: &Spec) -> Result<(), Error> {
        let Some(wanted) = &spec.deployment else { return Ok(()) };
        let _turn = self.deploying.lock().await;
        let new = NewDeployment {
            name: wanted.name.clone(),
            project: spec.project.clone(),
            model: spec.model.clone(),
            alias: Some(wanted.alias.clone()),
            settings: wanted.settings(),
        };
        let now = self.clock.now();
        let put: Result<_, serving::Error> = self
            .db
            .write(move |tx| {
                Box::pin(
                    async move { store::put_deployment(tx, &new, &Actor::platform("deploy"), now).await },
                )
            })
            .await;
        put?;
        let mut read = self.db.read().await?;
        let model = registry::get_model(&mut read, &spec.model).await?;
        let Some(alias) = model.aliases.iter().find(|alias| alias.alias == wanted.alias) else {
            return Ok(());
        };
        let version = registry::resolve(&mut read, &spec.model, &Pointer::Number(alias.version)).await?;
        drop(read);
        let pointer = (wanted.alias.as_str(), alias.reason.as_str());
        self.serve(&wanted.name, pointer, &version, wanted.settings(), now).await?;
        self.restore_traffic(&wanted.name).await
    }

    /// A loaded version as a deployment takes it. The archive knows its columns from then on.
    pub(crate) async fn offer(
        &self,
        deployment: &str,
        alias: Option<&str>,
        version: &Version,
        settings: Settings,
    ) -> Result<Offer, Error> {
        let engine = self.engine_on(version, &settings).await.map_err(|error| told(version, error))?;
        let engine = Arc::new(ServedEngine::new(engine));
        let warm_up = self.replayed(version, &engine).await?;
        let signature = serving::Engine::signature(&*engine);
        let labels_and_scores = signature.archived_outputs().into_iter().map(|(name, kind)| {
            let kind = if kind == serving::OutputKind::Word { ColumnType::Text } else { ColumnType::Real };
            Column::new(&name, kind)
        });
        let features: Vec<Column> = signature
            .inputs
            .iter()
            .flat_map(|field| {
                let kind = match field.kind {
                    serving::FieldKind::Number => ColumnType::Real,
                    serving::FieldKind::Category => ColumnType::Text,
                };
                field.element_names().map(move |name| Column::new(&name, kind)).collect::<Vec<_>>()
            })
            .chain(labels_and_scores)
            .collect();
        self.archive.declare(&version.model, &features, ColumnType::Real).await?;
        Ok(Offer {
            deployment: deployment.to_owned(),
            model: version.model.clone(),
            version: version.number,
            alias: alias.map(str::to_owned),
            engine,
            warm_up,
            settings,
        })
    }

    pub(crate) async fn serve(
        &self,
        deployment: &str,
        (alias, reason): (&str, &str),
        version: &Version,
        settings: Settings,
        now: Timestamp,
    ) -> Result<(), Error> {
        let serves = self.serving.describe(deployment).ok().map(|described| {
            (described.current.model.to_string(), described.current.version, described.settings)
        });
        if serves == Some((version.model.clone(), version.number, settings)) {
            return Ok(());
        }
        self.serving.deploy(self.offer(deployment, Some(alias), version, settings).await?).await?;
        tracing::info!(
            deployment.name = deployment,
            "`{deployment}` serves version {} of `{}`",
            version.number,
            version.model
        );
        let (name, number, reason) = (deployment.to_owned(), version.number, reason.to_owned());
        let recorded: Result<(), serving::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let actor = Actor::platform("deploy");
                    store::record_version(tx, &name, number, &reason, &actor, now).await.map(drop)
                })
            })
            .await;
        Ok(recorded?)
    }

    /// Puts back into service what was served when the server stopped. What cannot be served is said
    /// on its deployment, and does not keep the others from coming back.
    pub(crate) async fn restore_deployments(&self) -> Result<(), Error> {
        let applied = specs::all(&mut self.db.read().await?).await?;
        for applied in applied {
            let Some(wanted) = applied.spec.deployment.clone() else { continue };
            let stored = store::find_deployment(&mut self.db.read().await?, &wanted.name).await?;
            if stored.is_some_and(|stored| stored.state == store::State::Stopped) {
                continue;
            }
            if let Err(error) = self.follow_alias(&applied.spec).await {
                tracing::error!(deployment.name = %wanted.name, %error, "`{}` cannot be served", wanted.name);
                let (message, now) = (error.to_string(), self.clock.now());
                let told: Result<(), serving::Error> = self
                    .db
                    .write(move |tx| {
                        Box::pin(async move {
                            let actor = Actor::platform("deploy");
                            store::set_state(tx, &wanted.name, store::State::Failed, &message, &actor, now)
                                .await
                                .map(drop)
                        })
                    })
                    .await;
                told?;
            }
        }
        Ok(())
    }
}

/// Why an engine does not begin is for whoever deploys to know: a library that is missing, a model that cannot be loaded.
fn told(version: &Version, error: Error) -> Error {
    match error {
        Error::Inference(cause) if cause.kind() != Kind::Invalid => Error::NotServable {
            model: version.model.clone(),
            version: version.number,
            reason: match cause.hint() {
                Some(hint) => format!("{cause}; {hint}"),
                None => cause.to_string(),
            },
        },
        other => other,
    }
}
