//! Which bytes of a file a request asks for: `Range`, `If-Range` and `If-None-Match` of RFC 9110.

use std::ops::Range;

use axum::http::{HeaderMap, header};
use base::Digest;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Nowhere,
    /// Nothing: the client has it already.
    Nothing,
}

/// The tag of content with this digest: equal tags, equal bytes.
pub(super) fn tag(digest: Digest) -> String {
    format!("\"{digest}\"")
}

/// What these headers ask for of a file with this tag and length. What cannot be read asks for all, as does
/// more than one range.
pub(super) fn asked(headers: &HeaderMap, tag: &str, bytes: u64) -> Asked {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(tags) = text(header::IF_NONE_MATCH)
        && tags.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
    {
        return Asked::Nothing;
    }
    // A part of something else than the client has would be of no use to it. A date never matches.
    if text(header::IF_RANGE).is_some_and(|condition| condition.trim() != tag) {
        return Asked::Whole;
    }
    match text(header::RANGE) {
        Some(range) => part(range, bytes),
        None => Asked::Whole,
    }
}

fn part(range: &str, bytes: u64) -> Asked {
    let Some((unit, set)) = range.split_once('=') else { return Asked::Whole };
    let Some((first, last)) = set.split_once('-') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Asked::Whole;
    }
    let number = |text: &str| {
        let text = text.trim();
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", "") => Asked::Whole,
        ("", count) => match number(count) {
            None => Asked::Whole,
            Some(0) => Asked::Nowhere,
            Some(_) if bytes == 0 => Asked::Nowhere,
            Some(count) => Asked::Part(bytes.saturating_sub(count)..bytes),
        },
        (first, "") => match number(first) {
            None => Asked::Whole,
            Some(first) if first >= bytes => Asked::Nowhere,
            Some(first) => Asked::Part(first..bytes),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first > last => Asked::Whole,
            (Some(first), Some(_)) if first >= bytes => Asked::Nowhere,
            (Some(first), Some(last)) => Asked::Part(first..last.saturating_add(1).min(bytes)),
            _ => Asked::Whole,
        },
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(range: &str, bytes: u64, expected: &Asked) {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
        assert_eq!(&asked(&headers, "\"t\"", bytes), expected, "{range} of {bytes}");
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        check("bytes=0-0", 10, &Asked::Part(0..1));
        check("bytes=2-5", 10, &Asked::Part(2..6));
        check("bytes=2-", 10, &Asked::Part(2..10));
        check("bytes=-3", 10, &Asked::Part(7..10));
        check("bytes=-30", 10, &Asked::Part(0..10));
        check("bytes=2-99999999999999999999999", 10, &Asked::Part(2..10));
        check("bytes=10-", 10, &Asked::Nowhere);
        check("bytes=-0", 10, &Asked::Nowhere);
        check("bytes=0-", 0, &Asked::Nowhere);
        for odd in ["bytes=5-2", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "bytes", "bytes=-", "bytes=+1-2"]
        {
            check(odd, 10, &Asked::Whole);
        }
    }

    #[test]
    fn conditions_look_at_the_tag() {
        let ask = |pairs: &[(header::HeaderName, &'static str)]| {
            let headers =
                pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            asked(&headers, "\"t\"", 10)
        };
        let range = (header::RANGE, "bytes=1-2");
        assert_eq!(ask(&[range.clone(), (header::IF_RANGE, "\"t\"")]), Asked::Part(1..3));
        assert_eq!(ask(&[range.clone(), (header::IF_RANGE, "\"other\"")]), Asked::Whole);
        assert_eq!(ask(&[range, (header::IF_RANGE, "Sat, 21 Nov 2026 07:28:00 GMT")]), Asked::Whole);
        assert_eq!(ask(&[(header::IF_NONE_MATCH, "\"a\", W/\"t\"")]), Asked::Nothing);
        assert_eq!(ask(&[(header::IF_NONE_MATCH, "\"a\"")]), Asked::Whole);
    }
}
