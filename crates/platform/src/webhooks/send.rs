//! One request to a webhook: its body, its headers, its signature.

use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{Digest, Event, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use registry::{Subject, Webhook};
use reqwest::{Client, Url, redirect};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;

use super::address::{PublicOnly, Targets, check_url, shown};
use super::{WebhookRules, payload};

const DELIVERY_ID: &str = "X-MLflow-Delivery-Id";
const TIMESTAMP: &str = "X-MLflow-Timestamp";
const SIGNATURE: &str = "X-MLflow-Signature";
const SIGNATURE_VERSION: &str = "v1";
/// How much of an answer is read, in bytes.
const MOST_ANSWER_BYTES: usize = 10_000;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The same for each try of the same event, so that receivers can leave out what they have.
    id: String,
    body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    entity: &'a str,
    action: &'a str,
    timestamp: String,
    data: Value,
}

impl Delivery {
    pub(super) fn of_event(webhook: &Webhook, event: &Event, subject: Subject) -> Self {
        let seed = Digest::of(format!("{} {} {}", webhook.id, event.seq, event.hash));
        Self::new(uuid_of(seed), subject, event.at, payload::facts_of(event, subject))
    }

    pub(super) fn example(subject: Subject, now: Timestamp) -> Self {
        Self::new(uuid::Uuid::new_v4().to_string(), subject, now, payload::example_of(subject))
    }

    fn new(id: String, subject: Subject, at: Timestamp, data: Value) -> Self {
        let (entity, action) = (subject.entity(), subject.action());
        // As other servers write it: with `+00:00` for UTC.
        let timestamp = at.to_string().replace('Z', "+00:00");
        let body = Body { entity, action, timestamp, data };
        Self { id, body: serde_json::to_string(&body).unwrap_or_default() }
    }
}

/// A UUID that says that it was not drawn from a clock or a host.
fn uuid_of(digest: Digest) -> String {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// What a webhook answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the body.
    pub body: String,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Sends once. The address is checked again, as its name may lead elsewhere by now; redirects are not followed.
pub(super) async fn send(
    rules: &WebhookRules,
    webhook: &Webhook,
    delivery: &Delivery,
) -> Result<Answered, String> {
    let url = Url::parse(&webhook.url).map_err(|error| error.to_string())?;
    check_url(rules.targets, &url)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
    let mut request = client(rules.targets)?
        .post(url)
        .timeout(rules.deadline)
        .header("Content-Type", "application/json")
        .header(DELIVERY_ID, &delivery.id)
        .header(TIMESTAMP, &seconds);
    if let Some(secret) = &webhook.secret {
        request = request.header(SIGNATURE, signature(secret, &delivery.id, &seconds, &delivery.body));
    }
    let failed = |error: reqwest::Error| words_of(error, &webhook.url);
    let mut response = request.body(delivery.body.clone()).send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    while body.len() < MOST_ANSWER_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            _ => break,
        }
    }
    body.truncate(MOST_ANSWER_BYTES);
    Ok(Answered { status, body: String::from_utf8_lossy(&body).into_owned(), retry_after })
}

/// `v1,` and the base64 of HMAC-SHA256, keyed with the secret, over `delivery id.timestamp.body`.
fn signature(secret: &str, id: &str, seconds: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("{SIGNATURE_VERSION},{}", base64(&mac.finalize().into_bytes()))
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap_or(0);
            text.push(if place <= group.len() {
                char::from(*DIGITS.get(digit).unwrap_or(&b'='))
            } else {
                '='
            });
        }
    }
    text
}

fn client(targets: Targets) -> Result<&'static Client, String> {
    static PUBLIC: OnceLock<Option<Client>> = OnceLock::new();
    static ANY: OnceLock<Option<Client>> = OnceLock::new();
    let make = || {
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("gingham")
            .connect_timeout(Duration::from_secs(10));
        let builder = match targets {
            Targets::Public => builder.dns_resolver(PublicOnly).https_only(true),
            Targets::Any => builder,
        };
        builder.build().ok()
    };
    let cell = match targets {
        Targets::Public => &PUBLIC,
        Targets::Any => &ANY,
    };
    cell.get_or_init(make).as_ref().ok_or_else(|| "no HTTP client can be made".to_owned())
}

/// What went wrong, with its causes, without the address, whose query may hold a secret.
fn words_of(error: reqwest::Error, url: &str) -> String {
    let error = error.without_url();
    let mut words = format!("{} did not answer: {error}", shown(url));
    let mut cause = std::error::Error::source(&error);
    while let Some(under) = cause {
        let _ = write!(words, ": {under}");
        cause = under.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard_webhooks_scheme() {
        // Made with Python: hmac.new(b"secret", b"id.17.{}", hashlib.sha256), base64.
        let expected = "v1,jMo+LgqC1oyBPMMwOA72dHUQ2Zom5oab138CW61lRPs=";
        assert_eq!(signature("secret", "id", "17", "{}"), expected);
    }

    #[test]
    fn base64_has_every_length() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
