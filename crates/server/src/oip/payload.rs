//! Bodies of this protocol: compressed or not, with or without tensors as bytes.

use std::io::Read;

use ::serving::oip::{InferRequest, InferResponse, binary};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::problem::Problem;
use crate::routes::too_large;

/// How many bytes of a body are JSON; tensors follow.
pub(super) const JSON_BYTES: HeaderName = HeaderName::from_static("inference-header-content-length");
/// Which version answered.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("x-gingham-version");
/// Which part of the deployment answered.
pub(crate) const VARIANT: HeaderName = HeaderName::from_static("x-gingham-variant");
/// Why somebody stepped in.
pub(crate) const FALLBACK: HeaderName = HeaderName::from_static("x-gingham-fallback");

/// A body without its compression; no larger than `limit` bytes afterwards.
pub(crate) fn inflated(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Problem> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(body) };
    let mut inflated = Vec::new();
    let most = limit as u64 + 1;
    let read = match encoding.to_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "identity" | "" => return Ok(body),
        "gzip" | "x-gzip" => flate2::read::MultiGzDecoder::new(&*body).take(most).read_to_end(&mut inflated),
        // By its name it is in the zlib format; some clients send it bare.
        "deflate" if body.first().is_some_and(|byte| byte & 0x0f == 8) => {
            flate2::read::ZlibDecoder::new(&*body).take(most).read_to_end(&mut inflated)
        }
        "deflate" => flate2::read::DeflateDecoder::new(&*body).take(most).read_to_end(&mut inflated),
        other => {
            let detail = format!(
                "bodies compressed with `{}` are not read here",
                other.chars().take(40).collect::<String>()
            );
            let problem = Problem::invalid("encoding_unknown", detail);
            return Err(problem
                .with_status(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .with_hint("send gzip, deflate or no compression"));
        }
    };
    read.map_err(|error| {
        Problem::invalid("invalid_body", format!("the compressed body cannot be read: {error}"))
    })?;
    if inflated.len() > limit {
        return Err(too_large(limit));
    }
    Ok(inflated.into())
}

/// The request in a body.
pub(super) fn request(headers: &HeaderMap, body: &Bytes) -> Result<InferRequest, Problem> {
    match headers.get(JSON_BYTES) {
        None => Ok(InferRequest::from_json(body)?),
        Some(length) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok()).ok_or_else(|| {
                let detail = "`Inference-Header-Content-Length` is no number of bytes";
                Problem::invalid("invalid_body", detail)
            })?;
            Ok(binary::read(body, length)?)
        }
    }
}

/// The response with who answered in its headers.
pub(crate) fn response(answer: InferResponse) -> Response {
    let mut headers = HeaderMap::with_capacity(6);
    tell_route(&answer, &mut headers);
    let (body, json_bytes) = binary::write(answer);
    let kind = if json_bytes.is_some() { "application/octet-stream" } else { "application/json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(json_bytes) = json_bytes {
        headers.insert(JSON_BYTES, HeaderValue::from(json_bytes));
    }
    (headers, body).into_response()
}

/// Says who answered.
pub(crate) fn tell_route(answer: &InferResponse, headers: &mut HeaderMap) {
    if let Ok(version) = HeaderValue::from_str(&answer.model_version) {
        headers.insert(VERSION, version);
    }
    headers.insert(VARIANT, HeaderValue::from_static(answer.route.variant.word()));
    if let Some(reason) = &answer.route.fallback {
        let plain: String =
            reason.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).take(200).collect();
        if let Ok(reason) = HeaderValue::from_str(&plain) {
            headers.insert(FALLBACK, reason);
        }
    }
}
