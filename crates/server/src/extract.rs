//! What handlers take: as axum's extractors, but each failure is a [`Problem`] that names what is wrong.

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use base::{Actor, Kind, PageRequest};
use bytes::Bytes;
use governance::Principal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::problem::Problem;

/// Who asks. Put into each request by the front door.
#[derive(Clone, Debug)]
pub struct Caller(Principal);

impl Caller {
    pub(crate) fn new(principal: Principal) -> Self {
        Caller(principal)
    }

    /// The principal itself.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0
    }

    /// The name that is written into events.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::named(self.0.name())
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Caller>().cloned().unwrap_or(Caller(Principal::Anonymous)))
    }
}

/// A JSON body. Its `Content-Type` must say so: a page of another site cannot send that without being asked.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match <axum::Json<T> as FromRequest<S>>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Json(value)),
            Err(rejection) => Err(bad_json(&rejection)),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        match <axum::Json<T> as OptionalFromRequest<S>>::from_request(request, state).await {
            Ok(value) => Ok(value.map(|axum::Json(value)| Json(value))),
            Err(rejection) => Err(bad_json(&rejection)),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn bad_json(rejection: &JsonRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(
            Kind::TooLarge,
            "body_too_large",
            "the body is larger than this request may have",
        );
    }
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::invalid("not_json", "the body must be JSON")
            .with_hint("send `Content-Type: application/json`"),
        JsonRejection::JsonSyntaxError(error) => {
            Problem::invalid("invalid_json", format!("the body is not JSON: {}", under(error)))
        }
        JsonRejection::JsonDataError(error) => {
            Problem::invalid("invalid_body", format!("the body does not fit: {}", under(error)))
        }
        other => Problem::invalid("invalid_body", other.body_text()),
    }
}

/// The innermost message, which for JSON names the field, the line and the column.
fn under(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

/// A whole body of bytes, at most as large as the route's rule allows.
#[derive(Debug)]
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Body(bytes)),
            Err(rejection) => Err(bad_body(&rejection)),
        }
    }
}

fn bad_body(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, "body_too_large", "the body is larger than this request may have")
        }
        _ => Problem::invalid("invalid_body", "the body broke off"),
    }
}

/// The parameters of the query string; unknown ones are ignored, wrong ones are named.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => Err(Problem::invalid(
                "invalid_query",
                format!("the query string does not fit: {}", under(&error)),
            )),
            Err(other) => Err(Problem::invalid("invalid_query", other.body_text())),
        }
    }
}

/// The parameters of the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(Problem::invalid(
                "invalid_path",
                format!("the address does not fit: {}", error.body_text()),
            )),
            Err(other) => Err(Problem::invalid("invalid_path", other.body_text())),
        }
    }
}

/// Which page of a list is asked for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// How many items at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Paging {
    /// The page that the room is asked for.
    #[must_use]
    pub fn request(&self) -> PageRequest {
        let cursor = self.cursor.clone().filter(|cursor| !cursor.is_empty());
        match self.limit {
            Some(limit) => PageRequest::after(limit, cursor),
            None => PageRequest { cursor, ..PageRequest::default() },
        }
    }
}
