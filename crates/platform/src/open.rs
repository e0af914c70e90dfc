//! Opening everything that a platform keeps in one folder.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use archive::{Archive, ArchiveOptions};
use artifacts::{Artifacts, ArtifactsConfig};
use base::{Clock, SystemClock};
use db::Db;
use inference::PythonModel;
use monitoring::Reference;
use pipelines::ChildSpec;
use serving::{PredictionSink, Serving};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::follow::Intake;
use crate::python::PythonSettings;
use crate::served::ArchiveSink;
use crate::{Error, specs};

/// Where everything is kept.
#[derive(Debug, Clone)]
pub struct PlatformOptions {
    /// The folder; made when it is not there.
    pub folder: PathBuf,
    /// The database; a SQLite file in the folder when absent.
    pub database: Option<String>,
    /// The artifact store; a folder in the folder when absent.
    pub artifacts: Option<String>,
    /// How to start a process for work that must not endanger the server.
    pub worker: Worker,
    /// How Python models are run.
    pub python: PythonSettings,
}

/// The program that is started for work in a process of its own, with its first arguments.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments; the kind of work follows.
    pub arguments: Vec<String>,
}

impl Worker {
    /// The child that does this kind of work.
    pub(crate) fn child(&self, kind: &str) -> ChildSpec {
        let arguments = self.arguments.iter().map(String::as_str).chain([kind]).map(OsString::from);
        ChildSpec::new(self.program.clone(), arguments)
    }
}

/// Everything, joined.
pub struct Platform {
    /// The metadata database with the event log.
    pub db: Db,
    /// Where the present comes from.
    pub clock: Arc<dyn Clock>,
    /// Models, tables and files of runs, by their content.
    pub artifacts: Artifacts,
    /// Predictions and labels.
    pub archive: Arc<Archive>,
    /// What is served.
    pub serving: Arc<Serving>,
    /// The folder.
    pub folder: PathBuf,
    pub(crate) worker: Worker,
    pub(crate) references: Mutex<HashMap<(String, i64), Arc<Reference>>>,
    pub(crate) pushing: Mutex<()>,
    pub(crate) watching: Mutex<()>,
    pub(crate) profiling: Mutex<()>,
    /// Profiles that were unpacked before.
    pub(crate) unpacked: monitoring::store::Unpacked,
    /// Models that are served elsewhere and known to have a monitor; none is taken away.
    pub(crate) watched_elsewhere: std::sync::RwLock<std::collections::HashSet<String>>,
    pub(crate) deploying: Mutex<()>,
    pub(crate) cluster: OnceLock<clusters::Cluster>,
    pub(crate) making_environments: Mutex<()>,
    pub(crate) python: PythonSettings,
    pub(crate) python_models: Mutex<HashMap<(String, i64), Weak<PythonModel>>>,
    pub(crate) following: Mutex<()>,
    pub(crate) telling: Arc<Intake>,
}

impl Platform {
    /// Opens the folder, takes up what a crash left, and puts everything that was served back into service.
    ///
    /// # Errors
    /// A folder that cannot be written, a database that cannot be opened or is newer than this program.
    pub async fn open(options: PlatformOptions) -> Result<Arc<Self>, Error> {
        Self::open_with(options, None, Arc::new(SystemClock)).await
    }

    /// The same, with a present that comes from elsewhere.
    ///
    /// # Errors
    /// As [`Platform::open`].
    pub async fn open_at(options: PlatformOptions, clock: Arc<dyn Clock>) -> Result<Arc<Self>, Error> {
        Self::open_with(options, None, clock).await
    }

    /// The same with another place for predictions than its own archive.
    pub(crate) async fn open_with(
        options: PlatformOptions,
        sink: Option<Arc<dyn PredictionSink>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Error> {
        let folder = options.folder;
        make_folder(&folder)?;
        let database =
            options.database.unwrap_or_else(|| format!("sqlite:{}", folder.join("gingham.db").display()));
        let store =
            options.artifacts.unwrap_or_else(|| format!("file://{}", folder.join("artifacts").display()));
        let db = Db::open(&database).await?;
        experiments::bring_over_points(&db).await?;
        let artifacts = Artifacts::open(&ArtifactsConfig::at(store)).await?;
        let archive = Arc::new(Archive::open(ArchiveOptions::new(folder.join("archive"))).await?);
        let sink = sink.unwrap_or_else(|| Arc::new(ArchiveSink::new(Arc::clone(&archive))));
        let serving = Arc::new(Serving::new(sink, Arc::clone(&clock)));
        let platform = Arc::new(Self {
            db,
            clock,
            artifacts,
            archive,
            serving,
            folder,
            worker: options.worker,
            references: Mutex::default(),
            pushing: Mutex::new(()),
            watching: Mutex::new(()),
            profiling: Mutex::new(()),
            unpacked: monitoring::store::Unpacked::default(),
            watched_elsewhere: std::sync::RwLock::default(),
            deploying: Mutex::new(()),
            cluster: OnceLock::new(),
            making_environments: Mutex::new(()),
            python: options.python,
            python_models: Mutex::default(),
            following: Mutex::new(()),
            telling: Arc::default(),
        });
        for applied in specs::all(&mut platform.db.read().await?).await? {
            platform.mask_as(&applied.spec);
        }
        platform.restore_deployments().await?;
        platform.follow_endpoints(None).await?;
        Ok(platform)
    }

    /// The token of the first administrator, at the first start only; it is kept nowhere, only its hash is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_token(&self) -> Result<Option<String>, Error> {
        let now = self.clock.now();
        let issued =
            self.db.write(move |tx| Box::pin(async move { governance::bootstrap(tx, now).await })).await;
        Ok(issued?.map(|issued: governance::IssuedToken| issued.secret.reveal().to_owned()))
    }

    /// Makes everything that was acknowledged readable by others, and stops.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing acknowledged is lost, the next start takes it up.
    pub async fn close(&self) -> Result<(), Error> {
        Ok(self.archive.flush().await?)
    }

    /// A folder that goes away with its handle.
    pub(crate) fn scratch(&self) -> Result<TempDir, Error> {
        let parent = self.folder.join("scratch");
        make_folder(&parent)?;
        tempfile::tempdir_in(&parent).map_err(|cause| Error::Files {
            doing: format!("no folder can be made in `{}`", parent.display()),
            cause,
        })
    }

    /// That no model of this name was applied, with a name that is near.
    pub(crate) async fn not_applied(&self, model: &str) -> Result<Error, Error> {
        let all = specs::all(&mut self.db.read().await?).await?;
        let nearest = base::names::nearest(model, all.iter().map(|applied| applied.spec.model.as_str()));
        Ok(Error::ModelNotApplied { model: model.to_owned(), nearest: nearest.map(str::to_owned) })
    }

    /// What was applied for a model, or how it is watched if it is served elsewhere.
    ///
    /// # Errors
    /// [`Error::ModelNotApplied`].
    pub async fn applied(&self, model: &str) -> Result<crate::AppliedSpec, Error> {
        // The connection goes back before another one is asked for: many that wait for a second would wait for ever.
        let found = specs::find(&mut self.db.read().await?, model).await?;
        match found {
            Some(applied) => Ok(applied),
            None => match self.elsewhere(model).await? {
                Some(elsewhere) => Ok(elsewhere),
                None => Err(self.not_applied(model).await?),
            },
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|cause| Error::Files {
        doing: format!("the folder `{}` cannot be made", folder.display()),
        cause,
    })
}
