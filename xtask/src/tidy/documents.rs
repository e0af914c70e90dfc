//! Every Rust file says first what it is about.

use super::TextFile;

/// Whether `file` does not begin with a `//!` comment.
pub fn problems(file: &TextFile) -> Option<String> {
    let first = file.text.lines().find(|line| !line.trim().is_empty());
    (!first.is_some_and(|line| line.starts_with("//! ")))
        .then(|| format!("{}:1: does not say in a `//!` comment what it is about", file.path))
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    #[test]
    fn a_file_without_a_subject_is_named() {
        assert!(problems(&file("a.rs", "use b;\n")).is_some());
        assert!(problems(&file("a.rs", "")).is_some());
        assert!(problems(&file("a.rs", "//!\n")).is_some());
        assert!(problems(&file("a.rs", "//! Ids.\nuse b;\n")).is_none());
    }
}
