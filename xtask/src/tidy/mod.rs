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
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::TextFile;

    /// A file as the rules see it.
    pub fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }
}
