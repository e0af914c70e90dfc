//! One locked environment for a version, made by `uv`.
//!
//! What the model asks for is resolved once, with the digests of all files; the lock is kept with the version. From then
//! on every machine installs exactly that. An environment that is there is used as it is, without `uv` and without a
//! network.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{Actor, Digest, Failure as _, Kind};
use pipelines::{ChildSpec, Limits, run_child};
use registry::Version;

use super::name_of;
use crate::{Error, Platform};

/// The longest that resolving, and that installing, may take.
const LONGEST: Duration = Duration::from_secs(20 * 60);
const MOST_LOCK_BYTES: u64 = 4 << 20;
/// The kind under which the lock is kept with its version.
const LOCK: &str = "python_lock";
/// What is passed on to `uv`, beside what every child gets: where packages come from, and whom to trust.
const PASSED_ON: [&str; 10] = [
    "PIP_FIND_LINKS",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
];

impl Platform {
    /// The interpreter of the environment with these requirements; the inner error says in words why there is none.
    pub(super) async fn environment(
        &self,
        version: &Version,
        requirements: &str,
        python: Option<&str>,
    ) -> Result<Result<PathBuf, String>, Error> {
        // One at a time: two versions often need the same.
        let _turn = self.making_environments.lock().await;
        let parent = self.workers_folder("environments")?;
        let kept = self.file_of_version(&version.model, version.number, LOCK).await?;
        let lock = match kept {
            Some(digest) => self.artifacts.read_bytes(digest, MOST_LOCK_BYTES).await?.to_vec(),
            None => {
                let lock = match self.resolve(&parent, requirements, python).await? {
                    Ok(lock) => lock,
                    Err(why) => return Ok(Err(why)),
                };
                self.keep_lock(version, &lock).await?;
                lock
            }
        };
        let named = Digest::of([python.unwrap_or_default().as_bytes(), b"\n", &lock].concat());
        let folder = parent.join(name_of(named));
        let interpreter = folder.join("venv/bin/python");
        let complete = folder.join("complete");
        if complete.is_file() && interpreter.exists() {
            return Ok(Ok(interpreter));
        }
        let files = |doing: &str| {
            let doing = format!("{doing} in `{}`", folder.display());
            move |cause| Error::Files { doing, cause }
        };
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(files("an unfinished environment cannot be removed"))?;
        }
        std::fs::create_dir_all(&folder).map_err(files("an environment cannot be begun"))?;
        let locked = folder.join("lock.txt");
        std::fs::write(&locked, &lock).map_err(files("a lock cannot be written"))?;
        let venv = folder.join("venv");
        let mut arguments: Vec<OsString> = ["venv", "--quiet"].map(OsString::from).into();
        arguments.extend(python.into_iter().flat_map(|python| ["--python".into(), python.into()]));
        arguments.push(venv.into_os_string());
        if let Err(why) = self.uv(arguments, &folder).await {
            return Ok(Err(format!("no environment could be made for it: {why}")));
        }
        let mut arguments: Vec<OsString> =
            ["pip", "sync", "--quiet", "--require-hashes", "--python"].map(OsString::from).into();
        arguments.extend([interpreter.clone().into_os_string(), locked.into_os_string()]);
        if let Err(why) = self.uv(arguments, &folder).await {
            return Ok(Err(format!("what it needs could not be installed: {why}")));
        }
        std::fs::write(&complete, b"").map_err(files("an environment cannot be finished"))?;
        tracing::info!(
            model.name = version.model,
            model.version = version.number,
            "the environment `{}` is made",
            name_of(named)
        );
        Ok(Ok(interpreter))
    }

    /// What the requirements come to, every file with its digest. Arrow is what rows travel in, and is added.
    async fn resolve(
        &self,
        parent: &Path,
        requirements: &str,
        python: Option<&str>,
    ) -> Result<Result<Vec<u8>, String>, Error> {
        let scratch = tempfile::tempdir_in(parent).map_err(|cause| Error::Files {
            doing: "a folder for an environment cannot be made".to_owned(),
            cause,
        })?;
        let (asked, locked) = (scratch.path().join("requirements.in"), scratch.path().join("lock.txt"));
        let files = |cause| Error::Files { doing: "what a model needs cannot be written".to_owned(), cause };
        std::fs::write(&asked, format!("{}\npyarrow\n", requirements.trim_end())).map_err(files)?;
        let mut arguments: Vec<OsString> =
            ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes"]
                .map(OsString::from)
                .into();
        arguments.extend(python.into_iter().flat_map(|python| ["--python-version".into(), python.into()]));
        arguments.extend(["-o".into(), locked.clone().into_os_string(), asked.clone().into_os_string()]);
        if let Err(why) = self.uv(arguments.clone(), scratch.path()).await {
            // MLflow's small client writes the large package down, which may not go with what it runs beside.
            let Some(smaller) = with_small_client(requirements) else {
                return Ok(Err(format!("what it needs could not be resolved: {why}")));
            };
            std::fs::write(&asked, format!("{smaller}\npyarrow\n")).map_err(files)?;
            if self.uv(arguments, scratch.path()).await.is_err() {
                return Ok(Err(format!("what it needs could not be resolved: {why}")));
            }
        }
        Ok(Ok(std::fs::read(&locked).map_err(files)?))
    }

    /// Keeps the lock with its version. What was kept in the meantime stays.
    async fn keep_lock(&self, version: &Version, lock: &[u8]) -> Result<(), Error> {
        let blob = self.artifacts.put_bytes(lock.to_vec()).await?;
        let (model, number, now) = (version.model.clone(), version.number, self.clock.now());
        let actor = Actor::platform("deploy");
        let put: Result<(), registry::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    registry::put_version_file(tx, (&model, number), LOCK, blob.digest, &actor, now).await
                })
            })
            .await;
        match put {
            // A version that is registered elsewhere is resolved anew on each machine.
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            put => Ok(put?),
        }
    }

    /// Runs `uv` with these arguments; its last words when it fails.
    async fn uv(&self, arguments: Vec<OsString>, folder: &Path) -> Result<(), String> {
        let program = self.python.uv.clone().map_or_else(|| OsString::from("uv"), PathBuf::into_os_string);
        let mut child = ChildSpec::new(program, arguments);
        child.folder = Some(folder.to_owned());
        let own = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            name.starts_with("UV_") || PASSED_ON.contains(&name.as_ref())
        });
        child.env.extend(own);
        if let Some(links) =
            std::env::var_os("PIP_FIND_LINKS").filter(|_| std::env::var_os("UV_FIND_LINKS").is_none())
        {
            child.env.push(("UV_FIND_LINKS".into(), links));
        }
        let limits = Limits { timeout: LONGEST, ..Limits::default() };
        run_child(&child, &limits, |_| ()).await.map(drop).map_err(|error| {
            if error.code() == "process_not_started" {
                return "the program `uv` is not here; `pip install uv` brings it, and `GINGHAM_UV` may name it"
                    .to_owned();
            }
            let words: Vec<&str> =
                error.stderr_tail().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let last = words.iter().rev().take(4).rev().copied().collect::<Vec<_>>().join(" ");
            if last.is_empty() { error.to_string() } else { last.chars().take(600).collect() }
        })
    }
}

/// The requirements with MLflow's small client in place of the large one, of the same release; `None` where it is not
/// among them.
fn with_small_client(requirements: &str) -> Option<String> {
    let large = |line: &&str| line.trim_start().starts_with("mlflow==");
    requirements.lines().find(large)?;
    let line = |line: &str| match line.trim_start().strip_prefix("mlflow==") {
        Some(release) => format!("mlflow-skinny=={release}"),
        None => line.to_owned(),
    };
    Some(requirements.lines().map(line).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_client_takes_the_place_of_the_large_one() {
        let small = with_small_client("mlflow==3.12.0\npandas==3.1.1").unwrap();
        assert_eq!(small, "mlflow-skinny==3.12.0\npandas==3.1.1");
        assert_eq!(with_small_client("mlflow-skinny==3.12.0\nmlflow>=2"), None);
    }
}
