//! A process group that can be signalled as long as it is surely ours, and not a moment longer.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// The group that a child leads. Once the child is reaped its number may be given to somebody
/// else, so it is forgotten first.
#[derive(Debug)]
pub(super) struct Group {
    leader: Mutex<Option<Pid>>,
}

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        let leader = i32::try_from(child.id()).ok().map(Pid::from_raw);
        Self { leader: Mutex::new(leader) }
    }

    /// Sends a signal to all processes of the group.
    pub(super) fn signal(&self, signal: Signal) {
        let leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = *leader {
            // The group may be empty by now.
            let _ = killpg(leader, signal);
        }
    }

    /// Waits for the leader's end, then kills what is left of its group, and only then lets the
    /// number go. Blocks the thread.
    pub(super) fn wait(&self, mut child: Child) -> io::Result<ExitStatus> {
        let leader = *self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = leader {
            while waitid(Id::Pid(leader), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
        }
        self.signal(Signal::SIGKILL);
        *self.leader.lock().unwrap_or_else(PoisonError::into_inner) = None;
        child.wait()
    }
}

/// Kills the group when it goes out of scope.
#[derive(Debug)]
pub(super) struct KillOnDrop(pub(super) Arc<Group>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGKILL);
    }
}
