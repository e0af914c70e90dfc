//! Under a policy, asking less of versions takes the right to approve; asking more is free.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::over;
use crate::reviews::{ONE, World, refused, spec};

/// The file under a policy that asks for one approval, with these model checks.
fn with(checks: &str) -> Value {
    let mut spec = spec(ONE);
    let yaml = spec["spec_yaml"].as_str().unwrap();
    spec["spec_yaml"] = json!(format!("{yaml}{checks}"));
    spec
}

const BEFORE: &str = "model_checks:\n\
    - { id: error, metric: mae, at_most: 300, severity: error }\n\
    - { id: slices, metric: mae, no_worse_than: champion, by: 10%, each: hour }\n";

#[tokio::test]
async fn a_check_of_models_is_weakened_by_an_approver_only() {
    for database in testing::databases().await {
        let world = World::over(over(database, server::Settings::default()).await, ONE).await;
        // To ask more is free.
        assert_eq!(world.post("max", "/apply", with(BEFORE)).await.status, StatusCode::OK);
        let stricter =
            BEFORE.replace("at_most: 300, severity: error", "at_most: 200").replace("by: 10%", "by: 5%");
        assert_eq!(world.post("max", "/apply", with(&stricter)).await.status, StatusCode::OK);
        for (weaker, why) in [
            (String::new(), "model check `error` is gone; model check `slices` is gone"),
            (
                stricter.replace("at_most: 200", "at_most: 500"),
                "model check `error` says 500.0 for `at_most` instead of 200.0",
            ),
            (
                stricter.replace("at_most: 200", "at_most: 200, severity: warn"),
                "says \"warn\" for `severity`",
            ),
            (
                stricter.replace("each: hour", "each: hour, where: 'hour < 3'"),
                "for `where` instead of nothing",
            ),
        ] {
            let file = with(&weaker);
            let planned = world.post("max", "/plan", file.clone()).await.json();
            let told: Vec<&str> =
                planned["weakens"].as_array().unwrap().iter().map(|way| way.as_str().unwrap()).collect();
            assert!(told.join("; ").contains(why), "{told:?}");
            let reply = world.post("max", "/apply", file.clone()).await;
            refused(&reply, "policy_in_force", why);
            // The right to approve alone does not let anybody apply files.
            assert_eq!(world.post("ada", "/apply", file).await.problem(), "denied");
        }
        // The machine's own account may both.
        assert_eq!(world.server.post("/api/v1/apply", with("")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_policy_that_asks_more_is_applied_by_anybody_who_applies() {
    let world = World::new(ONE).await;
    let stricter = spec("approvals: [{ count: 2, from: approver }]\ncard: [purpose]\nrollback: reviewed\n");
    assert_eq!(world.post("max", "/apply", stricter.clone()).await.status, StatusCode::OK);
    refused(
        &world.post("max", "/apply", spec(ONE)).await,
        "policy_in_force",
        "field `purpose` of the card may stay blank; 1 instead of 2 must approve from `approver`",
    );
    // The stricter policy is the one in force.
    let review = world.ask(1).await;
    world.act("ada", review, "approve", json!({})).await;
    let verdict = world.get(&format!("/reviews/{review}")).await["verdict"].clone();
    assert_eq!(verdict["standing"], "refused", "{verdict}");
}
