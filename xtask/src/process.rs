//! Starting other programs: with a deadline, streaming what they print, keeping a copy if asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::repository;

/// A program about to be run.
#[derive(Debug, Clone)]
pub struct Program {
    name: String,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    without: Vec<String>,
    deadline: Option<Duration>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it exited with 0 before its deadline.
    pub success: bool,
    /// Everything it printed, if it was asked to be kept.
    pub output: String,
    /// The exit in words.
    pub words: String,
}

impl Program {
    /// A program by name or path.
    pub fn new(name: impl AsRef<Path>) -> Self {
        Self {
            name: name.as_ref().to_string_lossy().into_owned(),
            arguments: Vec::new(),
            folder: None,
            environment: BTreeMap::new(),
            without: Vec::new(),
            deadline: None,
        }
    }

    /// Cargo, in the checkout, with the shared build folder.
    ///
    /// What the cargo that runs *us* has set is taken away: some build scripts look at
    /// `CARGO_MANIFEST_DIR` and its like, and everything above them would be built again whenever
    /// cargo is started from here and then by hand.
    pub fn cargo() -> Result<Self> {
        repository::claim_target_folder()?;
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut program = Self::new(cargo);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if set_by_cargo_for_us(&name) {
                program.without.push(name);
            }
        }
        Ok(program
            .folder(repository::root()?)
            .env("CARGO_TARGET_DIR", repository::target_folder()?.to_string_lossy())
            .env("CARGO_TERM_COLOR", "always"))
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args<T: Into<String>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Runs it in this folder.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_path_buf());
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.environment.insert(name.to_owned(), value.as_ref().to_owned());
        self
    }

    /// Ends it, and all it started, when this much time has passed.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Runs it to its end on our own terminal.
    pub fn run(self) -> Result<Ended> {
        let mut child = self.command().stdin(Stdio::null()).spawn().with_context(|| self.failed_start())?;
        let (success, words) = wait(&mut child, self.deadline)?;
        Ok(Ended { success, output: String::new(), words })
    }

    /// Runs it to its end on our own terminal, keyboard included; for what a person steers.
    pub fn run_in_foreground(self) -> Result<Ended> {
        let mut child = self.command().spawn().with_context(|| self.failed_start())?;
        let (success, words) = wait(&mut child, None)?;
        Ok(Ended { success, output: String::new(), words })
    }

    /// Runs it to its end, printing what it prints and keeping it.
    pub fn run_and_keep(self) -> Result<Ended> {
        self.piped(true)
    }

    /// Runs it to its end, keeping what it prints to itself.
    pub fn run_quietly(self) -> Result<Ended> {
        self.piped(false)
    }

    /// Runs it and fails if it fails.
    pub fn run_or_fail(self) -> Result<()> {
        let what = format!("{} {}", self.name, self.arguments.join(" "));
        let ended = self.run()?;
        if !ended.success {
            bail!("`{what}` {}", ended.words);
        }
        Ok(())
    }

    /// Its standard output; an error with its standard error if it fails.
    pub fn stdout(self) -> Result<Vec<u8>> {
        let output = self.command().stdin(Stdio::null()).output().with_context(|| self.failed_start())?;
        if !output.status.success() {
            bail!("`{}` failed: {}", self.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(output.stdout)
    }

    /// The command underneath, for those who keep the child themselves.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.arguments);
        for name in &self.without {
            command.env_remove(name);
        }
        command.envs(&self.environment);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    fn failed_start(&self) -> String {
        format!("`{}` could not be started", self.name)
    }

    fn piped(self, echo: bool) -> Result<Ended> {
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| self.failed_start())?;
        let kept = Arc::new(Mutex::new(String::new()));
        let readers = [
            child.stdout.take().map(|pipe| copy(pipe, Arc::clone(&kept), echo)),
            child.stderr.take().map(|pipe| copy(pipe, Arc::clone(&kept), echo)),
        ];
        let (success, words) = wait(&mut child, self.deadline)?;
        for reader in readers.into_iter().flatten() {
            if reader.join().is_err() {
                bail!("a reader of `{}` failed", self.name);
            }
        }
        let output = kept.lock().map(|kept| kept.clone()).unwrap_or_default();
        Ok(Ended { success, output, words })
    }
}

/// Whether a variable describes our own crate to us, rather than to what we start.
fn set_by_cargo_for_us(name: &str) -> bool {
    const ALONE: &[&str] =
        &["CARGO", "CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    const FAMILIES: &[&str] = &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CFG_", "CARGO_BIN_EXE_"];
    ALONE.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

fn copy(
    pipe: impl Read + Send + 'static,
    kept: Arc<Mutex<String>>,
    echo: bool,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            if echo {
                let mut out = std::io::stdout().lock();
                // A closed terminal is no reason to stop the program that prints.
                drop(out.write_all(&line).and_then(|()| out.flush()));
            }
            if let Ok(mut kept) = kept.lock() {
                kept.push_str(&String::from_utf8_lossy(&line));
            }
            line.clear();
        }
    })
}

fn wait(child: &mut Child, deadline: Option<Duration>) -> Result<(bool, String)> {
    let Some(deadline) = deadline else {
        let status = child.wait()?;
        return Ok((status.success(), format!("ended with {status}")));
    };
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status.success(), format!("ended with {status}")));
        }
        if start.elapsed() > deadline {
            end_with_descendants(child.id());
            child.wait()?;
            return Ok((false, format!("was ended after its deadline of {} s", deadline.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends a process and everything it started.
pub fn end_with_descendants(process: u32) {
    let mut doomed = vec![process];
    if let Ok(table) = Program::new("ps").args(["-eo", "pid=,ppid="]).stdout() {
        let pairs: Vec<(u32, u32)> = String::from_utf8_lossy(&table)
            .lines()
            .filter_map(|line| {
                let mut numbers = line.split_whitespace().map(str::parse);
                Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
            })
            .collect();
        let mut next = 0;
        while let Some(parent) = doomed.get(next).copied() {
            doomed.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
            next += 1;
        }
    }
    for process in doomed.iter().rev() {
        signal("KILL", *process);
    }
}

/// Sends a signal by name; a process that has gone is no error.
pub fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).output();
    drop(sent);
}

/// Where a program lies, if `PATH` has it.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints_is_kept_from_both_pipes() {
        let ended = Program::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).run_quietly().unwrap();
        assert!(!ended.success);
        assert!(ended.output.contains("out") && ended.output.contains("err"), "{}", ended.output);
    }

    #[test]
    fn what_cargo_says_of_us_is_not_passed_on() {
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO", "CARGO_CRATE_NAME"] {
            assert!(set_by_cargo_for_us(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "CARGO_INCREMENTAL", "PATH"] {
            assert!(!set_by_cargo_for_us(name), "{name}");
        }
        // Nextest sets these for us as cargo does.
        let ended = Program::cargo().unwrap().args(["--version"]).run_quietly().unwrap();
        assert!(ended.success, "{}", ended.output);
        assert!(Program::cargo().unwrap().without.iter().any(|name| name == "CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn a_program_past_its_deadline_ends_with_its_children() {
        let start = Instant::now();
        let ended = Program::new("sh")
            .args(["-c", "sleep 30 & sleep 30"])
            .deadline(Duration::from_millis(200))
            .run_quietly()
            .unwrap();
        assert!(!ended.success && ended.words.contains("deadline"), "{}", ended.words);
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
