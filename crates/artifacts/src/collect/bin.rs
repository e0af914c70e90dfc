//! The bin: what was thrown away can be had back until it is emptied.

use base::Digest;

use crate::blob::LOOSE;
use crate::packs::format::{Part, Record};
use crate::packs::{self, index};
use crate::{Artifacts, Error, Result};

/// Where thrown away objects are, below which they keep their keys.
pub(crate) const FOLDER: &str = "bin";

/// The key of an object in the bin.
pub(crate) fn key(of: &str) -> String {
    format!("{FOLDER}/{of}")
}

impl Artifacts {
    /// Takes an object back that was thrown away; whether it was there.
    pub(crate) async fn take_from_bin(&self, object: &str) -> Result<bool> {
        let binned = key(object);
        if self.store.size(&binned).await?.is_none() {
            return Ok(false);
        }
        tracing::warn!(object, "something that was thrown away is still in use and was taken from the bin");
        self.store.rename(&binned, object).await?;
        Ok(true)
    }

    /// Takes the packs and small blobs back that hold something wanted which is nowhere else; whether there
    /// were any.
    pub(crate) async fn take_parts_from_bin(
        &self,
        wanted: impl Fn(Part, Digest) -> bool + Send + Sync,
    ) -> Result<bool> {
        let mut taken = false;
        for object in self.store.objects_below(FOLDER).await? {
            let Some(key) = object.key.strip_prefix("bin/") else { continue };
            let Some(name) = packs::name(key) else { continue };
            let is_wanted = if key.starts_with(packs::FOLDER) {
                let records = match index::records_at(&self.store, name, &object.key).await {
                    Ok(records) => records.unwrap_or_default(),
                    Err(Error::Damaged { .. }) => Vec::new(),
                    Err(error) => return Err(error),
                };
                let known = self.index();
                let lacks = |record: &Record| {
                    wanted(record.part, record.digest) && known.find(record.part, record.digest).is_none()
                };
                records.iter().any(lacks)
            } else {
                let part = if key.starts_with(LOOSE) { Part::Chunk } else { Part::Layout };
                let elsewhere = self.index().find(part, name).is_some();
                wanted(part, name) && !elsewhere && self.store.size(key).await?.is_none()
            };
            if is_wanted {
                taken |= self.take_from_bin(key).await?;
            }
        }
        if taken {
            self.read_new_packs().await?;
        }
        Ok(taken)
    }
}
