//! What was learnt of data files, kept as long as there is room: files never change, only go.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use super::outline::Outline;

/// Footers with their indexes of pages: half a megabyte each for large files, and needed where something was found.
const FOOTER_BYTES: usize = 64 << 20;
/// Outlines: a hundred bytes a row group, and needed of every file that may hold what is looked for.
const OUTLINE_BYTES: usize = 32 << 20;

/// Footers by file.
pub(super) static FOOTERS: LazyLock<Kept<PathBuf, ArrowReaderMetadata>> =
    LazyLock::new(|| Kept::new(FOOTER_BYTES));
/// Outlines by file and column.
pub(super) static OUTLINES: LazyLock<Kept<(PathBuf, String), Outline>> =
    LazyLock::new(|| Kept::new(OUTLINE_BYTES));

/// Forgets what was learnt of the files of a folder: some of their values may have to go.
pub(in crate::delta) fn forget(folder: &Path) {
    FOOTERS.retain(|path| !path.starts_with(folder));
    OUTLINES.retain(|(path, _)| !path.starts_with(folder));
}

/// Things by key, the least recently used of which go when there is no more room.
pub(super) struct Kept<K, V> {
    room_bytes: usize,
    things: Mutex<Things<K, V>>,
}

struct Things<K, V> {
    by_key: HashMap<K, Thing<V>>,
    bytes: usize,
    uses: u64,
}

struct Thing<V> {
    value: Arc<V>,
    bytes: usize,
    used: u64,
}

impl<K: Eq + std::hash::Hash + Clone, V> Kept<K, V> {
    pub(super) fn new(room_bytes: usize) -> Self {
        Self { room_bytes, things: Mutex::new(Things { by_key: HashMap::new(), bytes: 0, uses: 0 }) }
    }

    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        things.uses += 1;
        let now = things.uses;
        let thing = things.by_key.get_mut(key)?;
        thing.used = now;
        Some(Arc::clone(&thing.value))
    }

    /// Keeps a thing of that many bytes, if it fits at all.
    pub(super) fn put(&self, key: K, value: Arc<V>, bytes: usize) {
        if bytes > self.room_bytes {
            return;
        }
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        things.uses += 1;
        let used = things.uses;
        if let Some(before) = things.by_key.insert(key, Thing { value, bytes, used }) {
            things.bytes -= before.bytes;
        }
        things.bytes += bytes;
        if things.bytes > self.room_bytes {
            things.make_room(self.room_bytes);
        }
    }

    pub(super) fn retain(&self, keep: impl Fn(&K) -> bool) {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        things.by_key.retain(|key, _| keep(key));
        things.bytes = things.by_key.values().map(|thing| thing.bytes).sum();
    }
}

impl<K: Eq + std::hash::Hash + Clone, V> Things<K, V> {
    /// Lets go of an eighth at once, so that this is not done at every thing that comes.
    fn make_room(&mut self, room_bytes: usize) {
        let mut by_age: Vec<(u64, K)> =
            self.by_key.iter().map(|(key, thing)| (thing.used, key.clone())).collect();
        by_age.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_age {
            if self.bytes <= room_bytes - room_bytes / 8 {
                break;
            }
            if let Some(gone) = self.by_key.remove(&key) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_and_the_room_is_kept() {
        let kept: Kept<u32, u32> = Kept::new(80);
        for key in 0..8 {
            kept.put(key, Arc::new(key), 10);
        }
        assert!(kept.get(&0).is_some());
        kept.put(8, Arc::new(8), 10);
        assert!(kept.get(&0).is_some() && kept.get(&8).is_some());
        assert!(kept.get(&1).is_none() && kept.get(&2).is_none());
        assert!(kept.things.lock().unwrap().bytes <= 80);
        kept.put(9, Arc::new(9), 81);
        assert!(kept.get(&9).is_none());
        kept.retain(|key| *key == 8);
        assert!(kept.get(&0).is_none() && kept.get(&8).is_some());
        assert_eq!(kept.things.lock().unwrap().bytes, 10);
    }
}
