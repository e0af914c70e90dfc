//! Several workers with one model: who is free answers, who ends badly is replaced.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::process::{Launch, Said, Silence, Worker};
use super::{ENGINE, wire};
use crate::Error;

/// How often the pool is looked at when nothing happens.
const LOOK: Duration = Duration::from_millis(500);
/// A worker that was silent so long is asked whether it is well.
const QUIET: Duration = Duration::from_secs(10);
/// How long a worker that is asked whether it is well may take.
const PONG: Duration = Duration::from_secs(5);
/// The pause before a second start in a row; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause between two starts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What workers may use and how long they may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// How many processes there are.
    pub processes: usize,
    /// How long a process may take to load the model.
    pub load: Duration,
    /// How long one call may take, with the wait for a free process.
    pub call: Duration,
    /// A process with more bytes in memory than this after a call is replaced: it leaks.
    pub resident_bytes: u64,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            processes: 2,
            load: Duration::from_secs(120),
            call: Duration::from_secs(15),
            resident_bytes: 2 << 30,
        }
    }
}

/// What is sent to each worker before it answers: the order to load, and a call to be sure that it can.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    pub(super) order: Vec<u8>,
    pub(super) sample: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    launch: Launch,
    limits: PoolLimits,
    greeting: Greeting,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Worker>,
    busy: usize,
    stopped: bool,
    /// Bad ends in a row, without an answer between them.
    failures: u32,
    not_before: Option<Instant>,
    /// How the last one ended.
    why: Option<String>,
    restarts: u64,
}

fn failed(reason: impl Into<String>) -> Error {
    Error::EngineFailed { engine: ENGINE, reason: reason.into() }
}

/// Loads the model in a worker that has just started, and lets it answer once.
pub(super) fn greet(worker: &mut Worker, greeting: &Greeting, at_most: Duration) -> Result<Vec<u8>, Error> {
    let until = Instant::now() + at_most;
    let left = || until.saturating_duration_since(Instant::now());
    said(worker, wire::LOAD, &greeting.order, left()).map_err(|error| named("load the model", error))?;
    said(worker, wire::PREDICT, &greeting.sample, left()).map_err(|error| named("answer a first row", error))
}

fn named(doing: &str, error: Error) -> Error {
    match error {
        Error::EngineFailed { reason, .. } => failed(format!("a worker could not {doing}: {reason}")),
        Error::NotComputed { reason, .. } => failed(format!("a worker could not {doing}: {reason}")),
        other => other,
    }
}

/// One exchange with a worker outside of a pool.
pub(super) fn said(
    worker: &mut Worker,
    word: u32,
    content: &[u8],
    at_most: Duration,
) -> Result<Vec<u8>, Error> {
    match worker.ask(word, content, at_most) {
        Ok(Said::Answer(content)) => Ok(content),
        Ok(Said::Failure { kind, message }) => Err(told(&kind, message)),
        Err(Silence::TimedOut) => Err(Error::EngineTimeout { engine: ENGINE, seconds: at_most.as_secs() }),
        Err(Silence::Ended(why)) => Err(failed(format!("the process {why}"))),
        Err(Silence::Garbled(what)) => Err(failed(format!("the process gave {what}"))),
    }
}

/// What the model raised, as an error: of the rows where it says so itself, else of the model.
fn told(kind: &str, message: String) -> Error {
    match kind {
        "refused" => Error::NotComputed { node: "the model".to_owned(), reason: message },
        "shape" => failed(message),
        _ => failed(format!("the model raised {message}")),
    }
}

impl Pool {
    /// A pool with a first worker, which is loaded; the others follow in the background.
    pub(super) fn new(
        launch: Launch,
        limits: PoolLimits,
        greeting: Greeting,
        first: Worker,
    ) -> Result<Self, Error> {
        let state = State { idle: vec![first], ..State::default() };
        let shared =
            Arc::new(Shared { launch, limits, greeting, state: Mutex::new(state), changed: Condvar::new() });
        let watched = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("python-workers".into())
            .spawn(move || watched.watch())
            .map_err(|error| failed(format!("no thread can be started: {error}")))?;
        Ok(Self { shared })
    }

    /// Lets a free worker answer. One that ends on the way is no matter: another one is asked, once.
    pub(super) fn predict(&self, rows: &[u8]) -> Result<Vec<u8>, Error> {
        let shared = &self.shared;
        let until = Instant::now() + shared.limits.call;
        let mut lost: Option<String> = None;
        loop {
            let mut worker = shared.take(until)?;
            let left = until.saturating_duration_since(Instant::now());
            let silence = match worker.ask(wire::PREDICT, rows, left) {
                Ok(Said::Answer(answer)) => {
                    shared.give_back(worker);
                    return Ok(answer);
                }
                Ok(Said::Failure { kind, message }) => {
                    shared.give_back(worker);
                    return Err(told(&kind, message));
                }
                Err(silence) => silence,
            };
            match silence {
                Silence::TimedOut => {
                    shared.lose(worker, "did not answer in time");
                    return Err(shared.timeout());
                }
                Silence::Garbled(what) => {
                    shared.lose(worker, "said what is no answer");
                    return Err(failed(format!("a worker gave {what}")));
                }
                Silence::Ended(why) => {
                    shared.lose(worker, &why);
                    if let Some(first) = lost {
                        return Err(failed(format!(
                            "two workers ended on these rows: one {first}, one {why}"
                        )));
                    }
                    lost = Some(why);
                }
            }
        }
    }

    /// How many workers have been replaced.
    pub(super) fn restarts(&self) -> u64 {
        self.shared.state().restarts
    }

    /// The numbers of the processes that wait for work.
    pub(super) fn idle_processes(&self) -> Vec<i32> {
        self.shared.state().idle.iter().map(Worker::process).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.stopped = true;
        state.idle.clear();
        drop(state);
        // Whoever watches may be starting a worker still, and lets it go when it sees that the pool has stopped.
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn timeout(&self) -> Error {
        Error::EngineTimeout { engine: ENGINE, seconds: self.limits.call.as_secs() }
    }

    /// A worker that is free, waited for until a moment.
    fn take(&self, until: Instant) -> Result<Worker, Error> {
        let mut state = self.state();
        loop {
            if let Some(worker) = state.idle.pop() {
                state.busy += 1;
                return Ok(worker);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.stopped {
                return Err(match (&state.why, state.busy) {
                    (Some(why), 0) => failed(format!("no worker is left: the last one {why}")),
                    _ => self.timeout(),
                });
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn give_back(&self, worker: Worker) {
        let leaks = worker.resident_bytes().filter(|bytes| *bytes > self.limits.resident_bytes);
        if let Some(bytes) = leaks {
            let most = self.limits.resident_bytes >> 20;
            self.lose(worker, &format!("had {} MiB in memory, {most} MiB may be", bytes >> 20));
            return;
        }
        let mut state = self.state();
        state.busy = state.busy.saturating_sub(1);
        state.failures = 0;
        if !state.stopped {
            state.idle.push(worker);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Lets a worker go that was busy, and has another one started.
    fn lose(&self, worker: Worker, why: &str) {
        let process = worker.process();
        drop(worker);
        let mut state = self.state();
        state.busy = state.busy.saturating_sub(1);
        state.ended(process, why);
        drop(state);
        self.changed.notify_all();
    }

    /// Keeps the wanted number of workers alive until the pool is dropped.
    fn watch(&self) {
        loop {
            let mut state = self.state();
            if state.stopped {
                state.idle.clear();
                return;
            }
            state = self.look_at_idle(state);
            let alive = state.idle.len() + state.busy;
            let due = state.not_before.is_none_or(|moment| moment <= Instant::now());
            if alive < self.limits.processes.max(1) && due {
                drop(state);
                self.start_one();
                continue;
            }
            let pause = state
                .not_before
                .filter(|_| alive < self.limits.processes.max(1))
                .map_or(LOOK, |moment| moment.saturating_duration_since(Instant::now()).min(LOOK));
            drop(self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Takes out idle workers that have ended or were silent for long, and asks these whether they are well; requests
    /// do not wait for that.
    fn look_at_idle<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let all = std::mem::take(&mut state.idle);
        let (well, doubtful): (Vec<Worker>, Vec<Worker>) =
            all.into_iter().partition(|worker| worker.runs() && worker.heard.elapsed() <= QUIET);
        state.idle = well;
        state.busy += doubtful.len();
        drop(state);
        for mut worker in doubtful {
            if worker.runs() && matches!(worker.ask(wire::PING, &[], PONG), Ok(Said::Answer(_))) {
                let mut state = self.state();
                state.busy = state.busy.saturating_sub(1);
                state.idle.push(worker);
                drop(state);
                self.changed.notify_all();
            } else {
                let why = worker.ending();
                self.lose(worker, &why);
            }
        }
        self.state()
    }

    fn start_one(&self) {
        let begun =
            Worker::start(&self.launch).map_err(|error| failed(format!("it could not be started: {error}")));
        let greeted = begun.and_then(|mut worker| {
            greet(&mut worker, &self.greeting, self.limits.load)?;
            Ok(worker)
        });
        let mut state = self.state();
        match greeted {
            Ok(worker) if !state.stopped => state.idle.push(worker),
            Ok(_) => {}
            Err(error) => state.ended(0, &format!("did not begin: {error}")),
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Counts a bad end and says when the next start may be.
    fn ended(&mut self, process: i32, why: &str) {
        self.failures = self.failures.saturating_add(1);
        self.restarts += 1;
        self.not_before = pause(self.failures).and_then(|pause| Instant::now().checked_add(pause));
        self.why = Some(why.to_owned());
        metrics::counter!("gingham_python_worker_ends_total").increment(1);
        tracing::warn!(process.id = process, failures = self.failures, "a python worker {why}");
    }
}

/// How long to wait before a start, after so many bad ends in a row.
fn pause(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(2)?.min(16);
    Some((FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let millis: Vec<u128> = (2..12).filter_map(pause).map(|pause| pause.as_millis()).collect();
        assert_eq!(millis, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!((pause(0), pause(1)), (None, None), "the first start has no pause");
    }
}
