//! Which engine runs a version, and its loading.

mod endpoints;
mod mlflow;

use std::sync::Arc;

use base::Digest;
use inference::{Engine, OpenOptions};
use registry::Version;

use crate::{Error, Platform};

pub use endpoints::Endpoint;

/// The largest model file that is loaded.
const MOST_BYTES: u64 = inference::LIMITS.bytes as u64;

impl Platform {
    /// The engine of a version, loaded: of our own model files, or of what MLflow's flavors keep.
    ///
    /// # Errors
    /// [`Error::NotServable`] with the reason, and what the engine finds wrong with the file.
    pub(crate) async fn engine_of_version(&self, version: &Version) -> Result<Arc<dyn Engine>, Error> {
        let refuse = |reason: String| Error::NotServable {
            model: version.model.clone(),
            version: version.number,
            reason,
        };
        if let Some(tree) = version.artifact.filter(|_| version.flavor == "mlflow") {
            let found = self.mlflow_model(tree).await?.map_err(refuse)?;
            return Ok(inference::open(&found.bytes, &found.options)?);
        }
        let digest = version
            .digest
            .ok_or_else(|| refuse("it has no model file of a kind that is served here".to_owned()))?;
        let bytes = self.artifacts.read_bytes(digest, MOST_BYTES).await?;
        Ok(inference::open(&bytes, &OpenOptions::default())?)
    }

    /// Which engine would run a folder that MLflow registers, in a few words: `gingham`, or which
    /// other it needs and why. Nothing of the folder is run.
    pub async fn engine_for(&self, tree: Digest) -> String {
        let found = match self.mlflow_model(tree).await {
            Ok(Ok(found)) => found,
            Ok(Err(reason)) => return format!("none: {reason}"),
            Err(error) => return format!("none: {error}"),
        };
        match inference::examine(&found.bytes) {
            Ok(examined) if examined.missing.is_empty() => match examined.why {
                None => examined.engine.to_owned(),
                Some(why) => format!("{}: {why}", examined.engine),
            },
            Ok(examined) => format!("{}: ours lacks {}", examined.engine, examined.missing.join(", ")),
            Err(error) => format!("none: {error}"),
        }
    }
}
