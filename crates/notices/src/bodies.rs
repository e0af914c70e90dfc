//! The words of each receiver.

use serde_json::{Value, json};

use crate::notice::{Notice, NoticeState};

/// Blocks for Slack, with a plain text for where blocks are not shown.
pub(crate) fn slack(notice: &Notice) -> Value {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let fields: Vec<String> = notice
        .facts()
        .iter()
        .map(|(name, words)| {
            let words = escaped(words);
            if *name == "Command" { format!("`{words}`") } else { format!("*{name}*: {words}") }
        })
        .collect();
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&notice.headline(), 150) } }),
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(&fields.join("\n"), 2_900) } }),
    ];
    if let Some(link) = &notice.link {
        let button =
            json!({ "type": "button", "text": { "type": "plain_text", "text": "Open" }, "url": link });
        blocks.push(json!({ "type": "actions", "elements": [button] }));
    }
    json!({ "text": notice.headline(), "blocks": blocks })
}

/// An Adaptive Card for Teams.
pub(crate) fn teams(notice: &Notice) -> Value {
    let colour = match (notice.state, notice.severity.as_str()) {
        (NoticeState::Resolved, _) => "Good",
        (_, "error") => "Attention",
        _ => "Warning",
    };
    let facts: Vec<Value> = notice
        .facts()
        .iter()
        .map(|(name, words)| json!({ "title": name, "value": cut(words, 2_000) }))
        .collect();
    let actions: Vec<Value> = notice
        .link
        .iter()
        .map(|link| json!({ "type": "Action.OpenUrl", "title": "Open", "url": link }))
        .collect();
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            { "type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": true, "color": colour, "text": notice.headline() },
            { "type": "FactSet", "facts": facts },
        ],
        "actions": actions,
    });
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

/// An event for PagerDuty.
pub(crate) fn pagerduty(notice: &Notice, routing_key: &str) -> Value {
    let action = match notice.state {
        NoticeState::Firing | NoticeState::Test => "trigger",
        NoticeState::Acknowledged => "acknowledge",
        NoticeState::Resolved | NoticeState::Expired => "resolve",
    };
    let severity = if notice.severity == "error" { "error" } else { "warning" };
    let details: serde_json::Map<String, Value> =
        notice.facts().into_iter().map(|(name, words)| (name.to_owned(), Value::String(words))).collect();
    let links: Vec<Value> =
        notice.link.iter().map(|link| json!({ "href": link, "text": "Open in Gingham" })).collect();
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": cut(&notice.fingerprint, 255),
        "payload": {
            "summary": cut(&notice.headline(), 1_024),
            "source": format!("gingham/{}", notice.model),
            "severity": if notice.state == NoticeState::Test { "info" } else { severity },
            "timestamp": notice.at,
            "component": notice.model,
            "class": notice.kind,
            "custom_details": details,
        },
        "client": "Gingham",
        "links": links,
    })
}

/// Path and body for Opsgenie.
pub(crate) fn opsgenie(notice: &Notice) -> (String, Value) {
    let alias = notice.fingerprint.replace('/', "-");
    match notice.state {
        NoticeState::Acknowledged => {
            (format!("/v2/alerts/{alias}/acknowledge?identifierType=alias"), json!({ "source": "gingham" }))
        }
        NoticeState::Resolved | NoticeState::Expired => (
            format!("/v2/alerts/{alias}/close?identifierType=alias"),
            json!({ "source": "gingham", "note": notice.headline() }),
        ),
        NoticeState::Firing | NoticeState::Test => {
            let lines: Vec<String> =
                notice.facts().iter().map(|(name, words)| format!("{name}: {words}")).collect();
            let priority = match (notice.state, notice.severity.as_str()) {
                (NoticeState::Test, _) => "P5",
                (_, "error") => "P2",
                _ => "P3",
            };
            let body = json!({
                "message": cut(&notice.headline(), 130),
                "alias": cut(&alias, 512),
                "description": cut(&lines.join("\n"), 15_000),
                "priority": priority,
                "source": "gingham",
                "entity": notice.model,
                "tags": ["gingham", notice.kind, notice.severity],
            });
            ("/v2/alerts".to_owned(), body)
        }
    }
}

/// One alert as Alertmanager's API v2 takes it.
pub(crate) fn alertmanager(notice: &Notice) -> Value {
    let annotations: serde_json::Map<String, Value> = [
        ("summary", notice.headline()),
        ("description", notice.what_changed.clone()),
        ("cause", notice.cause.clone()),
        ("impact", notice.impact.clone()),
        ("suggested_action", notice.act.clone()),
        ("command", notice.command.clone()),
    ]
    .into_iter()
    .map(|(name, words)| (name.to_owned(), Value::String(words)))
    .collect();
    let mut alert = json!({
        "labels": {
            "alertname": format!("gingham_{}", notice.kind),
            "model": notice.model,
            "severity": notice.severity,
            "fingerprint": notice.fingerprint,
        },
        "annotations": annotations,
        "startsAt": notice.since,
    });
    if let Some(fields) = alert.as_object_mut() {
        if let Some(link) = &notice.link {
            fields.insert("generatorURL".to_owned(), json!(link));
        }
        if notice.is_over() {
            fields.insert("endsAt".to_owned(), json!(notice.at));
        }
    }
    json!([alert])
}

/// Subject and text of a mail.
pub(crate) fn mail(notice: &Notice) -> (String, String) {
    let mut text = format!("{}\n\n", notice.headline());
    for (name, words) in notice.facts() {
        text.push_str(&format!("{name}: {words}\n"));
    }
    if let Some(link) = &notice.link {
        text.push_str(&format!("\n{link}\n"));
    }
    (format!("[gingham] {}", cut(&notice.headline(), 200).replace(['\r', '\n'], " ")), text)
}

/// At most so many characters.
fn cut(text: &str, at_most: usize) -> String {
    if text.chars().count() <= at_most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(at_most.saturating_sub(1)).collect();
    short.push('…');
    short
}
