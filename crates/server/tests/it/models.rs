//! Models and versions over HTTP.

use axum::http::StatusCode;
use base::{Actor, Clock, SystemClock};
use registry::{AliasChange, Error, Expected, NewModel, NewPromotion, NewVersion};
use serde_json::json;

use crate::harness::{Server, over, server};

/// A model `traffic` with two versions, the first of which is champion.
pub async fn traffic(server: &Server) {
    let made = server.database.write::<_, Error, _>(|tx| {
        Box::pin(async move {
            let (actor, now) = (Actor::named("ada"), SystemClock.now());
            let new =
                NewModel { name: "traffic".into(), owner: "traffic-team".into(), ..NewModel::default() };
            registry::create_model(tx, &new, &actor, now).await?;
            for mae in [300.0, 280.0] {
                let version = NewVersion {
                    model: "traffic".into(),
                    metrics: Some(json!({ "mae": mae, "rmse": mae * 1.5 })),
                    reference_profile: Some(json!({ "rows": 7 })),
                    ..NewVersion::default()
                };
                registry::create_version(tx, version, &actor, now).await?;
            }
            let change = AliasChange {
                model: "traffic".into(),
                alias: "champion".into(),
                version: 1,
                expected: Expected::Nothing,
                reason: "it beats the baselines".into(),
            };
            registry::set_alias(tx, &change, &actor, now).await?;
            let promotion = NewPromotion {
                model: "traffic".into(),
                version: 1,
                previous: None,
                alias: "champion".into(),
                promoted: true,
                decision: "promoted".into(),
                reason: "it beats the baselines".into(),
                rules: json!([{ "rule": "beats baselines", "passed": true }]),
            };
            registry::record_promotion(tx, promotion, &actor, now).await?;
            Ok(())
        })
    });
    made.await.unwrap();
}

#[tokio::test]
async fn a_model_shows_aliases_versions_and_why() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        traffic(&server).await;
        let list = server.get("/api/v1/models").await.json();
        assert_eq!(list["items"][0]["aliases"], json!({ "champion": 1 }));

        let model = server.get("/api/v1/models/traffic").await.json();
        assert_eq!(model["aliases"][0]["reason"], "it beats the baselines");
        assert_eq!(
            (&model["versions"][0]["number"], &model["versions"][0]["promotion"]),
            (&json!(2), &json!(null))
        );
        assert_eq!(model["versions"][1]["promotion"]["promoted"], true);
        let promotions = server.get("/api/v1/models/traffic/promotions").await.json();
        assert_eq!(promotions["items"][0]["rules"][0]["rule"], "beats baselines");
    }
}

#[tokio::test]
async fn a_version_goes_by_number_alias_or_latest() {
    let server = server().await;
    traffic(&server).await;
    for (name, number) in [("1", 1), ("champion", 1), ("latest", 2)] {
        let version = server.get(&format!("/api/v1/models/traffic/versions/{name}")).await.json();
        assert_eq!(
            (&version["number"], &version["reference_profile"]),
            (&json!(number), &json!({ "rows": 7 }))
        );
    }
    let page = server.get("/api/v1/models/traffic/versions?limit=1").await.json();
    assert_eq!((&page["items"][0]["number"], page["next_cursor"].is_string()), (&json!(2), true));
}

#[tokio::test]
async fn an_unknown_model_or_version_is_missing() {
    let server = server().await;
    traffic(&server).await;
    for path in [
        "/models/trafic",
        "/models/trafic/versions",
        "/models/traffic/versions/9",
        "/models/traffic/versions/none",
        "/models/none/promotions",
    ] {
        let reply = server.get(&format!("/api/v1{path}")).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        reply.problem();
    }
}

#[tokio::test]
async fn an_alias_moves_only_from_where_it_is_thought_to_be() {
    let server = server().await;
    traffic(&server).await;
    let path = "/api/v1/models/traffic/aliases/champion";
    let late = server.post(path, json!({ "version": 2, "expected_version": 7, "reason": "newer" })).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.body);
    let moved = server.post(path, json!({ "version": 2, "expected_version": 1, "reason": "newer" })).await;
    assert_eq!(moved.json()["previous"], 1, "{}", moved.body);
    let events = server.get("/api/v1/events?kind=alias.*&limit=1").await.json();
    assert_eq!(events["items"][0]["actor"], "local", "{events}");
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_named() {
    let server = server().await;
    let path = "/api/v1/models/traffic/aliases/champion";
    let reply = server.post(path, json!({ "version": "two" })).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::BAD_REQUEST, "invalid_body"));
    let reply = server.post(path, json!({ "version": 2, "expected": 1 })).await;
    assert!(reply.problem() == "invalid_body" && reply.body.contains("expected"), "{}", reply.body);
    let mut request = crate::harness::json(axum::http::Method::POST, path, &json!(null));
    *request.body_mut() = axum::body::Body::from("{\"version\": ");
    assert_eq!(server.send(request).await.problem(), "invalid_json");
    let mut request = crate::harness::json(axum::http::Method::POST, path, &json!({}));
    request.headers_mut().remove("content-type");
    assert_eq!(server.send(request).await.problem(), "not_json");
    let large = json!({ "version": 2, "reason": "x".repeat(3 * 1024 * 1024) });
    let reply = server.post(path, large).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"));
}
