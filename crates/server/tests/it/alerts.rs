//! Alerts over HTTP.

use axum::http::StatusCode;
use base::{Actor, Period, Timestamp};
use monitoring::store::{Look, observe};
use monitoring::{Act, AlertKind, ApiCall, Error, Finding, Observation, Severity, Verdict};
use serde_json::json;

use crate::harness::{Server, over, server};

/// What is found about `model`.
pub(crate) fn finding(model: &str, kind: AlertKind, severity: Severity) -> Finding {
    Finding {
        fingerprint: format!("{model}:{}", kind.as_str()),
        model: model.into(),
        version: 1,
        kind,
        severity,
        title: "no predictions for ten months".into(),
        what_changed: "nothing came".into(),
        since: Timestamp::parse("2016-01-04T00:00:00Z").unwrap(),
        cause: "the sensor was off".into(),
        impact: "nobody was told".into(),
        suggested_action: Act {
            label: "look at the sensor".into(),
            command: "gingham status".into(),
            api: ApiCall { method: "GET".into(), path: "/api/v1/status".into(), body: None },
            automatic: false,
        },
        more_actions: Vec::new(),
        automatic: None,
        details: json!({}),
    }
}

/// One look at a cause, at an event time.
pub(crate) async fn look(
    server: &Server,
    finding: Finding,
    verdict: Verdict,
    at: Timestamp,
) -> Option<String> {
    let moved = server.database.write::<_, Error, _>(move |tx| {
        Box::pin(async move {
            let observation = Observation {
                fingerprint: finding.fingerprint.clone(),
                kind: finding.kind,
                verdict,
                at,
                finding: Some(finding),
            };
            let look = Look::single(1, Period::from_days(14));
            observe(tx, &observation, &look, &Actor::platform("monitor")).await
        })
    });
    moved.await.unwrap().map(|moved| moved.alert.id)
}

/// A firing alert about `model`.
pub(crate) async fn alert(server: &Server, model: &str) -> String {
    let found = finding(model, AlertKind::Gap, Severity::Error);
    let at = found.since;
    look(server, found, Verdict::Firing, at).await.unwrap()
}

#[tokio::test]
async fn an_alert_says_what_happened_and_remembers_who_acted() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        let id = alert(&server, "traffic").await;
        let seen = server.get(&format!("/api/v1/alerts/{id}")).await.json();
        assert_eq!(
            (&seen["state"], &seen["kind"], &seen["severity"]),
            (&json!("firing"), &json!("gap"), &json!("error"))
        );
        assert_eq!(seen["action"]["label"], "look at the sensor");
        let taken =
            server.post(&format!("/api/v1/alerts/{id}/acknowledge"), json!({ "reason": "on it" })).await;
        assert_eq!(taken.json()["state"], "acknowledged", "{}", taken.body);
        let last = taken.json()["history"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&last["actor"], &last["reason"], &last["from"]),
            (&json!("local"), &json!("on it"), &json!("firing"))
        );
        let over = server.post(&format!("/api/v1/alerts/{id}/resolve"), json!({})).await;
        assert_eq!(over.json()["state"], "resolved");
        let again = server.post(&format!("/api/v1/alerts/{id}/resolve"), json!({})).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    }
}

#[tokio::test]
async fn alerts_are_narrowed_by_state_and_model() {
    let server = server().await;
    let id = alert(&server, "traffic").await;
    alert(&server, "churn").await;
    server.post(&format!("/api/v1/alerts/{id}/silence"), json!({ "reason": "known" })).await;
    let items = |reply: crate::harness::Reply| reply.json()["items"].as_array().unwrap().len();
    assert_eq!(items(server.get("/api/v1/alerts").await), 2);
    assert_eq!(items(server.get("/api/v1/alerts?state=firing").await), 1);
    assert_eq!(items(server.get("/api/v1/alerts?state=open&model=traffic").await), 1);
    assert_eq!(items(server.get("/api/v1/alerts?state=resolved,expired").await), 0);
    assert_eq!(server.get("/api/v1/alerts?state=loud").await.problem(), "invalid_query");
    assert_eq!(server.get("/api/v1/alerts/0123").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        server.get("/api/v1/monitors/traffic/windows/2016-01-04T00:00:00Z/report").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(server.get("/api/v1/monitors/traffic/windows/soon/report").await.problem(), "invalid_path");
}
