//! Keeping what runs log settled, so that searches find little left to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::Platform;

/// How often freshly logged metrics are settled.
const EVERY: Duration = Duration::from_secs(2);

impl Platform {
    /// Settles what runs have logged, every two seconds, until `stop` becomes true.
    pub async fn keep_settled(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = experiments::settle(&self.db).await {
                tracing::error!(%error, "logged metrics cannot be settled");
            }
        }
    }
}
