//! The command line: starts the server, and asks it for everything else.
//!
//! This is the only crate that knows clap and prints. Apart from `up`, `worker`, `completions`,
//! and `test` and `checks`, which look at files only, each command talks to a server over HTTP, so nothing can be done here that the API cannot do.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod args;
mod carry;
mod client;
mod commands;
mod exit;
mod output;
mod progress;
mod project;
mod runs;
mod spool;
mod story;
mod traces;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;

/// Reads the arguments, does what they say and answers the exit code.
pub fn run() -> ExitCode {
    // Two crates bring a TLS implementation each; the first use of TLS needs one to be chosen.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // The query engine recurses deeply where it is not optimised.
        .thread_stack_size(16 * 1024 * 1024)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&anyhow::Error::new(error).context("the program cannot start")),
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(error) => exit::failed(&error),
    }
}
