//! Deployments over HTTP.

use axum::http::StatusCode;
use base::{Actor, Clock, SystemClock};
use serde_json::json;
use serving::Settings;
use serving::store::{self, NewDeployment};

use crate::harness::{over, server};

#[tokio::test]
async fn a_deployment_that_waits_for_its_first_version_says_so() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        let made = server.database.write::<_, serving::Error, _>(|tx| {
            Box::pin(async move {
                let new = NewDeployment {
                    name: "traffic".into(),
                    project: "default".into(),
                    model: "traffic".into(),
                    alias: Some("champion".into()),
                    settings: Settings::default(),
                };
                store::put_deployment(tx, &new, &Actor::named("ada"), SystemClock.now()).await
            })
        });
        made.await.unwrap();
        let list = server.get("/api/v1/deployments").await.json();
        assert_eq!(
            (&list["items"][0]["state"], &list["items"][0]["version"]),
            (&json!("waiting"), &json!(null))
        );
        let one = server.get("/api/v1/deployments/traffic").await.json();
        assert_eq!(
            (&one["endpoint"], &one["requests_total"]),
            (&json!("/v2/models/traffic/infer"), &json!(0))
        );
        let status = server.get("/api/v1/status").await.json();
        assert_eq!(status["deployments"][0]["alias"], "champion");
    }
}

#[tokio::test]
async fn an_unknown_deployment_is_missing() {
    let reply = server().await.get("/api/v1/deployments/none").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "{}", reply.body);
    reply.problem();
}
