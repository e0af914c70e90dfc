//! On what and when a figure was measured.

use crate::process::Program;

/// The circumstances of a measurement.
#[derive(Debug)]
pub struct Machine {
    /// The day, UTC.
    pub date: String,
    /// Processor, cores, memory, load.
    pub words: String,
    /// How the binary was built.
    pub build: String,
    /// The commit, with `+` when the checkout had changes.
    pub commit: String,
}

/// Describes where this runs now.
pub fn describe(build: &str) -> Machine {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|size| size.split_whitespace().next()?.parse::<u64>().ok())
        .map_or_else(String::new, |kib| format!(", {} GiB", kib.div_ceil(1024 * 1024)));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().map_or_else(String::new, |load| format!(", load {load}"));
    let changed = !said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    Machine {
        date: said("date", &["-u", "+%Y-%m-%d"]),
        words: format!("{processor}, {cores} cores{memory}{load}"),
        build: build.to_owned(),
        commit: said("git", &["rev-parse", "--short", "HEAD"]) + if changed { "+" } else { "" },
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let said = Program::new(program).args(arguments.iter().copied()).stdout().unwrap_or_default();
    String::from_utf8_lossy(&said).trim().to_owned()
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
