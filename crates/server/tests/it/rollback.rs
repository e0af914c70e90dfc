//! A version is taken back by itself when an alert begins to fire, or a check fails, while it answers. Real models,
//! trained by a real process, asked and watched by the API, on both databases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use base::SystemClock;
use serde_json::{Value, json};
use testing::TestDatabase;
use tokio::sync::watch;

use crate::harness::{self, Server, request, with_worker};
use crate::proven::{HOURS, rows, worker};

const SPEC: &str = "model: kept\nowner: ada\ndata: { dataset: kept, time: at }\n\
    checks:\n  - { id: x-is-possible, column: x, between: [-1000, 1000], severity: error }\n\
    pipeline:\n  prepare: prepare.sql\n  time: at\n  target: y\n  features: [x, z, grp]\n  evaluate: { last: 12d, metric: mae }\n\
    \x20 candidates:\n\
    \x20   - { id: boosted, trainer: gradient_boosting, params: { trees: 30, learning_rate: 0.2, leaves: 15 } }\n\
    promotion: { alias: champion, rules: [{ metric: mae, at_most: 1000 }] }\n\
    deployment: { name: kept, alias: champion }\n\
    monitor:\n  window: 1d\n  min_rows: 20\n\
    \x20 drift: { reference: training, threshold: 0.25, persist: { windows: 1, of: 1 }, severity: warn }\n";
const PREPARE: &str = "select cast(at as timestamp) as at, x, z, grp, y from input order by at";

struct Kept {
    server: Server,
    _stop: watch::Sender<bool>,
}

impl Kept {
    /// A server that trains and keeps watch; version 1 answers, version 2 is registered.
    async fn new(database: TestDatabase) -> Self {
        let server =
            with_worker(database, server::Settings::default(), Arc::new(SystemClock), worker()).await;
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(Arc::clone(&server.platform).work(stopping.clone()));
        tokio::spawn(Arc::clone(&server.platform).keep_traffic(stopping));
        let kept = Self { server, _stop: stop };
        let asked = json!({ "spec_yaml": SPEC, "files": { "prepare.sql": PREPARE } });
        let applied = kept.server.post("/api/v1/apply", asked).await;
        assert_eq!(applied.status, StatusCode::OK, "{}", applied.body);
        kept.push(rows(0, HOURS, 0.0)).await;
        kept.train().await;
        kept.push(rows(HOURS, 100, 0.0)).await;
        kept.train().await;
        kept.promote(1).await;
        kept
    }

    async fn push(&self, text: String) {
        let path = "/api/v1/datasets/kept/versions?origin=test";
        let mut pushed = request(Method::POST, path).map(|_| Body::from(text));
        pushed.headers_mut().insert("content-type", "text/csv".parse().unwrap());
        let pushed = self.server.send(pushed).await;
        assert!(pushed.status.is_success(), "{}", pushed.body);
    }

    async fn train(&self) {
        let job = self.server.post("/api/v1/models/kept/train", json!({})).await.json();
        let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
        loop {
            let now = self.server.get(&path).await.json();
            match now["state"].as_str().unwrap() {
                "succeeded" => return,
                "queued" | "running" => tokio::time::sleep(Duration::from_millis(50)).await,
                other => panic!("{other}: {now}"),
            }
        }
    }

    async fn promote(&self, version: i64) {
        let moved = json!({ "version": version, "reason": "by hand" });
        let moved = self.server.post("/api/v1/models/kept/aliases/champion", moved).await;
        assert!(moved.status.is_success(), "{}", moved.body);
        assert_eq!(self.answering().await, version);
    }

    async fn answering(&self) -> i64 {
        self.server.get("/api/v1/deployments/kept").await.json()["version"].as_i64().unwrap()
    }

    /// Shares the requests out anew.
    async fn share(&self, traffic: Value) {
        let body = json!({ "traffic": traffic, "reason": "a try" });
        let put = harness::json(Method::PUT, "/api/v1/deployments/kept/traffic", &body);
        let put = self.server.send(put).await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.body);
    }

    /// Asks about a row for each hour of a day and lets the windows be judged that have ended then.
    async fn day(&self, day: u32, variant: &str, shift: f64) {
        let hours = 0..24_u32;
        let numbers = |of: &dyn Fn(u32) -> f64| hours.clone().map(of).collect::<Vec<_>>();
        let tensor = |name: &str, datatype: &str, data: Value| json!({ "name": name, "shape": [24], "datatype": datatype, "data": data });
        let times: Vec<String> =
            hours.clone().map(|hour| format!("2024-04-{day:02}T{hour:02}:30:00Z")).collect();
        let body = json!({
            "parameters": { "variant": variant },
            "inputs": [
                tensor("x", "FP64", json!(numbers(&|hour| f64::from(hour * 37 % 50) + shift))),
                tensor("z", "FP64", json!(numbers(&|hour| f64::from(hour % 10)))),
                tensor("grp", "BYTES", json!(hours.clone().map(|hour| if hour % 2 == 0 { "a" } else { "b" }).collect::<Vec<_>>())),
                tensor("event_time", "BYTES", json!(times)),
            ],
        });
        let answer = self.server.post("/v2/models/kept/infer", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let until = json!({ "until": format!("2024-04-{:02}T00:00:00Z", day + 1) });
        let watched = self.server.post("/api/v1/monitors/kept/evaluate", until).await;
        assert!(watched.status.is_success(), "{}", watched.body);
    }

    async fn traffic(&self) -> Value {
        self.server.get("/api/v1/deployments/kept/traffic").await.json()
    }

    /// Waits until the canary is gone, and answers the reason; there is an event that tells of it.
    async fn canary_gone(&self) -> String {
        let began = Instant::now();
        let traffic = loop {
            let traffic = self.traffic().await;
            if traffic["traffic"]["canary"].is_null() {
                break traffic;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "the canary stays: {traffic}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let newest = &traffic["history"][0];
        let reason = newest["reason"].as_str().unwrap().to_owned();
        assert!(newest["actor"].as_str().unwrap().ends_with("traffic"), "{newest}");
        assert!(reason.starts_with("version 2: "), "{reason}");
        let events = self.server.get("/api/v1/events?kind=deployment.rolled_back").await.json();
        let told =
            events["items"].as_array().unwrap().iter().any(|event| event.to_string().contains(&reason));
        assert!(told, "{reason}: {events}");
        reason
    }
}

fn canary(rule: &str) -> Value {
    json!({ "canary": { "version": 2, "share": 0.5 }, "rollback": { rule: true } })
}

#[tokio::test]
async fn a_version_is_taken_back_when_its_traffic_drifts_or_a_check_fails() {
    for database in testing::databases().await {
        let kept = Kept::new(database).await;

        // A day like those it learnt from leaves it in, a day of other rows does not.
        kept.share(canary("on_alert")).await;
        kept.day(1, "canary", 0.0).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(kept.traffic().await["traffic"]["canary"]["version"], 2);
        kept.day(2, "canary", 200.0).await;
        let reason = kept.canary_gone().await;
        assert!(reason.contains("alert "), "{reason}");
        assert_eq!(kept.answering().await, 1);

        // That alert still fires; it is nothing against a canary that comes after it began. A check that passes is not, either.
        kept.share(json!({ "canary": { "version": 2, "share": 0.5 }, "rollback": { "on_alert": true, "on_failed_check": true } })).await;
        let check = |at_most: f64| json!({ "checks": [{ "id": "small-error", "metric": "mae", "at_most": at_most }] });
        let proven = kept.server.post("/api/v1/models/kept/versions/2/test", check(1000.0)).await;
        assert_eq!(proven.status, StatusCode::OK, "{}", proven.body);
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(kept.traffic().await["traffic"]["canary"]["version"], 2);
        // A check of another version is nothing against this one; its own is.
        kept.server.post("/api/v1/models/kept/versions/1/test", check(0.0001)).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(kept.traffic().await["traffic"]["canary"]["version"], 2);
        let proven = kept.server.post("/api/v1/models/kept/versions/2/test", check(0.0001)).await;
        assert_eq!(proven.status, StatusCode::OK, "{}", proven.body);
        let reason = kept.canary_gone().await;
        assert!(reason.contains("version 2 of `kept`"), "{reason}");

        // So is a check of the rows that come in while it answers.
        kept.share(canary("on_failed_check")).await;
        kept.push(rows(HOURS + 100, 50, 5_000.0)).await;
        let reason = kept.canary_gone().await;
        assert!(!reason.contains("version 2 of `kept`"), "{reason}");
    }
}

#[tokio::test]
async fn a_new_primary_makes_way_for_the_one_before_when_its_traffic_drifts() {
    for database in testing::databases().await {
        let kept = Kept::new(database).await;
        kept.promote(2).await;
        kept.share(json!({ "rollback": { "on_alert": true } })).await;
        kept.day(1, "primary", 0.0).await;
        kept.day(2, "primary", 200.0).await;
        let began = Instant::now();
        while kept.answering().await != 1 {
            assert!(began.elapsed() < Duration::from_secs(20), "{}", kept.traffic().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let model = kept.server.get("/api/v1/models/kept").await.json();
        let alias =
            model["aliases"].as_array().unwrap().iter().find(|alias| alias["alias"] == "champion").unwrap();
        assert_eq!(alias["version"], 1);
        assert!(alias["reason"].as_str().unwrap().starts_with("taken back: alert "), "{alias}");
        let began = Instant::now();
        let told = loop {
            let events = kept.server.get("/api/v1/events?kind=deployment.rolled_back").await.json();
            match events["items"].as_array().unwrap().first() {
                Some(event) => break event.clone(),
                None => assert!(began.elapsed() < Duration::from_secs(20), "{events}"),
            }
        };
        assert!(told.to_string().contains("version 2: alert "), "{told}");
        // It stays there: the version before is not blamed for what the other one's alert says.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(kept.answering().await, 1);
    }
}
