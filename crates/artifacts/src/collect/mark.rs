//! What the roots reach.

use std::collections::HashSet;

use base::Digest;

use super::Root;
use crate::blob::loose_key;
use crate::packs::format::Part;
use crate::reading::old_layout_key;
use crate::{Artifacts, Error, Result, files, names, uploads};

/// The most bytes of a blob that is looked at for being a tree.
const MOST_TREE_BYTES: u64 = 512 << 20;
/// How the manifest of a tree begins.
const TREE_BEGINNING: &[u8] = b"{\"format\":1,\"entries\":";

/// What the roots reach: chunks and layouts by their digest.
#[derive(Debug, Default)]
pub(super) struct Reachable {
    pub(super) parts: HashSet<(Part, Digest)>,
    pub(super) roots: u64,
    /// Roots that are not whole, each with what refers to it.
    pub(super) broken: Vec<String>,
    seen: HashSet<Digest>,
}

impl Artifacts {
    /// Marks what is reachable from these roots and from those in the store itself: names of files, names
    /// of data, and uploads that are under way.
    ///
    /// What is reachable and lies in the bin is taken back.
    pub(super) async fn mark(&self, roots: &[Root]) -> Result<Reachable> {
        loop {
            let reachable = self.mark_once(roots).await?;
            if !self.take_parts_from_bin(|part, digest| reachable.parts.contains(&(part, digest))).await? {
                return Ok(reachable);
            }
        }
    }

    async fn mark_once(&self, roots: &[Root]) -> Result<Reachable> {
        self.read_new_packs().await?;
        let mut reachable = Reachable::default();
        for root in roots {
            if root.must_be_there || self.is_here(root.digest).await? {
                self.mark_root(&mut reachable, root.digest, &root.why).await?;
            } else {
                // It may be in the bin; most likely it names nothing in the store.
                reachable.parts.extend([(Part::Chunk, root.digest), (Part::Layout, root.digest)]);
            }
        }
        for (key, blob) in files::pointers(self).await? {
            self.mark_root(&mut reachable, blob.digest, &format!("file `{key}`")).await?;
        }
        for (name, digest) in names::digests(self).await? {
            self.mark_root(&mut reachable, digest, &format!("data `{name}`")).await?;
        }
        for digest in uploads::digests(self).await? {
            self.mark_root(&mut reachable, digest, "an upload").await?;
        }
        Ok(reachable)
    }

    /// Whether a blob is in the store, the bin apart.
    async fn is_here(&self, digest: Digest) -> Result<bool> {
        let in_pack = {
            let index = self.index();
            index.find(Part::Chunk, digest).is_some() || index.find(Part::Layout, digest).is_some()
        };
        Ok(in_pack
            || self.store.size(&loose_key(digest)).await?.is_some()
            || self.store.size(&old_layout_key(digest)).await?.is_some())
    }

    async fn mark_root(&self, reachable: &mut Reachable, digest: Digest, why: &str) -> Result<()> {
        reachable.roots += 1;
        if !reachable.seen.insert(digest) {
            return Ok(());
        }
        match self.mark_blob(reachable, digest).await {
            Ok(false) => reachable.broken.push(format!("{why}: blob `{}` is not there", digest.short())),
            Ok(true) => match self.entries_of(digest).await {
                Ok(entries) => {
                    for entry in entries {
                        if reachable.seen.insert(entry) && !self.mark_blob(reachable, entry).await? {
                            let what = format!("{why}: blob `{}` of its tree is not there", entry.short());
                            reachable.broken.push(what);
                        }
                    }
                }
                Err(Error::Damaged { why: cause, .. }) => reachable.broken.push(format!("{why}: {cause}")),
                Err(error) => return Err(error),
            },
            Err(Error::Damaged { why: cause, .. }) => reachable.broken.push(format!("{why}: {cause}")),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Marks the parts of a blob; whether it is there.
    async fn mark_blob(&self, reachable: &mut Reachable, digest: Digest) -> Result<bool> {
        let Some((chunks, segments)) = self.chunks_of(digest).await? else { return Ok(false) };
        reachable.parts.insert((Part::Layout, digest));
        reachable.parts.extend(chunks.iter().map(|chunk| (Part::Chunk, chunk.digest)));
        reachable.parts.extend(segments.iter().map(|segment| (Part::Chunk, segment.digest)));
        Ok(true)
    }

    /// What a blob refers to if it is a tree. What only looks like a tree is taken for one: that keeps more, never less.
    pub(crate) async fn entries_of(&self, digest: Digest) -> Result<Vec<Digest>> {
        let reader = self.get_blob(digest, Some(0..TREE_BEGINNING.len() as u64)).await?;
        let bytes = reader.blob.bytes;
        if bytes > MOST_TREE_BYTES || reader.into_bytes(64).await? != TREE_BEGINNING {
            return Ok(Vec::new());
        }
        match self.get_tree(digest).await {
            Ok(tree) => Ok(tree.entries().iter().map(|entry| entry.digest).collect()),
            Err(Error::BadTree { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
