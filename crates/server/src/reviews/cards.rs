//! Model cards and datasheets: read as JSON or as a page, written field by field.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base::Kind;
use governance::{Action, ObjectKind};
use platform::{Cell, Sheet, SheetForm, SheetTable};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::LinkBase;
use crate::app::App;
use crate::extract::{Caller, Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// The longest address that links can begin with.
const MOST_BASE_BYTES: usize = 500;

pub(crate) fn routes() -> Routes {
    let model = may(Action::View, ObjectKind::Model).named_by("model");
    let dataset = may(Action::View, ObjectKind::Dataset).named_by("dataset");
    Routes::new()
        .documented(model, routes!(get_card))
        .documented(may(Action::Change, ObjectKind::Model).named_by("model"), routes!(write_card))
        .documented(model, routes!(get_card_page))
        .documented(dataset, routes!(get_datasheet))
        .documented(may(Action::Change, ObjectKind::Dataset).named_by("dataset"), routes!(write_datasheet))
        .documented(dataset, routes!(get_datasheet_page))
}

/// A model card or a datasheet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SheetBody {
    /// Its title.
    pub title: String,
    /// In a sentence or two.
    pub lead: String,
    /// What people wrote, by field; Markdown.
    pub fields: BTreeMap<String, String>,
    /// The fields that a policy asks for and nobody has filled.
    pub blank: Vec<String>,
    /// What is recorded.
    pub tables: Vec<SheetTableBody>,
    /// The metadata that Hugging Face's tools read.
    pub metadata: Value,
}

/// A part of what is recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SheetTableBody {
    /// Its title.
    pub title: String,
    /// The heads of its columns.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<SheetCell>>,
}

/// A value with where it comes from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SheetCell {
    /// The value in words.
    pub text: String,
    /// The page that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Fields that are about to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldsBody {
    /// Texts by field, in Markdown; an empty one makes a field blank.
    pub fields: BTreeMap<String, String>,
}

/// The card of a version: what people wrote, what is recorded, and what is still blank.
#[utoipa::path(get, path = "/api/v1/models/{model}/versions/{version}/card", tag = "reviews", params(("model" = String, Path), ("version" = String, Path)), responses((status = 200, body = SheetBody)))]
async fn get_card(
    State(app): State<App>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<SheetBody>, Problem> {
    Ok(Json(SheetBody::from(card(&app, &model, &version).await?)))
}

/// Writes fields of the card of a version. Approvals of reviews about it do not count any more.
#[utoipa::path(put, path = "/api/v1/models/{model}/versions/{version}/card", tag = "reviews", params(("model" = String, Path), ("version" = String, Path)), request_body = FieldsBody, responses((status = 200, body = SheetBody)))]
async fn write_card(
    State(app): State<App>,
    caller: Caller,
    Path((model, version)): Path<(String, String)>,
    Json(body): Json<FieldsBody>,
) -> Result<Json<SheetBody>, Problem> {
    let number = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?.number;
    app.platform().write_card(&model, number, body.fields, &caller.actor()).await?;
    Ok(Json(SheetBody::from(app.platform().card(&model, number).await?)))
}

/// The datasheet of a dataset.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/datasheet", tag = "reviews", params(("dataset" = String, Path)), responses((status = 200, body = SheetBody)))]
async fn get_datasheet(
    State(app): State<App>,
    Path(dataset): Path<String>,
) -> Result<Json<SheetBody>, Problem> {
    Ok(Json(SheetBody::from(app.platform().datasheet(&dataset).await?)))
}

/// Writes fields of the datasheet of a dataset.
#[utoipa::path(put, path = "/api/v1/datasets/{dataset}/datasheet", tag = "reviews", params(("dataset" = String, Path)), request_body = FieldsBody, responses((status = 200, body = SheetBody)))]
async fn write_datasheet(
    State(app): State<App>,
    caller: Caller,
    Path(dataset): Path<String>,
    Json(body): Json<FieldsBody>,
) -> Result<Json<SheetBody>, Problem> {
    app.platform().write_datasheet(&dataset, body.fields, &caller.actor()).await?;
    Ok(Json(SheetBody::from(app.platform().datasheet(&dataset).await?)))
}

async fn card(app: &App, model: &str, version: &str) -> Result<Sheet, Problem> {
    let number = registry::resolve(&mut app.db().read().await?, model, &version.parse()?).await?.number;
    Ok(app.platform().card(model, number).await?)
}

/// The card of a version as `markdown`, `html`, or with the metadata of `huggingface`.
#[utoipa::path(get, path = "/api/v1/models/{model}/versions/{version}/card/{form}", tag = "reviews", params(("model" = String, Path), ("version" = String, Path), ("form" = String, Path), LinkBase), responses((status = 200, description = "the page", content_type = "text/markdown", body = String)))]
async fn get_card_page(
    State(app): State<App>,
    Path((model, version, form)): Path<(String, String, String)>,
    Query(links): Query<LinkBase>,
) -> Result<Response, Problem> {
    page(&card(&app, &model, &version).await?, &form, &links.base)
}

/// The datasheet of a dataset as `markdown`, `html`, or with the metadata of `huggingface`.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/datasheet/{form}", tag = "reviews", params(("dataset" = String, Path), ("form" = String, Path), LinkBase), responses((status = 200, description = "the page", content_type = "text/markdown", body = String)))]
async fn get_datasheet_page(
    State(app): State<App>,
    Path((dataset, form)): Path<(String, String)>,
    Query(links): Query<LinkBase>,
) -> Result<Response, Problem> {
    page(&app.platform().datasheet(&dataset).await?, &form, &links.base)
}

fn page(sheet: &Sheet, form: &str, base: &str) -> Result<Response, Problem> {
    let (form, kind) = match form {
        "markdown" => (SheetForm::Markdown, "text/markdown; charset=utf-8"),
        "html" => (SheetForm::Html, "text/html; charset=utf-8"),
        "huggingface" => (SheetForm::HuggingFace, "text/markdown; charset=utf-8"),
        other => {
            let detail = format!("a card is not written as `{other}`");
            return Err(Problem::new(Kind::Invalid, "invalid_path", detail)
                .with_hint("write `markdown`, `html` or `huggingface`"));
        }
    };
    let begins = base.is_empty() || base.starts_with("https://") || base.starts_with("http://");
    let plain = base.bytes().all(|byte| byte.is_ascii_graphic() && !br#"<>"'()"#.contains(&byte));
    if !begins || !plain || base.len() > MOST_BASE_BYTES {
        return Err(Problem::new(Kind::Invalid, "invalid_query", "`base` is no address of a server")
            .with_hint("such as `https://gingham.example.org`"));
    }
    let text = sheet.written(form, base.trim_end_matches('/'));
    let guard = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, guard)], text).into_response())
}

impl From<Sheet> for SheetBody {
    fn from(sheet: Sheet) -> Self {
        let Sheet { title, lead, fields, blank, tables, metadata } = sheet;
        SheetBody {
            title,
            lead,
            fields,
            blank,
            tables: tables.into_iter().map(Into::into).collect(),
            metadata,
        }
    }
}

impl From<SheetTable> for SheetTableBody {
    fn from(table: SheetTable) -> Self {
        let cell = |Cell { text, link }| SheetCell { text, link };
        let rows = table.rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
        SheetTableBody { title: table.title, columns: table.columns, rows }
    }
}
