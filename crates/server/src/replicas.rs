//! Replicas: what they are told, and what a process that is one answers.

use axum::extract::State;
use axum::http::Uri;
use base::{Digest, Kind};
use governance::{Account, Action, Grant, ObjectKind, Principal, Role};
use platform::replica::Feed;
use registry::{Pointer, Version};
use serde::Deserialize;
use utoipa_axum::routes;

use crate::app::App;
use crate::extract::{Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// How a process behaves that is a replica.
#[derive(Clone, Debug)]
pub struct ReplicaSettings {
    /// The deployments that it serves; it is ready when all of them answer.
    pub deployments: Vec<String>,
    /// Who may ask it.
    pub access: ReplicaAccess,
}

/// Who may ask a replica for predictions. Nobody may do anything else.
#[derive(Clone, Debug)]
pub enum ReplicaAccess {
    /// Whoever reaches it.
    Open,
    /// Whoever shows the token with this digest; a program on the same machine too, while only that can reach it.
    Token(Digest),
}

impl ReplicaAccess {
    /// Access by a token.
    #[must_use]
    pub fn by_token(token: &str) -> Self {
        Self::Token(Digest::of(token.as_bytes()))
    }

    /// Who shows this token, or none. Digests are compared, so that the time it takes tells nothing of the token.
    pub(crate) fn principal(&self, presented: Option<&str>, is_local: bool) -> Option<Principal> {
        let may = match (self, presented) {
            (Self::Open, _) => true,
            (Self::Token(digest), Some(token)) => Digest::of(token.as_bytes()) == *digest,
            (Self::Token(_), None) => is_local,
        };
        may.then(|| {
            Principal::Service(Account {
                id: "client".to_owned(),
                name: "client".to_owned(),
                token_id: "client".to_owned(),
                grants: vec![Grant::everywhere(Role::Analyst)],
            })
        })
    }
}

/// Whether this process should get requests.
pub(crate) fn is_ready(app: &App) -> bool {
    let stopping = *app.stopping().borrow();
    let all_answer = app.settings().replica.as_ref().is_none_or(|replica| {
        replica.deployments.iter().all(|name| app.platform().serving.current(name).is_ok())
    });
    !stopping && all_answer
}

pub(crate) fn routes() -> Routes {
    let feed = may(Action::View, ObjectKind::Deployment).named_by("deployment");
    let version = may(Action::View, ObjectKind::Model).named_by("model");
    Routes::new()
        .documented(feed, routes!(get_deployment_feed))
        .documented(version, routes!(get_version_to_run))
}

/// What a replica answers at addresses that it does not have.
pub(crate) fn nowhere() -> Routes {
    Routes::new().fallback(may(Action::View, ObjectKind::Health), async |uri: Uri| {
        let detail = format!("a replica has nothing at `{}`", uri.path());
        Problem::new(Kind::NotFound, "route_not_found", detail)
            .with_hint("ask the server that it is fed by; a replica answers predictions, health and metrics")
    })
}

/// Everything that a replica needs to serve a deployment: versions, limits, how requests are shared out.
#[utoipa::path(
    get,
    path = "/api/v1/deployments/{deployment}/feed",
    tag = "deployments",
    params(("deployment" = String, Path)),
    responses((status = 200, body = Object))
)]
async fn get_deployment_feed(
    State(app): State<App>,
    Path(deployment): Path<String>,
) -> Result<Json<Feed>, Problem> {
    Ok(Json(app.platform().feed(&deployment).await?))
}

#[derive(Deserialize)]
struct Asked {
    model: String,
    pointer: String,
}

/// A version, by its number or an alias, as whoever wants to run it elsewhere needs it.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/to-run/{pointer}",
    tag = "models",
    params(("model" = String, Path), ("pointer" = String, Path)),
    responses((status = 200, body = Object))
)]
async fn get_version_to_run(
    State(app): State<App>,
    Path(asked): Path<Asked>,
) -> Result<Json<Version>, Problem> {
    let pointer = match asked.pointer.parse() {
        Ok(number) => Pointer::Number(number),
        Err(_) => Pointer::Alias(asked.pointer),
    };
    Ok(Json(app.platform().version_to_run(&asked.model, &pointer).await?))
}
