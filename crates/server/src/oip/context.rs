//! What comes with a request for predictions in its headers.

use ::serving::Inference;
use axum::http::HeaderMap;

/// The longest key that keeps a version.
const MOST_KEY_CHARS: usize = 256;

/// The context of a request.
pub(crate) fn inference(headers: &HeaderMap, version: Option<String>) -> Inference {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Inference {
        version,
        trace_id: text("traceparent").and_then(trace_id),
        variant: text("x-gingham-variant").map(str::to_owned),
        key: text("x-gingham-key").map(|key| key.chars().take(MOST_KEY_CHARS).collect()),
        deadline: None,
    }
}

/// The trace that a W3C `traceparent` names.
pub(crate) fn trace_id(traceparent: &str) -> Option<String> {
    let id = traceparent.split('-').nth(1)?;
    let is_one = id.len() == 32
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        && id.bytes().any(|byte| byte != b'0');
    is_one.then(|| id.to_ascii_lowercase())
}
