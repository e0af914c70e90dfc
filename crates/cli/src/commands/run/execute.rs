//! Doing a run: the command as a child, watched from its beginning to its end.

use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::Result;
use base::{Clock, Digest, SystemClock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::logs::{self, LogInlet, Passed, pump};
use super::record::{Ended, Files, Record};
use super::secrets::Secrets;
use super::tracking::Tracked;
use super::{code, files, usage};
use crate::args::ServerArguments;
use crate::client::Client;
use crate::commands::data::home::Local;
use crate::exit::hinted;
use crate::output;

/// How often the server hears that the run is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long what a command left behind in the background may keep its output open.
const LINGER: Duration = Duration::from_secs(2);

/// A run that is to be done.
pub(super) struct Plan {
    pub(super) client: Client,
    pub(super) server: ServerArguments,
    pub(super) experiment: String,
    pub(super) name: Option<String>,
    /// What was captured before.
    pub(super) record: Record,
    /// The command as it is called, secrets and all.
    pub(super) command: Vec<String>,
    pub(super) root: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) secrets: Secrets,
    /// Variables that are set or removed for the command.
    pub(super) variables: Vec<(String, Option<String>)>,
    /// Paths of outputs below the root.
    pub(super) outputs: Vec<String>,
}

/// A run that was done.
pub(super) struct Outcome {
    pub(super) tracked: Tracked,
    pub(super) record: Record,
    /// What the command exited with, as a shell tells it.
    pub(super) exit: u8,
}

/// Sends trees to the server.
pub(super) async fn send_trees(local: &Local, server: &ServerArguments, trees: Vec<Digest>) -> Result<()> {
    for tree in trees {
        let remote = crate::commands::data::remote::Remote::open(None, server).await?;
        local
            .blocking(move |artifacts| {
                artifacts.send_tree(tree, &remote, &|_, _| {}).map_err(|failed| failed.0)
            })
            .await?;
    }
    Ok(())
}

/// Does the run.
pub(super) async fn execute(local: &Local, plan: &Plan) -> Result<Outcome> {
    let mut signals = Signals::take()?;
    let mut record = plan.record.clone();
    let tracked = Tracked::begin(&plan.client, &plan.experiment, plan.name.as_deref(), &record).await?;
    let mut child = match start(plan, &tracked) {
        Ok(child) => child,
        Err(error) => {
            let now = SystemClock.now().to_string();
            let ended =
                Ended { exit_code: Some(127), started_at: now.clone(), ended_at: now, ..Ended::default() };
            record.ended = Some(ended);
            tracked.end(&record, "FAILED").await?;
            output::error(&error);
            return Ok(Outcome { tracked, record, exit: 127 });
        }
    };
    let started_at = SystemClock.now().to_string();
    let (began, before) = (Instant::now(), usage::account());
    let (inlet, receiver) = LogInlet::new();
    let sender = tokio::spawn(logs::send(tracked.clone(), receiver));
    let mut pumps = Vec::new();
    if let Some(stream) = child.stdout.take() {
        pumps.push(tokio::spawn(pump(stream, Passed::Output, plan.secrets.clone(), inlet.clone())));
    }
    if let Some(stream) = child.stderr.take() {
        pumps.push(tokio::spawn(pump(stream, Passed::Error, plan.secrets.clone(), inlet.clone())));
    }
    let (over, is_over) = watch::channel(false);
    let looking = tokio::spawn(usage::look(child.id().unwrap_or_default(), is_over));
    let alive = tokio::spawn(keep_alive(tracked.clone()));
    let (status, was_signalled) = wait(&mut child, &mut signals).await?;
    let linger = tokio::time::Instant::now() + LINGER;
    for mut pump in pumps {
        if tokio::time::timeout_at(linger, &mut pump).await.is_err() {
            pump.abort();
        }
    }
    let _ = over.send(true);
    let usage = looking.await.unwrap_or_default().usage(began, before, usage::account());
    record.log = inlet.log();
    drop(inlet);
    if let Ok(Some(lost)) = sender.await {
        output::note(&format!("gingham: the log could not be kept: {lost}"));
    }
    record.ended = Some(Ended {
        exit_code: status.code(),
        signal: status.signal(),
        started_at,
        ended_at: SystemClock.now().to_string(),
        usage,
    });
    let captured = capture_outputs(local, plan).await;
    let problem = match captured {
        Ok(outputs) => {
            record.outputs = outputs;
            None
        }
        Err(error) => Some(error),
    };
    alive.abort();
    let killed = status.signal().is_some() || (was_signalled && !status.success());
    let word = match (status.success(), killed, &problem) {
        (_, true, _) => "KILLED",
        (true, false, None) => "FINISHED",
        _ => "FAILED",
    };
    tracked.end(&record, word).await?;
    if let Some(problem) = problem {
        return Err(problem.context("the outputs could not be kept"));
    }
    for missing in record.outputs.iter().filter(|output| output.tree.is_none()) {
        output::note(&format!("gingham: the output `{}` was not written", missing.path));
    }
    Ok(Outcome { tracked, record, exit: exit_of(status) })
}

/// What a shell would say of how the command ended.
fn exit_of(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code & 0xff).unwrap_or(1)
}

fn start(plan: &Plan, tracked: &Tracked) -> Result<Child, String> {
    let (program, arguments) = plan.command.split_first().ok_or("there is no command")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&plan.folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("MLFLOW_TRACKING_URI", plan.client.address())
        .env("MLFLOW_RUN_ID", &tracked.run)
        .env("MLFLOW_EXPERIMENT_ID", &tracked.experiment)
        .env("GINGHAM_URL", plan.client.address())
        .env("GINGHAM_RUN_ID", &tracked.run);
    if let Some(token) = &plan.server.token {
        command.env("GINGHAM_TOKEN", token).env("MLFLOW_TRACKING_TOKEN", token);
    }
    for (name, value) in &plan.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.spawn().map_err(|error| format!("`{program}` cannot be started: {error}"))
}

/// Signals that are handed on to the command; those that arrive before it is there wait for it.
struct Signals(Vec<(Signal, tokio::signal::unix::Signal)>);

impl Signals {
    /// Takes all of them from now on.
    fn take() -> Result<Self> {
        let kinds = [
            (Signal::SIGTERM, SignalKind::terminate()),
            (Signal::SIGINT, SignalKind::interrupt()),
            (Signal::SIGHUP, SignalKind::hangup()),
            (Signal::SIGQUIT, SignalKind::quit()),
            (Signal::SIGUSR1, SignalKind::user_defined1()),
            (Signal::SIGUSR2, SignalKind::user_defined2()),
        ];
        let listen = |(name, kind)| Ok((name, signal(kind)?));
        Ok(Self(kinds.into_iter().map(listen).collect::<Result<_>>()?))
    }

    /// The next one.
    async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (name, stream) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(*name);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Waits for the end, and hands on every signal that arrives meanwhile. Answers whether one did.
async fn wait(child: &mut Child, signals: &mut Signals) -> Result<(ExitStatus, bool)> {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    // A terminal sends these to the command itself as well.
    let from_terminal = std::io::stdin().is_terminal();
    let mut was_signalled = false;
    loop {
        let arrived = tokio::select! {
            status = child.wait() => return Ok((status?, was_signalled)),
            arrived = signals.next() => arrived,
        };
        was_signalled |= !matches!(arrived, Signal::SIGUSR1 | Signal::SIGUSR2);
        let sent_already = from_terminal && matches!(arrived, Signal::SIGINT | Signal::SIGQUIT);
        if let (Some(id), false) = (id, sent_already) {
            let _ = kill(id, arrived);
        }
    }
}

async fn keep_alive(tracked: Tracked) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        // A server that is away for a moment is back at the next beat.
        let _ = tracked.keep_alive().await;
    }
}

async fn capture_outputs(local: &Local, plan: &Plan) -> Result<Vec<Files>> {
    let mut outputs = Vec::new();
    for path in &plan.outputs {
        let captured = files::capture(local, &plan.root, path).await?;
        outputs.push(captured.unwrap_or_else(|| Files {
            path: path.clone(),
            is_file: false,
            tree: None,
            files: 0,
            bytes: 0,
        }));
    }
    send_trees(local, &plan.server, outputs.iter().filter_map(|output| output.tree).collect()).await?;
    Ok(outputs)
}

/// Sends what was captured of the code.
pub(super) async fn send_code(local: &Local, server: &ServerArguments, record: &Record) -> Result<()> {
    let mut trees: Vec<Digest> = record.code.tree.into_iter().collect();
    if let Some(diff) = record.code.git.as_ref().and_then(|git| git.diff) {
        trees.push(local.blocking(move |artifacts| code::diff_tree(artifacts, diff)).await?);
    }
    trees.extend(record.inputs.iter().filter_map(|input| input.tree));
    send_trees(local, server, trees).await
}

/// `NAME=VALUE` as its two parts.
pub(super) fn pair(text: &str, what: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(hinted(format!("`{text}` is no {what}"), "write NAME=VALUE")),
    }
}
