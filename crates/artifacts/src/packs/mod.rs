//! Packs: many chunks and layouts in one object, and the index of what is in which.

pub(crate) mod copy;
pub(crate) mod direct;
pub(crate) mod format;
pub(crate) mod index;
pub(crate) mod writer;

use base::Digest;

/// Where packs are.
pub(crate) const FOLDER: &str = "packs";

/// The key of the pack with this name.
pub(crate) fn key(name: Digest) -> String {
    let name = name.to_string();
    format!("{FOLDER}/{}/{name}", name.get(..2).unwrap_or_default())
}

/// The name of the pack at a key; nothing when it is no pack's key.
pub(crate) fn name(key: &str) -> Option<Digest> {
    key.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod copy_tests;
