//! The description of `/api/v1`, made from the handlers themselves.

use governance::{Action, ObjectKind};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use crate::extract::Json;
use crate::problem::ProblemBody;
use crate::router;
use crate::routes::{Routes, may};

pub(crate) fn routes() -> Routes {
    Routes::new().get("/api/v1/openapi.json", may(Action::View, ObjectKind::Server), get_openapi)
}

async fn get_openapi() -> Json<OpenApi> {
    Json(router::document())
}

/// Adds what the handlers cannot say: the title, how to send credentials, and how every failure looks.
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
    let problem = ProblemBody::name().into_owned();
    components.schemas.insert(problem.clone(), ProblemBody::schema());
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(problem))).build();
    let failure =
        ResponseBuilder::new().description("a failure").content("application/problem+json", content).build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(failure.clone()));
        }
    }
    let none: [&str; 0] = [];
    document.security =
        Some(vec![SecurityRequirement::new("bearer", none), SecurityRequirement::new("basic", none)]);
    document
}
