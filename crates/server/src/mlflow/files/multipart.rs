//! Uploads and downloads in parts, as MLflow's clients do them where a bucket is behind the server.
//!
//! The addresses that such a client is given for its parts are addresses of this server; it sends no
//! credentials of its own there, so those that it came with are given back to it as headers.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base::{Digest, Kind};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::super::Answer;
use super::super::asked::Asked;
use super::super::failure::Failure;
use super::{Store, ranges, root};
use crate::app::App;
use crate::problem::Problem;

/// Where the addresses of parts begin.
const BASE: &str = "/api/2.0/mlflow-artifacts";

/// The address of this server as the client knows it.
fn origin(headers: &HeaderMap) -> Result<String, Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("x-forwarded-host").or_else(|| text("host"));
    let host = host
        .filter(|host| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte)));
    let host = host.ok_or_else(|| Failure::invalid("The request does not say which host it is for."))?;
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    Ok(format!("{scheme}://{host}"))
}

/// What the client must send along with its parts.
fn credentials(headers: &HeaderMap) -> Value {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match given {
        Some(given) => json!({"Authorization": given}),
        None => json!({}),
    }
}

/// `mpu/create`: begins an upload into a folder; the file's name is the last part of `path`.
pub(in super::super) async fn create(
    State(app): State<App>,
    store: Store,
    Path(folder): Path<String>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    let local = asked.required("path")?;
    let name = local.rsplit(['/', '\\']).next().unwrap_or_default();
    let path = format!("{}/{name}", folder.trim_end_matches('/'));
    let path = artifacts::SafePath::parse(path.trim_start_matches('/'))?;
    let parts = asked.fields().int("num_parts")?.unwrap_or(1);
    if !(1..=i64::from(artifacts::MOST_PARTS)).contains(&parts) {
        let most = artifacts::MOST_PARTS;
        return Err(Failure::invalid(format!("'num_parts' must lie between 1 and {most}, but is {parts}.")));
    }
    let upload = store.0.begin_upload(&root()?, &path, app.now()).await?;
    let (origin, shared) = (origin(&headers)?, credentials(&headers));
    let credential = |part: i64| {
        json!({
            "url": format!("{origin}{BASE}/mpu/part/{}/{part}", upload.id),
            "part_number": part,
            "headers": shared,
        })
    };
    let listed: Vec<Value> = (1..=parts).map(credential).collect();
    Ok(Json(json!({"upload_id": upload.id, "credentials": listed})))
}

/// One part; its tag is answered, by which `mpu/complete` asks for it.
pub(in super::super) async fn put_part(
    store: Store,
    Path((upload, part)): Path<(String, u32)>,
    body: Body,
) -> Result<Response, Failure> {
    let content = body.into_data_stream().map_err(std::io::Error::other);
    let blob = store.0.put_part(&upload, part, content).await?;
    let mut response = super::super::nothing().into_response();
    if let Ok(tag) = HeaderValue::from_str(&ranges::tag(blob.digest)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// `mpu/complete`: makes the parts one file.
pub(in super::super) async fn complete(store: Store, Path(_): Path<String>, asked: Asked) -> Answer {
    let upload = asked.required("upload_id")?;
    let mut parts = Vec::new();
    for part in asked.list("parts")? {
        let number = part.int("part_number")?.and_then(|number| u32::try_from(number).ok());
        let tag = part.required("etag")?.trim_matches('"').parse::<Digest>().ok();
        let (Some(number), Some(tag)) = (number, tag) else {
            return Err(Failure::invalid(
                "Each of 'parts' must have a 'part_number' and the 'etag' that the part was answered with.",
            ));
        };
        parts.push((number, tag));
    }
    parts.sort_unstable();
    store.0.complete_upload(upload, &parts).await?;
    Ok(super::super::nothing())
}

/// `mpu/abort`: gives an upload up.
pub(in super::super) async fn abort(store: Store, Path(_): Path<String>, asked: Asked) -> Answer {
    store.0.abort_upload(asked.required("upload_id")?).await?;
    Ok(super::super::nothing())
}

/// `presigned`: the address at which a file can be had in ranges.
pub(in super::super) async fn presigned(
    store: Store,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let path = artifacts::SafePath::parse(&path)?;
    let found = store.0.find_file(&root()?, &path).await?;
    let blob = found.ok_or_else(|| Failure::missing(format!("There is no file '{path}'.")))?;
    let shown: Vec<String> = path.parts().map(percent_encoded).collect();
    let url = format!("{}{BASE}/artifacts/{}", origin(&headers)?, shown.join("/"));
    Ok(Json(json!({"url": url, "headers": credentials(&headers), "file_size": blob.bytes})))
}

/// `artifacts/presigned-upload-url`: refused in the words of MLflow's own server where it keeps the files itself.
pub(in super::super) async fn presigned_upload(asked: Asked) -> Result<Json<Value>, Failure> {
    asked.required("run_id")?;
    artifacts::SafePath::parse(asked.required("path")?)?;
    Err(Failure::invalid(
        "Presigned upload is not supported for runs with proxied artifact storage (artifact URI scheme: \
         mlflow-artifacts). This endpoint requires a run with a direct cloud storage artifact URI.",
    ))
}

fn percent_encoded(part: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The problem of bytes that a file does not have.
pub(super) fn nowhere(bytes: u64) -> Problem {
    Problem::new(Kind::Invalid, "INVALID_PARAMETER_VALUE", format!("The file has only {bytes} bytes."))
        .with_status(axum::http::StatusCode::RANGE_NOT_SATISFIABLE)
}
