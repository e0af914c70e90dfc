//! What is kept of a run: enough to do it again.

use std::collections::BTreeMap;

use base::Digest;
use serde::{Deserialize, Serialize};

/// The format of records that this program writes.
pub(super) const FORMAT: u32 = 1;

/// All that was captured of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) format: u32,
    /// The words of the command; secret values are masked.
    pub(super) command: Vec<String>,
    /// Where it ran, below the root of the code; empty for the root itself.
    pub(super) folder: String,
    pub(super) code: Code,
    pub(super) environment: Environment,
    pub(super) params: Vec<Param>,
    pub(super) inputs: Vec<Files>,
    pub(super) outputs: Vec<Files>,
    pub(super) tolerances: BTreeMap<String, f64>,
    /// Names of variables; their values are kept nowhere.
    pub(super) secrets: Vec<String>,
    pub(super) log: Log,
    pub(super) ended: Option<Ended>,
    /// The run that this one repeats.
    pub(super) rerun_of: Option<String>,
}

/// The code as it was when the run began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Code {
    /// All files, tracked and untracked, as they were.
    pub(super) tree: Option<Digest>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) git: Option<Git>,
    /// Files that may be run.
    pub(super) executables: Vec<String>,
    /// Files that were not captured, each with the reason.
    pub(super) left_out: Vec<String>,
}

/// What Git says about the code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Git {
    pub(super) commit: Option<String>,
    pub(super) branch: Option<String>,
    /// Without credentials.
    pub(super) remote: Option<String>,
    pub(super) is_dirty: bool,
    /// What differs from the commit, as a blob.
    pub(super) diff: Option<Digest>,
    pub(super) untracked: Vec<String>,
}

/// What the command ran in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Environment {
    pub(super) os: String,
    pub(super) kernel: String,
    pub(super) distribution: String,
    pub(super) arch: String,
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) gpus: Vec<String>,
    pub(super) python: Option<Python>,
    /// Files that pin the environment, by their path in the code.
    pub(super) locks: BTreeMap<String, Digest>,
    /// Variables that change results: threads, seeds, locale, time zone, devices.
    pub(super) variables: BTreeMap<String, String>,
}

/// An interpreter and what is installed for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Python {
    pub(super) implementation: String,
    pub(super) version: String,
    pub(super) build: String,
    pub(super) executable: String,
    pub(super) is_virtual: bool,
    pub(super) packages: BTreeMap<String, String>,
}

/// A param and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Param {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: String,
}

/// A file or folder by its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Files {
    /// Below the root of the code.
    pub(super) path: String,
    pub(super) is_file: bool,
    /// Absent for an output that was not there in the end.
    pub(super) tree: Option<Digest>,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// How much was printed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Log {
    pub(super) bytes: u64,
    /// Bytes beyond the limit, which were printed but not kept.
    pub(super) dropped_bytes: u64,
}

/// How the command ended, and what it took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) started_at: String,
    pub(super) ended_at: String,
    pub(super) usage: Usage,
}

/// What a run took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Usage {
    pub(super) wall_seconds: f64,
    pub(super) user_cpu_seconds: f64,
    pub(super) system_cpu_seconds: f64,
    pub(super) peak_memory_bytes: u64,
    /// The most threads at one time, over all processes.
    pub(super) most_threads: u64,
    pub(super) gpus: Vec<GpuUsage>,
    /// Addresses beyond this machine that its processes were connected to; looked at a few times a second.
    pub(super) connections: Vec<String>,
    /// Shared libraries that were loaded, by their files; looked at now and again.
    #[serde(default)]
    pub(super) libraries: Vec<String>,
}

/// What a run took of one GPU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct GpuUsage {
    pub(super) name: String,
    pub(super) mean_utilization_percent: f64,
    pub(super) peak_memory_bytes: u64,
}
