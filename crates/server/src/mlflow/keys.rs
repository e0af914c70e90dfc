//! Names of metrics, params and tags, checked in the protocol's own order and words before anything is written.
//!
//! The rooms below have the same rules; these come first because clients and their tests match the words.

use super::failure::Failure;
use super::shapes::python_text;

/// The most characters of a name.
const MOST_CHARS: usize = 250;

/// Checks what a name consists of; `place` is such as `metrics[3].name`.
pub(super) fn check_name(place: &str, name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
    if !name.chars().all(allowed) {
        return Err(Failure::invalid_name(
            place,
            name,
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and \
             slashes (/).",
        ));
    }
    let plain = plain_path(name);
    if plain != name || plain == "." || plain.starts_with("..") || plain.starts_with('/') {
        let why = format!(
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. \
             This name would resolve to {}",
            python_text(&plain)
        );
        return Err(Failure::invalid_name(place, name, &why));
    }
    Ok(())
}

/// Checks how long a text is; `what` is what messages call it.
pub(super) fn check_length(what: &str, text: &str, most: usize) -> Result<(), Failure> {
    if text.len() > most && text.chars().count() > most {
        return Err(Failure::invalid(format!("'{what}' exceeds the maximum length of {most} characters")));
    }
    Ok(())
}

/// Checks the name of a metric.
pub(super) fn check_metric(place: &str, key: &str) -> Result<(), Failure> {
    check_name(&format!("{place}name"), key)?;
    check_length("Metric name", key, MOST_CHARS)
}

/// Checks the name of a param.
pub(super) fn check_param(place: &str, key: &str) -> Result<(), Failure> {
    check_name(&format!("{place}key"), key)?;
    check_length("Param key", key, MOST_CHARS)
}

/// Checks the name of a tag.
pub(super) fn check_tag(place: &str, key: &str) -> Result<(), Failure> {
    let place = format!("{place}key");
    check_name(&place, key)?;
    check_length(&place, key, MOST_CHARS)
}

/// Checks a tag whose value has a limit too.
pub(super) fn check_tag_and_value(key: &str, value: &str, most_chars: usize) -> Result<(), Failure> {
    check_tag("", key)?;
    check_length("value", value, most_chars)
}

/// A path without `.`, `..` and doubled slashes, as POSIX shortens it: two slashes at the beginning stay two.
fn plain_path(path: &str) -> String {
    let slashes = path.len() - path.trim_start_matches('/').len();
    let begin = match slashes {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let climbs = begin.is_empty() && parts.last().is_none_or(|last| *last == "..");
        if part != ".." || climbs {
            parts.push(part);
        } else {
            parts.pop();
        }
    }
    let plain = format!("{begin}{}", parts.join("/"));
    if plain.is_empty() { ".".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shortened_as_posix_does() {
        for (path, plain) in [
            ("a/b", "a/b"),
            ("a//b", "a/b"),
            ("a/./b/", "a/b"),
            ("a/../b", "b"),
            ("../x", "../x"),
            ("../../x", "../../x"),
            ("/x", "/x"),
            ("//x", "//x"),
            ("///x", "/x"),
            ("/../x", "/x"),
            (".", "."),
            ("", "."),
            ("a/..", "."),
            ("..x", "..x"),
        ] {
            assert_eq!(plain_path(path), plain, "{path}");
        }
    }

    #[test]
    fn names_that_are_no_plain_paths_are_refused() {
        for good in ["a", "a/b.c-d e:f", "größe", "a..b"] {
            assert!(check_metric("", good).is_ok(), "{good}");
        }
        for bad in ["", "..x", "/a", "a/", "a//b", "a;b", "a\nb", "."] {
            assert!(check_tag("", bad).is_err(), "{bad}");
        }
        assert!(check_param("", &"k".repeat(250)).is_ok() && check_param("", &"k".repeat(251)).is_err());
    }
}
