//! Canaries, shadows, who steps in, and what is taken back.

use super::*;
use crate::{Beside, Route, Traffic, Variant};

fn traffic(json: &str) -> Traffic {
    serde_json::from_str(json).unwrap()
}

fn offer_that(version: i64, does: Does) -> Offer {
    Offer { engine: engine(version, does), ..offer(version) }
}

async fn route(serving: &Serving, inference: Inference) -> (i64, Route) {
    let answer = serving.infer("traffic", request(&[1.0]), inference).await.unwrap();
    (answer.model_version.parse().unwrap(), answer.route)
}

fn by_key(key: &str) -> Inference {
    Inference { key: Some(key.into()), ..Inference::default() }
}

async fn with_canary(serving: &Serving, json: &str, does: Does) {
    serving.deploy(offer(1)).await.unwrap();
    let beside = Beside { canary: Some(offer_that(2, does)), ..Beside::default() };
    serving.share_out("traffic", &traffic(json), beside).await.unwrap();
}

#[tokio::test]
async fn a_canary_gets_its_share_and_a_key_keeps_its_version() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    with_canary(&serving, r#"{"canary": {"version": 2, "share": 0.2, "seed": 1}}"#, Does::Answer).await;
    let mut to_canary = 0;
    for key in 0..500 {
        let (version, answered) = route(&serving, by_key(&key.to_string())).await;
        assert_eq!((version, answered.clone()), route(&serving, by_key(&key.to_string())).await);
        assert_eq!(version == 2, answered.variant == Variant::Canary);
        to_canary += i32::from(version == 2);
    }
    // Four standard deviations of a binomial with 500 draws and p = 0.2 are 36.
    assert!((64..=136).contains(&to_canary), "{to_canary} of 500");
    let kept = sink.predictions.lock().unwrap();
    let canaries = kept.iter().filter(|row| row.variant == "canary").count();
    assert_eq!(canaries, 2 * usize::try_from(to_canary).unwrap());
    assert!(kept.iter().all(|row| (row.variant == "canary") == (row.version == 2)));
}

#[tokio::test]
async fn a_canary_without_a_share_answers_who_asks_for_it() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    with_canary(&serving, r#"{"canary": {"version": 2}}"#, Does::Answer).await;
    assert_eq!(route(&serving, Inference::default()).await.0, 1);
    let asks = |variant: &str| Inference { variant: Some(variant.into()), ..Inference::default() };
    assert_eq!(route(&serving, asks("canary")).await.0, 2);
    assert_eq!(route(&serving, asks("primary")).await.0, 1);
    let version = Inference { version: Some("2".into()), ..Inference::default() };
    assert_eq!(route(&serving, version).await.0, 2);
    assert_eq!(serving.metadata("traffic", None).unwrap().versions, ["1", "2"]);
    assert!(serving.metadata("traffic", Some("2")).is_ok());
}

#[tokio::test]
async fn a_canary_that_fails_is_taken_back_at_once() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    let json =
        r#"{"canary": {"version": 2, "share": 1.0}, "rollback": {"error_rate": 0.2, "least_requests": 5}}"#;
    with_canary(&serving, json, Does::NotFinite).await;
    let mut failures = 0;
    for _ in 0..20 {
        failures += i32::from(ask(&serving, &[1.0]).await.is_err());
    }
    assert_eq!(failures, 5, "the fifth failure is the last one that anybody meets");
    let branches = serving.describe("traffic").unwrap().branches;
    assert_eq!(branches[1].tripped.as_deref(), Some("5 of 5 requests of the last 60 s failed; 20 % may"));
    assert_eq!(branches[0].tripped, None);
}

#[tokio::test]
async fn bad_requests_are_no_failures_of_the_version() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    let json =
        r#"{"canary": {"version": 2, "share": 1.0}, "rollback": {"error_rate": 0.0, "least_requests": 1}}"#;
    with_canary(&serving, json, Does::Refuse).await;
    for _ in 0..5 {
        assert_eq!(ask(&serving, &[1.0]).await.unwrap_err().kind(), Kind::Invalid);
    }
    assert_eq!(serving.describe("traffic").unwrap().branches[1].tripped, None);
}

#[tokio::test]
async fn somebody_steps_in_for_a_version_that_cannot_answer() {
    for (does, words) in [
        (Does::NotFinite, "version 2: the prediction for row 0 is not a finite number"),
        (Does::Panic, "version 2: the engine broke down"),
        (Does::Hang, "version 2: the model did not answer within 30 ms"),
    ] {
        let sink = Arc::new(Kept::default());
        let serving = serving(&sink);
        serving.deploy(offer_that(2, does)).await.unwrap();
        let hangs = r#"{"fallback": {"version": 1, "after_ms": 30}}"#;
        let json = if does == Does::Hang { hangs } else { r#"{"fallback": {"version": 1}}"# };
        let beside = Beside { fallback: Some(offer(1)), ..Beside::default() };
        serving.share_out("traffic", &traffic(json), beside).await.unwrap();
        let (version, answered) = route(&serving, Inference::default()).await;
        assert_eq!(
            (version, answered.variant, answered.fallback.as_deref()),
            (1, Variant::Fallback, Some(words))
        );
        let kept = sink.predictions.lock().unwrap();
        assert_eq!((kept[0].variant, kept[0].version, kept[0].prediction), ("fallback", 1, 1.0));
    }
}

#[tokio::test]
async fn what_is_out_of_range_is_not_given() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(2)).await.unwrap();
    let json = r#"{"fallback": {"value": 7.5, "least": 0, "most": 100}}"#;
    serving.share_out("traffic", &traffic(json), Beside::default()).await.unwrap();
    assert_eq!(ask(&serving, &[3.0]).await.unwrap(), (2, vec![6.0]));
    assert_eq!(
        ask(&serving, &[3.0, 51.0]).await.unwrap(),
        (0, vec![7.5, 7.5]),
        "a fixed value is no version"
    );
    assert_eq!(ask(&serving, &[-1.0]).await.unwrap(), (0, vec![7.5]));
}

#[tokio::test]
async fn a_fallback_that_fails_too_leaves_the_first_reason() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer_that(2, Does::Panic)).await.unwrap();
    let beside = Beside { fallback: Some(offer_that(1, Does::NotFinite)), ..Beside::default() };
    serving.share_out("traffic", &traffic(r#"{"fallback": {"version": 1}}"#), beside).await.unwrap();
    let error = ask(&serving, &[1.0]).await.unwrap_err();
    assert_eq!(error.to_string(), "version 2 of `traffic` cannot answer: the engine broke down");
}

#[tokio::test]
async fn a_shadow_is_asked_compared_and_never_heard() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(2)).await.unwrap();
    let json = r#"{"shadow": {"version": 3, "tolerance": 1.0}}"#;
    let beside = Beside { shadow: Some(offer(3)), ..Beside::default() };
    serving.share_out("traffic", &traffic(json), beside).await.unwrap();
    assert_eq!(ask(&serving, &[1.0, 5.0]).await.unwrap(), (2, vec![2.0, 10.0]));
    let comparison = loop {
        let branches = serving.describe("traffic").unwrap().branches;
        let comparison = branches[1].comparison.clone().unwrap();
        if comparison.rows == 2 {
            break comparison;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((comparison.agreed, comparison.dropped, comparison.failed), (1, 0, 0));
    assert_eq!((comparison.mean_difference, comparison.largest_difference), (Some(3.0), Some(5.0)));
    while sink.predictions.lock().unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    let kept = sink.predictions.lock().unwrap();
    assert_eq!(kept.iter().filter(|row| row.variant == "shadow" && row.version == 3).count(), 2);
}

#[tokio::test]
async fn a_shadow_that_is_slow_drops_rows_and_holds_nobody_up() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(2)).await.unwrap();
    let beside = Beside { shadow: Some(offer_that(3, Does::Hang)), ..Beside::default() };
    serving.share_out("traffic", &traffic(r#"{"shadow": {"version": 3}}"#), beside).await.unwrap();
    let rows = vec![1.0; 1_500];
    for _ in 0..6 {
        ask(&serving, &rows).await.unwrap();
    }
    let comparison = serving.describe("traffic").unwrap().branches[1].comparison.clone().unwrap();
    assert!(comparison.dropped >= 3_000, "{comparison:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_is_lost_while_canaries_come_and_go() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(1)).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (serving, stop) = (Arc::clone(&serving), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut answered = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let (version, y) = ask(&serving, &[1.0, 2.0]).await.unwrap();
                    assert_eq!(
                        y,
                        [version as f64, 2.0 * version as f64],
                        "one version answers the whole request"
                    );
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for round in 0..100_i64 {
        let share = traffic(&format!(r#"{{"canary": {{"version": {}, "share": 0.5}}}}"#, round + 2));
        let beside = Beside { canary: Some(offer(round + 2)), ..Beside::default() };
        serving.share_out("traffic", &share, beside).await.unwrap();
        if round % 10 == 0 {
            // The canary becomes the primary while it has a share.
            serving.deploy(offer(round + 2)).await.unwrap();
            assert_eq!(serving.describe("traffic").unwrap().branches.len(), 1);
        }
        serving.share_out("traffic", &Traffic::default(), Beside::default()).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut total = 0;
    for asker in askers {
        total += asker.await.unwrap();
    }
    let stats = serving.describe("traffic").unwrap().stats;
    assert_eq!((stats.requests_total, stats.errors_total), (total, 0));
    assert_eq!(sink.predictions.lock().unwrap().len() as u64, 2 * total, "every row is archived once");
}

#[tokio::test]
async fn a_version_that_fails_its_warm_up_gets_no_share() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(1)).await.unwrap();
    let warm_up = Some(vec![Column::Numbers(vec![5.0]), Column::Words(vec![None])]);
    let bad = Offer { warm_up, ..offer_that(2, Does::Panic) };
    let beside = Beside { canary: Some(bad), ..Beside::default() };
    let share = traffic(r#"{"canary": {"version": 2, "share": 1.0}}"#);
    let error = serving.share_out("traffic", &share, beside).await.unwrap_err();
    assert_eq!(error.code(), "warm_up_failed");
    assert_eq!(ask(&serving, &[3.0]).await.unwrap(), (1, vec![3.0]));
}

#[tokio::test]
async fn traffic_settings_are_kept_with_reason_and_event_on_both_engines() {
    use crate::traffic_store::{self, Change, seeded};
    for database in testing::databases().await {
        let (ada, at) = (Actor::named("ada"), Timestamp::from_millis);
        let new = NewDeployment {
            name: "traffic".into(),
            project: "default".into(),
            model: "traffic-model".into(),
            alias: None,
            settings: Settings::default(),
        };
        database
            .write(move |tx| {
                Box::pin(async move {
                    store::put_deployment(tx, &new, &ada, at(1)).await?;
                    let five = seeded(traffic(r#"{"canary": {"version": 2, "share": 0.05}}"#), None);
                    let first =
                        traffic_store::put(tx, "traffic", &five, (Change::Set, "try it"), &ada, at(2))
                            .await?;
                    let more = seeded(traffic(r#"{"canary": {"version": 2, "share": 0.5}}"#), Some(&first));
                    assert_eq!(more.canary.as_ref().unwrap().seed, 1, "a canary that stays keeps its keys");
                    let second =
                        traffic_store::put(tx, "traffic", &more, (Change::Set, "it does well"), &ada, at(3))
                            .await?;
                    let other = seeded(traffic(r#"{"canary": {"version": 3}}"#), Some(&second));
                    assert_eq!(other.canary.as_ref().unwrap().seed, 3, "another canary draws others");
                    let none = Traffic::default();
                    traffic_store::put(tx, "traffic", &none, (Change::RolledBack, "it failed"), &ada, at(4))
                        .await?;
                    Ok::<_, Error>(())
                })
            })
            .await
            .unwrap();
        let mut read = database.read().await.unwrap();
        let history = traffic_store::history(&mut read, "traffic", 10).await.unwrap();
        assert_eq!(history.iter().map(|entry| entry.revision).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(
            (history[0].reason.as_str(), history[1].traffic.in_words().as_str()),
            ("it failed", "canary: version 2 gets 50 %")
        );
        drop(read);
        let events = database.events(&db::EventFilter::default(), 10).await.unwrap();
        assert_eq!(events[3].kind, "deployment.rolled_back");
        assert_eq!(events[3].summary, "`traffic` took a version back: it failed");
    }
}
