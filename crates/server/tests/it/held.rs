//! What is held back is told later, and every end of what was told is told.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use axum::http::Method;
use base::{Clock, FixedClock, Period, Timestamp};
use monitoring::{AlertKind, MonitorSpec, Rows, Severity, Verdict, Window, WindowInput, evaluate_window};
use serde_json::{Value, json};

use crate::alerts::{alert, finding, look};
use crate::harness::{Server, over_at, request};
use crate::notices::{receiver, round, tell_by};

const MINUTE: Period = Period::from_micros(60 * 1_000_000);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

async fn world(clock: &Arc<FixedClock>, database: testing::TestDatabase) -> Server {
    over_at(database, server::Settings::default(), Arc::clone(clock) as Arc<dyn Clock>).await
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at(at("2026-11-24T10:00:00Z")))
}

fn minutes(count: i64) -> Period {
    Period::from_micros(MINUTE.as_micros() * count)
}

/// What has arrived, as `state kind`.
fn heard(told: &Receiver<Value>) -> Vec<String> {
    let word = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
    told.try_iter().map(|body| format!("{} {}", word(&body, "state"), word(&body, "kind"))).collect()
}

async fn waiting(server: &Server) -> Vec<String> {
    let items = server.get("/api/v1/notices").await.json()["items"].as_array().unwrap().clone();
    items
        .iter()
        .filter(|one| one["state"] == "waiting")
        .map(|one| one["reason"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn silence(server: &Server, until: &str) -> String {
    let body = json!({
        "matchers": [{ "name": "model", "value": "traffic" }],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": until, "createdBy": "ada", "comment": "road works",
    });
    server.post("/api/v2/silences", body).await.json()["silenceID"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_silence_or_a_worse_alert_holds_back_is_told_when_they_end() {
    for database in testing::databases().await {
        let clock = clock();
        let server = world(&clock, database).await;
        let (team, told) = receiver(Vec::new());
        let (owner, escalated) = receiver(Vec::new());
        tell_by(
            &server,
            &format!(
                "notifiers:\n  - {{name: team, kind: webhook, url: '{team}', repeat_minutes: 60}}\n  \
                 - {{name: owner, kind: webhook, url: '{owner}', after_minutes: 30}}\n"
            ),
        );
        round(&server).await;

        // Silenced for two days, longer than a message that cannot be delivered is kept.
        silence(&server, "2026-11-26T10:00:00Z").await;
        let drift = finding("traffic", AlertKind::Drift, Severity::Warn);
        let began = drift.since;
        look(&server, drift.clone(), Verdict::Firing, began).await.unwrap();
        assert_eq!(round(&server).await, 0);
        assert!(waiting(&server).await.iter().any(|why| why.contains("silence")), "held, not dropped");
        clock.advance(Period::from_hours(47));
        assert_eq!(round(&server).await, 0, "the silence still holds");
        let mut renewed = drift.clone();
        renewed.title = "traffic: temp and rain have drifted".into();
        look(&server, renewed, Verdict::Firing, began.plus(Period::from_days(1))).await;
        clock.advance(Period::from_hours(1));
        assert_eq!(round(&server).await, 2);
        let first = told.recv().unwrap();
        assert_eq!(first["title"], "traffic: temp and rain have drifted", "in the words of now");
        assert_eq!(heard(&escalated), ["firing drift"], "nobody had taken it for half an hour");

        // Again after an hour, but not while something worse fires; a silence that is deleted ends early.
        let again = began.plus(Period::from_days(2));
        let worse = finding("traffic", AlertKind::Performance, Severity::Error);
        look(&server, worse.clone(), Verdict::Firing, again).await.unwrap();
        assert_eq!(round(&server).await, 1);
        assert_eq!(heard(&told), ["firing performance"]);
        clock.advance(minutes(60));
        assert_eq!(round(&server).await, 2, "the worse one again, and to its owner");
        assert_eq!(
            (heard(&told), heard(&escalated)),
            (vec!["firing performance".to_owned()], vec!["firing performance".to_owned()])
        );
        assert!(waiting(&server).await.iter().any(|why| why.contains("a worse alert of the model fires")));
        for days in [3, 4] {
            look(&server, worse.clone(), Verdict::Clear, began.plus(Period::from_days(days))).await;
        }
        assert_eq!(round(&server).await, 2, "both hear that the worse one is over");
        assert_eq!((heard(&told), heard(&escalated).len()), (vec!["resolved performance".to_owned()], 1));
        let silenced = silence(&server, "2999-01-01T00:00:00Z").await;
        clock.advance(MINUTE);
        assert_eq!(round(&server).await, 0);
        server.send(request(Method::DELETE, &format!("/api/v2/silence/{silenced}"))).await;
        clock.advance(MINUTE);
        assert_eq!(round(&server).await, 1);
        assert_eq!(heard(&told), ["firing drift"], "the repetition, once what held it is gone");
        clock.advance(minutes(59));
        assert_eq!(round(&server).await, 0);
        clock.advance(MINUTE);
        assert_eq!(round(&server).await, 1, "and again an hour after");
        assert!(escalated.try_recv().is_err(), "an escalation is told once");
    }
}

#[tokio::test]
async fn an_alert_that_fires_again_is_told_once_and_one_that_nobody_heard_of_ends_in_silence() {
    let clock = clock();
    let server = world(&clock, testing::sqlite().await).await;
    let (team, told) = receiver(Vec::new());
    tell_by(&server, &format!("notifiers:\n  - {{name: team, kind: webhook, url: '{team}'}}\n"));
    round(&server).await;
    silence(&server, "2026-11-25T10:00:00Z").await;
    let gap = finding("traffic", AlertKind::Gap, Severity::Error);
    let began = gap.since;
    let id = alert(&server, "traffic").await;
    round(&server).await;
    server.post(&format!("/api/v1/alerts/{id}/resolve"), json!({ "reason": "mended" })).await;
    look(&server, gap, Verdict::Firing, began.plus(Period::from_days(1))).await.unwrap();
    round(&server).await;
    assert_eq!(waiting(&server).await.len(), 1, "the newer message took the place of the older");
    clock.advance(Period::from_days(1));
    assert_eq!(round(&server).await, 1);
    assert_eq!(heard(&told), ["firing gap"], "neither twice, nor an end of what nobody was told");
}

/// Days without a single prediction are judged, one after another.
async fn days_without_data(server: &Server, from: Timestamp, days: i64) {
    let spec: MonitorSpec = serde_json::from_value(json!({ "window": "1d" })).unwrap();
    let none = Rows::new(Vec::new(), Vec::new()).unwrap();
    for day in 0..days {
        let window = Window::containing(from.plus(Period::from_days(day)), spec.window);
        let report = evaluate_window(
            &spec,
            &WindowInput {
                model: "traffic",
                version: 1,
                window,
                rows: &none,
                profile: None,
                reference: None,
                earlier: &[],
                previous_event: None,
                next_event: None,
                watermark: window.to,
                segments: &[],
                business: &[],
            },
        );
        let spec = spec.clone();
        let recorded = server.database.write::<_, monitoring::Error, _>(move |tx| {
            Box::pin(async move { monitoring::store::record_window(tx, &spec, &report, &[]).await })
        });
        recorded.await.unwrap();
    }
}

#[tokio::test]
async fn an_alert_that_expires_for_lack_of_data_is_closed_at_the_pager_and_told() {
    let clock = clock();
    let server = world(&clock, testing::sqlite().await).await;
    let key = server.app.platform().notifiers_file().with_file_name("key");
    std::fs::write(&key, "KEY").unwrap();
    let (pager, paged) = receiver(Vec::new());
    let (team, told) = receiver(Vec::new());
    tell_by(
        &server,
        &format!(
            "notifiers:\n  - {{name: pager, kind: pagerduty, url: '{pager}', routing_key: {{file: '{}'}}}}\n  \
             - {{name: team, kind: webhook, url: '{team}'}}\n  \
             - {{name: owner, kind: webhook, url: '{team}', after_minutes: 600}}\n",
            key.display()
        ),
    );
    round(&server).await;
    let id = alert(&server, "traffic").await;
    assert_eq!(round(&server).await, 2);
    assert_eq!(paged.recv().unwrap()["event_action"], "trigger");
    assert_eq!(heard(&told), ["firing gap"]);
    let from = at("2016-01-05T00:00:00Z");
    days_without_data(&server, from, 7).await;
    assert_eq!(round(&server).await, 0, "seven days tell nothing yet");
    days_without_data(&server, from.plus(Period::from_days(7)), 1).await;
    assert_eq!(server.get(&format!("/api/v1/alerts/{id}")).await.json()["state"], "expired");
    assert_eq!(round(&server).await, 2, "the pager and the team; its owner never heard of it");
    let closed = paged.recv().unwrap();
    assert_eq!((&closed["event_action"], &closed["dedup_key"]), (&json!("resolve"), &json!("traffic:gap")));
    let last = told.recv().unwrap();
    assert_eq!((&last["state"], &last["fingerprint"]), (&json!("expired"), &json!("traffic:gap")));
    assert!(last["what_changed"].as_str().unwrap().contains("no data has come"), "{last}");
    clock.advance(Period::from_days(1));
    assert_eq!(round(&server).await, 0, "nothing is told twice");
}
