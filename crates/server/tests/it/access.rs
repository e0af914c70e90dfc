//! Who gets in, from where, and how far.

use axum::http::{Method, StatusCode};
use base::{Actor, Clock, SystemClock};
use governance::{Error, Grant, NewMember, NewToken, Role};
use server::{LocalAccess, Settings};

use crate::harness::{Server, over, request, server};

/// What tells whether the process is alive and what it speaks, and nothing else.
const PROBES: [&str; 4] = ["/health", "/v2", "/v2/health/live", "/v2/health/ready"];

async fn token(server: &Server, name: &'static str, role: Role) -> String {
    let issued = server
        .database
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                let (actor, now) = (Actor::named("test"), SystemClock.now());
                let member = NewMember::person(name).with(Grant::everywhere(role));
                governance::create_member(tx, &member, &actor, now).await?;
                let token = NewToken { name: "test".into(), lifetime: None };
                governance::issue_token(tx, name, &token, &actor, now).await
            })
        })
        .await
        .unwrap();
    issued.secret.reveal().to_owned()
}

fn with(
    header: &'static str,
    value: &str,
    method: Method,
    path: &str,
) -> axum::http::Request<axum::body::Body> {
    let mut request = request(method, path);
    request.headers_mut().insert(header, value.parse().unwrap());
    request
}

#[tokio::test]
async fn a_request_over_loopback_acts_as_the_local_user() {
    let reply = server().await.get("/api/v1/info").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json()["principal"], serde_json::json!({ "name": "local", "kind": "local" }));
}

#[tokio::test]
async fn beyond_loopback_nothing_is_anonymous_but_health_and_the_interface() {
    let server = server().await;
    for entry in server::all_routes().entries() {
        let path = entry.path.replace(['{', '}'], "");
        let reply = server.send_from_afar(request(entry.method.clone(), &path)).await;
        if entry.rule.kind() == governance::ObjectKind::Health {
            assert!(PROBES.contains(&path.as_str()), "{path} is open to all");
            assert_ne!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
        } else {
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{} {path}", entry.method);
            assert!(reply.headers.contains_key("www-authenticate"));
        }
    }
    assert_eq!(server.send_from_afar(request(Method::GET, "/models/traffic")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_works_as_bearer_and_as_the_password_of_basic_on_both_engines() {
    for database in testing::databases().await {
        let server = over(database, Settings::default()).await;
        let token = token(&server, "ada", Role::Viewer).await;
        for value in [format!("Bearer {token}"), format!("Basic {}", base64(&format!("ada:{token}")))] {
            let reply =
                server.send_from_afar(with("authorization", &value, Method::GET, "/api/v1/info")).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
            assert_eq!(reply.json()["principal"], serde_json::json!({ "name": "ada", "kind": "person" }));
            assert!(reply.json().get("data_folder").is_none());
        }
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_even_on_loopback() {
    let server = server().await;
    for value in ["Bearer gng_wrong", "Bearer", "Negotiate abc"] {
        let reply = server.send(with("authorization", value, Method::GET, "/api/v1/info")).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{value}");
    }
}

#[tokio::test]
async fn a_viewer_may_look_but_not_audit() {
    let server = server().await;
    let bearer = format!("Bearer {}", token(&server, "vera", Role::Viewer).await);
    let look = server.send(with("authorization", &bearer, Method::GET, "/api/v1/events")).await;
    assert_eq!(look.status, StatusCode::OK);
    let audit = server.send(with("authorization", &bearer, Method::GET, "/api/v1/events/verify")).await;
    assert_eq!(audit.status, StatusCode::FORBIDDEN);
    assert_eq!(audit.problem(), "denied");
    assert_eq!(
        audit.json()["detail"],
        "`vera` may not audit event; that takes one of the roles `auditor`, `admin`"
    );
}

#[tokio::test]
async fn a_request_that_a_proxy_passed_on_is_not_local() {
    let reply = server().await.send(with("x-forwarded-for", "10.0.0.7", Method::GET, "/api/v1/info")).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_loopback_client_of_a_server_that_listens_to_all_needs_a_token() {
    let server = server().await;
    let local = ([127, 0, 0, 1], 40_000).into();
    let reply =
        server.send_over(request(Method::GET, "/api/v1/info"), local, ([0, 0, 0, 0], 5_000).into()).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn local_access_can_be_switched_off() {
    let settings = Settings { local_access: LocalAccess::Refused, ..Settings::default() };
    let reply = over(testing::sqlite().await, settings).await.get("/api/v1/info").await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_is_refused() {
    let server = server().await;
    let reply = server.send(with("host", "evil.example:5000", Method::GET, "/api/v1/info")).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::FORBIDDEN, "foreign_host"));
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let server = server().await;
    for path in ["/api/v1/sql", "/api/2.0/mlflow/experiments/create", "/v2/models/traffic/infer", "/nowhere"]
    {
        let reply = server.send(with("origin", "https://evil.example", Method::POST, path)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= group.len() { digit as char } else { '=' });
        }
    }
    out
}
