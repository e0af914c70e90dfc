//! `cargo xtask tidy`: the rules of the house that a compiler does not know.
//!
//! Each rule is a pure function over text, with a sample in its tests that breaks it.

mod arrows;
mod documents;
mod error_pages;
mod leaks;
mod lengths;
mod manifests;
mod names;
mod panics;
mod source;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::flags::Flags;
use crate::process::Program;
use crate::repository;

/// A tracked text file.
#[derive(Debug)]
pub struct TextFile {
    /// Relative to the root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Whether it exists for tests alone.
    pub of_tests: bool,
}

impl TextFile {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    Flags::parse(arguments, &[], &[])?;
    let problems = problems()?;
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} problems", problems.len());
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything in the checkout that breaks a rule, with file and line where there is one.
pub fn problems() -> Result<Vec<String>> {
    let files = text_files()?;
    let metadata =
        Program::cargo()?.args(["metadata", "--format-version", "1", "--no-deps", "--quiet"]).stdout()?;
    let packages = arrows::read(&serde_json::from_slice(&metadata).context("cargo metadata is not JSON")?);
    let mut problems = arrows::problems(&packages);
    problems.extend(error_pages::problems(&files));
    for file in &files {
        problems.extend(lengths::problems(file));
        problems.extend(leaks::problems(file));
        problems.extend(names::problems(file));
        problems.extend(manifests::problems(file));
        if file.is_rust() {
            problems.extend(panics::problems(file));
            problems.extend(documents::problems(file));
        }
    }
    Ok(problems)
}

fn text_files() -> Result<Vec<TextFile>> {
    let root = repository::root()?;
    let mut files = Vec::new();
    for path in repository::files()? {
        // What is not text has no words to judge.
        if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
            files.push(TextFile { path, text, of_tests: false });
        }
    }
    mark_tests(&mut files);
    Ok(files)
}

/// Notes which Rust files are compiled for tests only.
fn mark_tests(files: &mut [TextFile]) {
    let mut declared = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let stem = file.path.trim_end_matches(".rs");
        let folder = stem.rsplit_once('/').map_or("", |(folder, _)| folder);
        for module in source::test_modules(&file.text) {
            // The children of `a/lib.rs` and `a/mod.rs` lie beside it, those of `a/b.rs` in `a/b`.
            declared.push(format!("{folder}/{module}"));
            declared.push(format!("{stem}/{module}"));
        }
    }
    for file in files {
        let stem = file.path.trim_end_matches(".rs");
        file.of_tests = file.path.contains("/tests/")
            || file.path.starts_with("crates/testing/")
            || declared.iter().any(|module| {
                stem.strip_prefix(module.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
    }
}

#[cfg(test)]
mod tests {
    use super::{TextFile, mark_tests};

    /// A file as the rules see it.
    pub fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned(), of_tests: false }
    }

    #[test]
    fn files_for_tests_alone_are_told_from_others() {
        let mut files = [
            file("crates/a/src/lib.rs", "#[cfg(test)]\nmod quality;\nmod b;"),
            file("crates/a/src/quality.rs", ""),
            file("crates/a/src/quality/cases.rs", ""),
            file("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;"),
            file("crates/a/src/b/tests.rs", ""),
            file("crates/a/tests/it/main.rs", ""),
            file("crates/a/src/qualitative.rs", ""),
        ];
        mark_tests(&mut files);
        assert_eq!(files.map(|file| file.of_tests), [false, true, true, false, true, true, false]);
    }
}
