//! Real models, trained by a real process, proven by real checks, and let in, or not, by a policy. All by the API, on
//! both databases.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use ::training::worker::Message;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use base::SystemClock;
use platform::Worker;
use serde_json::{Value, json};
use testing::TestDatabase;
use tokio::sync::watch;

use crate::harness::{Reply, request, with_worker};
use crate::reviews::{World, refused};

/// Hours of rows in the first version of the dataset.
pub(crate) const HOURS: i64 = 1_400;
const PREPARE: &str = "select cast(at as timestamp) as at, x, z, grp, y from input order by at";
const CHECKS: &str = "model_checks:\n\
    - { id: slices, metric: mae, no_worse_than: champion, by: 20%, each: grp }\n\
    - { id: leak, leakage: { alone: 0.97, duplicates: 1 } }\n\
    - { id: consumers, consumers: true }\n\
    - { id: resembles, drift: { against: champion, columns: [x] } }\n";
/// What the policy asks when it approves by itself.
const AUTOMATIC: &str = "approvals: automatic\n\
    require: { gates: true, checks: [slices, leak, consumers, resembles], schema: compatible, data: not_blocked }\n";

/// The process that a training is handed to is this program, started again for this one test.
#[test]
#[ignore = "the child process of other tests"]
fn train_in_a_process() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let mut emit = |message: &Message| {
        // Past the test harness, which would hold the lines back.
        writeln!(fs::File::options().append(true).open("/dev/stdout").unwrap(), "\n{}", message.to_line())
            .unwrap();
    };
    match platform::worker::train(&text, &mut emit) {
        Ok(done) => emit(&Message::Done(done)),
        Err(problem) => emit(&problem),
    }
}

/// Numbers between 0 and 1 that look like chance and are always the same.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Rows of `hours` hours: two groups with laws of their own; `shift` is added to `x`.
pub(crate) fn rows(first: i64, hours: i64, shift: f64) -> String {
    let start = chrono::DateTime::parse_from_rfc3339("2024-01-01T00:00:00Z").unwrap();
    let mut chance = Chance(first.unsigned_abs() + 1);
    let mut text = "at,x,z,grp,y\n".to_owned();
    for hour in first..first + hours {
        let at = (start + chrono::TimeDelta::hours(hour)).format("%Y-%m-%dT%H:%M:%SZ");
        let (x, z) = (chance.next() * 50.0 + shift, chance.next() * 10.0);
        let group = if chance.next() < 0.5 { "a" } else { "b" };
        let law = if group == "a" { 2.0 * x } else { 3.0 * x + 40.0 };
        let y = law + z + (chance.next() - 0.5) * 6.0;
        writeln!(text, "{at},{x:.3},{z:.3},{group},{y:.3}").unwrap();
    }
    text
}

/// This program as the process that trains.
pub(crate) fn worker() -> Worker {
    Worker {
        program: std::env::current_exe().unwrap(),
        arguments: ["proven::train_in_a_process", "--exact", "--ignored", "--nocapture"]
            .map(str::to_owned)
            .into(),
    }
}

/// A server that trains, with the first version of a model `proven` in production.
struct Proven {
    world: World,
    _stop: watch::Sender<bool>,
}

/// What of the file differs between versions.
struct Asked<'a> {
    policy: &'a str,
    features: &'a str,
    prepare: &'a str,
    trees: u32,
    more: &'a str,
}

impl<'a> Asked<'a> {
    fn under(policy: &'a str) -> Self {
        Self { policy, features: "x, z, grp", prepare: PREPARE, trees: 60, more: "" }
    }

    fn file(&self) -> Value {
        let Self { policy, features, prepare, trees, more } = self;
        let yaml = format!(
            "model: proven\nowner: ada\ndata: {{ dataset: proven, time: at }}\npipeline:\n  prepare: prepare.sql\n\
             \x20 time: at\n  target: y\n  features: [{features}]\n  evaluate: {{ last: 12d, metric: mae }}\n  candidates:\n\
             \x20   - {{ id: boosted, trainer: gradient_boosting, params: {{ trees: {trees}, learning_rate: 0.2, leaves: 15 }} }}\n\
             promotion: {{ rules: [{{ metric: mae, at_most: 1000 }}] }}\n\
             deployment:\n  name: proven\n  alias: champion\n{more}\
             risk: {{ tier: high, policy: high.policy.yaml }}\n{CHECKS}"
        );
        let policy = format!("policy: strict\ntier: high\naliases: [champion]\n{policy}");
        json!({ "spec_yaml": yaml, "files": { "prepare.sql": prepare, "high.policy.yaml": policy } })
    }
}

impl Proven {
    async fn new(database: TestDatabase, policy: &str) -> Self {
        let server =
            with_worker(database, server::Settings::default(), Arc::new(SystemClock), worker()).await;
        let world = World::with_people(server).await;
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(Arc::clone(&world.server.platform).work(stopping));
        let proven = Self { world, _stop: stop };
        proven.apply(&Asked::under(policy)).await;
        proven.push(rows(0, HOURS, 0.0)).await;
        proven.train().await;
        proven
    }

    async fn apply(&self, asked: &Asked<'_>) {
        let applied = self.world.server.post("/api/v1/apply", asked.file()).await;
        assert_eq!(applied.status, StatusCode::OK, "{}", applied.body);
    }

    async fn push(&self, text: String) {
        let path = "/api/v1/datasets/proven/versions?origin=test";
        let mut pushed = request(Method::POST, path).map(|_| Body::from(text));
        pushed.headers_mut().insert("content-type", "text/csv".parse().unwrap());
        let pushed = self.world.server.send(pushed).await;
        assert!(pushed.status.is_success(), "{}", pushed.body);
    }

    /// Trains and answers what came of it.
    async fn train(&self) -> Value {
        let job = self.world.server.post("/api/v1/models/proven/train", json!({})).await.json();
        loop {
            let now = self.world.get(&format!("/jobs/{}", job["id"].as_str().unwrap())).await;
            match now["state"].as_str().unwrap() {
                "succeeded" => return now["result"].clone(),
                "queued" | "running" => tokio::time::sleep(Duration::from_millis(50)).await,
                other => panic!("{other}: {now}"),
            }
        }
    }

    async fn champion(&self) -> i64 {
        self.world.champion().await.as_i64().unwrap()
    }

    async fn share(&self, traffic: Value) -> Reply {
        let body = json!({ "traffic": traffic, "reason": "a try" });
        self.world.send("max", Method::PUT, "/deployments/proven/traffic", body).await
    }

    /// That the second version does not get into production by any way, and that the rule and the reason are told: by the
    /// training, by a review, when it is carried out, and when it is to get a share of the traffic.
    async fn stopped(&self, trained: &Value, rule: &str, why: &str) {
        assert_eq!(trained["promoted"], json!(false), "{trained}");
        let asked = json!({ "model": "proven", "version": 2, "reason": "newer" });
        let review = self.world.post("rita", "/reviews", asked).await;
        assert_eq!(review.status, StatusCode::CREATED, "{}", review.body);
        let review = review.json();
        let verdict = &review["verdict"];
        assert_eq!(verdict["standing"], "refused", "{verdict}");
        let rules = verdict["rules"].as_array().unwrap();
        let found = rules.iter().find(|each| {
            each["rule"] == rule && each["mark"] == "fail" && each["why"].as_str().unwrap().contains(why)
        });
        assert!(found.is_some(), "no `{rule}` with `{why}`: {rules:#?}");
        let ahead =
            self.world.post("vera", "/models/proven/policy-verdict", json!({ "version": 2 })).await.json();
        assert_eq!(ahead["rules"], verdict["rules"]);
        let carried = self.world.act("max", review["number"].as_i64().unwrap(), "carry-out", json!({})).await;
        assert_eq!(carried.problem(), "policy_refused", "{}", carried.body);
        let by_hand = json!({ "version": 2, "reason": "newer" });
        let moved = self.world.post("max", "/models/proven/aliases/champion", by_hand).await;
        assert_eq!(moved.problem(), "alias_guarded");
        refused(
            &self.share(json!({ "canary": { "version": 2, "share": 0.1 } })).await,
            "traffic_guarded",
            why,
        );
        assert_eq!(self.champion().await, 1);
    }
}

#[tokio::test]
async fn a_version_that_is_worse_on_a_slice_is_stopped_by_the_policy() {
    for database in testing::databases().await {
        let proven = Proven::new(database, AUTOMATIC).await;
        assert_eq!(proven.champion().await, 1);
        // Group b is hidden from training, and only there: the rows to judge by still have it.
        let until = chrono::DateTime::parse_from_rfc3339("2024-01-01T00:00:00Z").unwrap()
            + chrono::TimeDelta::hours(HOURS - 12 * 24 - 2);
        let prepare = format!(
            "select * from ({PREPARE}) where grp = 'a' or at > timestamp '{}'",
            until.format("%Y-%m-%dT%H:%M:%S")
        );
        proven.apply(&Asked { prepare: &prepare, ..Asked::under(AUTOMATIC) }).await;
        let trained = proven.train().await;
        proven.stopped(&trained, "require.checks", "where `grp` is `b`").await;
    }
}

#[tokio::test]
async fn a_version_that_leaks_is_stopped_by_the_policy() {
    for database in testing::databases().await {
        let proven = Proven::new(database, AUTOMATIC).await;
        let prepare =
            "select cast(at as timestamp) as at, x, z, grp, y + 0.001 * z as hint, y from input order by at";
        let asked = Asked { prepare, features: "x, z, grp, hint", ..Asked::under(AUTOMATIC) };
        proven.apply(&asked).await;
        let trained = proven.train().await;
        proven.stopped(&trained, "require.checks", "`hint` alone explains").await;
    }
}

#[tokio::test]
async fn a_version_whose_rows_drift_is_stopped_by_the_policy() {
    for database in testing::databases().await {
        let proven = Proven::new(database, AUTOMATIC).await;
        proven.push(rows(HOURS, HOURS, 25.0)).await;
        let trained = proven.train().await;
        proven.stopped(&trained, "require.checks", "1 of 1 columns drifted").await;
    }
}

#[tokio::test]
async fn a_version_that_breaks_its_consumers_schema_is_stopped_by_the_policy() {
    for database in testing::databases().await {
        let proven = Proven::new(database, AUTOMATIC).await;
        proven.apply(&Asked { features: "x, grp", ..Asked::under(AUTOMATIC) }).await;
        let trained = proven.train().await;
        proven.stopped(&trained, "require.checks", "sends `z`, which the model does not take").await;
        let asked = json!({ "version": 2 });
        let verdict = proven.world.post("vera", "/models/proven/policy-verdict", asked).await.json();
        let why = "input `z` is not taken any more";
        let schema =
            verdict["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "require.schema");
        assert_eq!(schema.unwrap()["why"], why);
    }
}

#[tokio::test]
async fn a_better_version_goes_through_policy_and_review_and_gets_a_share_first() {
    for database in testing::databases().await {
        let policy =
            "approvals: [{ from: approver }]\nrequire: { gates: true, checks: [slices, leak, consumers] }\n";
        let proven = Proven::new(database, policy).await;
        let world = &proven.world;
        // The training asked for the move of the first version; ada approves, max carries it out.
        world.act("ada", 1, "approve", json!({})).await;
        let done = world.act("max", 1, "carry-out", json!({})).await;
        assert_eq!((done.status, proven.champion().await), (StatusCode::OK, 1), "{}", done.body);
        proven.apply(&Asked { trees: 90, ..Asked::under(policy) }).await;
        let trained = proven.train().await;
        assert!(
            trained["decision"].as_str().unwrap().contains("review 2: waits for 1 approval"),
            "{trained}"
        );

        let canary = |share: f64| json!({ "canary": { "version": 2, "share": share } });
        let reply = proven.share(canary(0.1)).await;
        let why = "the canary of `proven` may not answer with version 2: policy `strict` has not let it in for `champion`: \
                   waits for 1 approval from `approver`";
        refused(&reply, "traffic_guarded", why);
        assert!(reply.json()["hint"].as_str().unwrap().contains("gingham review ask proven@2"));
        let fallback = json!({ "fallback": { "version": 2 } });
        refused(&proven.share(fallback).await, "traffic_guarded", "the fallback of `proven`");
        let named = json!({ "canary": { "version": "next", "share": 0.1 } });
        refused(&proven.share(named).await, "traffic_guarded", "`next` moves without it");
        // A shadow answers nobody, and a canary without a share those who ask for it.
        for free in [json!({ "shadow": { "version": 2 } }), canary(0.0)] {
            let reply = proven.share(free).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        }
        // A file says the same as a person, and is not kept.
        let more = "  traffic: { canary: { version: 2, share: 0.2 } }\n";
        let file = Asked { trees: 90, more, ..Asked::under(policy) }.file();
        refused(
            &world.server.post("/api/v1/apply", file.clone()).await,
            "traffic_guarded",
            "waits for 1 approval",
        );
        let kept = world.get("/models/proven").await["spec"].to_string();
        assert!(!kept.contains("share"), "{kept}");
        // Nor is the whole deployment led to an alias that nothing guards.
        let next = json!({ "version": 2, "reason": "a try" });
        assert_eq!(world.post("max", "/models/proven/aliases/next", next).await.status, StatusCode::OK);
        let led = json!({ "model": "proven", "alias": "next" });
        assert_eq!(world.post("max", "/deployments", led).await.problem(), "alias_guarded");

        // Once it is approved it gets a share, and the alias stays.
        world.act("ada", 2, "approve", json!({})).await;
        assert_eq!(proven.share(canary(0.3)).await.status, StatusCode::OK);
        assert_eq!(proven.champion().await, 1);
        // The approval dies with what it was given for: what it has stays, more it does not get.
        let card = json!({ "fields": { "purpose": "other" } });
        world.send("rita", Method::PUT, "/models/proven/versions/2/card", card).await;
        assert_eq!(proven.share(canary(0.2)).await.status, StatusCode::OK);
        refused(&proven.share(canary(0.4)).await, "traffic_guarded", "waits for 1 approval");
        world.act("bo", 2, "approve", json!({})).await;
        let done = world.act("max", 2, "carry-out", json!({})).await;
        assert_eq!((done.status, proven.champion().await), (StatusCode::OK, 2), "{}", done.body);
        // The version before was let in: it may come back for a part.
        let back = json!({ "canary": { "version": 1, "share": 0.5 } });
        assert_eq!(proven.share(back).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_policy_may_ask_for_checks_only_before_a_share_or_for_nothing() {
    let waits = "approvals: [{ from: approver }]\nrequire: { checks: [leak] }\n";
    let proven = Proven::new(testing::sqlite().await, waits).await;
    proven.world.act("ada", 1, "approve", json!({})).await;
    proven.world.act("max", 1, "carry-out", json!({})).await;
    let checked = format!("{waits}traffic: checked\n");
    proven.apply(&Asked { trees: 90, ..Asked::under(&checked) }).await;
    proven.train().await;
    let canary = |version: i64| json!({ "canary": { "version": version, "share": 0.1 } });
    assert_eq!(proven.share(canary(2)).await.status, StatusCode::OK);
    let prepare =
        "select cast(at as timestamp) as at, x, z, grp, y + 0.001 * z as hint, y from input order by at";
    proven.apply(&Asked { prepare, features: "x, z, grp, hint", ..Asked::under(&checked) }).await;
    proven.train().await;
    refused(&proven.share(canary(3)).await, "traffic_guarded", "`hint` alone explains");
    let free = format!("{waits}traffic: free\n");
    proven.apply(&Asked { prepare, features: "x, z, grp, hint", ..Asked::under(&free) }).await;
    assert_eq!(proven.share(canary(3)).await.status, StatusCode::OK);
}
