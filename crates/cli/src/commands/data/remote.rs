//! The other end of `push` and `pull`: a folder, a bucket, or a server.

use anyhow::{Context, Result};
use artifacts::{Artifacts, ArtifactsConfig, DataVersion, NamedData, PartId, Peer, SafePath, StoredTree};
use base::{Clock, SystemClock};
use bytes::Bytes;
use serde_json::json;
use tokio::runtime::Handle;

use super::home::failed;
use crate::args::ServerArguments;
use crate::client::{Client, ServerError};
use crate::exit::hinted;

/// Where data is sent to or fetched from.
pub(in crate::commands) enum Remote {
    Store(Artifacts),
    Server { client: Client, runtime: Handle },
}

/// How a transfer fails.
pub(in crate::commands) struct Failed(pub(in crate::commands) anyhow::Error);

impl From<artifacts::Error> for Failed {
    fn from(error: artifacts::Error) -> Self {
        Self(failed(error))
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl Remote {
    /// Opens what an address names; the server when there is none.
    pub(in crate::commands) async fn open(address: Option<&str>, server: &ServerArguments) -> Result<Self> {
        let at_server = |address: &str| -> Result<Self> {
            let client = Client::new(address, server.token.clone())?;
            Ok(Self::Server { client, runtime: Handle::current() })
        };
        let Some(address) = address else { return at_server(&server.server) };
        if address.starts_with("http://") || address.starts_with("https://") {
            return at_server(address);
        }
        let url = if address.contains("://") {
            address.to_owned()
        } else {
            std::fs::create_dir_all(address).with_context(|| format!("`{address}` cannot be made"))?;
            let folder = std::path::Path::new(address).canonicalize()?;
            format!("file://{}", folder.display())
        };
        Ok(Self::Store(Artifacts::open(&ArtifactsConfig::at(url)).await.map_err(failed)?))
    }

    /// The versions of a name there; none when it is not known there.
    pub(in crate::commands) async fn named(&self, name: &SafePath) -> Result<Option<NamedData>> {
        match self {
            Self::Store(store) => match store.named_data(name).await {
                Ok(named) => Ok(Some(named)),
                Err(artifacts::Error::NameNotFound { .. }) => Ok(None),
                Err(error) => Err(failed(error)),
            },
            Self::Server { client, .. } => match client.get(&format!("/api/content/names/{name}")).await {
                Ok(found) => {
                    serde_json::from_value(found).map(Some).context("the server's answer does not fit")
                }
                Err(error) => match error.downcast_ref::<ServerError>() {
                    Some(refused) if refused.status == 404 && refused.code == "data_not_found" => Ok(None),
                    _ => Err(error),
                },
            },
        }
    }

    /// Adds a version there.
    pub(in crate::commands) async fn add_version(
        &self,
        name: &SafePath,
        version: &DataVersion,
    ) -> Result<DataVersion> {
        match self {
            Self::Store(store) => {
                let tree = StoredTree { digest: version.tree, files: version.files, bytes: version.bytes };
                let (note, now) = (version.note.clone(), SystemClock.now());
                store.add_data_version(name, tree, note, now).await.map_err(failed)
            }
            Self::Server { client, .. } => {
                let body = json!({"tree": version.tree, "note": version.note});
                let added = client.post(&format!("/api/content/names/{name}/versions"), &body).await?;
                serde_json::from_value(added).context("the server's answer does not fit")
            }
        }
    }
}

impl Peer for Remote {
    type Failure = Failed;

    fn missing(&self, parts: &[PartId]) -> Result<Vec<PartId>, Failed> {
        match self {
            Self::Store(store) => Ok(store.missing_parts(parts)?),
            Self::Server { client, runtime } => {
                if parts.is_empty() {
                    return Ok(Vec::new());
                }
                let answer =
                    runtime.block_on(client.post("/api/content/search/missing", &json!({"parts": parts})))?;
                let missing = answer.get("missing").cloned().unwrap_or_default();
                let missing = serde_json::from_value(missing)
                    .map_err(|_| hinted("the server's answer does not fit", "is it of the same version?"))?;
                Ok(missing)
            }
        }
    }

    fn give(&self, pack: Vec<u8>) -> Result<(), Failed> {
        match self {
            Self::Store(store) => Ok(store.give(pack)?),
            Self::Server { client, runtime } => {
                let sent = client.post_bytes("/api/content/packs", "application/octet-stream", pack);
                runtime.block_on(sent)?;
                Ok(())
            }
        }
    }

    fn store(&self) -> Option<&Artifacts> {
        match self {
            Self::Store(store) => Some(store),
            Self::Server { .. } => None,
        }
    }

    fn take(&self, parts: &[PartId]) -> Result<Bytes, Failed> {
        match self {
            Self::Store(store) => Ok(store.take(parts)?),
            Self::Server { client, runtime } => {
                let body = json!({"parts": parts});
                Ok(runtime.block_on(client.post_for_bytes("/api/content/search/parts", &body))?)
            }
        }
    }
}
