//! Child processes that may crash, hang or eat all memory without taking the server along.

mod error;
mod group;
mod lines;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::Instant;

pub use error::ChildError;
use error::Ending;
use group::Group;
use lines::{Lines, Tail};

/// What of the server's environment a child gets; secrets among the rest stay here.
const PASSED_ON: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "LD_LIBRARY_PATH"];

/// How long a child has to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// How long the output of an ended child is waited for, should somebody else hold it open.
const DRAIN: Duration = Duration::from_secs(1);

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct ChildSpec {
    /// The program, by path or by a name to look for.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables of its environment, beside the few harmless ones that are passed on.
    pub env: Vec<(OsString, OsString)>,
    /// The folder it runs in; that of the server if absent.
    pub folder: Option<PathBuf>,
    /// What it reads from its standard input.
    pub stdin: Vec<u8>,
}

impl ChildSpec {
    /// The program with these arguments.
    pub fn new<A: Into<OsString>>(program: impl Into<OsString>, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program: program.into(), args, ..Self::default() }
    }

    /// The same, with `stdin` to read.
    #[must_use]
    pub fn reading(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }
}

/// What a child may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most bytes of address space for each process of the group; no core file is written.
    pub memory_bytes: Option<u64>,
    /// How long it may take.
    pub timeout: Duration,
    /// How long it may say nothing on its standard output.
    pub silence: Option<Duration>,
    /// Longer lines are cut to this many bytes.
    pub line_bytes: usize,
    /// How much of the end of its standard error is kept.
    pub stderr_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: None,
            timeout: Duration::from_secs(3_600),
            silence: None,
            line_bytes: 1024 * 1024,
            stderr_bytes: 64 * 1024,
        }
    }
}

/// A child that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The end of its standard error.
    pub stderr_tail: String,
    /// How many lines it wrote.
    pub lines: u64,
}

/// Runs a child in a process group of its own, gives each line of its standard output to
/// `on_line`, and waits for its end.
///
/// When it ends, crashes, runs out of time or falls silent for too long, the whole group is ended
/// with it; so it is when the future is dropped, which is the way to cancel it. An exit code other
/// than 0 is an error; each error says what happened and carries the end of the standard error.
pub async fn run_child(
    spec: &ChildSpec,
    limits: &Limits,
    on_line: impl FnMut(&str) + Send,
) -> Result<Finished, ChildError> {
    let program = spec.program.to_string_lossy().into_owned();
    let failed = |ending: Ending, stderr_tail: String| ChildError::new(program.clone(), ending, stderr_tail);
    let start = |error: io::Error| failed(Ending::NotStarted { cause: error.to_string() }, String::new());

    let mut child = command(spec, limits).spawn().map_err(start)?;
    let group = Arc::new(Group::of(&child));
    let _kills_when_dropped = group::KillOnDrop(Arc::clone(&group));
    let pipes = Pipes::of(&mut child);
    let ended = tokio::task::spawn_blocking({
        let group = Arc::clone(&group);
        move || group.wait(child)
    });
    let pipes = pipes.map_err(start)?;
    let watched = watch(pipes, spec, limits, &group, ended, on_line).await;
    let tail = watched.tail.into_text();
    let status = match watched.status {
        Ok(status) => status,
        Err(error) => return Err(failed(Ending::NotStarted { cause: error.to_string() }, tail)),
    };
    if let Some(ending) = watched.stopped {
        return Err(failed(ending, tail));
    }
    match Ending::of(status, limits.memory_bytes) {
        None => Ok(Finished { stderr_tail: tail, lines: watched.lines }),
        Some(ending) => Err(failed(ending, tail)),
    }
}

/// The memory limit is set by a shell between fork and exec, as this program has no unsafe code.
fn command(spec: &ChildSpec, limits: &Limits) -> Command {
    let mut command = match limits.memory_bytes {
        None => Command::new(&spec.program),
        Some(bytes) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "ulimit -c 0; ulimit -v \"$1\" || exit 126; shift; exec \"$@\"", "sh"]);
            shell.arg((bytes / 1024).max(1).to_string()).arg(&spec.program);
            shell
        }
    };
    command
        .args(&spec.args)
        .env_clear()
        .envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(folder) = &spec.folder {
        command.current_dir(folder);
    }
    command
}

struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Pipes {
    fn of(child: &mut Child) -> io::Result<Self> {
        Ok(Self {
            stdin: child.stdin.take().map(ChildStdin::from_std).transpose()?,
            stdout: child.stdout.take().map(ChildStdout::from_std).transpose()?,
            stderr: child.stderr.take().map(ChildStderr::from_std).transpose()?,
        })
    }
}

struct Watched {
    status: io::Result<ExitStatus>,
    /// Why it was stopped from outside.
    stopped: Option<Ending>,
    tail: Tail,
    lines: u64,
}

/// Moves what goes in and out until the child has ended and its output is read.
async fn watch(
    pipes: Pipes,
    spec: &ChildSpec,
    limits: &Limits,
    group: &Group,
    mut ended: tokio::task::JoinHandle<io::Result<ExitStatus>>,
    on_line: impl FnMut(&str) + Send,
) -> Watched {
    let Pipes { stdin, mut stdout, mut stderr } = pipes;
    let writing = async {
        if let Some(mut stdin) = stdin {
            // A child that does not care to read is no failure.
            let _ = stdin.write_all(&spec.stdin).await;
        }
    };
    tokio::pin!(writing);
    let mut written = false;
    let mut lines = Lines::new(limits.line_bytes, on_line);
    let mut tail = Tail::new(limits.stderr_bytes);
    let (mut out, mut err) = (vec![0; 16 * 1024], vec![0; 4 * 1024]);
    let mut status = None;
    let mut stopped = None;
    let over = Instant::now() + limits.timeout;
    let mut heard = Instant::now();
    let mut wake = next_deadline(over, heard, limits);
    while status.is_none() || stdout.is_some() || stderr.is_some() {
        tokio::select! {
            read = read_some(&mut stdout, &mut out) => {
                lines.push(out.get(..read).unwrap_or_default());
                heard = Instant::now();
                if status.is_none() && stopped.is_none() {
                    wake = next_deadline(over, heard, limits);
                }
            }
            read = read_some(&mut stderr, &mut err) => tail.push(err.get(..read).unwrap_or_default()),
            () = &mut writing, if !written => written = true,
            end = &mut ended, if status.is_none() => {
                status = Some(end.unwrap_or_else(|error| Err(io::Error::other(error))));
                wake = Instant::now() + DRAIN;
            }
            () = tokio::time::sleep_until(wake) => {
                if status.is_some() {
                    break;
                }
                if stopped.is_some() {
                    group.signal(Signal::SIGKILL);
                } else {
                    group.signal(Signal::SIGTERM);
                    stopped = Some(if Instant::now() >= over {
                        Ending::TimedOut { after: limits.timeout }
                    } else {
                        Ending::Silent { since: limits.silence.unwrap_or_default() }
                    });
                }
                wake = Instant::now() + GRACE;
            }
        }
    }
    let lines = lines.finish();
    Watched {
        status: status.unwrap_or_else(|| Err(io::Error::other("it was not waited for"))),
        stopped,
        tail,
        lines,
    }
}

fn next_deadline(over: Instant, heard: Instant, limits: &Limits) -> Instant {
    limits.silence.map_or(over, |silence| over.min(heard + silence))
}

/// Reads from a pipe that is still open and forgets it when it is not; never returns if it is
/// forgotten already.
async fn read_some<R: tokio::io::AsyncRead + Unpin>(pipe: &mut Option<R>, buffer: &mut [u8]) -> usize {
    let Some(reader) = pipe else { return std::future::pending().await };
    let read = reader.read(buffer).await.unwrap_or_default();
    if read == 0 {
        *pipe = None;
    }
    read
}
