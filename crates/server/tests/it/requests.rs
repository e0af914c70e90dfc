//! Requests that make no sense, and what all responses have in common.

use axum::body::Body;
use axum::http::{Method, StatusCode};

use crate::harness::{request, server};

#[tokio::test]
async fn health_answers() {
    let reply = server().await.get("/health").await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, r#"{"status":"ok"}"#));
    assert_eq!(server().await.get("/ready").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_address_is_a_problem_and_never_the_start_page() {
    let server = server().await;
    for path in ["/api/v1/nothing", "/api/", "/v2/nothing/x", "/metrics/x", "/health/x"] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(server.get("/api/v1/nothing").await.problem(), "route_not_found");
    assert_eq!(server.send(request(Method::POST, "/models")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_method_is_named() {
    let reply = server().await.send(request(Method::DELETE, "/api/v1/info")).await;
    assert_eq!(
        (reply.status, reply.problem().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
    );
    assert_eq!(reply.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_page_of_the_interface_is_served_for_its_own_addresses() {
    let server = server().await;
    for path in ["/", "/models/traffic", "/runs/0123", "/alerts"] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
    }
    assert_eq!(server.get("/assets/nothing.js").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_plain_request_id_is_taken_over_and_a_strange_one_is_not() {
    let server = server().await;
    for (given, kept) in [("abc-1", true), ("a b", false), ("", false)] {
        let mut request = request(Method::GET, "/health");
        request.headers_mut().insert("x-request-id", given.parse().unwrap());
        let reply = server.send(request).await;
        assert_eq!(reply.headers["x-request-id"] == given, kept, "{given}");
    }
}

#[tokio::test]
async fn figures_count_requests_by_route_template() {
    let server = server().await;
    server.get("/metrics").await;
    server.get("/api/v1/info").await;
    let reply = server.get("/metrics").await;
    assert!(
        reply.body.contains(r#"gingham_http_requests_total{method="GET",route="/api/v1/info",status="200"}"#),
        "{}",
        reply.body
    );
    assert!(reply.body.contains("gingham_http_request_duration_seconds_bucket"));
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_named() {
    let reply = server().await.get("/api/v1/events?after=soon").await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::BAD_REQUEST, "invalid_query"));
    let reply = server().await.get("/api/v1/events?object=traffic").await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::BAD_REQUEST, "invalid_object"));
}

#[tokio::test]
async fn a_body_announced_too_large_is_refused_before_it_is_read() {
    let mut request = request(Method::GET, "/api/v1/info").map(|_| Body::from("x"));
    request.headers_mut().insert("content-length", "99999999999".parse().unwrap());
    let reply = server().await.send(request).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"));
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_can_read_it() {
    let mut request = request(Method::GET, "/api/v1/openapi.json");
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let reply = server().await.send(request).await;
    assert_eq!(reply.headers["content-encoding"], "gzip");
}
