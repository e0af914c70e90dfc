//! What came in, and what could not.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::output::{self, bold, faint};

/// Things left out that are told one by one; more are only counted.
const MOST_TOLD: usize = 20_000;
/// Things left out that are printed.
const PRINTED: usize = 20;

/// What an import did.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) dry_run: bool,
    pub(super) experiments: u64,
    pub(super) runs: u64,
    /// Runs that an earlier import had brought in whole, in the state in which they are.
    pub(super) runs_unchanged: u64,
    pub(super) points: u64,
    pub(super) params: u64,
    pub(super) logged_models: u64,
    pub(super) models: u64,
    pub(super) versions: u64,
    pub(super) aliases: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// How many things could not be carried.
    pub(super) left_out: u64,
    /// Which, and why.
    pub(super) not_carried: Vec<NotCarried>,
}

/// Something that could not be carried.
#[derive(Debug, Serialize)]
pub(super) struct NotCarried {
    pub(super) what: String,
    pub(super) why: String,
}

impl Report {
    pub(super) fn leave_out(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.left_out += 1;
        if self.not_carried.len() < MOST_TOLD {
            self.not_carried.push(NotCarried { what: what.into(), why: why.into() });
        }
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))
    }

    pub(super) fn print(&self, file: Option<&Path>) {
        let word = if self.dry_run { "Would bring in" } else { "Brought in" };
        output::line(&bold(&format!("{word} from {}", self.source)));
        let number = |count: u64| if count == 0 { String::new() } else { count.to_string() };
        output::facts(&[
            ("experiments", number(self.experiments)),
            ("runs", self.runs.to_string()),
            ("runs unchanged since the last import", number(self.runs_unchanged)),
            ("points of metrics", number(self.points)),
            ("params", number(self.params)),
            ("logged models", number(self.logged_models)),
            ("registered models", number(self.models)),
            ("versions", number(self.versions)),
            ("aliases", number(self.aliases)),
            ("files", number(self.files)),
            ("bytes of files", number(self.bytes)),
            ("not carried", self.left_out.to_string()),
        ]);
        for left_out in self.not_carried.iter().take(PRINTED) {
            output::line(&format!("  {}  {}", left_out.what, faint(&left_out.why)));
        }
        if self.left_out > PRINTED as u64 {
            output::line(&faint(&format!("  … and {} more", self.left_out - PRINTED as u64)));
        }
        if let Some(file) = file {
            output::line(&faint(&format!("the whole report is in {}", file.display())));
        }
    }
}
