//! Capturing what a command runs in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::Digest;
use serde::Deserialize;

use super::record::{Environment, Python};

/// Variables that change results without being named by the command.
const VARIABLES: &[&str] = &[
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "TOKENIZERS_PARALLELISM",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
    "TF_DETERMINISTIC_OPS",
    "TF_CUDNN_DETERMINISTIC",
    "SOURCE_DATE_EPOCH",
    "TZ",
    "LANG",
    "LC_ALL",
    "LC_NUMERIC",
];

/// Files that pin an environment.
const LOCKS: &[&str] = &[
    "uv.lock",
    "pyproject.toml",
    "poetry.lock",
    "Pipfile.lock",
    "requirements.txt",
    "requirements.lock",
    "environment.yml",
    "environment.yaml",
    "conda.yaml",
    "conda-lock.yml",
    ".python-version",
    "Cargo.lock",
    "package-lock.json",
    "renv.lock",
];

/// Asks an interpreter what it is.
const PROBE: &str = r#"
import json, platform, sys
packages = {}
try:
    from importlib.metadata import distributions
    for found in distributions():
        name = found.metadata["Name"]
        if name:
            packages[name] = found.version
except Exception:
    pass
print(json.dumps({
    "implementation": platform.python_implementation(), "version": platform.python_version(),
    "build": " ".join(platform.python_build()), "executable": sys.executable,
    "is_virtual": sys.prefix != sys.base_prefix, "packages": packages,
}))
"#;

/// Which variables are captured.
pub(super) fn variables() -> &'static [&'static str] {
    VARIABLES
}

/// Captures the environment of a command that runs in `folder`, with these changes to its variables.
pub(super) fn capture(
    root: &Path,
    folder: &Path,
    command: &[String],
    changes: &[(String, Option<String>)],
) -> Environment {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once([':', '=']))
            .map(|(_, value)| value.trim().trim_matches('"').to_owned())
    };
    let mut variables: BTreeMap<String, String> =
        VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    for (name, value) in changes.iter().filter(|(name, _)| VARIABLES.contains(&name.as_str())) {
        match value {
            Some(value) => variables.insert(name.clone(), value.clone()),
            None => variables.remove(name),
        };
    }
    Environment {
        os: std::env::consts::OS.to_owned(),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        distribution: after(&read("/etc/os-release"), "PRETTY_NAME").unwrap_or_default(),
        arch: std::env::consts::ARCH.to_owned(),
        cpu: after(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        gpus: gpus(),
        python: python(folder, command, changes),
        locks: locks(root, folder),
        variables,
    }
}

fn locks(root: &Path, folder: &Path) -> BTreeMap<String, Digest> {
    let mut found = BTreeMap::new();
    for place in [root, folder] {
        for name in LOCKS {
            let file = place.join(name);
            let is_small =
                std::fs::metadata(&file).is_ok_and(|known| known.is_file() && known.len() < 32 << 20);
            if let (true, Ok(content)) = (is_small, std::fs::read(&file)) {
                let path = file.strip_prefix(root).unwrap_or(&file).display().to_string();
                found.insert(path, Digest::of(content));
            }
        }
    }
    found
}

fn gpus() -> Vec<String> {
    let asked = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"];
    let Ok(output) = Command::new("nvidia-smi").args(asked).output() else { return Vec::new() };
    if !output.status.success() {
        return Vec::new();
    }
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
}

#[derive(Deserialize)]
struct Probed {
    implementation: String,
    version: String,
    build: String,
    executable: String,
    is_virtual: bool,
    packages: BTreeMap<String, String>,
}

/// The interpreter that the command runs in, as far as it can be told before.
fn python(folder: &Path, command: &[String], changes: &[(String, Option<String>)]) -> Option<Python> {
    let words = interpreter_of(command, changes)?;
    let (program, arguments) = words.split_first()?;
    let mut probe = Command::new(program);
    probe.args(arguments).args(["-c", PROBE]).current_dir(folder).stdin(std::process::Stdio::null());
    for (name, value) in changes {
        match value {
            Some(value) => probe.env(name, value),
            None => probe.env_remove(name),
        };
    }
    let output = probe.output().ok().filter(|output| output.status.success())?;
    let line = String::from_utf8_lossy(&output.stdout).lines().last()?.to_owned();
    let probed: Probed = serde_json::from_str(&line).ok()?;
    Some(Python {
        implementation: probed.implementation,
        version: probed.version,
        build: probed.build,
        executable: probed.executable,
        is_virtual: probed.is_virtual,
        packages: probed.packages,
    })
}

/// How the interpreter of a command is called.
fn interpreter_of(command: &[String], changes: &[(String, Option<String>)]) -> Option<Vec<String>> {
    let program = command.first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    if name.starts_with("python") || name.starts_with("pypy") {
        return Some(vec![program.clone()]);
    }
    if name == "uv" && command.get(1).is_some_and(|word| word == "run") {
        return Some(["uv", "run", "python"].map(str::to_owned).to_vec());
    }
    let path = changes.iter().find(|(name, _)| name == "PATH").and_then(|(_, value)| value.clone());
    let script = find_program(program, &path.or_else(|| std::env::var("PATH").ok()).unwrap_or_default())?;
    let mut first = [0_u8; 256];
    let read =
        std::fs::File::open(script).and_then(|mut file| std::io::Read::read(&mut file, &mut first)).ok()?;
    let first = String::from_utf8_lossy(first.get(..read)?).into_owned();
    let line = first.lines().next()?.strip_prefix("#!")?.trim().to_owned();
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let words = if words.first()?.ends_with("/env") { words.get(1..)?.to_vec() } else { words };
    let is_python = words.first()?.rsplit('/').next()?.starts_with("python");
    is_python.then_some(words)
}

/// Where a program is.
pub(super) fn find_program(program: &str, path: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_interpreter_of_a_command_is_recognised() {
        assert_eq!(interpreter_of(&words("python3.12 train.py"), &[]), Some(words("python3.12")));
        assert_eq!(interpreter_of(&words("uv run train.py"), &[]), Some(words("uv run python")));
        assert_eq!(interpreter_of(&words("sh -c true"), &[]), None);
    }
}
