//! Webhooks over a real connection: who is told what, when, and what happens when nobody takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use platform::webhooks::{Targets, WebhookRules};
use registry::{AliasChange, Expected, NewModel, NewVersion, NewWebhook, Subject, Webhook, WebhookStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::harness::{Home, actor};

/// Answers every request with the status that is set, and hands the request on.
struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    seen: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<(String, serde_json::Value)>,
}

impl Receiver {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=hidden", listener.local_addr().unwrap());
        let (status, seen) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (hand_on, requests) = mpsc::unbounded_channel();
        let (answers, count) = (Arc::clone(&status), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                let (head, body) = loop {
                    let mut chunk = [0; 4_096];
                    let read = stream.read(&mut chunk).await.unwrap();
                    bytes.extend(chunk.iter().take(read));
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length: usize = head
                        .lines()
                        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
                        .unwrap_or(0);
                    if body.len() >= length {
                        break (head.to_lowercase(), body.to_owned());
                    }
                };
                count.fetch_add(1, Ordering::SeqCst);
                let status = answers.load(Ordering::SeqCst);
                let answer =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = hand_on.send((head, serde_json::from_str(&body).unwrap()));
            }
        });
        Self { url, status, seen, requests }
    }

    async fn next(&mut self) -> (String, serde_json::Value) {
        tokio::time::timeout(Duration::from_secs(20), self.requests.recv()).await.unwrap().unwrap()
    }
}

fn rules() -> WebhookRules {
    WebhookRules {
        targets: Targets::Any,
        most_attempts: 3,
        first_pause: Duration::from_millis(5),
        ..WebhookRules::default()
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

async fn hook(home: &Home, url: &str, subjects: &[&str]) -> Webhook {
    let new = NewWebhook {
        project: "default".into(),
        name: "hook".into(),
        description: None,
        url: url.to_owned(),
        subjects: subjects.iter().map(|words| Subject::find(words).unwrap()).collect(),
        status: WebhookStatus::Active,
        secret: Some("s".into()),
    };
    let now = home.platform.clock.now();
    home.platform
        .db
        .write(move |tx| Box::pin(async move { registry::create_webhook(tx, new, &actor(), now).await }))
        .await
        .unwrap()
}

async fn model(home: &Home, name: &'static str) {
    let now = home.platform.clock.now();
    let work = home.platform.db.write::<_, registry::Error, _>(move |tx| {
        Box::pin(async move {
            let tags = [("team".to_owned(), "a".to_owned())].into();
            let new = NewModel { name: name.into(), description: "d".into(), tags, ..NewModel::default() };
            registry::create_model(tx, &new, &actor(), now).await?;
            let new = NewVersion { model: name.into(), source: "s3://b/m".into(), ..NewVersion::default() };
            registry::create_version(tx, new, &actor(), now).await?;
            registry::set_version_tag(tx, name, 1, "k", "v", &actor(), now).await?;
            registry::delete_version_tag(tx, name, 1, "k", &actor(), now).await?;
            let change = AliasChange {
                model: name.into(),
                alias: "champion".into(),
                version: 1,
                expected: Expected::Nothing,
                reason: "first".into(),
            };
            registry::set_alias(tx, &change, &actor(), now).await?;
            registry::delete_alias(tx, name, "champion", "gone", &actor(), now).await
        })
    });
    work.await.unwrap();
}

fn tell(home: &Home) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (stop, stopping) = watch::channel(false);
    (stop, tokio::spawn(Arc::clone(&home.platform).tell_webhooks(rules(), stopping)))
}

async fn state(home: &Home, id: &str) -> Webhook {
    registry::get_webhook(&mut home.platform.db.read().await.unwrap(), "default", id).await.unwrap()
}

#[tokio::test]
async fn every_event_on_models_is_told_in_order_signed_and_once() {
    let home = Home::new().await;
    let mut receiver = Receiver::new().await;
    let subjects: Vec<String> = Subject::all().map(|subject| subject.to_string()).collect();
    let all: Vec<&str> = subjects.iter().map(String::as_str).collect();
    let hook = hook(&home, &receiver.url, &all).await;
    model(&home, "traffic").await;
    model(&home, "elsewhere/traffic").await;
    let (stop, _) = tell(&home);
    let expected = [
        (
            "registered_model",
            "created",
            serde_json::json!({"name": "traffic", "tags": {"team": "a"}, "description": "d"}),
        ),
        (
            "model_version",
            "created",
            serde_json::json!({"name": "traffic", "version": "1", "source": "s3://b/m", "run_id": null, "tags": {},
                "description": null}),
        ),
        (
            "model_version_tag",
            "set",
            serde_json::json!({"name": "traffic", "version": "1", "key": "k", "value": "v"}),
        ),
        ("model_version_tag", "deleted", serde_json::json!({"name": "traffic", "version": "1", "key": "k"})),
        (
            "model_version_alias",
            "created",
            serde_json::json!({"name": "traffic", "alias": "champion", "version": "1"}),
        ),
        ("model_version_alias", "deleted", serde_json::json!({"name": "traffic", "alias": "champion"})),
    ];
    for (entity, action, data) in expected {
        let (head, body) = receiver.next().await;
        assert_eq!(
            (&body["entity"], &body["action"], &body["data"]),
            (&entity.into(), &action.into(), &data)
        );
        assert!(body["timestamp"].as_str().unwrap().ends_with("+00:00"), "{body}");
        assert!(header(&head, "x-mlflow-signature").starts_with("v1,"), "{head}");
        assert_eq!(header(&head, "x-mlflow-delivery-id").len(), 36, "{head}");
        assert!(header(&head, "x-mlflow-timestamp").parse::<u64>().is_ok(), "{head}");
    }
    while state(&home, &hook.id).await.delivered < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(receiver.seen.load(Ordering::SeqCst), 6, "those of another project are not told");
    stop.send_replace(true);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_under_the_same_id_and_then_passed_over() {
    let home = Home::new().await;
    let mut receiver = Receiver::new().await;
    receiver.status.store(503, Ordering::SeqCst);
    let hook = hook(&home, &receiver.url, &["registered_model.created", "model_version.created"]).await;
    model(&home, "traffic").await;
    let (stop, _) = tell(&home);
    let ids = [receiver.next().await, receiver.next().await, receiver.next().await]
        .map(|(head, _)| header(&head, "x-mlflow-delivery-id").to_owned());
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    receiver.status.store(404, Ordering::SeqCst);
    let (_, body) = receiver.next().await;
    assert_eq!(body["entity"], "model_version", "the first was passed over after three tries");
    let seen = loop {
        let seen = state(&home, &hook.id).await;
        if seen.given_up == 2 {
            break seen;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(
        (seen.delivered, seen.last_status, seen.last_error.as_deref()),
        (0, Some(404), Some("it answered 404"))
    );
    assert_eq!(receiver.seen.load(Ordering::SeqCst), 4, "what never will be taken is tried once");
    stop.send_replace(true);
}

#[tokio::test]
async fn what_was_not_told_before_the_end_is_told_after_the_next_start() {
    let home = Home::new().await;
    let mut receiver = Receiver::new().await;
    let hook = hook(&home, &receiver.url, &["registered_model.created"]).await;
    receiver.status.store(500, Ordering::SeqCst);
    let (stop, stopping) = watch::channel(false);
    let slow = WebhookRules { first_pause: Duration::from_secs(2), ..rules() };
    let teller = tokio::spawn(Arc::clone(&home.platform).tell_webhooks(slow, stopping));
    model(&home, "traffic").await;
    let (first, _) = receiver.next().await;
    while state(&home, &hook.id).await.attempts == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    teller.abort();
    drop(stop);
    receiver.status.store(200, Ordering::SeqCst);
    let (stop, _) = tell(&home);
    let (again, body) = receiver.next().await;
    assert_eq!(header(&again, "x-mlflow-delivery-id"), header(&first, "x-mlflow-delivery-id"));
    assert_eq!(body["data"]["name"], "traffic");
    stop.send_replace(true);
}

#[tokio::test]
async fn a_private_address_is_not_told_when_only_public_ones_may_be() {
    let home = Home::new().await;
    let receiver = Receiver::new().await;
    let hook = hook(&home, &receiver.url, &["registered_model.created"]).await;
    let subject = Subject::find("registered_model.created").unwrap();
    let refused = home.platform.try_webhook(&WebhookRules::default(), &hook, subject).await.unwrap_err();
    assert!(refused.contains("scheme"), "{refused}");
    let url = receiver.url.replace("http:", "https:").replace("127.0.0.1", "localhost");
    let refused = home.platform.check_webhook_address(&WebhookRules::default(), &url).await.unwrap_err();
    assert!(refused.to_string().contains("not a public address"), "{refused}");
    assert!(!refused.to_string().contains("hidden"), "{refused}");
    assert_eq!(receiver.seen.load(Ordering::SeqCst), 0);
    let answer = home.platform.try_webhook(&rules(), &hook, subject).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
}
