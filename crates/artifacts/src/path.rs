//! The one check that every path from outside passes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// The most bytes a path may have.
const MOST_BYTES: usize = 2_000;
/// The most bytes one part of a path may have once it is written as a file name.
const MOST_PART_BYTES: usize = 240;
/// The most parts a path may have.
const MOST_PARTS: usize = 64;
/// How often a path is decoded to see whether something is hidden in it.
const MOST_DECODINGS: usize = 8;

/// A relative path that cannot lead out of the folder it is used in.
///
/// It has one or more parts between `/`; none is empty, `.` or `..`, none holds a backslash or a
/// control character, and none turns into such a part when it is percent-decoded, however often.
/// There is no way to make one but [`SafePath::parse`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(String);

impl SafePath {
    /// Checks a path. Fails with [`Error::UnsafePath`] and what is wrong with it.
    pub fn parse(path: &str) -> Result<Self> {
        let refuse = |why| Err(Error::unsafe_path(path, why));
        if path.len() > MOST_BYTES {
            return refuse("it is longer than 2,000 bytes");
        }
        if let Some(why) = what_is_wrong(path) {
            return refuse(why);
        }
        if let Some(why) = what_is_hidden(path) {
            return refuse(why);
        }
        let path = Self(path.to_owned());
        if path.parts().count() > MOST_PARTS {
            return Err(Error::unsafe_path(path.as_str(), "it has more than 64 parts"));
        }
        if path.parts().any(|part| encoded_part(part).len() > MOST_PART_BYTES) {
            return Err(Error::unsafe_path(path.as_str(), "a part of it is too long for a file name"));
        }
        Ok(path)
    }

    /// The path as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, outermost first.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Its last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().next_back().unwrap_or_default()
    }

    /// This path with another below it.
    pub fn join(&self, below: &Self) -> Result<Self> {
        Self::parse(&format!("{self}/{below}"))
    }

    /// The folders that this path lies in, outermost first, without itself.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        self.0.match_indices('/').filter_map(|(at, _)| self.0.get(..at).map(|path| Self(path.to_owned())))
    }

    /// The path in letters that every file system and bucket keeps as they are.
    pub(crate) fn encoded(&self) -> String {
        self.parts().map(encoded_part).collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for SafePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SafePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What is wrong with a path as it stands, before any decoding.
fn what_is_wrong(path: &str) -> Option<&'static str> {
    let first = path.split('/').next().unwrap_or_default();
    if path.is_empty() {
        Some("it is empty")
    } else if path.contains('\\') {
        Some("it holds a backslash")
    } else if path.chars().any(char::is_control) {
        Some("it holds a control character")
    } else if path.starts_with('/') {
        Some("it is absolute")
    } else if is_scheme_or_drive(first) {
        Some("it begins with a scheme or a drive")
    } else if path.split('/').any(|part| part == "." || part == "..") {
        Some("it holds `.` or `..`")
    } else if path.split('/').any(str::is_empty) {
        Some("it holds an empty part")
    } else {
        None
    }
}

/// What is wrong with a path once it is decoded, however often.
fn what_is_hidden(path: &str) -> Option<&'static str> {
    let mut seen = path.to_owned();
    for _ in 0..MOST_DECODINGS {
        let decoded = percent_decode(&seen)?;
        if hides_something(&decoded) {
            return Some("it hides a separator, `..` or a control character behind percent signs");
        }
        seen = String::from_utf8(decoded).ok()?;
    }
    Some("it is percent-encoded too many times over")
}

/// Whether the first part is `file:`, `https:` or `C:` in any spelling.
fn is_scheme_or_drive(first: &str) -> bool {
    first.split_once(':').is_some_and(|(word, rest)| {
        word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && (word.len() == 1 || rest.is_empty())
    })
}

/// Whether decoded bytes hold what was not in the path before, and must not be.
fn hides_something(decoded: &[u8]) -> bool {
    let text = String::from_utf8_lossy(decoded);
    text.contains('\\')
        || text.chars().any(char::is_control)
        || text.split('/').any(|part| part == "." || part == ".." || part.is_empty())
        || is_scheme_or_drive(text.split('/').next().unwrap_or_default())
}

/// The path decoded once, or nothing when there is nothing to decode. An encoded separator is kept
/// visible: `%2F` becomes a backslash, which is refused.
fn percent_decode(path: &str) -> Option<Vec<u8>> {
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut found = false;
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let value = pair
            .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match value {
            Some(value) if byte == b'%' => {
                found = true;
                decoded.push(if value == b'/' { b'\\' } else { value });
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    found.then_some(decoded)
}

/// A part in letters, digits, `-`, `_` and `.`; every other byte as `=` and two digits. Parts that
/// differ stay different, also where the file system does not tell upper from lower case apart
/// from the letters themselves.
fn encoded_part(part: &str) -> String {
    use fmt::Write as _;
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "={byte:02X}");
        }
    }
    encoded
}

/// The part that was written as `encoded`; nothing when it was not written by us.
pub(crate) fn decoded_part(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'=' {
            let pair = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(pair, 16).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shapes that MLflow's own tests refuse, and shapes from its published advisories.
    const TRAVERSALS: &[&str] = &[
        "",
        ".",
        "..",
        "../",
        "../path",
        "../../path",
        "./path",
        "./../path",
        "path/..",
        "path/../to",
        "path/../../to/file",
        "path/./to",
        "/",
        "/path",
        "/etc/passwd",
        "/path/to/../../path",
        "//path",
        "path//to",
        "path/",
        "\\",
        "\\path",
        "..\\path",
        "..\\..\\path",
        "path\\..\\to",
        "\\\\server\\share",
        "C:\\path",
        "C:/path",
        "c:path",
        "C:\\..\\path",
        "file:/etc/passwd",
        "file:///etc/passwd",
        "file://../../etc/passwd",
        "http://host/path",
        "s3://bucket/path",
        "%2e%2e",
        "%2E%2E/path",
        "%2e%2e%2fpath",
        "..%2fpath",
        "..%2F..%2Fetc%2Fpasswd",
        "%2Fetc%2Fpasswd",
        "%252e%252e%252fpath",
        "..%252f..%252fetc",
        "%25252e%25252e%25252fpath",
        "path%5c..%5cto",
        "%5c%5cserver",
        "path%00.png",
        "path\0",
        "path\nname",
        "path%0aname",
        "path/%2e%2e/to",
        "path/%2E/to",
        "C%3A/path",
        "%43:/path",
        "file%3A///etc/passwd",
        "a/%2fb",
    ];

    #[test]
    fn published_traversals_are_refused() {
        for path in TRAVERSALS {
            assert!(SafePath::parse(path).is_err(), "{path:?} was let through");
        }
    }

    #[test]
    fn ordinary_names_are_let_through_and_kept() {
        for path in [
            "MLmodel",
            "model/data/model.pkl",
            "a b/ü.txt",
            "100%",
            "50%25 off.txt",
            "metrics:train.json",
            "...",
            "..a",
            "a..",
            ".hidden",
            "x=1/part",
            "#tag?x=y",
            "~user",
        ] {
            assert_eq!(SafePath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn a_part_too_long_for_a_file_name_is_refused() {
        assert!(SafePath::parse(&"a".repeat(240)).is_ok());
        assert!(SafePath::parse(&"a".repeat(241)).is_err());
        assert!(SafePath::parse(&"ü".repeat(60)).is_err());
        assert!(SafePath::parse(&vec!["a"; 65].join("/")).is_err());
    }

    #[test]
    fn ancestors_are_the_folders_around() {
        let path = SafePath::parse("a/b/c").unwrap();
        let folders: Vec<_> = path.ancestors().map(|path| path.to_string()).collect();
        assert_eq!(folders, ["a", "a/b"]);
    }

    /// Pieces that attacks are made of, and harmless ones.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("..".to_owned()),
            Just(".".to_owned()),
            Just("/".to_owned()),
            Just("\\".to_owned()),
            Just("%2e".to_owned()),
            Just("%2F".to_owned()),
            Just("%5c".to_owned()),
            Just("%25".to_owned()),
            Just("%00".to_owned()),
            Just(":".to_owned()),
            Just("=".to_owned()),
            "[a-zA-Z0-9]{1,3}",
            "\\PC{1,3}",
        ]
    }

    fn decoded_fully(path: &str) -> String {
        let mut path = path.to_owned();
        loop {
            let bytes = path.as_bytes();
            let mut next = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let pair = path.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
                match pair {
                    Some(byte) if bytes[at] == b'%' && !path[at + 1..].starts_with('+') => {
                        next.push(byte);
                        at += 3;
                    }
                    _ => {
                        next.push(bytes[at]);
                        at += 1;
                    }
                }
            }
            let next = String::from_utf8_lossy(&next).into_owned();
            if next == path {
                return path;
            }
            path = next;
        }
    }

    proptest! {
        #[test]
        fn what_is_let_through_stays_inside_however_it_is_decoded(pieces in prop::collection::vec(piece(), 1..12)) {
            let text = pieces.concat();
            if let Ok(path) = SafePath::parse(&text) {
                let decoded = decoded_fully(path.as_str());
                prop_assert!(!decoded.contains('\\') && !decoded.contains('\0') && !decoded.starts_with('/'));
                prop_assert!(decoded.split('/').all(|part| !matches!(part, "" | "." | "..")), "{text:?} → {decoded:?}");
                prop_assert_eq!(decoded.matches('/').count(), text.matches('/').count(), "a separator was hidden");
            }
        }

        #[test]
        fn a_part_survives_its_file_name(text in "[^/\\\\\\x00-\\x1f]{1,40}") {
            let encoded = encoded_part(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=".contains(&b)));
            prop_assert_eq!(decoded_part(&encoded), Some(text));
        }
    }
}
