//! Artifacts: listings, and the proxy through which clients upload and download. Contents are streamed both ways.

pub(super) mod multipart;
mod ranges;

use artifacts::{Artifacts, FileKind, Listed, SafePath};
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Digest, Failure as _, Kind, PageRequest};
use futures::TryStreamExt;
use serde_json::{Map, Value, json};

use super::Answer;
use super::asked::Asked;
use super::failure::Failure;
use crate::app::App;
use crate::problem::Problem;

/// The scheme of locations that this server keeps.
const SCHEME: &str = "mlflow-artifacts:";
/// The root in the artifact store that holds `<experiment>/<run>/artifacts/…`.
pub(crate) const ROOT: &str = "mlflow";
/// Entries of one page of a listing.
const PAGE: usize = PageRequest::MOST;
/// Entries of a listing that has no pages.
const MOST_LISTED: usize = 100_000;

/// The artifact store, put into each request as an extension by whoever assembles the server.
#[derive(Clone, Debug)]
pub(super) struct Store(Artifacts);

impl<S: Sync> FromRequestParts<S> for Store {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match parts.extensions.get::<Artifacts>() {
            Some(artifacts) => Ok(Self(artifacts.clone())),
            None => {
                Err(Problem::new(Kind::Unsupported, "no_artifact_store", "this server keeps no artifacts")
                    .into())
            }
        }
    }
}

fn root() -> Result<SafePath, Failure> {
    Ok(SafePath::parse(ROOT)?)
}

/// The path in the store of a location such as `mlflow-artifacts:/0/<run>/artifacts`.
fn path_of(location: &str) -> Result<SafePath, Failure> {
    let Some(rest) = location.strip_prefix(SCHEME) else {
        return Err(Failure::invalid(format!(
            "The artifacts at '{location}' are not kept by this server; read them from there."
        )));
    };
    // `mlflow-artifacts://host/path` names a host; the path is what counts here.
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    Ok(SafePath::parse(path.strip_prefix('/').unwrap_or(path).trim_end_matches('/'))?)
}

/// The path in the store of something below a location.
pub(super) fn below(location: &str, path: &str) -> Result<SafePath, Failure> {
    let base = path_of(location)?;
    match path.trim_end_matches('/') {
        "" => Ok(base),
        path => Ok(base.join(&SafePath::parse(path)?)?),
    }
}

impl Store {
    /// Freezes the files at a location as a tree and answers its digest; nothing if they are not here.
    pub(super) async fn freeze(&self, location: &str) -> Result<Option<Digest>, Failure> {
        if !location.starts_with(SCHEME) {
            return Ok(None);
        }
        let tree = self.0.freeze(&root()?, Some(&path_of(location)?)).await?;
        Ok((tree.files > 0).then_some(tree.digest))
    }

    /// Streams a file, or the part of it that the headers ask for.
    pub(super) async fn send(&self, path: &SafePath, headers: &HeaderMap) -> Result<Response, Failure> {
        let missing = || artifacts::Error::FileNotFound { root: ROOT.to_owned(), path: path.to_string() };
        let blob = self.0.find_file(&root()?, path).await?.ok_or_else(missing)?;
        let tag = ranges::tag(blob.digest);
        let (status, range) = match ranges::asked(headers, &tag, blob.bytes) {
            ranges::Asked::Whole => (StatusCode::OK, None),
            ranges::Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
            ranges::Asked::Nothing => (StatusCode::NOT_MODIFIED, None),
            ranges::Asked::Nowhere => (StatusCode::RANGE_NOT_SATISFIABLE, None),
        };
        let mut response = match status {
            StatusCode::NOT_MODIFIED => status.into_response(),
            StatusCode::RANGE_NOT_SATISFIABLE => multipart::nowhere(blob.bytes).into_response(),
            _ => {
                let reader = self.0.get_blob(blob.digest, range.clone()).await?;
                let length = reader.range.end - reader.range.start;
                let body = Body::from_stream(reader.content.map_err(std::io::Error::other));
                let mut response = (status, body).into_response();
                response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
                response
            }
        };
        let name: String = path
            .name()
            .chars()
            .map(|c| if c.is_ascii_graphic() && !"\"\\%".contains(c) { c } else { '_' })
            .collect();
        let fields = [
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
            (header::ETAG, tag),
            (
                header::CONTENT_RANGE,
                match (&range, status) {
                    (Some(range), _) => format!("bytes {}-{}/{}", range.start, range.end - 1, blob.bytes),
                    (None, StatusCode::RANGE_NOT_SATISFIABLE) => format!("bytes */{}", blob.bytes),
                    _ => String::new(),
                },
            ),
        ];
        let headers = response.headers_mut();
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if status.is_success() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            // Says that the bytes go as they are: packing gigabytes of model files costs more than it saves.
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
        }
        headers
            .insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        for (field, value) in fields {
            if let Ok(value) = HeaderValue::from_str(&value)
                && !value.is_empty()
            {
                headers.insert(field, value);
            }
        }
        Ok(response)
    }

    /// What lies right below a path; `shown` turns a stored path into the one that the client sees.
    async fn list(
        &self,
        path: Option<&SafePath>,
        page: &PageRequest,
        shown: impl Fn(&SafePath) -> String,
    ) -> Result<(Vec<Value>, Option<String>), Failure> {
        let page = self.0.list(&root()?, path, page).await?;
        let files = page
            .items
            .iter()
            // MLflow's clients take the listing of a file for an empty one.
            .filter(|listed| path != Some(&listed.path))
            .map(|listed| file_shape(listed, shown(&listed.path)))
            .collect();
        Ok((files, page.next_cursor))
    }
}

fn file_shape(listed: &Listed, path: String) -> Value {
    let mut shape = Map::new();
    shape.insert("path".to_owned(), path.into());
    shape.insert("is_dir".to_owned(), (listed.kind == FileKind::Folder).into());
    if let Some(blob) = &listed.blob {
        shape.insert("file_size".to_owned(), blob.bytes.into());
    }
    Value::Object(shape)
}

async fn list_below(store: &Store, location: &str, asked: &Asked, parameter: &str) -> Answer {
    let base = path_of(location)?;
    let path = below(location, asked.text(parameter)?.unwrap_or_default())?;
    let page = PageRequest::after(PAGE, asked.text("page_token")?.map(str::to_owned));
    let prefix = format!("{base}/");
    let relative = |path: &SafePath| path.as_str().strip_prefix(&prefix).unwrap_or(path.as_str()).to_owned();
    let (files, next) = store.list(Some(&path), &page, relative).await?;
    let mut shape = Map::new();
    shape.insert("root_uri".to_owned(), location.into());
    if !files.is_empty() {
        shape.insert("files".to_owned(), files.into());
    }
    if let Some(next) = next {
        shape.insert("next_page_token".to_owned(), next.into());
    }
    Ok(Json(Value::Object(shape)))
}

/// `artifacts/list`: what a run has stored.
pub(super) async fn list_of_run(State(app): State<App>, store: Store, asked: Asked) -> Answer {
    let run = experiments::get_run(&mut app.db().read().await?, asked.run_id()?).await?;
    list_below(&store, &run.artifact_uri, &asked, "path").await
}

/// `logged-models/<id>/artifacts/directories`: what a logged model consists of.
pub(super) async fn list_of_model(
    State(app): State<App>,
    store: Store,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let model = experiments::get_logged_model(&mut app.db().read().await?, &id).await?;
    list_below(&store, &model.artifact_uri, &asked, "artifact_directory_path").await
}

/// `logged-models/<id>/artifacts/files`: one file of a logged model, for MLflow's own interface.
pub(super) async fn get_of_model(
    State(app): State<App>,
    store: Store,
    Path(id): Path<String>,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, Failure> {
    let model = experiments::get_logged_model(&mut app.db().read().await?, &id).await?;
    store.send(&below(&model.artifact_uri, asked.required("artifact_file_path")?)?, &headers).await
}

/// `/get-artifact`: one file of a run, for MLflow's own interface.
pub(super) async fn get_of_run(
    State(app): State<App>,
    store: Store,
    headers: HeaderMap,
    asked: Asked,
) -> Result<Response, Failure> {
    let path = match asked.text("path")? {
        Some(path) => path,
        None => asked.required("path")?,
    };
    let run = experiments::get_run(&mut app.db().read().await?, asked.run_id()?).await?;
    store.send(&below(&run.artifact_uri, path)?, &headers).await
}

/// The proxy's listing: names below a path, without the path.
pub(super) async fn proxy_list(store: Store, asked: Asked) -> Answer {
    let path =
        match asked.text("path")?.map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty()) {
            Some(path) => Some(SafePath::parse(path)?),
            None => None,
        };
    let mut files = Vec::new();
    let mut page = PageRequest::first(PAGE);
    loop {
        let (more, next) = store.list(path.as_ref(), &page, |path| path.name().to_owned()).await?;
        files.extend(more);
        if next.is_none() || files.len() >= MOST_LISTED {
            break;
        }
        page.cursor = next;
    }
    Ok(Json(if files.is_empty() { json!({}) } else { json!({"files": files}) }))
}

/// The proxy's download.
pub(super) async fn proxy_get(
    store: Store,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    store.send(&SafePath::parse(&path)?, &headers).await
}

/// The proxy's upload; nothing is seen of it before all of it is stored.
pub(super) async fn proxy_put(store: Store, Path(path): Path<String>, body: Body) -> Answer {
    let path = SafePath::parse(&path)?;
    let content = body.into_data_stream().map_err(std::io::Error::other);
    store.0.write(&root()?, &path, content).await?;
    Ok(super::nothing())
}

/// The proxy's removal of a file or folder; what is not there is removed already.
pub(super) async fn proxy_delete(store: Store, Path(path): Path<String>) -> Answer {
    match store.0.delete(&root()?, &SafePath::parse(path.trim_end_matches('/'))?).await {
        Err(error) if error.kind() == Kind::NotFound => {}
        other => other?,
    }
    Ok(super::nothing())
}
