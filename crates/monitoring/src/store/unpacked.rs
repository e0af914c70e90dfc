//! Profiles that were unpacked before: hours and days that are over do not change, and unpacking takes most of a report.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::Digest;

use crate::error::Error;
use crate::stretch::{Shape, StretchProfile};

/// Room for so many bytes of packed profiles; unpacked they take some ten times as many.
const ROOM_BYTES: usize = 6 << 20;

/// Profiles by the digest of what they were unpacked from, the least recently used of which go first.
#[derive(Debug, Default)]
pub struct Unpacked(Mutex<Kept>);

/// The bins by which a profile was counted, and its packed bytes.
type Key = (Digest, Digest);

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<Key, Profile>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Profile {
    profile: Arc<StretchProfile>,
    bytes: usize,
    used: u64,
}

impl Unpacked {
    /// What stands for the bins of a shape among the keys.
    pub(super) fn bins_of(shape: &Shape) -> Result<Digest, Error> {
        Ok(Digest::of(serde_json::to_vec(&shape.edges)?))
    }

    /// Unpacks a profile, unless that was done before.
    pub(super) fn unpack(
        &self,
        bytes: &[u8],
        shape: &Shape,
        bins: Digest,
    ) -> Result<Arc<StretchProfile>, Error> {
        let key = (bins, Digest::of(bytes));
        if let Some(known) = self.get(&key) {
            return Ok(known);
        }
        let profile = Arc::new(StretchProfile::unpack(bytes, shape)?);
        self.put(key, Arc::clone(&profile), bytes.len());
        Ok(profile)
    }

    fn get(&self, key: &Key) -> Option<Arc<StretchProfile>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let found = kept.by_key.get_mut(key)?;
        found.used = now;
        Some(Arc::clone(&found.profile))
    }

    fn put(&self, key: Key, profile: Arc<StretchProfile>, bytes: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let used = kept.uses;
        if let Some(before) = kept.by_key.insert(key, Profile { profile, bytes, used }) {
            kept.bytes -= before.bytes;
        }
        kept.bytes += bytes;
        while kept.bytes > ROOM_BYTES {
            let oldest = kept.by_key.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key);
            let Some(gone) = oldest.and_then(|oldest| kept.by_key.remove(&oldest)) else { break };
            kept.bytes -= gone.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(rows: u64) -> (Vec<u8>, StretchProfile) {
        let profile = StretchProfile { rows, ..StretchProfile::default() };
        (profile.pack().unwrap(), profile)
    }

    #[test]
    fn a_profile_is_unpacked_once_and_changed_bytes_are_another_profile() {
        let (unpacked, shape) = (Unpacked::default(), Shape::default());
        let bins = Unpacked::bins_of(&shape).unwrap();
        let (bytes, profile) = packed(3);
        let first = unpacked.unpack(&bytes, &shape, bins).unwrap();
        assert_eq!(*first, profile);
        assert!(Arc::ptr_eq(&first, &unpacked.unpack(&bytes, &shape, bins).unwrap()));
        let (more, changed) = packed(4);
        assert_eq!(*unpacked.unpack(&more, &shape, bins).unwrap(), changed);
        let other = Digest::of("other bins");
        assert!(!Arc::ptr_eq(&first, &unpacked.unpack(&bytes, &shape, other).unwrap()));
        assert!(unpacked.unpack(b"damaged", &shape, bins).is_err());
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let unpacked = Unpacked::default();
        let key = |number: u64| (Digest::of("bins"), Digest::of(number.to_le_bytes()));
        for number in 0..10 {
            unpacked.put(key(number), Arc::default(), ROOM_BYTES / 8);
            assert!(unpacked.get(&key(0)).is_some(), "what is used stays");
        }
        assert!(unpacked.get(&key(1)).is_none() && unpacked.get(&key(9)).is_some());
        assert!(unpacked.0.lock().unwrap().bytes <= ROOM_BYTES);
    }
}
