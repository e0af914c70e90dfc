//! How the parts of the suite ended, and the table at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::counts::Counts;
use crate::process::Ended;
use crate::setup::Obstacle;

/// How one part ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ran.
    Ran(Counts),
    /// It ran and failed in a way that no test counts.
    Broke(String),
    /// It could not run here, for this reason.
    Skipped(String),
}

impl From<Obstacle> for Outcome {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Missing(reason) => Self::Skipped(reason),
            Obstacle::Broken(reason) => Self::Broke(reason),
        }
    }
}

impl Outcome {
    /// Judges a program that is one check in itself.
    pub fn of_one(ended: &Ended) -> Self {
        if ended.success { Self::Ran(Counts::one_passed()) } else { Self::Broke(ended.words.clone()) }
    }

    /// Judges a test runner by what it counted and by its exit.
    pub fn of_runner(ended: &Ended, counts: Option<Counts>) -> Self {
        match counts {
            Some(counts) if ended.success && counts.ran() == 0 => Self::Broke("no test was run".to_owned()),
            Some(counts) if ended.success || counts.failed > 0 => Self::Ran(counts),
            None if ended.success => Self::Broke("it did not say how many tests ran".to_owned()),
            _ => Self::Broke(ended.words.clone()),
        }
    }
}

/// All parts so far.
#[derive(Debug, Default)]
pub struct Report {
    parts: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
    /// Runs one part and notes how it ended.
    pub fn take(&mut self, name: &'static str, run: impl FnOnce() -> Result<Outcome>) {
        println!("== {name}");
        let start = Instant::now();
        let outcome = run().unwrap_or_else(|error| Outcome::Broke(format!("{error:#}")));
        let took = start.elapsed();
        println!("== {}", line(name, &outcome, took));
        self.parts.push((name, outcome, took));
    }

    /// Prints the table and, last, the sum.
    pub fn print(&self) {
        println!();
        for (name, outcome, took) in &self.parts {
            println!("{}", line(name, outcome, *took));
        }
        let sum = self.sum();
        println!("\n{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    }

    /// Success only if nothing failed.
    pub fn exit_code(&self) -> ExitCode {
        if self.sum().failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// A broken part counts as one failure, a part that was left out as one skipped.
    fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for (_, outcome, _) in &self.parts {
            match outcome {
                Outcome::Ran(counts) => sum.add(*counts),
                Outcome::Broke(_) => sum.failed += 1,
                Outcome::Skipped(_) => sum.skipped += 1,
            }
        }
        sum
    }
}

fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let words = match outcome {
        Outcome::Ran(counts) if counts.failed > 0 => format!("FAILED   {counts}"),
        Outcome::Ran(counts) => format!("ok       {counts}"),
        Outcome::Broke(reason) => format!("FAILED   {reason}"),
        Outcome::Skipped(reason) => format!("skipped  {reason}"),
    };
    format!("{name:<14} {:>6.1} s  {words}", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(success: bool) -> Ended {
        Ended { success, output: String::new(), words: "ended with exit status: 1".to_owned() }
    }

    #[test]
    fn a_runner_that_ran_nothing_is_broken() {
        assert!(matches!(Outcome::of_runner(&ended(true), Some(Counts::default())), Outcome::Broke(_)));
        assert!(matches!(Outcome::of_runner(&ended(true), None), Outcome::Broke(_)));
    }

    #[test]
    fn a_runner_that_fails_after_passing_tests_is_broken() {
        let counts = Counts { passed: 3, ..Counts::default() };
        assert!(matches!(Outcome::of_runner(&ended(false), Some(counts)), Outcome::Broke(_)));
    }

    #[test]
    fn a_part_left_out_is_counted_as_skipped_and_fails_nothing() {
        let mut report = Report::default();
        report.take("a", || Ok(Outcome::Skipped("no browser".to_owned())));
        assert_eq!(report.sum().skipped, 1);
        assert_eq!(report.sum().failed, 0);
        report.take("b", || anyhow::bail!("oh"));
        assert_eq!(report.sum().failed, 1);
    }
}
