//! A PostgreSQL server of our own, with the settings it comes with: every commit is on disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{Program, end_with_descendants, signal};
use crate::server::free_port;

/// A running cluster; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes a cluster below `folder` and starts it.
    pub fn start(folder: &Path) -> Result<Self> {
        // PostgreSQL refuses to run as root, and its own user must be able to get here.
        let parent = folder.join("postgres");
        std::fs::create_dir_all(&parent)?;
        Program::new("chmod").args(["-R", "a+rwx"]).arg(folder.to_string_lossy()).run_or_fail()?;
        let programs = programs()?;
        let data = parent.join("cluster");
        let port = free_port()?;
        as_postgres(&programs.join("initdb"))
            .args(["--auth", "trust", "--encoding", "UTF8", "--username", "postgres", "--pgdata"])
            .arg(data.to_string_lossy())
            .run_quietly()?;
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''");
        let started = as_postgres(&programs.join("pg_ctl"))
            .args(["--wait", "--pgdata"])
            .arg(data.to_string_lossy())
            .args(["--log".to_owned(), parent.join("log").display().to_string()])
            .args(["--options".to_owned(), options, "start".to_owned()])
            .run()?;
        anyhow::ensure!(started.success, "PostgreSQL {}", started.words);
        Ok(Self { folder: data, port })
    }

    /// The address of its first database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its first process.
    pub fn process(&self) -> Result<u32> {
        let file = std::fs::read_to_string(self.folder.join("postmaster.pid"))?;
        file.lines().next().and_then(|line| line.trim().parse().ok()).context("no process in postmaster.pid")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Ok(process) = self.process() {
            signal("INT", process);
            std::thread::sleep(Duration::from_secs(2));
            end_with_descendants(process);
        }
    }
}

fn as_postgres(program: &Path) -> Program {
    let root = Program::new("id").arg("-u").stdout().is_ok_and(|id| id.trim_ascii() == b"0");
    if root {
        return Program::new("runuser")
            .args(["-u", "postgres", "--"])
            .arg(program.to_string_lossy())
            .folder("/");
    }
    Program::new(program)
}

fn programs() -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed (Debian's package `postgresql`)")?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|programs| programs.join("initdb").is_file())
        .collect();
    versions.sort();
    versions.pop().context("PostgreSQL's programs are not installed")
}
