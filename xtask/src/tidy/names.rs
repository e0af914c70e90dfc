//! Names that say nothing, and tests named by a number instead of a fact.

use super::TextFile;
use super::source::blank_words;

/// Files, folders and crates must not be called so: anything fits into them.
const EMPTY_WORDS: &[&str] =
    &["core", "helper", "helpers", "manager", "managers", "misc", "std", "stuff", "util", "utils"];

/// Types must not end so.
const EMPTY_ENDINGS: &[&str] = &["Manager", "Utils", "Util", "Helper", "Helpers"];

/// Names in `file`, its own included, that say nothing.
pub fn problems(file: &TextFile) -> Vec<String> {
    let path = &file.path;
    let mut problems = Vec::new();
    let ours = ["crates/", "xtask/", "ui/src/", "python/src/"].iter().any(|room| path.starts_with(room));
    if ours {
        for part in path.split('/') {
            let stem = part.split('.').next().unwrap_or_default();
            if EMPTY_WORDS.contains(&stem) {
                problems.push(format!("{path}: `{stem}` says nothing; name it by its subject"));
            }
        }
    }
    if file.is_rust() {
        let code = blank_words(&file.text);
        let mut marked = false;
        for (index, line) in code.lines().enumerate() {
            if let Some(name) = declared(line, &["fn"])
                && name.starts_with("test_")
                && marked
            {
                problems.push(format!("{path}:{}: `{name}`: a test is named by its fact", index + 1));
            }
            if let Some(name) = declared(line, &["struct", "enum", "trait"])
                && EMPTY_ENDINGS.iter().any(|ending| name.ends_with(ending))
            {
                problems.push(format!("{path}:{}: `{name}` says nothing of its subject", index + 1));
            }
            let line = line.trim();
            marked = line.ends_with("test]") || (marked && line.starts_with("#["));
        }
    }
    problems
}

/// The name that a line declares with one of these keywords.
fn declared<'a>(line: &'a str, keywords: &[&str]) -> Option<&'a str> {
    let mut words = line.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    words.find(|word| keywords.contains(word))?;
    words.find(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        problems(&file(path, text)).len()
    }

    #[test]
    fn empty_names_of_files_and_folders_are_named() {
        assert_eq!(found("crates/registry/src/utils.rs", ""), 1);
        assert_eq!(found("crates/core/src/lib.rs", ""), 1);
        assert_eq!(found("ui/src/helpers/a.ts", ""), 1);
        assert_eq!(found("crates/registry/src/promotion.rs", ""), 0);
    }

    #[test]
    fn empty_names_of_types_are_named() {
        assert_eq!(found("crates/a/src/b.rs", "pub struct RunManager;"), 1);
        assert_eq!(found("crates/a/src/b.rs", "pub struct Run;\n// struct RunManager"), 0);
    }

    #[test]
    fn tests_are_named_by_facts() {
        assert_eq!(found("crates/a/src/b.rs", "#[test]\nfn test_filter_2() {}"), 1);
        assert_eq!(found("crates/a/src/b.rs", "#[tokio::test]\n#[ignore]\nasync fn test_b() {}"), 1);
        assert_eq!(found("crates/a/src/b.rs", "fn test_modules() {}"), 0);
        assert_eq!(found("crates/a/src/b.rs", "#[test]\nfn and_binds_tighter_than_or() {}"), 0);
    }
}
