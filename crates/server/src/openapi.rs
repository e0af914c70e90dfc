//! The description of `/api/v1`, made from the handlers themselves.

use governance::{Action, ObjectKind};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi};

use crate::extract::Json;
use crate::router;
use crate::routes::{Routes, may};

pub(crate) fn routes() -> Routes {
    Routes::new().get("/api/v1/openapi.json", may(Action::View, ObjectKind::Server), get_openapi)
}

async fn get_openapi() -> Json<OpenApi> {
    Json(router::document())
}

/// Adds what the handlers cannot say: the title and how to send credentials.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Gingham")
        .version("v1")
        .description(Some(
            "Data science in one place. Lists come in pages (`limit`, `cursor`); times are RFC 3339 in UTC; a failure is \
             `application/problem+json` with a stable `code`.",
        ))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    let none: [&str; 0] = [];
    document.security =
        Some(vec![SecurityRequirement::new("bearer", none), SecurityRequirement::new("basic", none)]);
    document
}
