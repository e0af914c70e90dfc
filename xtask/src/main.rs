//! `cargo xtask`: set-up, checks, tests, benchmarks and the demo of this repository.
//!
//! Everything a person or a machine runs here goes through these few commands, so that a fresh
//! machine with only the toolchains gets what it needs, and the same way each time.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on the terminal")]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod bench;
mod check;
mod demo;
mod flags;
mod postgres;
mod process;
mod repository;
mod server;
mod setup;
mod suite;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  set-up                           find or install everything the other commands need
  demo [--once] [--port N] [--until DATE] [--data DIR]
                                   build, play the story on examples/traffic, leave the server up
  test [--fast] [PART...]          all tests; --fast leaves out what needs a running server
  check [STEP...]                  format, tidy, lints, docs, dependencies
  tidy                             the rules of the house alone
  bench [NAME...] [--binary PATH]  measure; --list names what; --dry keeps nothing
  ui-walk [--url URL]              drive a browser through the UI

`cargo xtask test --list` and `cargo xtask check --list` name the parts.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = words.split_first() else {
        print!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    match command.as_str() {
        "set-up" => setup::everything(rest),
        "demo" => demo::run(rest),
        "test" => suite::run(rest),
        "check" => check::run(rest),
        "tidy" => tidy::run(rest),
        "bench" => bench::run(rest),
        "ui-walk" => suite::walk_alone(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("there is no command `{other}`\n\n{USAGE}"),
    }
}
