//! `upload-artifact`: one small file for a run, as MLflow's own interface sends it.

use artifacts::{Artifacts, SafePath};
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::failure::Failure;
use super::files::{ROOT, below};
use crate::app::App;

/// The largest file that comes this way, in bytes.
pub(super) const LIMIT_BYTES: usize = 10 * 1_024 * 1_024;

/// Stores the body as the file `path` of the run `run_uuid`; both are parameters of the query.
pub(super) async fn of_run(
    State(app): State<App>,
    Extension(artifacts): Extension<Artifacts>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    let parameter = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.into_owned())
            .ok_or_else(|| Failure::invalid(format!("Request must specify {name}.")))
    };
    let run = parameter("run_uuid")?;
    let path = parameter("path")?;
    let run = experiments::get_run(&mut app.db().read().await?, &run).await?;
    let path = below(&run.artifact_uri, &path)?;
    let content = axum::body::to_bytes(body, LIMIT_BYTES)
        .await
        .map_err(|_| Failure::invalid("Artifact size is too large. Max size is 10MB."))?;
    if content.is_empty() {
        return Err(Failure::invalid("Request must specify data."));
    }
    let content = futures::stream::iter([Ok(content)]);
    artifacts.write(&SafePath::parse(ROOT)?, &path, content).await?;
    // As MLflow's own server: called JSON, and empty.
    Ok(([(header::CONTENT_TYPE, "application/json")], ()).into_response())
}
