//! `cargo xtask bench`: measures, prints, and keeps the figures beside date and machine.

mod archive;
mod artifacts;
mod build;
mod checks;
mod data_journey;
mod figures;
mod http;
mod lineage;
mod machine;
mod monitoring;
mod peers;
mod serving;
mod start;
mod story;
mod tracking;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::flags::Flags;
use crate::{repository, setup};
use figures::Figure;

/// One benchmark: its name, what it tells, and how it is run.
struct Bench {
    name: &'static str,
    what: &'static str,
    /// Whether it runs when no benchmark is named.
    usual: bool,
    run: fn(&Setting) -> Result<Vec<Figure>>,
}

/// What every benchmark is given.
pub struct Setting {
    /// The binary to measure.
    pub binary: PathBuf,
    /// A folder for its data, removed at the end.
    pub folder: PathBuf,
    /// Whether small sizes will do, to see that a benchmark works.
    pub quick: bool,
}

/// All benchmarks.
const BENCHES: &[Bench] = &[
    Bench { name: "size", what: "bytes of the binary", usual: true, run: start::size },
    Bench {
        name: "cold-start",
        what: "from exec to the first 200 of /health, on an existing folder",
        usual: true,
        run: start::cold,
    },
    Bench { name: "memory", what: "resident memory of an idle server", usual: true, run: start::memory },
    Bench {
        name: "monitoring",
        what: "a drift report of a million rows beside Evidently, some minutes",
        usual: false,
        run: monitoring::drift,
    },
    Bench { name: "demo", what: "the whole story without building", usual: true, run: story::demo },
    Bench {
        name: "tracking",
        what: "experiments and runs beside MLflow's own server, on SQLite and PostgreSQL",
        usual: false,
        run: tracking::beside_mlflow,
    },
    Bench {
        name: "tracking-scale",
        what: "search over runs of 1,500 metrics, a tenth of 75,000 runs",
        usual: false,
        run: tracking::at_scale,
    },
    Bench {
        name: "archive",
        what: "ingest, look-ups and questions beside the Parquet writer and DuckDB; some minutes",
        usual: false,
        run: archive::archive,
    },
    Bench {
        name: "artifacts",
        what: "data and artifacts beside DVC and MLflow's server; 15 GB of disk, half an hour",
        usual: false,
        run: artifacts::artifacts,
    },
    Bench {
        name: "data-journey",
        what: "5 GB (GINGHAM_JOURNEY_GB) added, changed, pushed to a bucket, pulled, verified; 25 GB of disk",
        usual: false,
        run: data_journey::data_journey,
    },
    Bench {
        name: "lineage",
        what: "three steps around a thing among a million edges",
        usual: false,
        run: lineage::lineage,
    },
    Bench {
        name: "serving",
        what: "single rows over HTTP, beside FastAPI, MLServer, mlflow and BentoML",
        usual: false,
        run: serving::serving,
    },
    Bench {
        name: "checks",
        what: "thirty checks over a million rows beside Great Expectations",
        usual: false,
        run: checks::beside_great_expectations,
    },
    Bench {
        name: "edit-build",
        what: "builds after an edit of one file",
        usual: false,
        run: build::incremental,
    },
    Bench {
        name: "clean-build",
        what: "a build from nothing, about 20 minutes",
        usual: false,
        run: build::clean,
    },
];

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let flags = Flags::parse(arguments, &["list", "dry", "quick"], &["binary"])?;
    if flags.has("list") {
        for bench in BENCHES {
            println!("{:<14} {}", bench.name, bench.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(stranger) = flags.words.iter().find(|word| !BENCHES.iter().any(|bench| bench.name == *word)) {
        bail!("there is no benchmark `{stranger}`; `cargo xtask bench --list` names them");
    }
    let (binary, build) = match flags.get("binary") {
        Some(path) => (std::env::current_dir()?.join(path), "given binary"),
        None => {
            setup::ui()?;
            setup::binary()?;
            (repository::binary()?, "dev profile")
        }
    };
    let folder = std::env::temp_dir().join(format!("gingham-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let setting = Setting { binary, folder, quick: flags.has("quick") };
    let mut measured = Vec::new();
    for bench in BENCHES {
        let named = flags.words.iter().any(|word| word == bench.name);
        if named || (flags.words.is_empty() && bench.usual) {
            println!("== {}: {}", bench.name, bench.what);
            for figure in (bench.run)(&setting)? {
                println!("{figure}");
                measured.push(figure);
            }
        }
    }
    std::fs::remove_dir_all(&setting.folder)?;
    if !flags.has("dry") && !setting.quick {
        figures::keep(&measured, &machine::describe(build))?;
    }
    Ok(ExitCode::SUCCESS)
}
