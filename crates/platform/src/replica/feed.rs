//! What a replica is told of a deployment: everything that it needs to answer without asking again.

use std::collections::BTreeMap;

use base::Digest;
use registry::{Pointer, Version};
use serde::{Deserialize, Serialize};
use serving::store::{self, State};
use serving::{Settings, Target, Traffic, traffic_store};

use crate::{Error, Platform};

/// A deployment as its replicas serve it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// The deployment.
    pub deployment: String,
    /// The model.
    pub model: String,
    /// The alias that it follows.
    pub alias: Option<String>,
    /// Its limits.
    pub settings: Settings,
    /// The version that answers; none before the first, and when the deployment was taken away.
    pub primary: Option<i64>,
    /// How requests are shared out, with the seeds that make every replica decide alike.
    pub traffic: Traffic,
    /// Where the aliases point that `traffic` names.
    pub aliases: BTreeMap<String, i64>,
    /// Every version that answers anything.
    pub versions: Vec<Version>,
}

impl Feed {
    /// One of its versions.
    pub(crate) fn version(&self, number: i64) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The version that a part of `traffic` means.
    pub(crate) fn target(&self, target: &Target) -> Option<&Version> {
        match target {
            Target::Version(number) => self.version(*number),
            Target::Alias(alias) => self.version(*self.aliases.get(alias)?),
        }
    }
}

/// The content that a version consists of: its file, or its tree of files.
pub(crate) fn content_of(version: &Version) -> Vec<Content> {
    let tree = version.artifact.map(Content::Tree);
    version.digest.map(Content::Blob).into_iter().chain(tree).collect()
}

/// Content in the artifact store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// A file.
    Blob(Digest),
    /// A folder.
    Tree(Digest),
}

impl Platform {
    /// What a replica needs to serve a deployment.
    ///
    /// # Errors
    /// When there is no such deployment, or a version that it names is gone.
    pub async fn feed(&self, name: &str) -> Result<Feed, Error> {
        let mut read = self.db.read().await?;
        let deployment = store::get_deployment(&mut read, name).await?;
        let traffic =
            traffic_store::find(&mut read, name).await?.map(|held| held.traffic).unwrap_or_default();
        let primary = deployment.version.filter(|_| deployment.state != State::Stopped);
        let mut feed = Feed {
            deployment: deployment.name,
            model: deployment.model,
            alias: deployment.alias,
            settings: deployment.settings,
            primary,
            traffic,
            aliases: BTreeMap::new(),
            versions: Vec::new(),
        };
        let beside = [
            feed.traffic.canary.as_ref().map(|canary| canary.version.clone()),
            feed.traffic.shadow.as_ref().map(|shadow| shadow.version.clone()),
            feed.traffic.fallback.as_ref().and_then(|fallback| fallback.version.clone()),
        ];
        for target in primary.map(Target::Version).into_iter().chain(beside.into_iter().flatten()) {
            let pointer = match &target {
                Target::Version(number) => Pointer::Number(*number),
                Target::Alias(alias) => Pointer::Alias(alias.clone()),
            };
            let version = slim(registry::resolve(&mut read, &feed.model, &pointer).await?);
            if let Target::Alias(alias) = target {
                feed.aliases.insert(alias, version.number);
            }
            if feed.version(version.number).is_none() {
                feed.versions.push(version);
            }
        }
        Ok(feed)
    }

    /// A version as whoever wants to run it elsewhere needs it.
    ///
    /// # Errors
    /// When there is no such model, version or alias.
    pub async fn version_to_run(&self, model: &str, pointer: &Pointer) -> Result<Version, Error> {
        Ok(slim(registry::resolve(&mut self.db.read().await?, model, pointer).await?))
    }
}

/// Without what is of no use for answering.
fn slim(mut version: Version) -> Version {
    version.reference_profile = None;
    version.feature_importance = None;
    version
}
