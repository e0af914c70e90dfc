//! Runs that wait for their turn: those of one store go one after another, in the order in which they were queued.
//!
//! Each that waits holds a lock on a ticket of its own, and the system takes the lock back when its process ends, however
//! it ends: a ticket that nobody holds is swept away, and nobody waits for the dead.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};

/// How often one that waits looks whether it is its turn.
const EVERY: Duration = Duration::from_millis(200);

/// A turn; the next one begins when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    ticket: PathBuf,
    _lock: Flock<File>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // A ticket that stays is swept away by the next one.
        let _ = std::fs::remove_file(&self.ticket);
    }
}

/// Waits until all that were queued before in this store have ended; `tell` hears how many they are when that changes.
pub(super) async fn wait(store: &Path, words: &str, mut tell: impl FnMut(usize)) -> Result<Turn> {
    let folder = store.join("queue");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("the queue `{}` cannot be made", folder.display()))?;
    // Names of tickets are ordered by time.
    let name = base::id::new_hex_id();
    // Whoever looks must not find the ticket without its lock.
    let (aside, ticket) = (folder.join(format!(".{name}")), folder.join(&name));
    std::fs::write(&aside, words).context("the queue cannot be written")?;
    let file = OpenOptions::new().read(true).open(&aside).context("the queue cannot be read")?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error)?;
    std::fs::rename(&aside, &ticket).context("the queue cannot be written")?;
    let turn = Turn { ticket, _lock: lock };
    let mut before = None;
    loop {
        let ahead = ahead_of(&folder, &name)?;
        if before != Some(ahead) && ahead > 0 {
            tell(ahead);
        }
        before = Some(ahead);
        if ahead == 0 {
            return Ok(turn);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// How many tickets before this one somebody holds.
fn ahead_of(folder: &Path, name: &str) -> Result<usize> {
    let mut ahead = 0;
    for entry in std::fs::read_dir(folder).context("the queue cannot be read")?.flatten() {
        let other = entry.file_name();
        let Some(other) = other.to_str() else { continue };
        if other.starts_with('.') || other >= name {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(_nobody) => drop(std::fs::remove_file(entry.path())),
            Err(_) => ahead += 1,
        }
    }
    Ok(ahead)
}

/// The commands that wait or are at work, in their order.
pub(super) fn waiting(store: &Path) -> Vec<String> {
    let mut tickets: Vec<PathBuf> = std::fs::read_dir(store.join("queue"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')))
        .collect();
    tickets.sort();
    tickets
        .into_iter()
        .filter_map(|ticket| {
            let mut file = File::open(ticket).ok()?;
            let mut words = String::new();
            file.read_to_string(&mut words).ok()?;
            // What nobody holds neither waits nor works.
            Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err().then_some(words)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_in_order_and_the_dead_are_not_waited_for() {
        let store = tempfile::tempdir().unwrap();
        let first = wait(store.path(), "first", |_| panic!("nobody is ahead")).await.unwrap();
        // A ticket whose process has ended.
        std::fs::write(store.path().join("queue/00000000000000000000000000000000"), "dead").unwrap();
        assert_eq!(waiting(store.path()), ["first"]);
        let place = store.path().to_owned();
        let (told, heard) = std::sync::mpsc::channel();
        let second =
            tokio::spawn(async move { wait(&place, "second", move |ahead| told.send(ahead).unwrap()).await });
        while heard.try_recv() != Ok(1) {
            tokio::task::yield_now().await;
        }
        assert!(!second.is_finished());
        assert_eq!(waiting(store.path()), ["first", "second"]);
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert_eq!(waiting(store.path()), ["second"]);
        drop(second);
        assert!(waiting(store.path()).is_empty());
    }
}
