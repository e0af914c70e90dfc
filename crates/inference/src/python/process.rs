//! One worker: a process of its own with limits, spoken to over the socket that is its standard input.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::wire::{self, read_frame, write_frame};

/// What runs in the process.
const SCRIPT: &str = include_str!("worker.py");
/// What of the server's environment a worker gets; secrets among the rest stay here.
const PASSED_ON: [&str; 5] = ["PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"];
/// How much of the end of what it prints is kept.
const TAIL_BYTES: usize = 8 * 1024;

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The Python of the model's environment.
    pub interpreter: PathBuf,
    /// The folder it runs in; it is its home, too.
    pub folder: PathBuf,
    /// What it is to load, as JSON.
    pub order: serde_json::Value,
    /// The most bytes of address space.
    pub memory_bytes: u64,
    /// Threads of the libraries that compute.
    pub threads: usize,
    /// Further variables of its environment.
    pub env: Vec<(OsString, OsString)>,
}

/// Why a worker gave no answer.
#[derive(Debug)]
pub(super) enum Silence {
    /// It took longer than it may.
    TimedOut,
    /// It is no more, and how it ended.
    Ended(String),
    /// What it said is no answer.
    Garbled(String),
}

/// What a worker says.
#[derive(Debug)]
pub(super) enum Said {
    /// What was asked for.
    Answer(Vec<u8>),
    /// What the model raised, with its kind.
    Failure { kind: String, message: String },
}

/// A process that is running. It ends with its whole group when it is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    group: Pid,
    stream: UnixStream,
    tail: Arc<Mutex<Vec<u8>>>,
    /// When it was last spoken to.
    pub(super) heard: Instant,
    /// Whether its number may be somebody else's by now.
    reaped: bool,
}

impl Worker {
    /// Starts a process. It has nothing loaded yet.
    pub(super) fn start(launch: &Launch) -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        // The limits are set by a shell between fork and exec, as this program has no unsafe code.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "ulimit -c 0; ulimit -v \"$1\" || exit 126; shift; exec \"$@\"", "sh"])
            .arg((launch.memory_bytes / 1024).max(1).to_string())
            .arg(&launch.interpreter)
            .args(["-I", "-X", "utf8", "-u", "-c", SCRIPT])
            .env_clear()
            .envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("HOME", &launch.folder)
            .env("TMPDIR", &launch.folder)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"] {
            command.env(name, launch.threads.max(1).to_string());
        }
        command
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&launch.folder)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn()?;
        let group = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
        let tail: Arc<Mutex<Vec<u8>>> = Arc::default();
        if let Some(mut stderr) = child.stderr.take() {
            let tail = Arc::clone(&tail);
            std::thread::Builder::new().name("python-worker-log".into()).spawn(move || {
                let mut buffer = [0u8; 4096];
                while let Ok(read @ 1..) = stderr.read(&mut buffer) {
                    let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                    tail.extend_from_slice(buffer.get(..read).unwrap_or_default());
                    let excess = tail.len().saturating_sub(TAIL_BYTES);
                    tail.drain(..excess);
                }
            })?;
        }
        Ok(Self { child, group, stream, tail, heard: Instant::now(), reaped: false })
    }

    /// Asks and waits for what it says, at most so long. After a [`Silence`] it must be let go.
    pub(super) fn ask(&mut self, word: u32, content: &[u8], at_most: Duration) -> Result<Said, Silence> {
        let until = Instant::now() + at_most;
        let spoken = write_frame(&mut Timed { stream: &self.stream, until }, word, content)
            .and_then(|()| read_frame(&mut Timed { stream: &self.stream, until }));
        self.heard = Instant::now();
        match spoken {
            Ok((wire::ANSWER | wire::PING, content)) => Ok(Said::Answer(content)),
            Ok((wire::FAILURE, content)) => {
                let said: serde_json::Value = serde_json::from_slice(&content).unwrap_or_default();
                let text = |name: &str| {
                    said.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
                };
                Ok(Said::Failure { kind: text("kind"), message: text("message") })
            }
            Ok((other, _)) => Err(Silence::Garbled(format!("a frame of the kind {other}"))),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Silence::TimedOut,
                io::ErrorKind::InvalidData => Silence::Garbled(error.to_string()),
                _ => Silence::Ended(self.ending()),
            }),
        }
    }

    /// Whether it still runs. Does not wait.
    pub(super) fn runs(&self) -> bool {
        if self.reaped {
            return false;
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        matches!(waitid(Id::Pid(self.group), flags), Ok(WaitStatus::StillAlive))
    }

    /// The bytes of memory that it has, where the system says.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.group)).ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages.saturating_mul(4096))
    }

    /// Its number.
    pub(super) fn process(&self) -> i32 {
        self.group.as_raw()
    }

    /// Ends it, and says how it had ended before, with its last words.
    pub(super) fn ending(&mut self) -> String {
        // It may be closing its files while it dies.
        let until = Instant::now() + Duration::from_millis(500);
        while self.runs() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let lived = self.runs();
        self.reaped = true;
        // The number is still its own, as it is not reaped yet.
        let _ = killpg(self.group, Signal::SIGKILL);
        let ended = match self.child.wait() {
            Ok(_) if lived => "closed its socket".to_owned(),
            Ok(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => {
                    let name = Signal::try_from(signal)
                        .map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string());
                    format!("crashed ({name})")
                }
                (None, code) => format!("ended with code {}", code.unwrap_or(-1)),
            },
            Err(error) => format!("is gone ({error})"),
        };
        // The thread that reads what it printed may be a moment late.
        std::thread::sleep(Duration::from_millis(20));
        match self.last_words() {
            Some(words) => format!("{ended}; its last words: {words}"),
            None => ended,
        }
    }

    fn last_words(&self) -> Option<String> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&tail);
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().take(300).collect())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = killpg(self.group, Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// A socket with one deadline for all that is read and written.
struct Timed<'a> {
    stream: &'a UnixStream,
    until: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        let mut stream = self.stream;
        stream.read(buffer)
    }
}

impl io::Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        let mut stream = self.stream;
        stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
