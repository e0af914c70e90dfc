//! The results of a set of checks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Severity;

/// How a check, or a whole set of them, came out; later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold, and was only meant to warn.
    Warn,
    /// It does not hold.
    Fail,
    /// It could not be evaluated.
    Error,
}

impl Outcome {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

/// A row that did not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    /// Its number in the table, counted from 1.
    pub row: u64,
    /// All its values.
    pub values: Map<String, Value>,
}

/// How one check came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check.
    pub check_id: String,
    /// What it is about, in words.
    pub target: String,
    /// How much it matters.
    pub severity: Severity,
    /// How it came out.
    pub outcome: Outcome,
    /// What was found, short.
    pub observed: String,
    /// What was to be found, short.
    pub expected: String,
    /// How many rows were in question; the rows of the table for checks of the whole.
    pub rows: u64,
    /// How many of them did not hold.
    pub failing_rows: u64,
    /// Whether there was nothing to check, so that it holds by default.
    pub vacuous: bool,
    /// Up to five failing rows, the first ones.
    pub sample: Vec<SampleRow>,
    /// The whole result as a sentence.
    pub message: String,
    /// What may help, when it could not be evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Why the check is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// The results of a set of checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of the outcomes; a set without checks passes.
    pub outcome: Outcome,
    /// Whether what was checked must not be used: a `block` check failed or could not be evaluated.
    pub blocked: bool,
    /// How many rows the table has.
    pub rows: u64,
    /// The results, in the order of the checks.
    pub results: Vec<CheckResult>,
}

impl Verdict {
    /// Sums up results.
    #[must_use]
    pub fn of(rows: u64, results: Vec<CheckResult>) -> Self {
        let outcome = results.iter().map(|result| result.outcome).max().unwrap_or(Outcome::Pass);
        let blocked = results
            .iter()
            .any(|result| result.severity == Severity::Block && result.outcome >= Outcome::Fail);
        Self { outcome, blocked, rows, results }
    }

    /// How many checks came out so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.results.iter().filter(|result| result.outcome == outcome).count()
    }

    /// One line for people: `5 checks: 3 pass, 1 warns, 1 fails`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let total = self.results.len();
        let mut words = format!("{total} check{}", if total == 1 { "" } else { "s" });
        let parts: Vec<String> = [
            (Outcome::Pass, ["passes", "pass"]),
            (Outcome::Warn, ["warns", "warn"]),
            (Outcome::Fail, ["fails", "fail"]),
            (Outcome::Error, ["cannot be evaluated", "cannot be evaluated"]),
        ]
        .into_iter()
        .filter_map(|(outcome, [one, many])| match self.count(outcome) {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        })
        .collect();
        if !parts.is_empty() {
            words.push_str(": ");
            words.push_str(&parts.join(", "));
        }
        words
    }
}
