//! What a collector remembers from one time to the next.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Artifacts, Result};

/// Where it is kept.
const STATE: &str = "gc/state";
/// Where copies are listed that were found damaged.
const DAMAGED: &str = "gc/damaged";

/// What a collector remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// When the condemned packs were condemned.
    pub(crate) condemned_at: Option<Timestamp>,
    /// Packs that go when they have been condemned long enough: nothing new relies on them.
    pub(crate) condemned: BTreeSet<Digest>,
    /// When each object in the bin was thrown away.
    pub(crate) binned: BTreeMap<String, Timestamp>,
}

/// A copy of a chunk that was found damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct DamagedCopy {
    pub(crate) pack: Digest,
    pub(crate) chunk: Digest,
}

impl Artifacts {
    /// What the last collector left.
    pub(crate) async fn collector_state(&self) -> Result<State> {
        Ok(self.small_json(STATE).await?.unwrap_or_default())
    }

    /// Leaves something for the next collector, and for writers.
    pub(crate) async fn set_collector_state(&self, state: &State) -> Result<()> {
        self.put_small_json(STATE, state).await?;
        self.index_mut().condemn(state.condemned.iter().copied().collect());
        Ok(())
    }

    /// Copies that are known to be damaged.
    pub(crate) async fn damaged_copies(&self) -> Result<BTreeSet<DamagedCopy>> {
        Ok(self.small_json(DAMAGED).await?.unwrap_or_default())
    }

    /// Notes copies that are damaged.
    pub(crate) async fn set_damaged_copies(&self, copies: &BTreeSet<DamagedCopy>) -> Result<()> {
        self.put_small_json(DAMAGED, copies).await
    }

    /// Makes the index ready for a writer: what the packs hold, and which of them are not to be relied on.
    pub(crate) async fn prepare_index(&self) -> Result<()> {
        let state = self.collector_state().await?;
        let damaged: HashSet<(Digest, Digest)> =
            self.damaged_copies().await?.into_iter().map(|copy| (copy.pack, copy.chunk)).collect();
        {
            let mut index = self.index_mut();
            index.condemn(state.condemned.into_iter().collect());
            index.set_damaged(damaged);
        }
        self.load_index().await
    }

    async fn small_json<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<Option<T>> {
        let Some(content) = self.store.get(key).await? else { return Ok(None) };
        serde_json::from_slice(&content)
            .map(Some)
            .map_err(|error| crate::reading::damaged(Digest::of(&content), &format!("`{key}`: {error}")))
    }

    async fn put_small_json<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        let content = serde_json::to_vec(value)
            .map_err(|error| crate::reading::damaged(Digest::of(key), &error.to_string()))?;
        self.store.put(key, content.into()).await
    }
}
