//! Every target against a server of its own, on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base::Timestamp;
use serde_json::{Value, json};

use super::*;

fn notice(state: NoticeState) -> Notice {
    Notice {
        id: "0198".to_owned(),
        fingerprint: "traffic/drift".to_owned(),
        state,
        model: "traffic".to_owned(),
        kind: "drift".to_owned(),
        severity: "error".to_owned(),
        title: "traffic: temp has drifted".to_owned(),
        what_changed: "`temp` moved up <b>".to_owned(),
        since: Timestamp::parse("2016-01-04").unwrap(),
        cause: "a broken pipeline".to_owned(),
        impact: "the error may double".to_owned(),
        act: "Train again".to_owned(),
        command: "gingham train traffic".to_owned(),
        link: Some("http://127.0.0.1:5050/alerts/1".to_owned()),
        at: Timestamp::parse("2016-02-01").unwrap(),
    }
}

struct Asked {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(found.split_once(':')?.1.trim())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Answers one request and tells what it was.
fn server(answer: &'static str) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let length = lines
            .iter()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let line = lines.remove(0);
        tell.send(Asked { line, headers: lines, body: String::from_utf8(body).unwrap() }).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    });
    (address, told)
}

const YES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn secret(text: &str) -> (tempfile_like::Held, Secret) {
    let held = tempfile_like::Held::new(text);
    let secret = Secret::File(held.path.clone());
    (held, secret)
}

/// A file that goes away.
mod tempfile_like {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);

    pub(super) struct Held {
        pub(super) path: PathBuf,
    }

    impl Held {
        pub(super) fn new(text: &str) -> Self {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("notice-secret-{}-{number}", std::process::id()));
            std::fs::write(&path, format!("{text}\n")).unwrap();
            Self { path }
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn send(target: &Target, state: NoticeState) -> Result<(), Error> {
    crate::send(target, &notice(state)).await
}

#[tokio::test]
async fn slack_is_told_in_blocks_and_escaped() {
    let (address, told) = server(YES);
    let (_held, url) = secret(&format!("{address}/services/T/B/X"));
    send(&Target::Slack { url }, NoticeState::Firing).await.unwrap();
    let asked = told.recv().unwrap();
    assert!(asked.line.starts_with("POST /services/T/B/X"), "{}", asked.line);
    let body = asked.json();
    assert_eq!(body["blocks"][0]["text"]["text"], "traffic: temp has drifted");
    assert!(body["blocks"][1]["text"]["text"].as_str().unwrap().contains("&lt;b&gt;"));
    assert_eq!(body["blocks"][2]["elements"][0]["url"], "http://127.0.0.1:5050/alerts/1");
}

#[tokio::test]
async fn teams_gets_an_adaptive_card() {
    let (address, told) = server(YES);
    let (_held, url) = secret(&address);
    send(&Target::Teams { url }, NoticeState::Resolved).await.unwrap();
    let card = told.recv().unwrap().json()["attachments"][0].clone();
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["type"], "AdaptiveCard");
    assert_eq!(card["content"]["body"][0]["color"], "Good");
    assert_eq!(card["content"]["body"][1]["facts"][4]["value"], "Train again");
}

#[tokio::test]
async fn pagerduty_events_of_one_cause_share_their_key() {
    for (state, action) in [
        (NoticeState::Firing, "trigger"),
        (NoticeState::Acknowledged, "acknowledge"),
        (NoticeState::Resolved, "resolve"),
        (NoticeState::Expired, "resolve"),
    ] {
        let (url, told) = server(YES);
        let (_held, routing_key) = secret("KEY");
        send(&Target::Pagerduty { routing_key, url }, state).await.unwrap();
        let body = told.recv().unwrap().json();
        assert_eq!(body["event_action"], action);
        assert_eq!(body["dedup_key"], "traffic/drift");
        assert_eq!(body["routing_key"], "KEY");
        assert_eq!(body["payload"]["severity"], "error");
    }
}

#[tokio::test]
async fn opsgenie_alerts_are_opened_and_closed_by_their_alias() {
    let (url, told) = server(YES);
    let (_held, api_key) = secret("KEY");
    send(&Target::Opsgenie { api_key: api_key.clone(), url }, NoticeState::Firing).await.unwrap();
    let asked = told.recv().unwrap();
    assert_eq!(asked.header("authorization"), Some("GenieKey KEY"));
    assert_eq!(asked.json()["alias"], "traffic-drift");
    for state in [NoticeState::Resolved, NoticeState::Expired] {
        let (url, told) = server(YES);
        send(&Target::Opsgenie { api_key: api_key.clone(), url }, state).await.unwrap();
        let line = told.recv().unwrap().line;
        assert!(line.starts_with("POST /v2/alerts/traffic-drift/close?identifierType=alias"), "{line}");
    }
}

#[tokio::test]
async fn a_webhook_is_signed_over_its_id_time_and_body() {
    let (url, told) = server(YES);
    let (_held, key) = secret("whsec");
    send(&Target::Webhook { url, secret: Some(key) }, NoticeState::Firing).await.unwrap();
    let asked = told.recv().unwrap();
    let seconds: i64 = asked.header("webhook-timestamp").unwrap().parse().unwrap();
    let expected = signature(b"whsec", "0198", seconds, asked.body.as_bytes());
    assert_eq!(asked.header("webhook-signature"), Some(expected.as_str()));
    assert_ne!(expected, signature(b"other", "0198", seconds, asked.body.as_bytes()));
    assert_eq!(asked.json()["command"], "gingham train traffic");
}

#[test]
fn the_signature_is_that_of_the_published_example() {
    // The example of the Standard Webhooks specification.
    let key = [
        0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c, 0xf6,
        0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
    ];
    let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn an_alertmanager_gets_labels_and_an_end() {
    let (url, told) = server(YES);
    send(&Target::Alertmanager { url }, NoticeState::Resolved).await.unwrap();
    let asked = told.recv().unwrap();
    assert!(asked.line.starts_with("POST /api/v2/alerts"), "{}", asked.line);
    let alert = asked.json()[0].clone();
    assert_eq!(alert["labels"]["alertname"], "gingham_drift");
    assert_eq!(alert["labels"]["model"], "traffic");
    assert!(alert["endsAt"].is_string());
}

#[tokio::test]
async fn what_is_worth_another_attempt_is_told_apart() {
    for (answer, lasting, pause) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nwhat?", true, None),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", false, None),
        (
            "HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            false,
            Some(Duration::from_secs(7)),
        ),
    ] {
        let (url, _told) = server(answer);
        let error = send(&Target::Webhook { url, secret: None }, NoticeState::Firing).await.unwrap_err();
        assert_eq!(error.is_lasting(), lasting, "{error}");
        assert_eq!(error.retry_after(), pause, "{error}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}/secret-path");
    let error = send(&Target::Webhook { url, secret: None }, NoticeState::Firing).await.unwrap_err();
    assert!(!error.is_lasting() && !error.to_string().contains("secret-path"), "{error}");
    let missing = Target::Slack { url: Secret::Env("GINGHAM_NO_SUCH_SECRET".to_owned()) };
    assert!(send(&missing, NoticeState::Firing).await.unwrap_err().is_lasting());
    assert_eq!([1, 2, 3, 40].map(pause_after).map(|pause| pause.as_secs()), [5, 10, 20, 3_600]);
}

/// A mail server that takes one mail.
fn mail_server() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("smtp://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let say = |stream: &mut TcpStream, line: &str| stream.write_all(format!("{line}\r\n").as_bytes());
        let mut stream = stream;
        say(&mut stream, "220 here").unwrap();
        let (mut mail, mut in_data) = (String::new(), false);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                break;
            }
            mail.push_str(&line);
            let word = line.trim_end();
            if in_data {
                if word == "." {
                    in_data = false;
                    say(&mut stream, "250 kept").unwrap();
                }
                continue;
            }
            match word.get(..4).unwrap_or(word) {
                "EHLO" => say(&mut stream, "250 here").unwrap(),
                "DATA" => {
                    in_data = true;
                    say(&mut stream, "354 go on").unwrap();
                }
                "QUIT" => {
                    say(&mut stream, "221 bye").unwrap();
                    break;
                }
                _ => say(&mut stream, "250 yes").unwrap(),
            }
        }
        tell.send(mail).unwrap();
    });
    (address, told)
}

#[tokio::test]
async fn a_mail_tells_what_to_do() {
    let (server, told) = mail_server();
    let target = Target::Email(MailTarget {
        server,
        user: None,
        password: None,
        from: "Gingham <gingham@example.org>".to_owned(),
        to: vec!["team@example.org".to_owned()],
    });
    send(&target, NoticeState::Firing).await.unwrap();
    let mail = told.recv_timeout(Duration::from_secs(20)).unwrap();
    for part in [
        "RCPT TO:<team@example.org>",
        "Subject: [gingham] traffic: temp has drifted",
        "gingham train traffic",
    ] {
        assert!(mail.contains(part), "{part} in {mail}");
    }
}

#[test]
fn a_notifier_is_read_as_documented() {
    let notifier: Notifier = serde_json::from_value(json!({
        "name": "ops", "kind": "slack", "url": { "env": "SLACK_URL" }, "severity": "error", "models": ["traffic"],
    }))
    .unwrap();
    assert!(notifier.hears("traffic", "error"));
    assert!(!notifier.hears("traffic", "warn") && !notifier.hears("other", "error"));
    assert_eq!(notifier.target.kind(), "slack");
}
