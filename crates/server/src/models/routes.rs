//! Models, versions and promotions.

use axum::extract::State;
use db::Read;
use governance::{Action, ObjectKind};
use registry::{AliasChange, Expected, Filter, ModelQuery};
use serde_json::Value;
use utoipa_axum::routes;

use super::wire::{
    AliasBody, DecisionBody, MetricBody, ModelBody, ModelPage, ModelSummary, MoveAlias, MovedAlias,
    PromotionBody, PromotionPage, VersionBody, VersionPage,
};
use crate::app::App;
use crate::extract::{Caller, Json, Paging, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// How many versions stand on the page of a model.
const VERSIONS_SHOWN: usize = 20;
/// The alias whose version a summary speaks of, and the metric it is judged by unless the file says otherwise.
const IN_USE: &str = "champion";
const USUAL_METRIC: &str = "mae";

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Model);
    Routes::new()
        .documented(view, routes!(list_models))
        .documented(view.named_by("model"), routes!(get_model))
        .documented(view.named_by("model"), routes!(list_versions))
        .documented(view.named_by("model"), routes!(get_version))
        .documented(view.named_by("model"), routes!(list_promotions))
        .documented(may(Action::Promote, ObjectKind::Model).named_by("model"), routes!(move_alias))
}

/// The models, by name.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(Paging), responses((status = 200, body = ModelPage)))]
async fn list_models(
    State(app): State<App>,
    Query(paging): Query<Paging>,
) -> Result<Json<ModelPage>, Problem> {
    let mut read = app.db().read().await?;
    summaries(&mut read, &paging).await.map(Json)
}

/// A page of models as lists show them.
pub(crate) async fn summaries(read: &mut Read, paging: &Paging) -> Result<ModelPage, Problem> {
    let page = paging.request();
    let query =
        ModelQuery { filter: Filter::everything(), order: Vec::new(), limit: page.limit, token: page.cursor };
    let found = registry::search_models(read, &query).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for model in found.items {
        items.push(summary(read, model).await?);
    }
    Ok(ModelPage { items, next_cursor: found.next_token })
}

async fn summary(read: &mut Read, model: registry::Model) -> Result<ModelSummary, Problem> {
    let metric = metric_in_use(read, &model).await?;
    Ok(ModelSummary {
        metric,
        deployment: None,
        alerts_firing: 0,
        aliases: model.aliases.iter().map(|alias| (alias.alias.clone(), alias.version)).collect(),
        name: model.name,
        project: model.project,
        description: model.description,
        owner: model.owner,
        latest_version: model.latest_version,
        updated_at: model.updated_at,
    })
}

/// A model with its file, aliases and newest versions.
#[utoipa::path(get, path = "/api/v1/models/{model}", tag = "models", params(("model" = String, Path)), responses((status = 200, body = ModelBody)))]
async fn get_model(State(app): State<App>, Path(model): Path<String>) -> Result<Json<ModelBody>, Problem> {
    let mut read = app.db().read().await?;
    let model = registry::get_model(&mut read, &model).await?;
    let newest = registry::list_versions(&mut read, &model.name, VERSIONS_SHOWN, None).await?;
    let versions = with_decisions(&mut read, newest.items).await?;
    let summary = summary(&mut read, model.clone()).await?;
    Ok(Json(ModelBody {
        name: summary.name,
        project: summary.project,
        description: summary.description,
        owner: summary.owner,
        latest_version: summary.latest_version,
        deployment: summary.deployment,
        alerts_firing: summary.alerts_firing,
        metric: summary.metric,
        updated_at: summary.updated_at,
        spec: Value::Null,
        aliases: model.aliases.into_iter().map(AliasBody::from).collect(),
        versions,
    }))
}

/// The versions of a model, newest first.
#[utoipa::path(get, path = "/api/v1/models/{model}/versions", tag = "models", params(("model" = String, Path), Paging), responses((status = 200, body = VersionPage)))]
async fn list_versions(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<VersionPage>, Problem> {
    let mut read = app.db().read().await?;
    let page = paging.request();
    registry::get_model(&mut read, &model).await?;
    let found = registry::list_versions(&mut read, &model, page.limit, page.cursor).await?;
    let items = with_decisions(&mut read, found.items).await?;
    Ok(Json(VersionPage { items, next_cursor: found.next_token }))
}

/// A version with all that is known about it.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/versions/{version}",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    responses((status = 200, body = VersionBody))
)]
async fn get_version(
    State(app): State<App>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<VersionBody>, Problem> {
    let mut read = app.db().read().await?;
    let found = registry::resolve(&mut read, &model, &version.parse()?).await?;
    let whole = registry::get_version(&mut read, &model, found.number).await?;
    let promotion = registry::promotion_of(&mut read, &model, whole.number).await?;
    Ok(Json(VersionBody { promotion: promotion.map(DecisionBody::from), ..VersionBody::from(whole) }))
}

/// Which versions were weighed for an alias, and why they took it or not; newest first.
#[utoipa::path(get, path = "/api/v1/models/{model}/promotions", tag = "models", params(("model" = String, Path), Paging), responses((status = 200, body = PromotionPage)))]
async fn list_promotions(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<PromotionPage>, Problem> {
    let page = paging.request();
    let mut read = app.db().read().await?;
    let found = registry::list_promotions(&mut read, &model, page.limit, page.cursor.as_deref()).await?;
    let items = found.items.into_iter().map(PromotionBody::from).collect();
    Ok(Json(PromotionPage { items, next_cursor: found.next_token }))
}

/// Points an alias at a version.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/aliases/{alias}",
    tag = "models",
    params(("model" = String, Path), ("alias" = String, Path)),
    request_body = MoveAlias,
    responses((status = 200, body = MovedAlias))
)]
async fn move_alias(
    State(app): State<App>,
    caller: Caller,
    Path((model, alias)): Path<(String, String)>,
    Json(asked): Json<MoveAlias>,
) -> Result<Json<MovedAlias>, Problem> {
    let expected = asked.expected_version.map_or(Expected::Anything, Expected::Version);
    let change = AliasChange { model, alias, version: asked.version, expected, reason: asked.reason };
    let (actor, now) = (caller.actor(), app.now());
    let moved = app
        .db()
        .write(move |tx| Box::pin(async move { registry::set_alias(tx, &change, &actor, now).await }))
        .await?;
    Ok(Json(MovedAlias::from(moved)))
}

async fn with_decisions(
    read: &mut Read,
    versions: Vec<registry::Version>,
) -> Result<Vec<VersionBody>, Problem> {
    let mut bodies = Vec::with_capacity(versions.len());
    for version in versions {
        let promotion = registry::promotion_of(read, &version.model, version.number).await?;
        bodies
            .push(VersionBody { promotion: promotion.map(DecisionBody::from), ..VersionBody::from(version) });
    }
    Ok(bodies)
}

/// The metric of the version in use, or of the newest.
async fn metric_in_use(read: &mut Read, model: &registry::Model) -> Result<Option<MetricBody>, Problem> {
    let Some(number) = model.alias(IN_USE).or(model.latest_version) else { return Ok(None) };
    let version = registry::get_version(read, &model.name, number).await?;
    let Some(Value::Object(metrics)) = version.metrics else { return Ok(None) };
    let found =
        metrics.get_key_value(USUAL_METRIC).or_else(|| metrics.iter().find(|(_, value)| value.is_number()));
    Ok(found.map(|(name, value)| MetricBody { name: name.clone(), value: value.as_f64() }))
}
