//! No panics outside tests: no `unwrap`, no `panic!`, and `expect` only with a stated reason.

use super::TextFile;
use super::source::code_outside_tests;

/// Calls that end the program, and the lint whose allowance, with a reason, permits them.
const CALLS: &[(&str, &str)] = &[
    (".unwrap()", "clippy::unwrap_used"),
    (".unwrap_err()", "clippy::unwrap_used"),
    (".expect(", "clippy::expect_used"),
    (".expect_err(", "clippy::expect_used"),
    ("panic!(", "clippy::panic"),
    ("todo!(", "clippy::todo"),
    ("unimplemented!(", "clippy::unimplemented"),
];

/// How many lines above a call its allowance may stand.
const NEAR: usize = 12;

/// Calls in `file` that may end the program.
pub fn problems(file: &TextFile) -> Vec<String> {
    if file.of_tests {
        return Vec::new();
    }
    let written: Vec<&str> = file.text.lines().collect();
    let mut problems = Vec::new();
    for (index, line) in code_outside_tests(&file.text).iter().enumerate() {
        for (call, lint) in CALLS {
            let above = written.get(index.saturating_sub(NEAR)..index).unwrap_or_default();
            let allowed = above.iter().any(|line| line.contains(lint));
            if line.contains(call) && !allowed {
                problems.push(format!("{}:{}: `{call}` outside tests", file.path, index + 1));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    fn found(text: &str) -> usize {
        problems(&file("crates/a/src/b.rs", text)).len()
    }

    #[test]
    fn calls_that_panic_are_named_with_their_line() {
        assert_eq!(
            problems(&file("crates/a/src/b.rs", "fn f() {\n    g().unwrap();\n}")),
            ["crates/a/src/b.rs:2: `.unwrap()` outside tests"]
        );
        assert_eq!(found("fn f() { todo!() }"), 1);
        assert_eq!(found("fn f() { panic!(\"no\") }"), 1);
        assert_eq!(found("fn f() { g().expect(\"there\") }"), 1);
    }

    #[test]
    fn tests_words_and_stated_reasons_pass() {
        assert_eq!(found("#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }"), 0);
        assert_eq!(found("/// `x.unwrap()`\nfn f() { \"panic!(\"; g().unwrap_or(1) }"), 0);
        assert_eq!(found("#[expect(clippy::expect_used, reason = \"a\")]\nfn f() { g().expect(\"b\") }"), 0);
        let of_tests =
            TextFile { of_tests: true, ..file("crates/a/tests/it/main.rs", "fn f() { g().unwrap() }") };
        assert!(problems(&of_tests).is_empty());
    }
}
