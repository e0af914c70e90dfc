//! Broken glass is told at once: to a receiver that really listens, and to those who own and approve.

use std::sync::Arc;

use axum::http::Method;
use base::{Clock, FixedClock, Period, Timestamp};
use serde_json::{Value, json};

use crate::harness::over_at;
use crate::notices::{receiver, round, tell_by};
use crate::reviews::{ONE, World};

async fn world(clock: &Arc<FixedClock>, database: testing::TestDatabase) -> World {
    let policy = format!("card: [purpose]\nbreak_glass: {{ longest: 4h }}\n{ONE}");
    let server = over_at(database, server::Settings::default(), Arc::clone(clock) as Arc<dyn Clock>).await;
    World::over(server, &policy).await
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at(Timestamp::parse("2026-11-24T10:00:00Z").unwrap()))
}

#[tokio::test]
async fn broken_glass_is_told_at_once_again_when_it_expires_and_when_it_is_made_good() {
    for database in testing::databases().await {
        let clock = clock();
        let world = world(&clock, database).await;
        let (url, told) = receiver(Vec::new());
        let (elsewhere, silent) = receiver(Vec::new());
        // An escalation that waits for an hour with alerts, and somebody who hears of another model.
        tell_by(
            &world.server,
            &format!(
                "public_url: https://ml.example.org\nnotifiers:\n  \
                 - {{name: owners, kind: webhook, url: '{url}', severity: error, after_minutes: 60}}\n  \
                 - {{name: others, kind: webhook, url: '{elsewhere}', models: [churn]}}\n"
            ),
        );
        round(&world.server).await;
        let review = world.ask(1).await;
        let body = json!({ "reason": "forecasts are all zero", "ticket": "INC-7", "lasts": "4h" });
        let broken = world.act("max", review, "break-glass", body).await.json();
        assert_eq!(broken["told"], json!([]));
        assert_eq!(round(&world.server).await, 1);
        let page = told.recv().unwrap();
        assert_eq!(
            (&page["state"], &page["severity"], &page["kind"]),
            (&json!("firing"), &json!("error"), &json!("override"))
        );
        assert_eq!(
            page["title"],
            "`max` broke the glass: `champion` of `traffic` points at version 1 against the policy"
        );
        assert_eq!(page["cause"], "forecasts are all zero (INC-7)");
        assert_eq!(page["link"], format!("https://ml.example.org/reviews/{review}"));
        let missing = page["what_changed"].as_str().unwrap();
        assert!(missing.contains("the card of version 1 is blank in `purpose`"), "{missing}");
        assert!(page["impact"].as_str().unwrap().contains("until 2026-11-24T14:00:00Z"), "{page}");
        let seen = world.get(&format!("/reviews/{review}")).await;
        assert_eq!(
            (&seen["told"][0]["notifier"], &seen["told"][0]["state"]),
            (&json!("owners"), &json!("sent"))
        );

        // Those who may approve find it in their inbox; the one who did it and others do not.
        let inbox = async |who: &str| -> Vec<Value> {
            let found = world.send(who, Method::GET, "/review-mentions", json!({})).await.json();
            found["items"].as_array().unwrap().clone()
        };
        for (who, expected) in [("ada", 1), ("bo", 1), ("max", 0), ("vera", 0)] {
            let found = inbox(who).await;
            assert_eq!(found.len(), expected, "{who}: {found:?}");
        }
        assert!(inbox("ada").await[0]["text"].as_str().unwrap().starts_with("The glass is broken until"));

        clock.advance(Period::from_hours(4));
        world.server.app.platform().settle_reviews().await.unwrap();
        assert_eq!(round(&world.server).await, 1);
        let page = told.recv().unwrap();
        assert_eq!((&page["state"], &page["fingerprint"]), (&json!("firing"), &json!("override:1")));
        assert!(page["title"].as_str().unwrap().starts_with("an override has expired"), "{page}");

        let card = json!({ "fields": { "purpose": "forecasts" } });
        world.send("rita", Method::PUT, "/models/traffic/versions/1/card", card).await;
        world.through(1).await;
        assert_eq!(round(&world.server).await, 1);
        let page = told.recv().unwrap();
        assert_eq!((&page["state"], &page["fingerprint"]), (&json!("resolved"), &json!("override:1")));
        assert_eq!(round(&world.server).await, 0, "nothing is told twice");
        assert!(silent.try_recv().is_err());
    }
}

#[tokio::test]
async fn broken_glass_that_cannot_be_told_is_tried_again_and_says_so() {
    let clock = clock();
    let world = world(&clock, testing::sqlite().await).await;
    let (url, told) = receiver(vec![503]);
    tell_by(&world.server, &format!("notifiers:\n  - {{name: owners, kind: webhook, url: '{url}'}}\n"));
    round(&world.server).await;
    let review = world.ask(1).await;
    let body = json!({ "reason": "forecasts are all zero", "lasts": "1h" });
    world.act("max", review, "break-glass", body).await;
    assert_eq!(round(&world.server).await, 0);
    told.recv().unwrap();
    let seen = world.get(&format!("/reviews/{review}")).await["told"][0].clone();
    assert_eq!(seen["state"], "waiting");
    assert!(seen["reason"].as_str().unwrap().contains("503"), "{seen}");
    clock.advance(Period::from_hours(1));
    assert_eq!(round(&world.server).await, 1);
    assert_eq!(told.recv().unwrap()["kind"], "override");
}
