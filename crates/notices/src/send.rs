//! One message to one target, once.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Url};
use serde_json::Value;

use crate::error::Error;
use crate::notice::Notice;
use crate::target::Target;
use crate::{bodies, mail, signature};

const DEADLINE: Duration = Duration::from_secs(20);
/// So much of a refusal is told.
const TOLD: usize = 300;

/// Sends a message once.
///
/// # Errors
/// Says whether another attempt makes sense: [`Error::is_lasting`].
pub async fn send(target: &Target, notice: &Notice) -> Result<(), Error> {
    match target {
        Target::Email(target) => mail::send(target, notice).await,
        Target::Slack { url } => post(&url.read()?, &bodies::slack(notice), Vec::new()).await,
        Target::Teams { url } => post(&url.read()?, &bodies::teams(notice), Vec::new()).await,
        Target::Pagerduty { routing_key, url } => {
            post(url, &bodies::pagerduty(notice, &routing_key.read()?), Vec::new()).await
        }
        Target::Opsgenie { api_key, url } => {
            let (path, body) = bodies::opsgenie(notice);
            let key = header(&format!("GenieKey {}", api_key.read()?))?;
            let address = format!("{}{path}", url.trim_end_matches('/'));
            post(&address, &body, vec![(AUTHORIZATION, key)]).await
        }
        Target::Webhook { url, secret } => webhook(url, secret.as_ref(), notice).await,
        Target::Alertmanager { url } => {
            let address = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            post(&address, &bodies::alertmanager(notice), Vec::new()).await
        }
    }
}

async fn webhook(url: &str, secret: Option<&crate::Secret>, notice: &Notice) -> Result<(), Error> {
    let body = serde_json::to_value(notice)
        .map_err(|error| Error::Target { problem: format!("the message cannot be written: {error}") })?;
    let text = body.to_string();
    let seconds = notice.at.as_micros() / 1_000_000;
    let name = HeaderName::from_static;
    let mut headers = vec![
        (name("webhook-id"), header(&notice.id)?),
        (name("webhook-timestamp"), header(&seconds.to_string())?),
    ];
    if let Some(secret) = secret {
        let signed = signature(secret.read()?.as_bytes(), &notice.id, seconds, text.as_bytes());
        headers.push((name("webhook-signature"), header(&signed)?));
    }
    post(url, &body, headers).await
}

/// Sends a text of JSON once, to the letter, with a token if there is one.
///
/// # Errors
/// Says whether another attempt makes sense: [`Error::is_lasting`].
pub async fn post_json(address: &str, body: String, token: Option<&str>) -> Result<(), Error> {
    let token = token.map(|token| header(&format!("Bearer {token}"))).transpose()?;
    post_text(address, body, token.map(|token| (AUTHORIZATION, token)).into_iter().collect()).await
}

async fn post(address: &str, body: &Value, headers: Vec<(HeaderName, HeaderValue)>) -> Result<(), Error> {
    post_text(address, body.to_string(), headers).await
}

async fn post_text(
    address: &str,
    body: String,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<(), Error> {
    let url = Url::parse(address)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Error::Target { problem: "the target's address is no `http` address".to_owned() })?;
    // The whole address may be a secret; its host is not.
    let host = url.host_str().unwrap_or_default().to_owned();
    let mut request = client()?.post(url).header(CONTENT_TYPE, "application/json").body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.map_err(|error| Error::Unreachable {
        host: host.clone(),
        problem: error.without_url().to_string(),
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let said = answer.text().await.unwrap_or_default();
    let body = said.chars().take(TOLD).collect();
    Err(Error::Refused { host, status: status.as_u16(), body, retry_after })
}

/// Follows no redirects: an address is where it says it is.
fn client() -> Result<Client, Error> {
    // Made late: it reads every certificate that the system trusts.
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let made = Client::builder()
        .timeout(DEADLINE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("gingham/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::Target { problem: format!("no connection can be made: {error}") })?;
    Ok(CLIENT.get_or_init(|| made).clone())
}

fn header(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::Target { problem: "the secret holds letters that a header cannot".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// How long to wait after so many failed attempts: 5 s, doubling up to an hour.
#[must_use]
pub fn pause_after(attempts: u32) -> Duration {
    Duration::from_secs((5_u64 << attempts.saturating_sub(1).min(10)).min(3_600))
}
