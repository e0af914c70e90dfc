//! The rules for keys and values, the same as MLflow's, so that what one accepts the other does.

use std::borrow::Cow;

use crate::Error;

/// The most characters of a metric, param or tag key.
pub const KEY_CHARS: usize = 250;
/// The most characters of a param's value; longer ones are cut.
pub const PARAM_CHARS: usize = 6_000;
/// The most characters of a run tag's value; longer ones are cut.
pub const TAG_CHARS: usize = 8_000;
/// The most characters of an experiment tag's value.
pub const EXPERIMENT_TAG_CHARS: usize = 5_000;
/// The most characters of an experiment's name.
pub const EXPERIMENT_NAME_CHARS: usize = 500;
/// The most characters of an input tag's key.
const INPUT_KEY_CHARS: usize = 255;

/// Checks the key of a metric, param or tag: letters, digits, `_`, `-`, `.`, ` `, `:` and `/`, and no path out of its place.
pub fn check_key(noun: &str, key: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::invalid(format!("{noun} name ``"), "is empty"));
    }
    check_chars(&format!("{noun} name `{}`", shown(key)), key, KEY_CHARS)?;
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
    if !key.chars().all(allowed) {
        return Err(Error::invalid(
            format!("{noun} name `{}`", shown(key)),
            "may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)",
        ));
    }
    if key.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(Error::invalid(
            format!("{noun} name `{key}`"),
            "must be a plain path: no `..`, no `.`, no `//`, no `/` at either end",
        ));
    }
    Ok(())
}

/// Checks how long a text is.
pub fn check_chars(what: &str, text: &str, most: usize) -> Result<(), Error> {
    if text.len() > most {
        let chars = text.chars().count();
        if chars > most {
            return Err(Error::invalid(what, format!("has {chars} characters, at most {most} are allowed")));
        }
    }
    Ok(())
}

/// Checks that a value can be stored in every database: no character of number zero.
pub fn check_text(noun: &str, key: &str, value: &str) -> Result<(), Error> {
    if value.contains('\0') {
        return Err(Error::invalid(
            format!("the value of {noun} `{}`", shown(key)),
            "holds a character of number zero",
        ));
    }
    Ok(())
}

/// The first `most` characters of `text`.
#[must_use]
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(text.get(..end).unwrap_or(text).to_owned()),
        None => Cow::Borrowed(text),
    }
}

/// Checks the id that a client gave a run: a letter or digit, then letters, digits, `_` and `-`.
pub fn check_run_id(id: &str) -> Result<(), Error> {
    let begins_well = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && id.len() <= 256 && id.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        Ok(())
    } else {
        Err(Error::invalid(
            format!("run id `{}`", shown(id)),
            "must be letters, digits, `_` and `-`, at most 256",
        ))
    }
}

/// Checks an experiment's name.
pub fn check_experiment_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid("experiment name ``", "is empty"));
    }
    check_chars(&format!("experiment name `{}`", shown(name)), name, EXPERIMENT_NAME_CHARS)
}

/// Checks what a client says about a dataset that it read.
pub fn check_dataset(input: &crate::DatasetInput) -> Result<(), Error> {
    if input.name.is_empty() || input.digest.is_empty() {
        return Err(Error::invalid("a dataset input", "needs a name and a digest"));
    }
    check_chars("dataset name", &input.name, 500)?;
    check_chars("dataset digest", &input.digest, 36)?;
    check_chars("dataset source", &input.source, 65_535)?;
    check_chars("dataset schema", input.schema.as_deref().unwrap_or_default(), 1_048_575)?;
    check_chars("dataset profile", input.profile.as_deref().unwrap_or_default(), 16_777_215)?;
    for (key, value) in &input.tags {
        check_chars("input tag key", key, INPUT_KEY_CHARS)?;
        check_chars("input tag value", value, 500)?;
    }
    Ok(())
}

/// The artifact root that a client chose must not lead anywhere else.
pub fn check_location(location: &str) -> Result<(), Error> {
    let mut plain = location.as_bytes().to_vec();
    let mut broken = location.starts_with("runs:");
    // As often as anyone could decode it: what climbs after the second time climbs too.
    while !broken {
        broken = plain.iter().any(|byte| b"#?\0\\".contains(byte))
            || plain.split(|byte| *byte == b'/').any(|part| part == b"..");
        let decoded = percent_decoded(&plain);
        if decoded == plain {
            break;
        }
        plain = decoded;
    }
    if broken {
        return Err(Error::invalid(
            format!("artifact location `{}`", shown(location)),
            "may not hold `..`, a query or a fragment",
        ));
    }
    Ok(())
}

/// Each `%XX` as its byte, once.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            decoded.push(high * 16 + low);
            rest = after;
        } else {
            decoded.push(*first);
        }
    }
    decoded
}

fn shown(text: &str) -> Cow<'_, str> {
    cut(text, 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain_paths() {
        for good in ["a", "val/loss", "a b", "a.b-c_d:e", "größe"] {
            assert!(check_key("metric", good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\nb", "a;b", "a'b", &"x".repeat(251)] {
            assert!(check_key("metric", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("größe", 3), "grö");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("äöü", 5), "äöü");
    }

    #[test]
    fn locations_that_climb_are_refused() {
        for bad in [
            "file:///a/../b",
            "s3://b/%2E%2e/c",
            "mlflow-artifacts:/0?x",
            "a#b",
            "runs:/x/y",
            "s3://b/%252e%252E/c",
            "s3://b/a%23b",
        ] {
            assert!(check_location(bad).is_err(), "{bad}");
        }
        for good in ["s3://bucket/a..b/c", "s3://bucket/a%20b/100%", "mlflow-artifacts:/0"] {
            assert!(check_location(good).is_ok(), "{good}");
        }
    }
}
