//! `worker`: work in a process of its own, so that a crash, a hang or too much memory there
//! never touches the server.

use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use training::worker::Message;

use crate::args::WorkerKind;

/// Reads the job from standard input, does it, and says how it goes on standard output.
pub(super) fn work(kind: WorkerKind) -> Result<ExitCode> {
    let WorkerKind::Train = kind;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("the job cannot be read")?;
    let mut output = std::io::stdout().lock();
    let mut emit = |message: &Message| {
        // Without a reader there is nobody left to work for; the next write ends the process.
        let _ = writeln!(output, "{}", message.to_line()).and_then(|()| output.flush());
    };
    let (last, code) = match platform::worker::train(&text, &mut emit) {
        Ok(done) => (Message::Done(done), ExitCode::SUCCESS),
        Err(problem) => (problem, ExitCode::FAILURE),
    };
    emit(&last);
    Ok(code)
}
