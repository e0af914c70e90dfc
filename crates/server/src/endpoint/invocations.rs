//! What MLflow's scoring server answers, for each deployment: `/invocations`, `/ping`, `/version`.

use ::serving::oip::InferRequest;
use ::serving::{FieldKind, Signature};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use governance::{Action, ObjectKind};
use serde_json::{Map, Value};

use super::csv;
use super::tabular::{self, Gathered};
use crate::extract::{Body, Path};
use crate::oip::context::inference;
use crate::oip::payload::inflated;
use crate::oip::{Deployments, REQUEST_BYTES, predicting};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Deployment).named_by("name");
    Routes::new()
        .post("/serve/{name}/invocations", predicting(), post_invocations)
        .get("/serve/{name}/ping", view, get_ping)
        .get("/serve/{name}/health", view, get_ping)
        .get("/serve/{name}/version", view, get_version)
}

async fn get_ping(
    Deployments(serving): Deployments,
    Path(name): Path<String>,
) -> Result<&'static str, Problem> {
    serving.metadata(&name, None)?;
    Ok("\n")
}

/// The version of MLflow whose scoring formats these are.
async fn get_version() -> &'static str {
    "3.12.0"
}

async fn post_invocations(
    Deployments(serving): Deployments,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let body = inflated(&headers, body, REQUEST_BYTES)?;
    let loaded = serving.current(&name)?;
    let signature = loaded.engine.signature();
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/json");
    let (request, parameters) = match kind.split(';').next().unwrap_or_default().trim() {
        "text/csv" => (from_csv(signature, &body)?, Map::new()),
        "application/json" => from_json(signature, &body)?,
        other => {
            let detail = format!("`{}` is not read here", other.chars().take(60).collect::<String>());
            return Err(Problem::invalid("content_type_unknown", detail)
                .with_status(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .with_hint("send `application/json` or `text/csv`"));
        }
    };
    let first = loaded.engine.gives_first_alone().then_some(signature.output.as_str());
    let request = tabular::asking(request, parameters, first)?;
    Ok(tabular::predictions(&serving.infer(&name, request, inference(&headers, None)).await?))
}

fn from_csv(signature: &Signature, body: &[u8]) -> Result<InferRequest, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|_| Problem::invalid("invalid_body", "the table is not UTF-8"))?;
    let mut rows = csv::read(text)?.into_iter();
    let header = rows.next().unwrap_or_default();
    let numbers: Vec<bool> = header
        .iter()
        .map(|name| {
            let field = signature.inputs.iter().find(|field| field.name == *name);
            field.is_some_and(|field| field.kind == FieldKind::Number)
        })
        .collect();
    let mut gathered = Gathered::new(signature);
    for (number, row) in rows.enumerate() {
        if row.len() != header.len() {
            let detail = format!("row {number} has {} cells, the header {}", row.len(), header.len());
            return Err(Problem::invalid("shape_invalid", detail));
        }
        for ((name, cell), number) in header.iter().zip(row).zip(&numbers) {
            gathered.put(name, csv::value(cell, *number))?;
        }
        gathered.end_row();
    }
    Ok(gathered.request(Map::new()))
}

fn from_json(signature: &Signature, body: &[u8]) -> Result<(InferRequest, Map<String, Value>), Problem> {
    let mut body = tabular::object(body)?;
    let parameters = match body.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(Problem::invalid("field_type", "`params`: it is no object")),
    };
    let forms = ["dataframe_split", "dataframe_records", "instances", "inputs"];
    let mut given = forms.into_iter().filter_map(|form| Some((form, body.remove(form)?)));
    let (form, value) = given.next().ok_or_else(|| {
        Problem::invalid("field_missing", "the body holds no rows")
            .with_hint("send one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`")
    })?;
    if let Some((other, _)) = given.next() {
        return Err(Problem::invalid(
            "field_repeated",
            format!("the body holds both `{form}` and `{other}`"),
        ));
    }
    let request = match (form, value) {
        ("dataframe_split", Value::Object(split)) => from_split(signature, split)?,
        ("inputs", Value::Object(columns)) => from_columns(signature, columns)?,
        ("dataframe_split", _) => {
            return Err(Problem::invalid("field_type", "`dataframe_split`: it is no object"));
        }
        (form, Value::Array(rows)) => tabular::rows(signature, rows, form)?,
        (form, _) => return Err(Problem::invalid("field_type", format!("`{form}`: it is no list"))),
    };
    Ok((request, parameters))
}

/// `{"columns": […], "data": [[…], …]}`; an `index` is passed over.
fn from_split(signature: &Signature, mut split: Map<String, Value>) -> Result<InferRequest, Problem> {
    let Some(Value::Array(data)) = split.remove("data") else {
        return Err(Problem::invalid("field_missing", "`dataframe_split`: it has no list `data`"));
    };
    let Some(Value::Array(columns)) = split.remove("columns") else {
        return tabular::rows(signature, data, "data");
    };
    let columns: Vec<String> = columns
        .into_iter()
        .map(|column| match column {
            Value::String(name) => name,
            other => other.to_string(),
        })
        .collect();
    let mut gathered = Gathered::new(signature);
    for (number, row) in data.into_iter().enumerate() {
        let row = match row {
            Value::Array(row) if row.len() == columns.len() => row,
            _ => {
                let detail = format!("row {number} is no list of {} values", columns.len());
                return Err(Problem::invalid("shape_invalid", detail));
            }
        };
        for (name, value) in columns.iter().zip(row) {
            gathered.put(name, value)?;
        }
        gathered.end_row();
    }
    Ok(gathered.request(Map::new()))
}

/// Named tensors: a list for each input, or one value for all.
fn from_columns(signature: &Signature, columns: Map<String, Value>) -> Result<InferRequest, Problem> {
    let rows = columns.values().map(|value| value.as_array().map_or(1, Vec::len)).max().unwrap_or(0);
    let mut lists: Vec<(String, std::vec::IntoIter<Value>)> = Vec::new();
    for (name, value) in columns {
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        if values.len() != rows {
            let detail = format!("`{name}`: it has {} rows, another input has {rows}", values.len());
            return Err(Problem::invalid("rows_unequal", detail));
        }
        lists.push((name, values.into_iter()));
    }
    let mut gathered = Gathered::new(signature);
    for _ in 0..rows {
        for (name, values) in &mut lists {
            if let Some(value) = values.next() {
                gathered.put(name, value)?;
            }
        }
        gathered.end_row();
    }
    Ok(gathered.request(Map::new()))
}
