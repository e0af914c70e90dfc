//! The plain endpoint of a deployment: a row in, its prediction out, and a document that says so in types.

use ::serving::oip::{InferResponse, OutputData, PREDICTION_ID};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use governance::{Action, ObjectKind};
use serde_json::{Map, Value, json};

use super::describe;
use super::tabular::{Gathered, by_row};
use crate::extract::{Body, Json, Path};
use crate::oip::context::inference;
use crate::oip::payload::{inflated, tell_route};
use crate::oip::{Deployments, REQUEST_BYTES, predicting};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Deployment).named_by("name");
    Routes::new().post("/serve/{name}/predict", predicting(), post_predict).get(
        "/serve/{name}/openapi.json",
        view,
        get_document,
    )
}

/// One row as an object gets one answer as an object; a list of rows gets a list.
async fn post_predict(
    Deployments(serving): Deployments,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let body = inflated(&headers, body, REQUEST_BYTES)?;
    let loaded = serving.current(&name)?;
    let mut gathered = Gathered::new(loaded.engine.signature());
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid("invalid_body", format!("the body is not JSON: {error}")))?;
    let several = value.is_array();
    let rows = match value {
        Value::Array(rows) => rows,
        row => vec![row],
    };
    for (number, row) in rows.into_iter().enumerate() {
        let Value::Object(row) = row else {
            return Err(Problem::invalid("invalid_body", format!("row {number} is no object"))
                .with_hint(format!("`/serve/{name}/openapi.json` says what a row holds")));
        };
        gathered.object(row)?;
    }
    let parameters = Map::from_iter([("return_prediction_id".to_owned(), Value::Bool(true))]);
    let answer = serving.infer(&name, gathered.request(parameters), inference(&headers, None)).await?;
    let mut answers = answers(&answer);
    let body = if several { Value::Array(answers) } else { answers.pop().unwrap_or_default() };
    let mut response = axum::Json(body).into_response();
    tell_route(&answer, response.headers_mut());
    Ok(response)
}

fn answers(answer: &InferResponse) -> Vec<Value> {
    let ids = match answer.output(PREDICTION_ID).and_then(|output| output.data.as_ref()) {
        Some(OutputData::Texts(ids)) => ids.as_slice(),
        _ => &[],
    };
    let mut first = answer.outputs.iter().map(|output| output.name.as_str());
    let name = first.next().unwrap_or("prediction").to_owned();
    let rows = by_row(answer).into_iter().zip(ids);
    rows.map(|(values, id)| {
        let mut row = match values {
            Value::Object(values) => values,
            value => Map::from_iter([(name.clone(), value)]),
        };
        row.insert(PREDICTION_ID.to_owned(), json!(id));
        row.insert("model_version".to_owned(), json!(answer.model_version));
        Value::Object(row)
    })
    .collect()
}

async fn get_document(
    Deployments(serving): Deployments,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let loaded = serving.current(&name)?;
    Ok(Json(describe::document(&name, loaded.version, loaded.engine.signature())))
}
