//! Bodies of emitters: JSON, compressed or not.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde_json::Value;

use crate::oip::payload::inflated;
use crate::problem::Problem;

/// The JSON in a body, at most `limit` bytes long when it is unpacked.
pub(super) fn json(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Value, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // A page of another site cannot send this type without being asked.
    if !kind.starts_with("application/") || !kind.ends_with("json") {
        return Err(Problem::invalid("not_json", "the body must be JSON")
            .with_hint("send `Content-Type: application/json`"));
    }
    let body = inflated(headers, body, limit)?;
    serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid("invalid_json", format!("the body is not JSON: {error}")))
}
