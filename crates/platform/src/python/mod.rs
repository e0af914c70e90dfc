//! Versions that only Python can run: their environment, their files, and the workers that answer for them.

mod environment;
mod files;

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use base::Digest;
use inference::{Launch, PoolLimits, PythonModel, PythonOptions};
use registry::Version;
use serde_json::json;

use crate::engines::MlflowModel;
use crate::{Error, Platform};

/// How Python models are run on this machine.
#[derive(Debug, Clone)]
pub struct PythonSettings {
    /// Worker processes of each version; with none, Python models are not run here.
    pub processes: usize,
    /// The most bytes of address space of a worker.
    pub memory_bytes: u64,
    /// A worker with more bytes in memory after a call is replaced.
    pub resident_bytes: u64,
    /// How long one call may take.
    pub call: Duration,
    /// How long loading a model may take.
    pub load: Duration,
    /// The program `uv`; looked for on the path when absent.
    pub uv: Option<PathBuf>,
}

impl Default for PythonSettings {
    fn default() -> Self {
        let limits = PoolLimits::default();
        Self {
            processes: limits.processes,
            memory_bytes: 16 << 30,
            resident_bytes: limits.resident_bytes,
            call: limits.call,
            load: limits.load,
            uv: None,
        }
    }
}

impl Platform {
    /// Starts workers for a version: makes its environment unless it is there, lays its files out, and waits until the
    /// first worker has answered a row.
    pub(crate) async fn python_engine(
        &self,
        version: &Version,
        tree: Digest,
        model: &MlflowModel,
    ) -> Result<Arc<dyn inference::Engine>, Error> {
        let settings = &self.python;
        let refuse = |reason: String| Error::NotServable {
            model: version.model.clone(),
            version: version.number,
            reason,
        };
        if settings.processes == 0 {
            return Err(refuse("it needs Python workers, and they are switched off here".to_owned()));
        }
        // Whoever asks for the same version at the same time shares its workers: primary and canary, say.
        let key = (version.model.clone(), version.number);
        if let Some(running) = self.python_models.lock().await.get(&key).and_then(Weak::upgrade) {
            return Ok(running);
        }
        let wanted = model.python().map_err(refuse)?;
        let requirements = self.requirements_of(tree).await?;
        let interpreter =
            self.environment(version, &requirements, wanted.version.as_deref()).await?.map_err(refuse)?;
        let folder = self.laid_out(tree).await?;
        let mut order = wanted.order.clone();
        order.insert("folder".to_owned(), json!(folder));
        let home = self.workers_folder("homes")?.join(name_of(tree));
        std::fs::create_dir_all(&home).map_err(|cause| Error::Files {
            doing: "a folder for workers cannot be made".to_owned(),
            cause,
        })?;
        let options = PythonOptions {
            launch: Launch {
                interpreter,
                folder: home,
                order: order.into(),
                memory_bytes: settings.memory_bytes,
                threads: 1,
                env: Vec::new(),
            },
            limits: PoolLimits {
                processes: settings.processes,
                load: settings.load,
                call: settings.call,
                resident_bytes: settings.resident_bytes,
            },
            sample: self.example_of(tree, &wanted.names()).await?,
            inputs: wanted.inputs,
        };
        let started = tokio::task::spawn_blocking(move || PythonModel::start(&options)).await;
        match started {
            Ok(started) => {
                let started = Arc::new(started?);
                let mut running = self.python_models.lock().await;
                running.retain(|_, model| model.strong_count() > 0);
                running.insert(key, Arc::downgrade(&started));
                Ok(started)
            }
            Err(error) => Err(refuse(format!("its workers could not be started: {error}"))),
        }
    }

    /// A folder below that of the workers.
    fn workers_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.folder.join("workers").join(name);
        std::fs::create_dir_all(&folder).map_err(|cause| Error::Files {
            doing: format!("the folder `{}` cannot be made", folder.display()),
            cause,
        })?;
        Ok(folder)
    }
}

/// The name of a folder for a digest: long enough that nobody finds another content with it.
fn name_of(digest: Digest) -> String {
    digest.to_string().chars().take(32).collect()
}
