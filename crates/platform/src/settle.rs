//! Keeping what runs log settled, so that searches find little left to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::Platform;

/// How often freshly logged metrics are settled.
const EVERY: Duration = Duration::from_secs(2);

impl Platform {
    /// Marks runs as killed whose starter has gone silent.
    async fn end_abandoned_runs(&self) -> Result<(), crate::Error> {
        let now = self.clock.now();
        if !experiments::any_abandoned(&mut self.db.read().await?, now).await? {
            return Ok(());
        }
        let ended: Result<Vec<String>, experiments::Error> =
            self.db.write(move |tx| Box::pin(async move { experiments::end_abandoned(tx, now).await })).await;
        for run in ended? {
            tracing::warn!(run.id = %run, "run has gone silent and is marked as killed");
        }
        Ok(())
    }

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
            if let Err(error) = self.end_abandoned_runs().await {
                tracing::error!(%error, "runs that have gone silent cannot be ended");
            }
        }
    }
}
