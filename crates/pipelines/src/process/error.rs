//! How a child can end badly.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use base::{Failure, Kind};
use nix::sys::signal::Signal;

/// A child that did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildError {
    program: String,
    ending: Ending,
    stderr_tail: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    NotStarted { cause: String },
    Code { code: i32, memory_bytes: Option<u64> },
    Crashed { signal: String, memory_bytes: Option<u64> },
    TimedOut { after: Duration },
    Silent { since: Duration },
}

impl Ending {
    /// The bad ending that a status stands for.
    pub(super) fn of(status: ExitStatus, memory_bytes: Option<u64>) -> Option<Self> {
        if let Some(number) = status.signal() {
            let signal = Signal::try_from(number)
                .map_or_else(|_| format!("signal {number}"), |signal| signal.to_string());
            return Some(Self::Crashed { signal, memory_bytes });
        }
        match status.code() {
            Some(0) => None,
            code => Some(Self::Code { code: code.unwrap_or(-1), memory_bytes }),
        }
    }
}

impl ChildError {
    pub(super) const fn new(program: String, ending: Ending, stderr_tail: String) -> Self {
        Self { program, ending, stderr_tail }
    }

    /// The end of what it wrote to its standard error.
    #[must_use]
    pub fn stderr_tail(&self) -> &str {
        &self.stderr_tail
    }

    /// The exit code, if it ended with one.
    #[must_use]
    pub const fn exit_code(&self) -> Option<i32> {
        match self.ending {
            Ending::Code { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether another attempt may go better: it crashed, hung, or was too slow.
    #[must_use]
    pub const fn may_go_better(&self) -> bool {
        matches!(self.ending, Ending::Crashed { .. } | Ending::TimedOut { .. } | Ending::Silent { .. })
    }

    fn ran_out_of_memory(&self) -> Option<u64> {
        let (Ending::Code { memory_bytes, .. } | Ending::Crashed { memory_bytes, .. }) = &self.ending else {
            return None;
        };
        let words = self.stderr_tail.to_lowercase();
        let said = [
            "memory allocation",
            "out of memory",
            "memory exhausted",
            "cannot allocate memory",
            "memoryerror",
        ];
        memory_bytes.filter(|_| said.iter().any(|phrase| words.contains(phrase)))
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = &self.program;
        match &self.ending {
            Ending::NotStarted { cause } => {
                return write!(formatter, "`{program}` could not be started: {cause}");
            }
            Ending::Code { code, .. } => write!(formatter, "`{program}` ended with code {code}")?,
            Ending::Crashed { signal, .. } => write!(formatter, "`{program}` crashed ({signal})")?,
            Ending::TimedOut { after } => {
                write!(
                    formatter,
                    "`{program}` was stopped as it was not done after {:.1} s",
                    after.as_secs_f64()
                )?;
            }
            Ending::Silent { since } => {
                write!(
                    formatter,
                    "`{program}` was stopped as it said nothing for {:.1} s",
                    since.as_secs_f64()
                )?;
            }
        }
        match self.stderr_tail.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => {
                write!(formatter, "; its last words: {}", line.chars().take(300).collect::<String>())
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for ChildError {}

impl Failure for ChildError {
    fn kind(&self) -> Kind {
        match self.ending {
            Ending::NotStarted { .. } => Kind::Unavailable,
            Ending::TimedOut { .. } | Ending::Silent { .. } => Kind::TimedOut,
            Ending::Code { .. } | Ending::Crashed { .. } => Kind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self.ending {
            Ending::NotStarted { .. } => "process_not_started",
            Ending::Code { .. } => "process_failed",
            Ending::Crashed { .. } => "process_crashed",
            Ending::TimedOut { .. } => "process_timed_out",
            Ending::Silent { .. } => "process_silent",
        }
    }

    fn hint(&self) -> Option<String> {
        if let Some(bytes) = self.ran_out_of_memory() {
            return Some(format!("it ran out of the {} MiB of memory it may use", bytes / (1024 * 1024)));
        }
        match &self.ending {
            Ending::TimedOut { .. } => Some("allow it more time, or give it less to do".to_owned()),
            Ending::Crashed { signal, .. } if signal == "SIGKILL" => {
                Some("somebody killed it, perhaps the system for want of memory".to_owned())
            }
            _ => None,
        }
    }
}
