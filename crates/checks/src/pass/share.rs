//! Who goes over which columns: checks that share no column run side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tables::{Condition, Error, RowSource};

use super::{Asked, Ended, Found, Task};

/// Fewer rows are gone over faster than a thread is started.
const WORTH_A_THREAD: u64 = 50_000;

/// At most so many threads go over the rows side by side.
const MOST_THREADS: usize = 4;

/// Goes over the rows until every task has ended, or has taken longer than `limit`.
pub(super) async fn run(
    tasks: Vec<Task>,
    source: &RowSource,
    limit: Duration,
) -> Vec<(usize, Result<Found, Error>)> {
    let threads = match source.row_count() < WORTH_A_THREAD {
        true => 1,
        false => std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS),
    };
    let turn = Arc::new(Turn { stopped: AtomicBool::new(false), started: Instant::now(), limit });
    // Whoever no longer waits for the result stops the work.
    let _stop = StopOnDrop(Arc::clone(&turn));
    let mut working = Vec::new();
    for tasks in shared_out(tasks, threads) {
        let (source, turn) = (source.clone(), Arc::clone(&turn));
        let indexes: Vec<usize> = tasks.iter().map(|task| task.index).collect();
        working.push((indexes, tokio::task::spawn_blocking(move || over_all(tasks, &source, &turn))));
    }
    let mut found = Vec::new();
    for (indexes, work) in working {
        match work.await {
            Ok(Ok(some)) => found.extend(some.into_iter().map(|(index, one)| (index, Ok(one)))),
            Ok(Err(Error::TimedOut { limit_ms })) => {
                found.extend(indexes.into_iter().map(|index| (index, Err(Error::TimedOut { limit_ms }))));
            }
            // A query says what is wrong with the rows.
            Ok(Err(_)) => {}
            Err(error) => found.extend(indexes.into_iter().map(|index| {
                (index, Err(Error::Internal { problem: format!("the checks failed: {error}") }))
            })),
        }
    }
    found
}

struct Turn {
    stopped: AtomicBool,
    started: Instant,
    limit: Duration,
}

impl Turn {
    fn may_go_on(&self) -> Result<(), Error> {
        if self.started.elapsed() > self.limit || self.stopped.load(Ordering::Relaxed) {
            let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
            return Err(Error::TimedOut { limit_ms });
        }
        Ok(())
    }
}

struct StopOnDrop(Arc<Turn>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

/// One thread's work: all its tasks see each piece, and those that must see it again go over their columns alone.
fn over_all(mut tasks: Vec<Task>, source: &RowSource, turn: &Turn) -> Result<Vec<(usize, Found)>, Error> {
    let mut found = Vec::new();
    while !tasks.is_empty() {
        let mut conditions: Vec<Arc<Condition>> = Vec::new();
        let mut places = Vec::with_capacity(tasks.len());
        for task in &tasks {
            places.push(task.condition.as_ref().map(|wanted| {
                conditions.iter().position(|known| Arc::ptr_eq(known, wanted)).unwrap_or_else(|| {
                    conditions.push(Arc::clone(wanted));
                    conditions.len() - 1
                })
            }));
        }
        let columns: Vec<usize> = tasks.iter().flat_map(|task| task.columns.iter().copied()).collect();
        // What a condition cannot be evaluated on is left to a query, which shows the error.
        let mut broken = vec![false; tasks.len()];
        let mut pieces = source.pieces(&columns, &conditions);
        while let Some(piece) = pieces.next_piece()? {
            turn.may_go_on()?;
            for ((task, place), broken) in tasks.iter_mut().zip(&places).zip(&mut broken) {
                match place.map(|place| piece.condition(place)) {
                    Some(None) => *broken = true,
                    condition => task.look.see(&Asked::new(&piece, condition.flatten())),
                }
            }
        }
        let mut again = Vec::new();
        for (mut task, broken) in tasks.into_iter().zip(broken) {
            if broken {
                continue;
            }
            match task.look.end() {
                Ended::Again => again.push(task),
                Ended::Found(one) => found.push((task.index, one)),
            }
        }
        tasks = again;
    }
    Ok(found)
}

/// The tasks in at most so many shares. Tasks that read the same column are in the same share, so that no column is
/// read twice; shares read about as many columns.
fn shared_out(tasks: Vec<Task>, shares: usize) -> Vec<Vec<Task>> {
    let mut groups: Vec<(Vec<usize>, Vec<Task>)> = Vec::new();
    for task in tasks {
        let mut columns = task.columns.clone();
        columns.extend(task.condition.iter().flat_map(|condition| condition.columns()));
        let mut joined = (columns, vec![task]);
        for (other_columns, other_tasks) in std::mem::take(&mut groups) {
            if other_columns.iter().any(|column| joined.0.contains(column)) {
                joined.0.extend(other_columns);
                joined.1.extend(other_tasks);
            } else {
                groups.push((other_columns, other_tasks));
            }
        }
        joined.0.sort_unstable();
        joined.0.dedup();
        groups.push(joined);
    }
    // A column that is read costs more than a look at it.
    let cost = |(columns, tasks): &(Vec<usize>, Vec<Task>)| 3 * columns.len() + tasks.len();
    groups.sort_by_key(|group| std::cmp::Reverse(cost(group)));
    let mut shared: Vec<(usize, Vec<Task>)> = (0..shares.max(1)).map(|_| (0, Vec::new())).collect();
    for group in groups {
        let cost = cost(&group);
        if let Some((sum, tasks)) = shared.iter_mut().min_by_key(|(sum, _)| *sum) {
            *sum += cost;
            tasks.extend(group.1);
        }
    }
    shared.into_iter().map(|(_, tasks)| tasks).filter(|tasks| !tasks.is_empty()).collect()
}
