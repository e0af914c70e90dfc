//! Deployments in a Kubernetes cluster: what was applied, what is there, and the way back.

use base::Actor;
use clusters::store::{self, NewRevision, Revision};
use clusters::{Applied, Cluster, Conflicts, Manifest, ObjectDrift, Seen, Target};

use crate::spec::Spec;
use crate::{Error, Platform, specs};

const HISTORY: usize = 20;

/// A deployment in a cluster, as people look at it.
#[derive(Debug, Clone)]
pub struct ClusterView {
    /// The deployment.
    pub deployment: String,
    /// Whether its `gingham.yaml` has settings for Kubernetes.
    pub configured: bool,
    /// The address of the API server that this server knows.
    pub cluster: Option<String>,
    /// What the cluster says, or why it cannot be asked; nothing when the deployment is not in a cluster.
    pub seen: Option<Result<Seen, String>>,
    /// What there differs from what was applied.
    pub drift: Vec<ObjectDrift>,
    /// Whether the `gingham.yaml` says something else than what was applied.
    pub outdated: bool,
    /// What was applied, newest first.
    pub history: Vec<Revision>,
}

impl ClusterView {
    /// The objects that should be in the cluster.
    #[must_use]
    pub fn applied(&self) -> Option<&Revision> {
        self.history.first().filter(|newest| !newest.manifests.is_empty())
    }
}

/// What an application to the cluster is to do.
#[derive(Debug, Clone)]
pub struct ClusterOrder {
    /// The deployment.
    pub deployment: String,
    /// Why.
    pub reason: String,
    /// What happens to fields that others have set.
    pub conflicts: Conflicts,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct ClusterChange {
    /// What became of each object.
    pub applied: Vec<Applied>,
    /// The revision that holds now.
    pub revision: i64,
}

impl Platform {
    /// Lets deployments be applied to this cluster. Only the first call counts.
    pub fn use_cluster(&self, cluster: Cluster) {
        // A second cluster would make the first one's deployments look gone.
        let _ = self.cluster.set(cluster);
    }

    /// The objects of a deployment as its newest `gingham.yaml` wants them.
    ///
    /// # Errors
    /// When no `gingham.yaml` describes the deployment, or it says nothing about Kubernetes.
    pub async fn cluster_manifests(&self, name: &str) -> Result<Vec<Manifest>, Error> {
        let target = self.target_of(name).await?;
        let target = target.ok_or_else(|| Error::NoClusterSettings { deployment: name.to_owned() })?;
        Ok(clusters::manifests::manifests(&target)?)
    }

    /// How a deployment is in its cluster. A cluster that does not answer is part of the answer.
    ///
    /// # Errors
    /// When there is no such deployment.
    pub async fn cluster_view(&self, name: &str) -> Result<ClusterView, Error> {
        let mut read = self.db.read().await?;
        serving::store::get_deployment(&mut read, name).await?;
        let history = store::history(&mut read, name, HISTORY).await?;
        drop(read);
        let target = self.target_of(name).await?;
        let wanted = target.as_ref().and_then(|target| clusters::manifests::manifests(target).ok());
        let mut view = ClusterView {
            deployment: name.to_owned(),
            configured: target.is_some(),
            cluster: self.cluster.get().map(|cluster| cluster.address().to_owned()),
            seen: None,
            drift: Vec::new(),
            outdated: false,
            history,
        };
        let Some(applied) = view.applied().cloned() else { return Ok(view) };
        view.outdated = wanted.is_some_and(|wanted| wanted != applied.manifests);
        let (seen, drift) = match self.cluster.get() {
            None => (Err(clusters::Error::NoCluster), Ok(Vec::new())),
            Some(cluster) if cluster.address() != applied.cluster => {
                let reason = format!("it was applied at {}, this is {}", applied.cluster, cluster.address());
                (Err(clusters::Error::Access { reason }), Ok(Vec::new()))
            }
            Some(cluster) => {
                (cluster.look(&applied.manifests).await, cluster.drift(&applied.manifests).await)
            }
        };
        match (seen, drift) {
            (Ok(seen), Ok(drift)) => {
                view.seen = Some(Ok(seen));
                view.drift = drift;
            }
            (Err(error), _) | (_, Err(error)) => view.seen = Some(Err(error.to_string())),
        }
        Ok(view)
    }

    /// Applies a deployment to the cluster as its `gingham.yaml` says.
    ///
    /// # Errors
    /// When it says nothing about Kubernetes, and what the cluster does not take; nothing has changed then.
    pub async fn apply_to_cluster(
        &self,
        order: &ClusterOrder,
        actor: &Actor,
    ) -> Result<ClusterChange, Error> {
        let manifests = self.cluster_manifests(&order.deployment).await?;
        self.put_into_cluster(order, manifests, None, actor).await
    }

    /// Applies an earlier revision again: the one before the newest when none is named.
    ///
    /// # Errors
    /// When there is no such revision, and what the cluster does not take.
    pub async fn cluster_back(
        &self,
        order: &ClusterOrder,
        to: Option<i64>,
        actor: &Actor,
    ) -> Result<ClusterChange, Error> {
        let mut read = self.db.read().await?;
        let to = match to {
            Some(to) => to,
            None => {
                let newest = store::newest(&mut read, &order.deployment).await?;
                let deployment = order.deployment.clone();
                newest.ok_or(clusters::Error::NeverApplied { deployment })?.revision - 1
            }
        };
        let revision = store::get(&mut read, &order.deployment, to).await?;
        drop(read);
        self.put_into_cluster(order, revision.manifests, Some(to), actor).await
    }

    /// Takes a deployment out of the cluster. This server goes on answering for it.
    ///
    /// # Errors
    /// When it was never applied, and what the cluster does not do.
    pub async fn remove_from_cluster(
        &self,
        order: &ClusterOrder,
        actor: &Actor,
    ) -> Result<ClusterChange, Error> {
        let before = store::newest(&mut self.db.read().await?, &order.deployment).await?;
        if before.is_none() {
            return Err(clusters::Error::NeverApplied { deployment: order.deployment.clone() }.into());
        }
        self.put_into_cluster(order, Vec::new(), None, actor).await
    }

    async fn put_into_cluster(
        &self,
        order: &ClusterOrder,
        manifests: Vec<Manifest>,
        back_to: Option<i64>,
        actor: &Actor,
    ) -> Result<ClusterChange, Error> {
        let cluster = self.cluster.get().ok_or(clusters::Error::NoCluster)?;
        let _turn = self.deploying.lock().await;
        let before = store::newest(&mut self.db.read().await?, &order.deployment).await?;
        let known = before.as_ref().map(|before| before.manifests.as_slice()).unwrap_or_default();
        let applied = cluster.apply(&manifests, known, order.conflicts).await?;
        if let Some(before) = before.filter(|before| before.manifests == manifests) {
            // Nothing new is to be written down; what had drifted is as it was applied again.
            return Ok(ClusterChange { applied, revision: before.revision });
        }
        let new = NewRevision {
            deployment: order.deployment.clone(),
            cluster: cluster.address().to_owned(),
            manifests,
            reason: order.reason.clone(),
            back_to,
        };
        let (actor, now) = (actor.clone(), self.clock.now());
        let written: Result<Revision, clusters::Error> =
            self.db.write(move |tx| Box::pin(async move { store::put(tx, &new, &actor, now).await })).await;
        let revision = written?.revision;
        tracing::info!(
            deployment.name = %order.deployment,
            "revision {revision} of `{}` is in the cluster",
            order.deployment
        );
        Ok(ClusterChange { applied, revision })
    }

    async fn target_of(&self, name: &str) -> Result<Option<Target>, Error> {
        let mut read = self.db.read().await?;
        let deployment = serving::store::get_deployment(&mut read, name).await?;
        let applied = specs::find(&mut read, &deployment.model).await?;
        Ok(applied
            .and_then(|applied| cluster_target(&applied.spec))
            .filter(|target| target.deployment == name))
    }
}

/// What a `gingham.yaml` wants of a cluster, if it wants something.
#[must_use]
pub fn cluster_target(spec: &Spec) -> Option<Target> {
    let deployment = spec.deployment.as_ref()?;
    let kubernetes = deployment.kubernetes.as_deref()?.clone();
    Some(Target { deployment: deployment.name.clone(), model: spec.model.clone(), kubernetes })
}
