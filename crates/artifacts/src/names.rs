//! Named data: a series of trees under a name. Versions never change; they are added one after the other.

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::path::decoded_part;
use crate::{Artifacts, Error, Result, SafePath, StoredTree};

/// Where names of data are.
const FOLDER: &str = "names";
/// The end of an object's name that makes it a name of data.
const MARK: &str = "=data";
/// How often adding a version is tried when others add versions at the same moment.
const MOST_TRIES: usize = 50;

/// One version of named data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataVersion {
    /// Its number: 1, 2, 3 …
    pub number: u64,
    /// The digest of its tree.
    pub tree: Digest,
    /// How many files it has.
    pub files: u64,
    /// How long they are together, in bytes.
    pub bytes: u64,
    /// When it was added.
    pub added_at: Timestamp,
    /// What was said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A name, and its versions, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedData {
    /// The name.
    pub name: String,
    /// Its versions.
    pub versions: Vec<DataVersion>,
}

impl NamedData {
    /// The version with this number, or the newest. Fails with [`Error::NameNotFound`].
    pub fn version(&self, number: Option<u64>) -> Result<&DataVersion> {
        let found = match number {
            Some(number) => self.versions.iter().find(|version| version.number == number),
            None => self.versions.last(),
        };
        found.ok_or_else(|| Error::NameNotFound {
            what: format!("data `{}` has no version `{}`", self.name, number.unwrap_or_default()),
        })
    }
}

fn key(name: &SafePath) -> String {
    format!("{FOLDER}/{}{MARK}", name.encoded())
}

fn parse(name: &str, content: &[u8]) -> Result<NamedData> {
    serde_json::from_slice(content).map_err(|error| Error::Damaged {
        digest: Digest::of(content),
        why: format!("the versions of `{name}` cannot be read: {error}"),
    })
}

impl Artifacts {
    /// The versions of a name. Fails with [`Error::NameNotFound`].
    pub async fn named_data(&self, name: &SafePath) -> Result<NamedData> {
        match self.store.get(&key(name)).await? {
            Some(content) => parse(name.as_str(), &content),
            None => Err(Error::NameNotFound { what: format!("there is no data named `{name}`") }),
        }
    }

    /// All names, in their order.
    pub async fn all_named_data(&self) -> Result<Vec<NamedData>> {
        let mut all = Vec::new();
        for object in self.store.below(FOLDER).await? {
            let name = object.strip_prefix("names/").and_then(|name| name.strip_suffix(MARK));
            let Some(parts) = name.map(|name| name.split('/').map(decoded_part)) else { continue };
            let Some(parts) = parts.collect::<Option<Vec<_>>>() else { continue };
            // It may have been removed since it was listed.
            let Some(content) = self.store.get(&object).await? else { continue };
            all.push(parse(&parts.join("/"), &content)?);
        }
        Ok(all)
    }

    /// Adds a version, unless the newest is the same tree; the newest version. The tree must be stored.
    ///
    /// Two who add at the same moment both get a version: the store decides who is first.
    pub async fn add_data_version(
        &self,
        name: &SafePath,
        tree: StoredTree,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<DataVersion> {
        for _ in 0..MOST_TRIES {
            let seen = self.store.see(&key(name)).await?;
            let mut named = match &seen {
                Some((content, _)) => parse(name.as_str(), content)?,
                None => NamedData { name: name.to_string(), versions: Vec::new() },
            };
            if let Some(newest) = named.versions.last()
                && newest.tree == tree.digest
            {
                return Ok(newest.clone());
            }
            if self.find_blob(tree.digest).await?.is_none() {
                return Err(Error::BlobNotFound { digest: tree.digest });
            }
            let version = DataVersion {
                number: named.versions.last().map_or(1, |newest| newest.number + 1),
                tree: tree.digest,
                files: tree.files,
                bytes: tree.bytes,
                added_at: now,
                note: note.clone(),
            };
            named.versions.push(version.clone());
            let content = serde_json::to_vec(&named)
                .map_err(|error| crate::reading::damaged(tree.digest, &error.to_string()))?;
            if self.store.put_if(&key(name), content.into(), seen.map(|(_, seen)| seen)).await? {
                return Ok(version);
            }
        }
        Err(Error::Busy { what: format!("too many others add versions of `{name}` at this moment") })
    }

    /// Forgets a name; what it alone refers to is garbage from now on.
    pub async fn remove_data_name(&self, name: &SafePath) -> Result<()> {
        self.named_data(name).await?;
        self.store.delete(&key(name)).await
    }
}

/// All trees that names refer to.
pub(crate) async fn digests(artifacts: &Artifacts) -> Result<Vec<(String, Digest)>> {
    let named = artifacts.all_named_data().await?;
    let versions = |named: NamedData| {
        let name = named.name;
        named.versions.into_iter().map(move |version| (format!("{name}@{}", version.number), version.tree))
    };
    Ok(named.into_iter().flat_map(versions).collect())
}
