//! Alerts told to others: messages, Alertmanager's API, figures for Prometheus.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::alerts::alert;
use crate::harness::{Server, request, server};

/// Takes requests, answering the given statuses one after another and 200 from then on.
pub fn receiver(mut statuses: Vec<u16>) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            if tell.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (address, told)
}

pub fn tell_by(server: &Server, notifiers: &str) {
    std::fs::write(server.app.platform().notifiers_file(), notifiers).unwrap();
}

pub async fn round(server: &Server) -> usize {
    server.app.platform().tell().await.unwrap()
}

async fn notices_of(server: &Server) -> Vec<Value> {
    server.get("/api/v1/notices").await.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_alert_is_told_once_and_its_end_too() {
    let server = server().await;
    let (url, told) = receiver(Vec::new());
    tell_by(&server, &format!("notifiers:\n  - {{name: hook, kind: webhook, url: '{url}'}}\n"));
    assert_eq!(round(&server).await, 0, "what was before is not told");
    let id = alert(&server, "traffic").await;
    assert_eq!(round(&server).await, 1);
    let body = told.recv().unwrap();
    assert_eq!((&body["state"], &body["command"]), (&json!("firing"), &json!("gingham status")));
    assert_eq!(round(&server).await, 0, "nothing is told twice");
    server.post(&format!("/api/v1/alerts/{id}/resolve"), json!({ "reason": "mended" })).await;
    assert_eq!(round(&server).await, 1);
    let end = told.recv().unwrap();
    assert_eq!((&end["state"], &end["fingerprint"]), (&json!("resolved"), &body["fingerprint"]));
}

#[tokio::test]
async fn a_message_that_fails_waits_and_one_that_is_refused_is_dropped_with_the_reason() {
    let server = server().await;
    let (busy, _) = receiver(vec![503]);
    let (gone, _) = receiver(vec![410]);
    tell_by(
        &server,
        &format!(
            "notifiers:\n  - {{name: busy, kind: webhook, url: '{busy}'}}\n  - {{name: gone, kind: webhook, url: '{gone}'}}\n"
        ),
    );
    round(&server).await;
    alert(&server, "traffic").await;
    assert_eq!(round(&server).await, 0);
    let notices = notices_of(&server).await;
    let of = |name: &str| notices.iter().find(|one| one["notifier"] == name).unwrap().clone();
    assert_eq!((&of("busy")["state"], &of("busy")["attempts"]), (&json!("waiting"), &json!(1)));
    assert_eq!(of("gone")["state"], "dropped");
    assert!(of("gone")["reason"].as_str().unwrap().contains("410"));
}

#[tokio::test]
async fn nobody_is_bothered_with_what_is_silenced_taken_or_too_much() {
    let server = server().await;
    let (url, _told) = receiver(Vec::new());
    tell_by(
        &server,
        &format!("notifiers:\n  - {{name: hook, kind: webhook, url: '{url}', most_per_hour: 1}}\n"),
    );
    round(&server).await;
    let silence = json!({
        "matchers": [{ "name": "model", "value": "tra.*", "isRegex": true }],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z",
        "createdBy": "someone", "comment": "road works",
    });
    let reply = server.post("/api/v2/silences", silence).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let silence = reply.json()["silenceID"].as_str().unwrap().to_owned();
    alert(&server, "traffic").await;
    assert_eq!(round(&server).await, 0);
    assert!(notices_of(&server).await[0]["reason"].as_str().unwrap().contains("silence"));
    let shown = server.get("/api/v2/alerts").await.json();
    assert_eq!(shown[0]["status"]["state"], "suppressed");
    assert_eq!(shown[0]["status"]["silencedBy"], json!([silence]));
    assert_eq!(server.get("/api/v2/alerts?silenced=false").await.json(), json!([]));
    server.send(request(Method::DELETE, &format!("/api/v2/silence/{silence}"))).await;
    assert_eq!(server.get(&format!("/api/v2/silence/{silence}")).await.json()["status"]["state"], "expired");
    let other = alert(&server, "other").await;
    server.post(&format!("/api/v1/alerts/{other}/acknowledge"), json!({ "reason": "mine" })).await;
    // The acknowledgement is told to a webhook; the alert itself no longer.
    assert_eq!(round(&server).await, 1);
    alert(&server, "third").await;
    assert_eq!(round(&server).await, 0);
    let newest = notices_of(&server).await[0].clone();
    assert_eq!(newest["state"], "waiting");
    assert!(newest["reason"].as_str().unwrap().contains("most_per_hour"), "{newest}");
}

#[tokio::test]
async fn a_test_arrives_or_says_why_not() {
    let server = server().await;
    let (url, told) = receiver(vec![200, 500]);
    tell_by(&server, &format!("notifiers:\n  - {{name: hook, kind: webhook, url: '{url}'}}\n"));
    let reply = server.post("/api/v1/notifiers/hook/test", json!({})).await;
    assert_eq!(reply.json(), json!({ "delivered": true }));
    assert_eq!(told.recv().unwrap()["state"], "test");
    let reply = server.post("/api/v1/notifiers/hook/test", json!({})).await;
    assert_eq!(reply.problem(), "notice_not_delivered");
    assert_eq!(server.post("/api/v1/notifiers/nobody/test", json!({})).await.problem(), "notifier_not_found");
    let listed = server.get("/api/v1/notifiers").await.json();
    assert_eq!(listed["items"][0]["kind"], "webhook");
    assert!(!listed.to_string().contains(&url), "addresses may be secrets");
}

#[tokio::test]
async fn alertmanager_users_see_our_alerts_and_send_theirs() {
    let server = server().await;
    alert(&server, "traffic").await;
    let shown = server.get("/api/v2/alerts?filter=model%3D%22traffic%22").await.json();
    let one = &shown[0];
    // What Alertmanager's schema requires of an alert.
    for field in
        ["annotations", "endsAt", "fingerprint", "receivers", "startsAt", "status", "updatedAt", "labels"]
    {
        assert!(!one[field].is_null(), "{field}");
    }
    for field in ["inhibitedBy", "silencedBy", "state", "mutedBy"] {
        assert!(!one["status"][field].is_null(), "{field}");
    }
    assert_eq!(one["fingerprint"].as_str().unwrap().len(), 16);
    assert_eq!(
        (&one["labels"]["alertname"], &one["labels"]["severity"]),
        (&json!("gingham_gap"), &json!("error"))
    );
    assert_eq!(server.get("/api/v2/alerts?filter=model%3D%22other%22").await.json(), json!([]));
    assert_eq!(server.get("/api/v2/alerts/groups").await.json()[0]["labels"]["model"], "traffic");
    let posted = json!([{
        "labels": { "alertname": "DiskFull", "severity": "critical", "instance": "db1" },
        "annotations": { "summary": "the disk of db1 is full" },
        "startsAt": "2026-01-01T00:00:00Z", "generatorURL": "http://prometheus/graph",
    }]);
    assert_eq!(server.post("/api/v2/alerts", posted.clone()).await.status, StatusCode::OK);
    let shown = server.get("/api/v2/alerts?filter=instance%3Ddb1").await.json();
    assert_eq!(shown[0]["annotations"]["summary"], "the disk of db1 is full");
    assert_eq!(shown[0]["labels"]["alertname"], "DiskFull");
    let mut over = posted;
    over[0]["endsAt"] = json!("2026-01-01T01:00:00Z");
    assert_eq!(server.post("/api/v2/alerts", over).await.status, StatusCode::OK);
    assert_eq!(server.get("/api/v2/alerts?filter=instance%3Ddb1").await.json(), json!([]));
    let status = server.get("/api/v2/status").await.json();
    assert_eq!(status["cluster"]["status"], "disabled");
    assert!(status["versionInfo"]["version"].is_string() && status["uptime"].is_string());
}

#[tokio::test]
async fn prometheus_reads_open_alerts() {
    let server = server().await;
    alert(&server, "traffic").await;
    let figures = server.get("/metrics").await.body;
    let line = "gingham_alert{model=\"traffic\",kind=\"gap\",severity=\"error\",state=\"firing\"";
    assert!(figures.contains(line), "{figures}");
}
