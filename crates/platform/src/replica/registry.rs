//! The server that a replica is fed by, over HTTP.

use std::time::Duration;

use artifacts::{Artifacts, PartId, Peer};
use bytes::Bytes;
use registry::Version;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::feed::{Content, Feed, content_of};
use crate::Error;

/// How long a short answer may take.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long a pack of content may take.
const PACK_DEADLINE: Duration = Duration::from_secs(300);
/// The longest feed that is taken, in bytes.
const MOST_FEED_BYTES: usize = 8 * 1024 * 1024;

/// A server with models, and the token to show it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    http: reqwest::Client,
    address: String,
    token: Option<String>,
}

/// How a server failed us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It does not answer, or cannot now; trying again may help.
    Away(String),
    /// It does not want to; trying again does not help.
    Refused(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Away(why) | Self::Refused(why)) = self;
        formatter.write_str(why)
    }
}

impl Registry {
    /// The server at an address such as `http://gingham:5050`.
    ///
    /// # Errors
    /// When the address is none.
    pub fn at(address: &str, token: Option<String>) -> Result<Self, Error> {
        let plain = reqwest::Url::parse(address)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
        let wrong = |reason: String| Error::Server { address: address.to_owned(), reason };
        let plain = plain.ok_or_else(|| wrong("it is no address such as http://gingham:5050".to_owned()))?;
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { http, address: plain.as_str().trim_end_matches('/').to_owned(), token })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder, deadline: Duration) -> Result<Bytes, Refusal> {
        let away =
            |error: reqwest::Error| Refusal::Away(format!("{} does not answer: {error}", self.address));
        let response = self.authorized(request).timeout(deadline).send().await.map_err(away)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(away)?;
        if status.is_success() {
            return Ok(bytes);
        }
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let word = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let why = format!("{} answered {status}: {}", self.address, word("detail"));
        let later = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Err(if later { Refusal::Away(why) } else { Refusal::Refused(why) })
    }

    /// What the server says about a deployment.
    pub(crate) async fn feed(&self, deployment: &str) -> Result<Feed, Refusal> {
        let request = self.http.get(format!("{}/api/v1/deployments/{deployment}/feed", self.address));
        let bytes = self.send(request, DEADLINE).await?;
        if bytes.len() > MOST_FEED_BYTES {
            return Err(Refusal::Refused(format!("what it says about `{deployment}` is too long")));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Refusal::Refused(format!("{} speaks otherwise: {error}", self.address)))
    }

    /// A version, by its number or an alias.
    ///
    /// # Errors
    /// [`Error::Server`] with what the server said.
    pub async fn version(&self, model: &str, pointer: &str) -> Result<Version, Error> {
        let path = format!("{}/api/v1/models/{model}/to-run/{pointer}", self.address);
        let answer = self.send(self.http.get(path), DEADLINE).await;
        let bytes = answer.map_err(|refusal| self.failed(&refusal))?;
        serde_json::from_slice(&bytes).map_err(|error| self.failed(&Refusal::Refused(error.to_string())))
    }

    pub(crate) fn failed(&self, refusal: &Refusal) -> Error {
        Error::Server { address: self.address.clone(), reason: refusal.to_string() }
    }

    /// Keeps predictions of a batch in the server's archive; those of one `key` are kept once, however often they come.
    ///
    /// # Errors
    /// [`Error::Server`] with what the server said.
    pub async fn send_predictions(&self, model: &str, rows: &[Value], key: &str) -> Result<(), Error> {
        let path = format!("{}/api/v1/models/{model}/predictions", self.address);
        let request = self.http.post(path).query(&[("deployment", "batch"), ("key", key)]);
        let sent = self.send(request.json(&json!({ "rows": rows })), PACK_DEADLINE).await;
        sent.map(drop).map_err(|refusal| self.failed(&refusal))
    }

    pub(crate) async fn archive(&self, model: &str, rows: &[Value]) -> Result<(), Refusal> {
        let path = format!("{}/api/v1/models/{model}/predictions", self.address);
        self.send(self.http.post(path).json(&json!({ "rows": rows })), PACK_DEADLINE).await.map(drop)
    }

    /// Fetches the content of a version into a store; what is there already is not sent again.
    ///
    /// # Errors
    /// [`Error::Server`] with what the server said, and what the store does not take.
    pub async fn fetch(&self, version: &Version, store: &Artifacts) -> Result<(), Error> {
        for content in content_of(version) {
            let (store, peer) =
                (store.clone(), HttpPeer { registry: self.clone(), runtime: Handle::current() });
            let fetched = tokio::task::spawn_blocking(move || match content {
                Content::Blob(digest) => store.fetch_blob(digest, &peer).map(drop),
                Content::Tree(digest) => store.fetch_tree(digest, &peer, &|_, _| ()).map(drop),
            })
            .await;
            match fetched {
                Ok(Ok(())) => {}
                Ok(Err(Failed::Store(error))) => return Err(error.into()),
                Ok(Err(Failed::Server(refusal))) => return Err(self.failed(&refusal)),
                Err(error) => return Err(self.failed(&Refusal::Away(error.to_string()))),
            }
        }
        Ok(())
    }
}

/// The server as the other end of a transfer.
struct HttpPeer {
    registry: Registry,
    runtime: Handle,
}

enum Failed {
    Store(artifacts::Error),
    Server(Refusal),
}

impl From<artifacts::Error> for Failed {
    fn from(error: artifacts::Error) -> Self {
        Self::Store(error)
    }
}

impl HttpPeer {
    fn ask(&self, path: &str, parts: &[PartId]) -> Result<Bytes, Failed> {
        let request = self.registry.http.post(format!("{}{path}", self.registry.address));
        let request = request.json(&json!({ "parts": parts }));
        self.runtime.block_on(self.registry.send(request, PACK_DEADLINE)).map_err(Failed::Server)
    }
}

impl Peer for HttpPeer {
    type Failure = Failed;

    fn missing(&self, parts: &[PartId]) -> Result<Vec<PartId>, Failed> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.ask("/api/content/search/missing", parts)?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        serde_json::from_value(answer.get("missing").cloned().unwrap_or_default())
            .map_err(|error| Failed::Server(Refusal::Refused(error.to_string())))
    }

    fn give(&self, _: Vec<u8>) -> Result<(), Failed> {
        Err(Failed::Server(Refusal::Refused("a replica gives nothing".to_owned())))
    }

    fn take(&self, parts: &[PartId]) -> Result<Bytes, Failed> {
        self.ask("/api/content/search/parts", parts)
    }
}
