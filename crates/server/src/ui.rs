//! The web interface: files that were built from `ui/` and are part of the binary.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use governance::{Action, ObjectKind};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Problem;
use crate::router::unknown_address;
use crate::routes::{Routes, may};

/// Built files are named by their content, so that they never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Everything else is asked for again each time, and answered with 304 when it is the same.
const ASK_AGAIN: &str = "no-cache";
/// The interface loads nothing from elsewhere, and nobody may frame it.
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
/// What is shown while the interface has not been built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Gingham</title>\
     <body style=\"font-family:system-ui;max-width:40rem;margin:4rem auto;line-height:1.5\">\
     <h1>Gingham is running</h1><p>This build carries no web interface. To make it, run \
     <code>npm ci &amp;&amp; npm run build</code> in the folder <code>ui</code> and build the program again.</p>\
     <p>The API is at <a href=\"/api/v1/info\"><code>/api/v1</code></a>, its description at \
     <a href=\"/api/v1/openapi.json\"><code>/api/v1/openapi.json</code></a>.</p></body></html>";

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Files;

pub(crate) fn routes() -> Routes {
    Routes::new().fallback(may(Action::View, ObjectKind::Interface), get_interface)
}

/// A file of the interface; the start page for any address that the interface itself routes.
async fn get_interface(method: Method, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(problem) = unknown_address(&method, &uri) {
        return Err(problem);
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path) {
        let cache = if path.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
        return Ok(respond(file, path, cache, &headers));
    }
    if path.starts_with("assets/") {
        return Err(Problem::not_found("file", "file_not_found", path));
    }
    match Files::get("index.html") {
        Some(file) => Ok(respond(file, "index.html", ASK_AGAIN, &headers)),
        None => Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()),
    }
}

fn respond(file: EmbeddedFile, path: &str, cache: &'static str, headers: &HeaderMap) -> Response {
    let tag: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("W/\"{tag}\"");
    let same = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.contains(&tag));
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, content_type(&file, path))], file.data.into_owned()).into_response()
    };
    let added = response.headers_mut();
    added.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    added.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    added.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        added.insert(header::ETAG, tag);
    }
    response
}

fn content_type(file: &EmbeddedFile, path: &str) -> String {
    let kind = file.metadata.mimetype();
    let text = kind.starts_with("text/") || path.ends_with(".js") || path.ends_with(".svg");
    if text { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}
