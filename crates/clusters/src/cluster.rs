//! An API server: server-side apply, look, remove.

use std::path::PathBuf;
use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, Status};
use kube::{Client, Config};
use serde::Serialize;
use serde_json::Value;

use crate::drift::{ObjectDrift, compare};
use crate::status::{Seen, seen};
use crate::{Error, Kind, Manifest, Result};

/// Under which name fields are ours.
pub const FIELD_MANAGER: &str = "gingham";
/// How long one answer of the API server may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// How a cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// By the service account of the pod that this process runs in.
    InCluster,
    /// By a kubeconfig, in its current context or in the one that is named.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The context.
        context: Option<String>,
    },
}

/// What happens when somebody else has set a field that is to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// Nothing is applied, and the fields are named.
    Refuse,
    /// They are ours from now on.
    TakeOver,
}

/// What became of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It was changed.
    Changed,
    /// It was as it should be.
    Unchanged,
    /// It is no longer wanted and was deleted.
    Deleted,
}

/// One object and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// An API server that is ready to be asked. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    address: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Makes ready to ask a cluster; nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Access`] when the way there cannot be used.
    pub async fn connect(access: &Access) -> Result<Self> {
        let refused = |reason: String| Error::Access { reason };
        let mut config = match access {
            Access::InCluster => Config::incluster().map_err(|error| refused(error.to_string()))?,
            Access::Kubeconfig { path, context } => {
                let file = Kubeconfig::read_from(path).map_err(|error| refused(error.to_string()))?;
                let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|error| refused(error.to_string()))?
            }
        };
        config.connect_timeout = Some(Duration::from_secs(5));
        config.write_timeout = Some(DEADLINE);
        let address = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|error| refused(error.to_string()))?;
        Ok(Self { client, address: address.trim_end_matches('/').to_owned() })
    }

    /// The address of the API server.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Applies objects in their order and deletes those of `before` that are not among them any more.
    ///
    /// All of them are tried first without effect, so that a conflict or a refusal leaves the cluster as it was. What
    /// is broken off in between can be repeated: applying twice changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] names the fields and who has set them; [`Error::Refused`], [`Error::NoNamespace`],
    /// [`Error::NoKind`] and [`Error::Forbidden`] say what the API server does not take.
    pub async fn apply(
        &self,
        manifests: &[Manifest],
        before: &[Manifest],
        conflicts: Conflicts,
    ) -> Result<Vec<Applied>> {
        for manifest in manifests {
            self.patch(manifest, conflicts, Effect::None).await?;
        }
        let mut done = Vec::new();
        for manifest in manifests {
            let known = self.find(manifest).await?;
            let now = self.patch(manifest, conflicts, Effect::Lasting).await?;
            let outcome = match known {
                None => Outcome::Created,
                Some(known) if known.metadata.resource_version == now.metadata.resource_version => {
                    Outcome::Unchanged
                }
                Some(_) => Outcome::Changed,
            };
            done.push(Applied { kind: manifest.kind, name: manifest.name.clone(), outcome });
        }
        let wanted = |old: &Manifest| {
            manifests
                .iter()
                .any(|new| (new.kind, &new.namespace, &new.name) == (old.kind, &old.namespace, &old.name))
        };
        let gone: Vec<Manifest> = before.iter().filter(|old| !wanted(old)).cloned().collect();
        done.extend(self.remove(&gone).await?);
        Ok(done)
    }

    /// Deletes objects, the last first; those that are gone already, and those that Gingham does not look after, are
    /// left out.
    ///
    /// # Errors
    /// What the API server does not do.
    pub async fn remove(&self, manifests: &[Manifest]) -> Result<Vec<Applied>> {
        let mut done = Vec::new();
        for manifest in manifests.iter().rev() {
            let Some(known) = self.find(manifest).await? else { continue };
            let labels = known.metadata.labels.unwrap_or_default();
            if labels.get("app.kubernetes.io/managed-by").map(String::as_str) != Some("gingham") {
                tracing::warn!("{} is not deleted: it is not looked after by Gingham", object(manifest));
                continue;
            }
            let api = self.api(manifest);
            within(manifest, async { api.delete(&manifest.name, &DeleteParams::background()).await }).await?;
            done.push(Applied {
                kind: manifest.kind,
                name: manifest.name.clone(),
                outcome: Outcome::Deleted,
            });
        }
        Ok(done)
    }

    /// What the cluster says about objects that were applied.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn look(&self, manifests: &[Manifest]) -> Result<Seen> {
        let mut found = Vec::new();
        for manifest in manifests {
            let live = self.find(manifest).await?.and_then(|live| serde_json::to_value(live).ok());
            found.push((manifest, live));
        }
        Ok(seen(&found))
    }

    /// What in the cluster differs from what was applied.
    ///
    /// The API server itself is asked what applying again would change, so that defaults, other ways of writing the
    /// same quantity and fields of others are no drift.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn drift(&self, manifests: &[Manifest]) -> Result<Vec<ObjectDrift>> {
        let mut all = Vec::new();
        for manifest in manifests {
            let live = self.find(manifest).await?;
            let value = |object: DynamicObject| serde_json::to_value(object).unwrap_or_default();
            let differences = match live {
                None => None,
                Some(live) => {
                    let wanted = self.patch(manifest, Conflicts::TakeOver, Effect::None).await?;
                    Some(compare(&value(live), &value(wanted)))
                }
            };
            match differences {
                Some(differences) if differences.is_empty() => {}
                found => all.push(ObjectDrift {
                    kind: manifest.kind,
                    name: manifest.name.clone(),
                    missing: found.is_none(),
                    differences: found.unwrap_or_default(),
                }),
            }
        }
        Ok(all)
    }

    fn api(&self, manifest: &Manifest) -> Api<DynamicObject> {
        let (group, version, plural) = manifest.kind.resource();
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: manifest.kind.word().to_owned(),
            plural: plural.to_owned(),
        };
        Api::namespaced_with(self.client.clone(), &manifest.namespace, &resource)
    }

    async fn find(&self, manifest: &Manifest) -> Result<Option<DynamicObject>> {
        let api = self.api(manifest);
        within(manifest, async { api.get_opt(&manifest.name).await }).await
    }

    async fn patch(
        &self,
        manifest: &Manifest,
        conflicts: Conflicts,
        effect: Effect,
    ) -> Result<DynamicObject> {
        let mut parameters = PatchParams::apply(FIELD_MANAGER);
        parameters.force = conflicts == Conflicts::TakeOver;
        parameters.dry_run = effect == Effect::None;
        let api = self.api(manifest);
        let patch: Patch<&Value> = Patch::Apply(&manifest.object);
        within(manifest, async { api.patch(&manifest.name, &parameters, &patch).await }).await
    }
}

/// Whether a patch stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It is tried and forgotten.
    None,
    /// It stays.
    Lasting,
}

/// The name of an object in sentences.
fn object(manifest: &Manifest) -> String {
    format!("{} `{}/{}`", manifest.kind.word(), manifest.namespace, manifest.name)
}

async fn within<T>(
    manifest: &Manifest,
    work: impl Future<Output = std::result::Result<T, kube::Error>>,
) -> Result<T> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(refusal(manifest, &status)),
        Ok(Err(error)) => Err(Error::Unreachable { reason: with_causes(&error) }),
        Err(_) => Err(Error::Unreachable { reason: format!("nothing came within {} s", DEADLINE.as_secs()) }),
    }
}

fn refusal(manifest: &Manifest, status: &Status) -> Error {
    let details = status.details.as_ref();
    match status.code {
        409 => {
            let causes = details.map(|details| details.causes.as_slice()).unwrap_or_default();
            let fields: Vec<String> =
                causes.iter().map(|cause| format!("`{}` ({})", cause.field, cause.message)).collect();
            let fields = if fields.is_empty() { vec![status.message.clone()] } else { fields };
            Error::Conflict { object: object(manifest), fields }
        }
        404 if details.is_some_and(|details| details.kind == "namespaces") => {
            Error::NoNamespace { namespace: manifest.namespace.clone() }
        }
        404 => Error::NoKind { kind: manifest.kind.word().to_owned() },
        401 | 403 => Error::Forbidden { reason: status.message.clone() },
        429 | 500..=599 => Error::Unreachable { reason: format!("{} {}", status.code, status.message) },
        _ => Error::Refused { object: object(manifest), reason: status.message.clone() },
    }
}

fn with_causes(error: &kube::Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = cause.source();
    }
    words
}
