//! A PostgreSQL server of our own, for one part of the tests or a benchmark: made in a folder, stopped at the end.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::Program;
use crate::{server, setup};

/// What a commit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// Every one is on disk, as PostgreSQL does it unless told otherwise.
    OnDisk,
    /// They need not survive the machine.
    InMemory,
}

/// A running server; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes an empty server below `parent` and starts it.
    pub fn start(parent: &Path, commits: Commits) -> Result<Result<Self, setup::Obstacle>> {
        let programs = match setup::postgres() {
            Ok(programs) => programs,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        let folder = parent.join("postgres");
        std::fs::create_dir_all(&folder)?;
        // PostgreSQL refuses to run as root, and its own user must be able to get here.
        Program::new("chmod").args(["a+rwx".to_owned(), folder.display().to_string()]).run_or_fail()?;
        let started = Self { programs, folder, port: server::free_port()? };
        started.run(
            "initdb",
            &["--auth", "trust", "--encoding", "UTF8", "--no-sync", "--username", "postgres"],
        )?;
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync={}",
            started.port,
            if commits == Commits::OnDisk { "on" } else { "off" },
        );
        let log = started.folder.join("log").display().to_string();
        started.run("pg_ctl", &["--wait", "--log", &log, "--options", &options, "start"])?;
        Ok(Ok(started))
    }

    /// The address of its empty database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its first process.
    pub fn process(&self) -> Result<u32> {
        let file = std::fs::read_to_string(self.folder.join("cluster/postmaster.pid"))?;
        file.lines().next().and_then(|line| line.trim().parse().ok()).context("no process in postmaster.pid")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let program = self.programs.join(program);
        let cluster = self.folder.join("cluster");
        let command = if setup::is_root() {
            Program::new("runuser").args(["-u", "postgres", "--"]).arg(program.to_string_lossy())
        } else {
            Program::new(&program)
        };
        // The server inherits our outputs, so a pipe would never close.
        let status = command
            .folder("/")
            .arg("--pgdata")
            .arg(cluster.to_string_lossy())
            .args(arguments.iter().copied())
            .command()
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .status()
            .with_context(|| format!("`{}` could not be started", program.display()))?;
        if !status.success() {
            bail!("`{}` ended with {status}; its log is in {}", program.display(), self.folder.display());
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.run("pg_ctl", &["--mode", "immediate", "stop"]) {
            println!("PostgreSQL on port {} could not be stopped: {error:#}", self.port);
        }
    }
}
