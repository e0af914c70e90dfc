//! Each error code has a page that says what happened and what to try.

use std::collections::{BTreeMap, BTreeSet};

use super::TextFile;

/// Codes without a page and pages without a code.
pub fn problems(files: &[TextFile]) -> Vec<String> {
    let mut codes: BTreeMap<&str, &str> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust() && file.path.starts_with("crates/")) {
        for code in codes_of(&file.text) {
            codes.entry(code).or_insert(&file.path);
        }
    }
    let pages: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.strip_prefix("docs/errors/")?.strip_suffix(".md"))
        .filter(|page| *page != "README")
        .collect();
    let missing = codes
        .iter()
        .filter(|(code, _)| !pages.contains(*code))
        .map(|(code, path)| format!("{path}: `{code}` has no page docs/errors/{code}.md"));
    let stale = pages
        .iter()
        .filter(|page| !codes.contains_key(*page))
        .map(|page| format!("docs/errors/{page}.md: no error has this code"));
    missing.chain(stale).collect()
}

/// The words between quotation marks in the bodies of `fn code(&self)`, and the codes of problems
/// that are made where they are found.
fn codes_of(text: &str) -> Vec<&str> {
    let mut codes = Vec::new();
    for (start, _) in text.match_indices("fn code(&self)") {
        let body = text.get(start..).unwrap_or_default();
        let body = body.get(..body.find("\n    }").unwrap_or(body.len())).unwrap_or_default();
        codes.extend(body.split('"').skip(1).step_by(2).filter(|word| is_code(word)));
    }
    codes.extend(
        text.split("code: \"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|word| is_code(word)),
    );
    // What the server refuses by itself: which of the words of the call is the code.
    for (call, place) in [("Problem::invalid(", 0), ("Problem::new(", 0), ("Problem::not_found(", 1)] {
        for (start, _) in text.match_indices(call) {
            let rest = text.get(start..).unwrap_or_default();
            let call = rest.get(..rest.find([';', '}']).unwrap_or(rest.len())).unwrap_or_default();
            codes.extend(call.split('"').skip(1).step_by(2).nth(place).filter(|word| is_code(word)));
        }
    }
    codes
}

fn is_code(word: &str) -> bool {
    !word.is_empty()
        && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    const ERRORS: &str = "impl Failure for Error {\n    fn code(&self) -> &'static str {\n        match self {\n            Self::A => \"run_not_found\",\n        }\n    }\n    fn hint(&self) { \"other\" }\n}\n";

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code_are_named() {
        let errors = file("crates/a/src/error.rs", ERRORS);
        assert_eq!(
            problems(&[errors]),
            ["crates/a/src/error.rs: `run_not_found` has no page docs/errors/run_not_found.md"]
        );
        assert_eq!(
            problems(&[file("docs/errors/gone.md", "")]),
            ["docs/errors/gone.md: no error has this code"]
        );
    }

    #[test]
    fn codes_of_problems_are_found() {
        let text = "fn f() { Err(Problem::invalid(\"bad_body\", format!(\"{x}\")));\n\
                    Problem::not_found(\"job\", \"job_not_found\", id);\n\
                    Problem::new(Kind::Denied, \"not_allowed\", \"no\"); Problem::new(kind, code, \"text here\"); }";
        assert_eq!(codes_of(text), ["bad_body", "not_allowed", "job_not_found"]);
    }

    #[test]
    fn a_code_with_a_page_passes() {
        let files = [file("crates/a/src/error.rs", ERRORS), file("docs/errors/run_not_found.md", "")];
        assert_eq!(problems(&files), Vec::<String>::new());
    }
}
