//! Planning and applying a `gingham.yaml`.

use axum::extract::State;
use base::Kind;
use governance::{Action, Object, ObjectKind, decide};
use platform::spec::SpecSource;
use utoipa_axum::routes;

use super::wire::{PlanBody, SpecBody};
use crate::app::App;
use crate::extract::{Caller, Json};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// A file with its SQL is text of a few pages.
const SPEC_LIMIT_BYTES: usize = 8 * 1024 * 1024;

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Model).body_limit_bytes(SPEC_LIMIT_BYTES);
    let make = may(Action::Create, ObjectKind::Deployment).body_limit_bytes(SPEC_LIMIT_BYTES);
    Routes::new().documented(view, routes!(plan)).documented(make, routes!(apply))
}

/// What applying would change; changes nothing.
#[utoipa::path(post, path = "/api/v1/plan", tag = "apply", request_body = SpecBody, responses((status = 200, body = PlanBody)))]
async fn plan(State(app): State<App>, Json(asked): Json<SpecBody>) -> Result<Json<PlanBody>, Problem> {
    let plan = app.platform().plan(&source_of(asked)).await?;
    Ok(Json(PlanBody::from(plan)))
}

/// Makes what the file says. Applying the same file again changes nothing.
#[utoipa::path(post, path = "/api/v1/apply", tag = "apply", request_body = SpecBody, responses((status = 200, body = PlanBody)))]
async fn apply(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<SpecBody>,
) -> Result<Json<PlanBody>, Problem> {
    let source = source_of(asked);
    let planned = app.platform().plan(&source).await?;
    if !planned.weakens.is_empty() {
        // Whoever could loosen a policy alone would not be bound by it.
        let model = Object::named(ObjectKind::Model, &planned.model);
        let decision = decide(caller.principal(), Action::Approve, &model);
        if !decision.allowed {
            let detail = format!(
                "this asks less than the policy in force does: {}; {}",
                planned.weakens.join("; "),
                decision.reason
            );
            return Err(Problem::new(Kind::Denied, "policy_in_force", detail)
                .with_hint("let somebody who may approve moves apply it; to ask for more is free"));
        }
    }
    let plan = app.platform().apply(&source, &caller.actor()).await?;
    Ok(Json(PlanBody::from(plan)))
}

fn source_of(asked: SpecBody) -> SpecSource {
    SpecSource { spec_yaml: asked.spec_yaml, files: asked.files }
}
