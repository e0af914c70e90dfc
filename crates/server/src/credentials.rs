//! The token that a request carries, in whichever way its client sends it.

use axum::http::{HeaderMap, header};
use base::Kind;

use crate::problem::Problem;

/// The token in the `Authorization` header: as `Bearer TOKEN`, or as the password of `Basic`. `None` when there is no
/// such header; a header that cannot be read is a failure, never an anonymous request.
pub(crate) fn presented(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(rest.trim().to_owned()),
            "basic" => {
                let text = String::from_utf8(decode_base64(rest.trim())?).ok()?;
                text.split_once(':').map(|(_, password)| password.to_owned())
            }
            _ => None,
        }
    });
    token.map(Some).ok_or_else(|| {
        Problem::new(
            Kind::Unauthenticated,
            "invalid_credentials",
            "the `Authorization` header cannot be read",
        )
        .with_hint("send `Bearer TOKEN`, or `Basic` with the token as the password")
    })
}

/// Whether a proxy on this machine passed the request on, so that its loopback address says nothing about the client.
pub(crate) fn came_through_a_proxy(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// Standard base64 with or without padding; `None` when it is not that.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits: u32 = 0;
        for digit in group {
            bits = (bits << 6) | u32::from(value_of(*digit)?);
        }
        let missing = u32::try_from(4 - group.len()).ok()?;
        if missing == 3 {
            return None;
        }
        let filled = (bits << (6 * missing)).to_be_bytes();
        bytes.extend(filled.iter().skip(1).take(group.len() - 1));
    }
    Some(bytes)
}

fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &str) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        presented(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_the_password_of_basic() {
        assert_eq!(token("Bearer gng_1"), Ok(Some("gng_1".into())));
        assert_eq!(token("bearer  gng_1"), Ok(Some("gng_1".into())));
        assert_eq!(token("Basic YWRhOmduZ18x"), Ok(Some("gng_1".into())));
        assert_eq!(token("Basic OnB3OmE="), Ok(Some("pw:a".into())));
        assert_eq!(presented(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn credentials_that_cannot_be_read_are_no_anonymous_request() {
        for value in ["Bearer", "Digest abc", "Basic !!!", "Basic YWRh", "Basic A", ""] {
            assert_eq!(token(value), Err("invalid_credentials"), "{value}");
        }
    }

    #[test]
    fn base64_decodes_every_length() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmE=", "fooba"),
        ] {
            assert_eq!(decode_base64(text).unwrap(), bytes.as_bytes());
        }
    }
}
