//! Leases: what tells a collector, of this process or another, that somebody is writing.

use std::sync::Arc;

use base::Timestamp;
use tokio::runtime::Handle;

use crate::Result;
use crate::store::Store;

/// Where leases are.
pub(crate) const FOLDER: &str = "leases";

/// Held while something is written whose parts are not yet part of anything that lasts.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Arc<Store>,
    runtime: Handle,
    key: String,
}

impl Lease {
    /// Takes a lease. Blocks.
    pub(crate) fn take(store: &Arc<Store>, runtime: &Handle, now: Timestamp) -> Result<Self> {
        let key = format!("{FOLDER}/{}", base::id::new_hex_id());
        runtime.block_on(store.put(&key, format!("{}\n", now.as_micros()).into()))?;
        Ok(Self { store: Arc::clone(store), runtime: runtime.clone(), key })
    }

    /// Gives the lease back. Blocks.
    pub(crate) fn give_back(mut self) -> Result<()> {
        let key = std::mem::take(&mut self.key);
        self.runtime.block_on(self.store.delete(&key))
    }

    /// Says that the work goes on. Blocks.
    pub(crate) fn renew(&self, now: Timestamp) -> Result<()> {
        self.runtime.block_on(self.store.put(&self.key, format!("{}\n", now.as_micros()).into()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.key.is_empty() {
            return;
        }
        // A lease that cannot be given back ends by its age.
        let (store, key) = (Arc::clone(&self.store), std::mem::take(&mut self.key));
        self.runtime.spawn(async move {
            let _ = store.delete(&key).await;
        });
    }
}
