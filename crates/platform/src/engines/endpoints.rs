//! Endpoints of models that no `gingham.yaml` describes, such as those registered through MLflow.

use base::{Actor, PageRequest};
use registry::Pointer;
use serving::Settings;
use serving::store::{self, NewDeployment};

use crate::{DeploymentView, Error, Platform, specs};

const MOST_DEPLOYMENTS: usize = 1_000;

/// A wish for an endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The name that requests use.
    pub name: String,
    /// The model.
    pub model: String,
    /// The alias whose version answers.
    pub alias: String,
    /// Its limits.
    pub settings: Settings,
}

impl Platform {
    /// Makes an endpoint that answers with the version that an alias points at, and follows it.
    ///
    /// # Errors
    /// When there is no such model or alias, or the version cannot be served: then there is no
    /// endpoint that answers, and its state says why.
    pub async fn make_endpoint(&self, wanted: Endpoint, actor: &Actor) -> Result<DeploymentView, Error> {
        let mut read = self.db.read().await?;
        registry::resolve(&mut read, &wanted.model, &Pointer::Alias(wanted.alias.clone())).await?;
        if let Ok(held) = store::get_deployment(&mut read, &wanted.name).await {
            crate::reviews::keep_following(&mut read, &held, (&wanted.model, &wanted.alias)).await?;
        }
        drop(read);
        let new = NewDeployment {
            name: wanted.name.clone(),
            project: "default".to_owned(),
            model: wanted.model.clone(),
            alias: Some(wanted.alias.clone()),
            settings: wanted.settings,
        };
        let (actor, now) = (actor.clone(), self.clock.now());
        let put: Result<_, serving::Error> = self
            .db
            .write(move |tx| Box::pin(async move { store::put_deployment(tx, &new, &actor, now).await }))
            .await;
        put?;
        self.follow_endpoint(&wanted).await?;
        self.deployment(&wanted.name).await
    }

    /// Lets every endpoint that follows an alias of this model answer with the version that it points
    /// at now. What cannot be served is said on its endpoint; the version before goes on answering.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follow_endpoints(&self, model: Option<&str>) -> Result<(), Error> {
        let mut read = self.db.read().await?;
        let page = PageRequest::first(MOST_DEPLOYMENTS);
        let stored = store::list_deployments(&mut read, model, &page).await?.items;
        let described = specs::all(&mut read).await?;
        drop(read);
        for deployment in stored {
            let of_spec = |wanted: &&crate::AppliedSpec| {
                wanted.spec.deployment.as_ref().is_some_and(|wanted| wanted.name == deployment.name)
            };
            // Those that a specification describes are looked after with it.
            let (Some(alias), None) = (deployment.alias.clone(), described.iter().find(of_spec)) else {
                continue;
            };
            if deployment.state == store::State::Stopped {
                continue;
            }
            let wanted = Endpoint {
                name: deployment.name,
                model: deployment.model,
                alias,
                settings: deployment.settings,
            };
            if let Err(error) = self.follow_endpoint(&wanted).await {
                tracing::error!(deployment.name = %wanted.name, %error, "`{}` cannot be served", wanted.name);
                let (name, message, now) = (wanted.name, error.to_string(), self.clock.now());
                let told: Result<(), serving::Error> = self
                    .db
                    .write(move |tx| {
                        Box::pin(async move {
                            let actor = Actor::platform("deploy");
                            store::set_state(tx, &name, store::State::Failed, &message, &actor, now)
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

    pub(crate) async fn follow_endpoint(&self, wanted: &Endpoint) -> Result<(), Error> {
        let _turn = self.deploying.lock().await;
        let mut read = self.db.read().await?;
        let model = registry::get_model(&mut read, &wanted.model).await?;
        let Some(alias) = model.aliases.iter().find(|alias| alias.alias == wanted.alias) else {
            return Ok(());
        };
        let version = registry::resolve(&mut read, &wanted.model, &Pointer::Number(alias.version)).await?;
        drop(read);
        let now = self.clock.now();
        let pointer = (wanted.alias.as_str(), alias.reason.as_str());
        self.serve(&wanted.name, pointer, &version, wanted.settings, now).await?;
        self.restore_traffic(&wanted.name).await
    }
}
