//! Collecting what nothing refers to in the artifact store, and verifying it.
//!
//! What must stay is found conservatively: whatever row of whatever table mentions a digest keeps what has
//! that digest, so that a table that is added later cannot be forgotten. Only the log of events is left out:
//! it tells what once was. To this the store adds its own roots: names of files, names of data, uploads.

use artifacts::{CollectOptions, CollectReport, DamageReport, FutureRoots, Root};

use crate::{Error, Platform};

impl Platform {
    /// Collects garbage in the artifact store.
    ///
    /// # Errors
    /// When something reachable cannot be read, then nothing is removed; when the store or the database fails.
    pub async fn collect_artifacts(&self, options: CollectOptions) -> Result<CollectReport, Error> {
        let roots = || Box::pin(self.artifact_roots()) as FutureRoots<'_, Error>;
        let report = self.artifacts.collect(options, self.clock.now(), &roots).await?;
        tracing::info!(
            thrown_away_bytes = report.thrown_away_bytes,
            emptied_bytes = report.emptied_bytes,
            reachable_bytes = report.reachable_bytes,
            "collected garbage among the artifacts"
        );
        Ok(report)
    }

    /// Hashes all artifacts anew and looks whether everything is there that is referred to.
    ///
    /// # Errors
    /// When the store or the database fails. Damage is told in the report.
    pub async fn verify_artifacts(&self) -> Result<DamageReport, Error> {
        Ok(self.artifacts.verify(&self.artifact_roots().await?).await?)
    }

    /// Everything in the database that has the name of something in the store.
    async fn artifact_roots(&self) -> Result<Vec<Root>, Error> {
        let root = |mention: db::Mention| Root {
            digest: mention.digest,
            why: format!("a row of `{}`", mention.table),
            // Digests of rows, of schemas, of data elsewhere name nothing in the store.
            must_be_there: false,
        };
        Ok(self.db.digests_mentioned().await?.into_iter().map(root).collect())
    }
}
