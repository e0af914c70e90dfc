//! Reads from the closing lines of test runners how many tests ran.

use std::fmt;

/// Tests by how they ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Ran and held.
    pub passed: u64,
    /// Ran and did not hold, or could not be run.
    pub failed: u64,
    /// Were left out.
    pub skipped: u64,
}

impl Counts {
    /// A part that is a single check.
    pub fn one_passed() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// How many ran.
    pub fn ran(self) -> u64 {
        self.passed + self.failed
    }

    /// Adds another count to this.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// The closing line of nextest, pytest, vitest or one in our own form; the last one counts.
    pub fn read(output: &str) -> Option<Self> {
        output.lines().rev().find_map(|line| Self::read_line(&without_colour(line)))
    }

    fn read_line(line: &str) -> Option<Self> {
        let line = line.trim().trim_matches('=').trim();
        let counted = if let Some(rest) = line.strip_prefix("Summary") {
            rest.split_once("tests run:").or_else(|| rest.split_once("test run:"))?.1
        } else if let Some(rest) = line.strip_prefix("Tests ") {
            rest
        } else if line.ends_with('s') && line.contains(" in ") {
            line.split_once(" in ")?.0
        } else {
            line
        };
        let mut counts = Self::default();
        let mut any = false;
        for part in counted.split([',', '|']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { return None };
            match word {
                "passed" => counts.passed += number,
                "failed" | "error" | "errors" | "timed" => counts.failed += number,
                "skipped" | "deselected" | "xfailed" | "todo" => counts.skipped += number,
                "warning" | "warnings" => {}
                _ => return None,
            }
            any = true;
        }
        any.then_some(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed", self.passed)?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The line without terminal colours.
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        if letter == '\u{1b}' {
            for letter in rest.by_ref() {
                if letter.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, passed: u64, failed: u64, skipped: u64) {
        assert_eq!(Counts::read(output), Some(Counts { passed, failed, skipped }), "{output}");
    }

    #[test]
    fn nextest_is_read() {
        check("     Summary [   1.234s] 85 tests run: 84 passed (1 slow), 1 failed, 3 skipped", 84, 1, 3);
        check("\u{1b}[32;1m     Summary\u{1b}[0m [ 0.1s] 1 test run: 1 passed, 0 skipped\nlast", 1, 0, 0);
    }

    #[test]
    fn pytest_is_read() {
        check("==== 12 passed, 1 skipped, 2 warnings in 3.21s ====", 12, 0, 1);
        check("1 failed, 12 passed, 2 errors in 61.20s", 12, 3, 0);
    }

    #[test]
    fn vitest_is_read() {
        check(" Test Files  3 passed (3)\n      Tests  1 failed | 11 passed (12)\n   Duration  1s", 11, 1, 0);
    }

    #[test]
    fn our_own_closing_line_is_read() {
        check("9 passed, 0 failed", 9, 0, 0);
    }

    #[test]
    fn talk_is_not_counted() {
        assert_eq!(Counts::read("everything passed\n3 files changed"), None);
    }
}
