//! Files stay short: a subject each.

use super::TextFile;

/// More lines than this and there is a second subject in it.
const MOST_LINES: usize = 800;

/// What is written by people and read by people.
const WRITTEN: &[&str] = &[".rs", ".ts", ".tsx", ".css", ".py", ".mjs", ".sql", ".md"];

/// Whether `file` is too long.
pub fn problems(file: &TextFile) -> Option<String> {
    let lines = file.text.lines().count();
    let generated = file.text.lines().take(5).any(|line| line.contains("generated"));
    let written = WRITTEN.iter().any(|ending| file.path.ends_with(ending));
    (written && !generated && lines > MOST_LINES)
        .then(|| format!("{}: {lines} lines, {MOST_LINES} at most", file.path))
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    #[test]
    fn a_long_file_is_named_unless_it_is_generated() {
        let long = "line\n".repeat(MOST_LINES + 1);
        assert!(problems(&file("crates/a/src/b.rs", &long)).is_some());
        assert!(problems(&file("crates/a/src/b.rs", &"line\n".repeat(MOST_LINES))).is_none());
        assert!(problems(&file("ui/src/api/schema.ts", &format!("// generated\n{long}"))).is_none());
        assert!(problems(&file("a.lock", &long)).is_none());
    }
}
