//! Moves of a guarded alias over HTTP: judged, asked for, approved, carried out, and what stands in the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use base::{Actor, Clock, FixedClock, ObjectRef, Period, SystemClock, Timestamp};
use governance::{Grant, NewMember, NewToken, Role};
use registry::NewVersion;
use serde_json::{Value, json};

use crate::harness::{Reply, Server, over, over_at};

/// One approval, and nothing else.
pub const ONE: &str = "approvals: [{ from: approver }]\n";

/// A `gingham.yaml` for `traffic` under a policy with these words.
pub fn spec(policy: &str) -> Value {
    let yaml = "model: traffic\nowner: traffic-team\ndata: { dataset: traffic, time: at }\n\
        pipeline:\n  prepare: prepare.sql\n  time: at\n  target: volume\n  features: [hour]\n\
        \x20 evaluate: { last: 1d, metric: mae }\n  candidates: [{ id: a, trainer: linear }]\n\
        promotion: { rules: [] }\nrisk: { tier: high, policy: high.policy.yaml }\n";
    let policy = format!("policy: strict\ntier: high\n{policy}");
    json!({ "spec_yaml": yaml, "files": { "prepare.sql": "select * from input", "high.policy.yaml": policy } })
}

/// A server with `traffic` under that policy, and people to act on it.
pub struct World {
    pub server: Server,
    tokens: BTreeMap<&'static str, String>,
}

/// Who there is: `tom` trains, `rita` asks, `ada` and `bo` approve, `max` maintains.
const PEOPLE: [(&str, Role); 6] = [
    ("tom", Role::Approver),
    ("rita", Role::Approver),
    ("ada", Role::Approver),
    ("bo", Role::Approver),
    ("max", Role::Maintainer),
    ("vera", Role::Viewer),
];

impl World {
    pub async fn new(policy: &str) -> Self {
        Self::over(over(testing::sqlite().await, server::Settings::default()).await, policy).await
    }

    pub async fn over(server: Server, policy: &str) -> Self {
        let world = Self::with_people(server).await;
        let applied = world.server.post("/api/v1/apply", spec(policy)).await;
        assert_eq!(applied.status, StatusCode::OK, "{}", applied.body);
        for _ in 0..2 {
            world.version(&[("hour", true), ("rain", false)]).await;
        }
        world
    }

    /// A server with people only.
    pub async fn with_people(server: Server) -> Self {
        let mut world = World { server, tokens: BTreeMap::new() };
        for (name, role) in PEOPLE {
            let secret = world.person(name, role).await;
            world.tokens.insert(name, secret);
        }
        world
    }

    async fn person(&self, name: &'static str, role: Role) -> String {
        let issued = self
            .server
            .database
            .write::<_, governance::Error, _>(move |tx| {
                Box::pin(async move {
                    let (actor, now) = (Actor::named("test"), SystemClock.now());
                    let mut member = NewMember::person(name).with(Grant::everywhere(role));
                    if name == "rita" {
                        member = member.with(Grant::everywhere(Role::Contributor));
                    }
                    governance::create_member(tx, &member, &actor, now).await?;
                    governance::issue_token(
                        tx,
                        name,
                        &NewToken { name: "t".into(), lifetime: None },
                        &actor,
                        now,
                    )
                    .await
                })
            })
            .await
            .unwrap();
        issued.secret.reveal().to_owned()
    }

    /// A version that `tom` trained, with these inputs, and whether each is required.
    pub async fn version(&self, inputs: &[(&str, bool)]) -> i64 {
        let field =
            |(name, required): &(&str, bool)| json!({ "name": name, "kind": "number", "required": required });
        let inputs: Vec<Value> = inputs.iter().map(field).collect();
        let made = self.server.database.write::<_, registry::Error, _>(move |tx| {
            Box::pin(async move {
                let version = NewVersion {
                    model: "traffic".into(),
                    digest: Some(base::Digest::of(json!(inputs).to_string())),
                    signature: Some(
                        json!({ "inputs": inputs, "output": { "name": "volume", "kind": "number" } }),
                    ),
                    metrics: Some(json!({ "mae": 262.125 })),
                    ..NewVersion::default()
                };
                registry::create_version(tx, version, &Actor::named("tom"), SystemClock.now()).await
            })
        });
        made.await.unwrap().number
    }

    /// A verdict with one check on a version.
    pub async fn checked(&self, version: i64, check: &str, outcome: &str) {
        let result = json!({
            "check_id": check, "target": "the version", "severity": "error", "outcome": outcome,
            "observed": "", "expected": "", "rows": 1, "failing_rows": 0, "vacuous": false, "sample": [],
            "message": format!("{check} {outcome}s on the hour of 8"),
        });
        let verdict = checks::Verdict::of(1, vec![serde_json::from_value(result).unwrap()]);
        let object = ObjectRef::new("version", format!("traffic@{version}"));
        let kept: Result<_, checks::Error> = self
            .server
            .database
            .write(move |tx| {
                Box::pin(async move {
                    let actor = Actor::named("ci");
                    checks::store::insert_verdict(tx, &object, &actor, SystemClock.now(), &verdict).await
                })
            })
            .await;
        kept.unwrap();
    }

    pub async fn send(&self, who: &str, method: Method, path: &str, body: Value) -> Reply {
        let mut request = crate::harness::json(method, &format!("/api/v1{path}"), &body);
        if who != "local" {
            let bearer = format!("Bearer {}", self.tokens[who]);
            request.headers_mut().insert("authorization", bearer.parse().unwrap());
        }
        self.server.send(request).await
    }

    pub async fn post(&self, who: &str, path: &str, body: Value) -> Reply {
        self.send(who, Method::POST, path, body).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.server.get(&format!("/api/v1{path}")).await.json()
    }

    /// Rita asks for a version and gets the number of the review.
    pub async fn ask(&self, version: i64) -> i64 {
        let reply = self.post(
            "rita",
            "/reviews",
            json!({ "model": "traffic", "version": version, "reason": "better" }),
        );
        let reply = reply.await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.json()["number"].as_i64().unwrap()
    }

    /// Somebody acts on a review.
    pub async fn act(&self, who: &str, review: i64, what: &str, body: Value) -> Reply {
        self.post(who, &format!("/reviews/{review}/{what}"), body).await
    }

    /// Where the alias points.
    pub async fn champion(&self) -> Value {
        self.get("/models").await["items"][0]["aliases"]["champion"].clone()
    }

    /// Asks, approves and carries out; answers what came of that.
    pub async fn through(&self, version: i64) -> Reply {
        let review = self.ask(version).await;
        let approved = self.act("ada", review, "approve", json!({})).await;
        assert_eq!(approved.status, StatusCode::OK, "{}", approved.body);
        self.act("max", review, "carry-out", json!({})).await
    }
}

pub fn refused(reply: &Reply, code: &str, why: &str) {
    assert_eq!(reply.problem(), code, "{}", reply.body);
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(why), "{detail}");
}

#[tokio::test]
async fn a_guarded_alias_moves_by_a_review_and_not_by_hand() {
    for database in testing::databases().await {
        let world = World::over(over(database, server::Settings::default()).await, ONE).await;
        let by_hand = json!({ "version": 1, "reason": "now" });
        let reply = world.post("max", "/models/traffic/aliases/champion", by_hand).await;
        refused(&reply, "alias_guarded", "guarded by policy `strict`");
        let hint = "ask for the move: `gingham review ask traffic@1 --alias champion --reason …`";
        assert_eq!(reply.json()["hint"], hint);
        let mlflow = json!({ "name": "traffic", "alias": "champion", "version": "1" });
        let reply = world.server.post("/api/2.0/mlflow/registered-models/alias", mlflow).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{}", reply.body);
        assert_eq!(world.champion().await, Value::Null);

        let review = world.ask(1).await;
        let seen = world.get(&format!("/reviews/{review}")).await;
        assert_eq!(
            (&seen["state"], &seen["verdict"]["standing"]),
            (&json!("open"), &json!("waits")),
            "{seen}"
        );
        refused(
            &world.act("max", review, "carry-out", json!({})).await,
            "policy_refused",
            "waits for 1 approval",
        );
        let digest = seen["digest"].clone();
        let approved =
            world.act("ada", review, "approve", json!({ "digest": digest, "comment": "fine" })).await;
        assert_eq!(approved.json()["verdict"]["allowed"], true, "{}", approved.body);
        let done = world.act("max", review, "carry-out", json!({})).await.json();
        assert_eq!((&done["state"], &done["ended_by"]), (&json!("carried_out"), &json!("max")), "{done}");
        assert_eq!(world.champion().await, 1);
        let promotions = world.get("/models/traffic/promotions").await;
        let decision = promotions["items"][0]["decision"].as_str().unwrap();
        assert!(decision.contains("review 1, all 1 rules of policy `strict` hold"), "{decision}");
        let kinds: Vec<&str> =
            done["history"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["review.opened", "review.approved", "review.carried_out"]);
        refused(&world.act("ada", review, "approve", json!({})).await, "review_ended", "carried out already");
    }
}

#[tokio::test]
async fn what_a_policy_asks_for_stops_a_version_that_lacks_it_with_the_reason() {
    let world = World::new(&format!(
        "require:\n  checks: [slices, leakage]\n  schema: compatible\n  evidence: [metrics]\ncard: [purpose]\n{ONE}"
    ))
    .await;
    world.checked(1, "leakage", "pass").await;
    world.checked(1, "slices", "fail").await;
    let reply = world.through(1).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused(&reply, "policy_refused", "slices fails on the hour of 8");
    let rules = world.get("/reviews/1").await["verdict"]["rules"].clone();
    let marks: Vec<_> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["rule"].as_str().unwrap(), rule["mark"].as_str().unwrap()))
        .collect();
    let expected = [
        ("require.checks", "fail"),
        ("require.checks", "pass"),
        ("require.schema", "pass"),
        ("require.evidence", "pass"),
        ("card", "fail"),
        ("approvals[0]", "pass"),
    ];
    assert_eq!(marks, expected);

    // The slice is mended; the card is still blank.
    world.checked(1, "slices", "pass").await;
    refused(&world.act("max", 1, "carry-out", json!({})).await, "policy_refused", "blank in `purpose`");
    let card = json!({ "fields": { "purpose": "forecasts the traffic of an hour" } });
    let written = world.send("rita", Method::PUT, "/models/traffic/versions/1/card", card).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.body);
    // The card is part of what was approved: the approval is gone with it.
    refused(&world.act("max", 1, "carry-out", json!({})).await, "policy_refused", "that of `ada` was for");
    world.act("bo", 1, "approve", json!({})).await;
    assert_eq!(world.act("max", 1, "carry-out", json!({})).await.status, StatusCode::OK);

    // A version that breaks those who ask is stopped although all else holds.
    let breaking = world.version(&[("hour", true), ("snow", true)]).await;
    for check in ["slices", "leakage"] {
        world.checked(breaking, check, "pass").await;
    }
    let card = json!({ "fields": { "purpose": "forecasts too" } });
    world.send("rita", Method::PUT, &format!("/models/traffic/versions/{breaking}/card"), card).await;
    let reply = world.through(breaking).await;
    refused(
        &reply,
        "policy_refused",
        "input `rain` is not taken any more; input `snow` is new and must be given",
    );
    assert_eq!(world.champion().await, 1);
}

#[tokio::test]
async fn an_approval_dies_when_the_digest_changes() {
    let world = World::new(ONE).await;
    let review = world.ask(1).await;
    let first = world.get(&format!("/reviews/{review}")).await["digest"].clone();
    world.act("ada", review, "approve", json!({ "digest": first })).await;
    let revised = world.act("rita", review, "revise", json!({ "version": 2 })).await.json();
    assert_ne!(revised["digest"], first);
    assert_eq!(
        (&revised["opinions"][0]["current"], &revised["verdict"]["standing"]),
        (&json!(false), &json!("waits"))
    );
    refused(
        &world.act("max", review, "carry-out", json!({})).await,
        "policy_refused",
        "waits for 1 approval",
    );
    // Whoever still looks at the first one is told.
    refused(
        &world.act("bo", review, "approve", json!({ "digest": first })).await,
        "review_changed",
        "not about",
    );
    // Another policy is another thing to approve.
    world.act("ada", review, "approve", json!({})).await;
    let stricter = spec("approvals: [{ from: approver }]\nrequire: { evidence: [signature] }\n");
    assert_eq!(world.server.post("/api/v1/apply", stricter).await.status, StatusCode::OK);
    refused(
        &world.act("max", review, "carry-out", json!({})).await,
        "policy_refused",
        "waits for 1 approval",
    );
    assert_eq!(world.champion().await, Value::Null);
}

#[tokio::test]
async fn whoever_asked_or_trained_cannot_approve_and_that_is_written_down() {
    let world = World::new(ONE).await;
    let review = world.ask(1).await;
    for (who, why) in [("rita", "`rita` asked for the move"), ("tom", "`tom` trained the version")] {
        let reply = world.act(who, review, "approve", json!({})).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN);
        refused(&reply, "own_approval", why);
    }
    for who in ["max", "vera"] {
        assert_eq!(world.act(who, review, "approve", json!({})).await.problem(), "denied");
    }
    let events = world.get("/events?kind=review.approval_refused").await;
    assert_eq!(events["items"].as_array().unwrap().len(), 2, "{events}");
    let seen = world.get(&format!("/reviews/{review}")).await;
    assert_eq!(seen["verdict"]["standing"], "waits");
}

#[tokio::test]
async fn a_wish_for_changes_stops_a_move_until_it_is_taken_back() {
    let world = World::new("approvals: automatic\n").await;
    let body = json!({ "model": "traffic", "version": 1, "reason": "better", "at_once": false });
    let review = world.post("rita", "/reviews", body).await.json()["number"].as_i64().unwrap();
    world.act("ada", review, "request-changes", json!({ "comment": "which road?" })).await;
    refused(
        &world.act("max", review, "carry-out", json!({})).await,
        "policy_refused",
        "`ada` asked for changes",
    );
    world.act("ada", review, "approve", json!({})).await;
    assert_eq!(world.act("max", review, "carry-out", json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_policy_that_approves_by_itself_moves_the_alias_at_once() {
    let world = World::new("approvals: automatic\nrequire: { evidence: [metrics] }\n").await;
    let review = world.ask(2).await;
    let seen = world.get(&format!("/reviews/{review}")).await;
    assert_eq!(
        (&seen["state"], &seen["ended_by"]),
        (&json!("carried_out"), &json!("gingham/policy")),
        "{seen}"
    );
    assert_eq!(seen["verdict"]["summary"], "approved by policy `strict`: all 2 rules hold");
    assert_eq!(world.champion().await, 2);
    // Going back to what was let in before needs no new review.
    world.ask(1).await;
    let back = json!({ "version": 2, "reason": "version 1 is odd" });
    assert_eq!(world.post("max", "/models/traffic/aliases/champion", back).await.status, StatusCode::OK);
}

#[tokio::test]
async fn broken_glass_needs_a_reason_is_listed_expires_and_is_made_good() {
    let clock = Arc::new(FixedClock::at(Timestamp::parse("2026-11-24T10:00:00Z").unwrap()));
    let policy = format!("card: [purpose]\nbreak_glass: {{ longest: 4h }}\n{ONE}");
    let server =
        over_at(testing::sqlite().await, server::Settings::default(), Arc::clone(&clock) as Arc<dyn Clock>)
            .await;
    let world = World::over(server, &policy).await;
    let review = world.ask(1).await;
    let glass = |reason: &str, lasts: &str| json!({ "reason": reason, "ticket": "INC-7", "lasts": lasts });
    for (body, why) in
        [(glass("", "1h"), "a reason"), (glass("forecasts are all zero", "5h"), "at most 4 hours")]
    {
        refused(&world.act("max", review, "break-glass", body).await, "override_refused", why);
    }
    assert_eq!(
        world.act("rita", review, "break-glass", glass("forecasts are all zero", "1h")).await.problem(),
        "denied"
    );
    assert_eq!(world.get("/overrides").await["items"], json!([]));
    let done = world.act("max", review, "break-glass", glass("forecasts are all zero", "4h")).await;
    assert_eq!(done.json()["verdict"]["standing"], "overridden", "{}", done.body);
    assert_eq!(world.champion().await, 1);

    let state = async || world.get("/overrides").await["items"][0]["state"].clone();
    let attention = async || world.get("/status").await["needs_attention"].clone();
    assert_eq!(state().await, "standing");
    assert_eq!(attention().await[0]["severity"], "warn");
    clock.advance(Period::from_hours(4));
    world.server.app.platform().settle_reviews().await.unwrap();
    assert_eq!(state().await, "expired");
    assert_eq!(
        (&attention().await[0]["kind"], &attention().await[0]["severity"]),
        (&json!("override"), &json!("error"))
    );
    let expired = world.get("/events?kind=review.override_expired").await;
    assert_eq!(expired["items"].as_array().unwrap().len(), 1);

    // A review by the rules takes its place, of the version that stands there already.
    let card = json!({ "fields": { "purpose": "forecasts" } });
    world.send("rita", Method::PUT, "/models/traffic/versions/1/card", card).await;
    assert_eq!(world.through(1).await.status, StatusCode::OK);
    assert_eq!(world.get("/overrides").await["items"], json!([]));
    assert_eq!(world.get("/overrides?all=true").await["items"][0]["state"], "over");
    assert_eq!(attention().await, json!([]));
}

#[tokio::test]
async fn a_policy_without_glass_has_none_to_break() {
    let world = World::new(ONE).await;
    let review = world.ask(1).await;
    let body = json!({ "reason": "forecasts are all zero", "lasts": "1h" });
    refused(&world.act("max", review, "break-glass", body).await, "override_refused", "does not allow it");
    assert_eq!(world.champion().await, Value::Null);
}

#[tokio::test]
async fn two_approvals_at_once_carry_a_review_out_once() {
    for database in testing::databases().await {
        let policy = "approvals: [{ count: 2, from: approver }]\n";
        let world = World::over(over(database, server::Settings::default()).await, policy).await;
        let body = json!({ "model": "traffic", "version": 1, "reason": "better", "at_once": true });
        let review = world.post("rita", "/reviews", body).await.json()["number"].as_i64().unwrap();
        let (first, second) = tokio::join!(
            world.act("ada", review, "approve", json!({})),
            world.act("bo", review, "approve", json!({}))
        );
        assert_eq!(
            (first.status, second.status),
            (StatusCode::OK, StatusCode::OK),
            "{} {}",
            first.body,
            second.body
        );
        assert_eq!(world.champion().await, 1);
        let moves = world.get("/events?kind=alias.moved").await;
        assert_eq!(moves["items"].as_array().unwrap().len(), 1);
        let (one, two) = tokio::join!(
            world.act("max", review, "carry-out", json!({})),
            world.act("max", review, "carry-out", json!({}))
        );
        assert_eq!((one.problem().as_str(), two.problem().as_str()), ("review_ended", "review_ended"));
    }
}

#[tokio::test]
async fn an_alias_that_moved_meanwhile_must_be_looked_at_again() {
    let world = World::new(ONE).await;
    let (first, second) = (world.ask(1).await, world.ask(2).await);
    for review in [first, second] {
        world.act("ada", review, "approve", json!({})).await;
    }
    assert_eq!(world.act("max", first, "carry-out", json!({})).await.status, StatusCode::OK);
    let reply = world.act("max", second, "carry-out", json!({})).await;
    refused(
        &reply,
        "policy_refused",
        "pointed at nothing when this was asked for and points at version 1 now",
    );
    world.act("rita", second, "revise", json!({})).await;
    refused(
        &world.act("max", second, "carry-out", json!({})).await,
        "policy_refused",
        "waits for 1 approval",
    );
    world.act("ada", second, "approve", json!({})).await;
    assert_eq!(world.act("max", second, "carry-out", json!({})).await.status, StatusCode::OK);
    assert_eq!(world.champion().await, 2);
}

#[tokio::test]
async fn outside_of_a_window_a_move_waits_and_is_carried_out_when_it_opens() {
    // A Tuesday, two hours before the window.
    let clock = Arc::new(FixedClock::at(Timestamp::parse("2026-11-24T06:00:00Z").unwrap()));
    let server =
        over_at(testing::sqlite().await, server::Settings::default(), Arc::clone(&clock) as Arc<dyn Clock>)
            .await;
    let policy = "approvals: automatic\nwindows: [{ days: [tue], from: \"08:00\", until: \"16:00\" }]\n";
    let world = World::over(server, policy).await;
    let review = world.ask(1).await;
    let platform = world.server.app.platform();
    assert!(platform.settle_reviews().await.unwrap().is_empty());
    let verdict = world.get(&format!("/reviews/{review}")).await["verdict"].clone();
    let why = "no change window is open at 2026-11-24T06:00:00Z; it may from 2026-11-24T08:00:00Z on";
    assert_eq!((&verdict["standing"], &verdict["summary"]), (&json!("waits"), &json!(why)));
    clock.advance(Period::from_hours(2));
    assert_eq!(platform.settle_reviews().await.unwrap(), [review]);
    assert_eq!(world.champion().await, 1);
}

#[tokio::test]
async fn a_policy_in_force_is_not_loosened_by_those_it_binds() {
    let world = World::new(ONE).await;
    let loose = spec("approvals: automatic\n");
    let reply = world.post("max", "/apply", loose.clone()).await;
    refused(&reply, "policy_in_force", "may not approve model `traffic`");
    let without = {
        let mut spec = spec(ONE);
        let yaml = spec["spec_yaml"]
            .as_str()
            .unwrap()
            .replace("risk: { tier: high, policy: high.policy.yaml }\n", "");
        spec["spec_yaml"] = json!(yaml);
        spec
    };
    assert_eq!(world.post("max", "/apply", without).await.problem(), "policy_in_force");
    let same = spec(ONE);
    assert_eq!(world.post("max", "/apply", same).await.status, StatusCode::OK);
    let rename = json!({ "name": "traffic", "new_name": "other" });
    let renamed = world.server.post("/api/2.0/mlflow/registered-models/rename", rename).await;
    assert_eq!(renamed.status, StatusCode::FORBIDDEN, "{}", renamed.body);
    assert_eq!(world.post("local", "/apply", loose).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_verdict_is_the_same_asked_ahead_and_in_the_review_and_another_policy_can_be_tried() {
    let world = World::new(&format!("card: [purpose]\n{ONE}")).await;
    let ahead = world.post("vera", "/models/traffic/policy-verdict", json!({ "version": 1 })).await.json();
    let review = world.ask(1).await;
    let within = world.get(&format!("/reviews/{review}")).await["verdict"].clone();
    for field in ["rules", "standing", "summary", "digest"] {
        assert_eq!(ahead[field], within[field], "{field}");
    }
    let tried = json!({ "version": "1", "policy": "policy: p\ntier: low\napprovals: automatic\n" });
    let tried = world.post("vera", "/models/traffic/policy-verdict", tried).await.json();
    assert_eq!((&tried["standing"], &tried["policy"]), (&json!("allowed"), &json!("p")), "{tried}");
    let wrong =
        json!({ "version": 1, "policy": "policy: p\ntier: low\naproval: x\n", "file": "low.policy.yaml" });
    let reply = world.post("vera", "/models/traffic/policy-verdict", wrong).await;
    refused(&reply, "spec_invalid", "low.policy.yaml:3:1: unknown field `aproval`");
}

#[tokio::test]
async fn mistakes_in_the_files_are_placed() {
    let server = over(testing::sqlite().await, server::Settings::default()).await;
    let mut spec = spec("approvals: [{ from: aprover }]\n");
    let reply = server.post("/api/v1/plan", spec.clone()).await;
    refused(
        &reply,
        "spec_invalid",
        "high.policy.yaml:3:15: `aprover` is neither a group of this policy nor a role",
    );
    assert_eq!(reply.json()["hint"], "did you mean `approver`?");
    spec["files"].as_object_mut().unwrap().remove("high.policy.yaml");
    let reply = server.post("/api/v1/plan", spec).await;
    refused(&reply, "spec_invalid", "the file `high.policy.yaml` was not found beside gingham.yaml");
}

#[tokio::test]
async fn a_discussion_has_threads_and_finds_those_it_names() {
    let world = World::new(ONE).await;
    let review = world.ask(1).await;
    let first = world.act("rita", review, "comments", json!({ "text": "@ada, is the rain right?" })).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let number = first.json()["number"].clone();
    let inbox =
        async || world.send("ada", Method::GET, "/review-mentions", json!({})).await.json()["items"].clone();
    assert_eq!(inbox().await[0]["text"], "@ada, is the rain right?");
    world.act("ada", review, "comments", json!({ "text": "it is", "parent": number })).await;
    let seen = world.send("ada", Method::GET, &format!("/reviews/{review}"), json!({})).await.json();
    assert_eq!((&seen["comments"][1]["parent"], &seen["comments"][1]["author"]), (&number, &json!("ada")));
    assert_eq!(inbox().await, json!([]));
    refused(&world.act("vera", review, "comments", json!({ "text": "hi" })).await, "denied", "vera");
    let wrong = json!({ "text": "hi", "parent": 99 });
    refused(
        &world.act("ada", review, "comments", wrong).await,
        "comment_invalid",
        "no comment of this review",
    );
}

#[tokio::test]
async fn reviews_are_listed_by_state_and_ended_without_a_move() {
    let world = World::new(ONE).await;
    let (first, second) = (world.ask(1).await, world.ask(2).await);
    let again = json!({ "model": "traffic", "version": 1, "reason": "again" });
    refused(&world.post("rita", "/reviews", again).await, "review_exists", "review 1");
    let closed = world.act("rita", first, "close", json!({ "reason": "version 2 is better" })).await.json();
    assert_eq!(
        (&closed["state"], &closed["outcome"]),
        (&json!("closed"), &json!("closed without a move: version 2 is better"))
    );
    let numbers = async |query: &str| -> Vec<i64> {
        let page = world.get(&format!("/reviews?{query}")).await;
        page["items"].as_array().unwrap().iter().map(|review| review["number"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers("state=open").await, [second]);
    assert_eq!(numbers("state=closed&model=traffic").await, [first]);
    assert_eq!(numbers("requester=rita&limit=1").await, [second]);
    refused(&world.server.get("/api/v1/reviews?state=done").await, "invalid_query", "no state");
    refused(&world.server.get("/api/v1/reviews/9").await, "review_not_found", "no review 9");
    let missing = json!({ "model": "traffic", "version": 1, "alias": "other", "reason": "x" });
    // Without a list of aliases a policy guards every one.
    assert_eq!(world.post("rita", "/reviews", missing).await.status, StatusCode::CREATED);
}
