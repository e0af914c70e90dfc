//! Which engine runs a version, and its loading.

mod endpoints;
mod mlflow;

use std::sync::Arc;

use base::Digest;
use inference::{Engine, OpenOptions, Provider, RuntimeOptions};
use registry::Version;
use serving::{Device, Settings};

use crate::{Error, Platform};

pub use endpoints::Endpoint;
pub(crate) use mlflow::MlflowModel;

/// The largest model file that is loaded.
const MOST_BYTES: u64 = inference::LIMITS.bytes as u64;

impl Platform {
    /// The engine of a version on the processor, loaded.
    ///
    /// # Errors
    /// As [`Platform::engine_on`].
    pub(crate) async fn engine_of_version(&self, version: &Version) -> Result<Arc<dyn Engine>, Error> {
        self.engine_on(version, &Settings::default()).await
    }

    /// The file of a version that was trained here.
    ///
    /// # Errors
    /// [`Error::NotServable`] when it has none: what MLflow logged is a folder.
    pub async fn version_file(&self, version: &Version) -> Result<Vec<u8>, Error> {
        let digest =
            version.digest.filter(|_| version.flavor != "mlflow").ok_or_else(|| Error::NotServable {
                model: version.model.clone(),
                version: version.number,
                reason: "it has no model file of its own; what was logged lies with its run".to_owned(),
            })?;
        Ok(self.artifacts.read_bytes(digest, MOST_BYTES).await?.to_vec())
    }

    /// The engine of a version, loaded: of our own model files, of what MLflow's flavors keep, or workers in Python for
    /// what only Python can run. Nothing of it is computed elsewhere than on the wanted device.
    ///
    /// # Errors
    /// [`Error::NotServable`] with the reason, and what the engine finds wrong with the file.
    pub(crate) async fn engine_on(
        &self,
        version: &Version,
        settings: &Settings,
    ) -> Result<Arc<dyn Engine>, Error> {
        let refuse = |reason: String| Error::NotServable {
            model: version.model.clone(),
            version: version.number,
            reason,
        };
        let device = settings.device;
        let memory_bytes = usize::try_from(settings.device_memory_mib).ok().filter(|mib| *mib > 0);
        let provider = match device {
            Device::Cpu => Provider::Cpu,
            Device::Cuda(device) => Provider::Cuda {
                device: i32::from(device),
                memory_bytes: memory_bytes.map(|mib| mib.saturating_mul(1 << 20)),
            },
        };
        let on = |options: OpenOptions| OpenOptions {
            runtime: RuntimeOptions { provider, ..options.runtime.clone() },
            ..options
        };
        if let Some(tree) = version.artifact.filter(|_| version.flavor == "mlflow") {
            let model = self.mlflow_model(tree).await?.map_err(refuse)?;
            return match self.readable(&model).await?.map_err(refuse)? {
                Some(found) => match inference::open(&found.bytes, &on(found.options)) {
                    // Where neither of our engines can, the library that made it may.
                    Err(inference::Error::OperatorsMissing { .. })
                        if device == Device::Cpu && model.python().is_ok() && self.python.processes > 0 =>
                    {
                        self.python_engine(version, tree, &model).await
                    }
                    opened => Ok(opened?),
                },
                None if device != Device::Cpu => Err(refuse(format!(
                    "it is to be computed on {device}, which its Python workers do not do; log it with `mlflow.onnx`"
                ))),
                None => self.python_engine(version, tree, &model).await,
            };
        }
        let digest = version
            .digest
            .ok_or_else(|| refuse("it has no model file of a kind that is served here".to_owned()))?;
        let bytes = self.artifacts.read_bytes(digest, MOST_BYTES).await?;
        Ok(inference::open(&bytes, &on(OpenOptions::default()))?)
    }

    /// Which engine would run a folder that MLflow registers, in a few words: `gingham`, or which
    /// other it needs and why. Nothing of the folder is run.
    pub async fn engine_for(&self, tree: Digest) -> String {
        let model = match self.mlflow_model(tree).await {
            Ok(Ok(model)) => model,
            Ok(Err(reason)) => return format!("none: {reason}"),
            Err(error) => return format!("none: {error}"),
        };
        let in_python = || match model.python() {
            Ok(_) if self.python.processes == 0 => "python: its workers are switched off here".to_owned(),
            Ok(_) => format!("python: of the flavors {} no other engine reads one", model.flavors()),
            Err(reason) => format!("none: {reason}"),
        };
        let found = match self.readable(&model).await {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None)) => return in_python(),
            Ok(Err(reason)) => return format!("none: {reason}"),
            Err(error) => return format!("none: {error}"),
        };
        match inference::examine(&found.bytes) {
            Ok(examined) => match (&examined.why, examined.missing.as_slice()) {
                (None, []) => examined.engine.to_owned(),
                (Some(why), []) => format!("{}: {why}", examined.engine),
                (_, missing) => {
                    let there = RuntimeOptions::default().library().is_some();
                    let without = if there { "" } else { ", and its library is not at hand" };
                    format!("{}: ours lacks {}{without}", examined.engine, missing.join(", "))
                }
            },
            Err(error) => format!("none: {error}"),
        }
    }
}
