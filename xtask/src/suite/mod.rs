//! `cargo xtask test`: every part of the test suite, a line each, nothing left out in silence.

mod clusters;
mod counts;
mod engines;
mod interface;
mod outcome;
mod python;
mod rust;
mod story;
mod workers;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::flags::Flags;
use crate::setup;
use outcome::{Outcome, Report};

/// One part: its name, whether `--fast` includes it, and how it is run.
struct Part {
    name: &'static str,
    what: &'static str,
    fast: bool,
    run: fn(&mut story::Stage) -> Result<Outcome>,
}

/// All parts in the order in which they run.
const PARTS: &[Part] = &[
    Part {
        name: "rust",
        what: "unit and integration tests of the workspace",
        fast: true,
        run: |_| rust::run(),
    },
    Part { name: "ui-types", what: "types of the interface", fast: true, run: |_| interface::types() },
    Part { name: "ui-lint", what: "lint of the interface", fast: true, run: |_| interface::lint() },
    Part { name: "ui-unit", what: "unit tests of the interface", fast: true, run: |_| interface::unit() },
    Part { name: "python-types", what: "types of the Python package", fast: true, run: |_| python::types() },
    Part { name: "clients", what: "real clients against `gingham up`", fast: false, run: python::clients },
    Part {
        name: "mlflow-postgres",
        what: "MLflow's clients and recordings against `gingham up` on PostgreSQL",
        fast: false,
        run: python::mlflow_on_postgres,
    },
    Part {
        name: "mlflow-whole",
        what: "imports from MLflow's own server and databases, and PyTorch",
        fast: false,
        run: python::whole_mlflow,
    },
    Part {
        name: "engines",
        what: "models of other libraries, against those libraries",
        fast: false,
        run: engines::run,
    },
    Part {
        name: "clusters",
        what: "manifests and the Helm chart against the schemas of Kubernetes",
        fast: false,
        run: clusters::run,
    },
    Part {
        name: "workers",
        what: "models that Python workers run, crash, hang and leak; labels and probabilities by every protocol",
        fast: false,
        run: workers::run,
    },
    Part { name: "demo", what: "the whole story, `gingham demo --once`", fast: false, run: story::demo },
    Part { name: "archive", what: "the demo's tables read by deltalake", fast: false, run: python::archive },
    Part { name: "kserve", what: "KServe's own client against the demo", fast: false, run: clusters::kserve },
    Part { name: "ui-walk", what: "a browser walks through the demo", fast: false, run: interface::walk },
];

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let flags = Flags::parse(arguments, &["fast", "list"], &[])?;
    if flags.has("list") {
        for part in PARTS {
            println!("{:<14} {}", part.name, part.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let known = |word: &String| PARTS.iter().any(|part| part.name == word);
    if let Some(stranger) = flags.words.iter().find(|word| !known(word)) {
        bail!("there is no part `{stranger}`; `cargo xtask test --list` names them");
    }
    let mut report = Report::default();
    let mut stage = story::Stage::default();
    for part in PARTS {
        let chosen = if flags.words.is_empty() {
            part.fast || !flags.has("fast")
        } else {
            flags.words.iter().any(|word| word == part.name)
        };
        if chosen {
            report.take(part.name, || (part.run)(&mut stage));
        }
    }
    drop(stage);
    report.print();
    Ok(report.exit_code())
}

/// `cargo xtask ui-walk`: the walk alone, against a given server or a demo of its own.
pub fn walk_alone(arguments: &[String]) -> Result<ExitCode> {
    let flags = Flags::parse(arguments, &[], &["url"])?;
    let mut report = Report::default();
    if let Some(url) = flags.get("url") {
        report.take("ui-walk", || interface::walk_at(url));
    } else {
        setup::ui()?;
        let mut stage = story::Stage::default();
        report.take("demo", || story::demo(&mut stage));
        report.take("ui-walk", || interface::walk(&mut stage));
    }
    report.print();
    Ok(report.exit_code())
}
