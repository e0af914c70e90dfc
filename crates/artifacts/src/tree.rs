//! Trees: folders as manifests, named by their digest.

use base::Digest;
use serde::{Deserialize, Serialize};

use crate::{Artifacts, Error, Result, SafePath};

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where it lies.
    pub path: SafePath,
    /// Its content.
    pub digest: Digest,
    /// How long it is.
    pub bytes: u64,
}

/// A folder: files in the order of their paths. Equal folders are equal trees with equal digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    format: u32,
    entries: Vec<Entry>,
}

/// A tree that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTree {
    /// Its name: the digest of its manifest.
    pub digest: Digest,
    /// How many files it has.
    pub files: u64,
    /// How long they are together.
    pub bytes: u64,
}

impl Tree {
    /// A tree of files in any order. Fails when two lie at one path, or one lies below another.
    pub fn of(mut entries: Vec<Entry>) -> Result<Self> {
        entries.sort_unstable();
        let mut paths = std::collections::HashSet::new();
        for entry in &entries {
            if !paths.insert(entry.path.as_str()) {
                return Err(Error::BadTree { why: format!("`{}` is there twice", entry.path) });
            }
        }
        for entry in &entries {
            if let Some(folder) = entry.path.ancestors().find(|folder| paths.contains(folder.as_str())) {
                return Err(Error::BadTree { why: format!("`{folder}` is a file and a folder") });
            }
        }
        Ok(Self { format: 1, entries })
    }

    /// The files, in the order of their paths.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file at a path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Entry> {
        self.entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
            .ok()
            .and_then(|at| self.entries.get(at))
    }

    /// The manifest.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::BadTree { why: error.to_string() })
    }

    /// How long the files are together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }
}

impl Artifacts {
    /// Stores a tree. Fails when a file of it is not stored, so a tree that is there is whole.
    pub async fn put_tree(&self, entries: Vec<Entry>) -> Result<StoredTree> {
        if entries.len() as u64 > self.limits.tree_entries {
            return Err(Error::TooLarge { what: "a tree", limit: self.limits.tree_entries, unit: "files" });
        }
        let tree = Tree::of(entries)?;
        self.check_tree(&tree).await?;
        let blob = self.put_bytes(tree.to_bytes()?).await?;
        Ok(StoredTree { digest: blob.digest, files: tree.entries().len() as u64, bytes: tree.bytes() })
    }

    /// Fails when a file of a tree is not stored, or not as long as it is said to be.
    pub async fn check_tree(&self, tree: &Tree) -> Result<()> {
        for entry in tree.entries() {
            match self.find_blob(entry.digest).await? {
                Some(blob) if blob.bytes == entry.bytes => {}
                Some(_) => {
                    return Err(Error::BadTree {
                        why: format!("`{}` does not have the length it is said to have", entry.path),
                    });
                }
                None => return Err(Error::BlobNotFound { digest: entry.digest }),
            }
        }
        Ok(())
    }

    /// Reads a tree.
    pub async fn get_tree(&self, digest: Digest) -> Result<Tree> {
        // A manifest line has a path of at most 2,000 bytes and about 120 bytes more.
        let manifest = self.read_bytes(digest, self.limits.tree_entries.saturating_mul(2_200)).await?;
        let tree: Tree = serde_json::from_slice(&manifest).map_err(|error| Error::BadTree {
            why: format!("`{}` is not a tree: {error}", digest.short()),
        })?;
        if tree.format != 1 {
            return Err(Error::BadTree {
                why: format!("`{}` was written by a newer version", digest.short()),
            });
        }
        // What was stored by somebody else as a plain blob must not pass for a checked tree.
        Tree::of(tree.entries)
    }
}
