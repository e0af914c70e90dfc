//! `cargo xtask check`: what can be judged without running a test.

mod dependencies;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::flags::Flags;
use crate::process::{self, Program};
use crate::tidy;

/// One step: its name, what it looks at, and how; `Err` holds what is wrong.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<Vec<String>>,
}

/// All steps, the quick ones first.
const STEPS: &[Step] = &[
    Step { name: "format", what: "rustfmt has nothing to change", run: format },
    Step { name: "tidy", what: "the rules of the house", run: tidy::problems },
    Step { name: "dependencies", what: "licences, sources and banned crates", run: audit },
    Step { name: "clippy", what: "no lint in our own crates", run: clippy },
    Step { name: "docs", what: "the documentation of our own crates builds without a warning", run: docs },
];

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let flags = Flags::parse(arguments, &["list"], &[])?;
    if flags.has("list") {
        for step in STEPS {
            println!("{:<14} {}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(stranger) = flags.words.iter().find(|word| !STEPS.iter().any(|step| step.name == *word)) {
        bail!("there is no step `{stranger}`; `cargo xtask check --list` names them");
    }
    let mut failed = 0;
    let mut lines = Vec::new();
    for step in STEPS {
        if !flags.words.is_empty() && !flags.words.iter().any(|word| word == step.name) {
            continue;
        }
        let start = Instant::now();
        let problems = (step.run)().unwrap_or_else(|error| vec![format!("{error:#}")]);
        for problem in &problems {
            println!("{}: {problem}", step.name);
        }
        let words =
            if problems.is_empty() { "ok".to_owned() } else { format!("FAILED   {}", problems.len()) };
        failed += usize::from(!problems.is_empty());
        lines.push(format!("{:<14} {:>6.1} s  {words}", step.name, start.elapsed().as_secs_f64()));
        println!("== {}", lines.last().map_or("", String::as_str));
    }
    println!("\n{}", lines.join("\n"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn format() -> Result<Vec<String>> {
    passes(Program::cargo()?.args(["fmt", "--all", "--check"]), "`cargo fmt` would change something")
}

fn clippy() -> Result<Vec<String>> {
    passes(
        Program::cargo()?.args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--keep-going",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]),
        "clippy is not content",
    )
}

fn docs() -> Result<Vec<String>> {
    passes(
        Program::cargo()?
            .args(["doc", "--workspace", "--keep-going", "--no-deps", "--document-private-items", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
        "the documentation has errors",
    )
}

fn audit() -> Result<Vec<String>> {
    let mut problems = dependencies::problems()?;
    if process::find("cargo-deny").is_some() {
        let advisories =
            Program::cargo()?.args(["deny", "--offline", "check", "bans", "sources"]).run_quietly()?;
        if !advisories.success {
            problems.push(format!("cargo-deny: {}", advisories.output.trim()));
        }
    }
    Ok(problems)
}

fn passes(program: Program, otherwise: &str) -> Result<Vec<String>> {
    let ended = program.run()?;
    Ok(if ended.success { Vec::new() } else { vec![otherwise.to_owned()] })
}
