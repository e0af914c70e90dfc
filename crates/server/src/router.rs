//! All routes of all protocols put together.

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::Response;
use base::Kind;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::problem::Problem;
use crate::routes::Routes;
use crate::{
    apply, archive_door, captures, carry, cluster, content, data, deployments, endpoint, events, front_door,
    info, lineage, live, mlflow, models, monitoring, oip, openapi, overview, pipelines, predictions,
    replicas, reviews, runs, ui,
};

/// Whether a path belongs to a protocol.
type Speaks = fn(&str) -> bool;

/// How a protocol words a failure.
type Render = fn(&Problem, &str) -> Response;

/// The protocols that word failures in their own way, by their paths.
const PROTOCOLS: &[(Speaks, Render)] = &[
    (mlflow::speaks, mlflow::render_problem),
    (|path| path.starts_with("/v2") || path.starts_with("/v1/models"), oip::render_problem),
];

/// Paths under which nothing is the interface's: an unknown address there is a problem, not the start page.
const NOT_THE_INTERFACE: &[&str] = &[
    "/api/",
    "/ajax-api/",
    "/v1/",
    "/v2/",
    "/serve/",
    "/mlflow/",
    "/health",
    "/ready",
    "/metrics",
    "/version",
];

/// Every route with its rule.
pub fn routes() -> Routes {
    Routes::new()
        .and(info::routes())
        .and(events::routes())
        .and(runs::routes())
        .and(carry::routes())
        .and(live::routes())
        .and(captures::routes())
        .and(lineage::routes())
        .and(models::routes())
        .and(models::evidence_routes())
        .and(models::restore_routes())
        .and(reviews::routes())
        .and(reviews::card_routes())
        .and(models::expected_routes())
        .and(pipelines::routes())
        .and(monitoring::routes())
        .and(data::routes())
        .and(content::routes())
        .and(deployments::routes())
        .and(deployments::create_routes())
        .and(cluster::routes())
        .and(replicas::routes())
        .and(predictions::routes())
        .and(archive_door::routes())
        .and(apply::routes())
        .and(overview::routes())
        .and(openapi::routes())
        .and(mlflow::routes())
        .and(oip::routes())
        .and(endpoint::routes())
        .and(ui::routes())
}

/// What a replica answers: predictions, health and figures.
fn replica_routes() -> Routes {
    Routes::new().and(info::routes()).and(oip::routes()).and(endpoint::routes()).and(replicas::nowhere())
}

/// The whole server as a service, also below the prefix that the settings name.
pub fn router(app: App) -> Router {
    let routes = if app.settings().replica.is_some() { replica_routes() } else { routes() };
    let (router, _, _) = routes.into_parts();
    let prefix = app.settings().static_prefix.clone();
    let whole = finished(router, app);
    match prefix {
        Some(prefix) => Router::new().nest_service(&prefix, whole.clone()).fallback_service(whole),
        None => whole,
    }
}

pub(crate) fn finished(router: Router<App>, app: App) -> Router {
    router
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), front_door::front_door))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(app)
}

/// The description of `/api/v1`.
#[must_use]
pub fn document() -> OpenApi {
    openapi::complete(routes().into_parts().2)
}

/// Renders a problem in the words of the protocol that `path` belongs to.
pub(crate) fn render_problem(path: &str, problem: &Problem, request_id: &str) -> Response {
    match PROTOCOLS.iter().find(|(speaks, _)| speaks(path)) {
        Some((_, render)) => render(problem, request_id),
        None => problem.render(request_id),
    }
}

/// The problem of an address that leads nowhere, unless it may be one of the interface's own pages.
pub(crate) fn unknown_address(method: &Method, uri: &Uri) -> Option<Problem> {
    let path = uri.path();
    let reserved = mlflow::speaks(path)
        || NOT_THE_INTERFACE
            .iter()
            .any(|prefix| path.starts_with(prefix) || path == prefix.trim_end_matches('/'));
    if !reserved && matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    Some(
        Problem::new(Kind::NotFound, "route_not_found", format!("there is nothing at `{path}`"))
            .with_hint("`/api/v1/openapi.json` lists what there is"),
    )
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` does not answer to {method}", uri.path());
    Problem::invalid("method_not_allowed", detail).with_status(axum::http::StatusCode::METHOD_NOT_ALLOWED)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use governance::{Action, ObjectKind};
    use tower::ServiceExt;

    use super::*;
    use crate::Connection;
    use crate::routes::may;

    async fn ask(router: Router<App>, path: &str) -> (StatusCode, String) {
        let fixture = crate::fixture::app(testing::sqlite().await).await;
        let app = fixture.app.clone();
        let mut request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let (peer, listener) = (([127, 0, 0, 1], 4_000).into(), ([127, 0, 0, 1], 5_000).into());
        request.extensions_mut().insert(Connection { peer, listener });
        let response = finished(router, app).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_route_without_a_rule_fails() {
        let with_rule =
            Routes::new().get("/secret", may(Action::View, ObjectKind::Model), async || "the secret");
        assert_eq!(ask(with_rule.into_parts().0, "/secret").await, (StatusCode::OK, "the secret".into()));
        let (status, body) = ask(Router::new().route("/secret", get(async || "the secret")), "/secret").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!body.contains("the secret"), "{body}");
    }

    #[tokio::test]
    async fn a_fault_in_a_handler_is_a_problem_that_hides_its_cause() {
        async fn faulty() -> &'static str {
            panic!("the password is 1234")
        }
        let rule = may(Action::View, ObjectKind::Model);
        let (status, body) = ask(Routes::new().get("/faulty", rule, faulty).into_parts().0, "/faulty").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("\"code\":\"internal\"") && !body.contains("1234"), "{body}");
    }

    #[tokio::test]
    async fn a_handler_that_takes_too_long_is_broken_off() {
        let rule = may(Action::View, ObjectKind::Model).deadline(std::time::Duration::from_millis(20));
        let slow = Routes::new().get("/slow", rule, async || std::future::pending::<&'static str>().await);
        assert_eq!(ask(slow.into_parts().0, "/slow").await.0, StatusCode::GATEWAY_TIMEOUT);
    }
}
