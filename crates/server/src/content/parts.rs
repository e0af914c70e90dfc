//! Parts of content: which are missing, and packs of them in and out.

use artifacts::{PartId, Trust};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::extract::{Body, Json};
use crate::problem::Problem;

/// How many parts may be named in one request.
const MOST_PARTS: usize = 16_384;

/// Names of parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    parts: Vec<PartId>,
}

impl Parts {
    fn checked(self) -> Result<Vec<PartId>, Problem> {
        if self.parts.is_empty() || self.parts.len() > MOST_PARTS {
            let detail = format!("`parts` must name 1 to {MOST_PARTS} parts");
            return Err(Problem::invalid("invalid_value", detail));
        }
        Ok(self.parts)
    }
}

/// Runs what blocks with the store.
pub(super) async fn with_store<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&artifacts::Artifacts) -> artifacts::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let store = app.platform().artifacts.clone();
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(done) => Ok(done?),
        Err(error) => {
            Err(Problem::new(base::Kind::Internal, "internal", "the work broke off")
                .caused_by(error.to_string()))
        }
    }
}

/// Which of the parts are not here.
pub(super) async fn missing(
    State(app): State<App>,
    Json(asked): Json<Parts>,
) -> Result<Json<Value>, Problem> {
    let parts = asked.checked()?;
    let missing = with_store(&app, move |store| store.missing_parts(&parts)).await?;
    Ok(Json(json!({"missing": missing})))
}

/// A pack with the first of the parts.
pub(super) async fn take(State(app): State<App>, Json(asked): Json<Parts>) -> Result<Response, Problem> {
    let parts = asked.checked()?;
    let pack = with_store(&app, move |store| store.export_parts(&parts)).await?;
    let mut response = pack.into_response();
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    Ok(response)
}

/// Takes a pack in. Nothing that it claims is believed: every chunk is hashed, and every blob as a whole.
pub(super) async fn give(State(app): State<App>, Body(pack): Body) -> Result<Json<Value>, Problem> {
    with_store(&app, move |store| store.import_parts(&pack, Trust::Nobody)).await?;
    Ok(Json(json!({})))
}
