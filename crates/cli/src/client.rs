//! Talks to a server.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use crate::exit::hinted;

/// A server, and the token to show it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<String>,
}

/// What a server says when it refuses or fails.
#[derive(Debug, thiserror::Error)]
#[error("{title}{}", detail_suffix(.detail, .title))]
pub(crate) struct ServerError {
    pub(crate) status: u16,
    pub(crate) code: String,
    title: String,
    detail: String,
    pub(crate) hint: Option<String>,
    pub(crate) request_id: Option<String>,
}

fn detail_suffix(detail: &str, title: &str) -> String {
    if detail.is_empty() || detail == title { String::new() } else { format!(": {detail}") }
}

impl Client {
    /// A client of the server at `address`.
    pub(crate) fn new(address: &str, token: Option<String>) -> Result<Self> {
        let server =
            Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(
                || hinted(format!("`{address}` is not a server address"), "such as http://127.0.0.1:5050"),
            )?;
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(60))
            .build()
            .context("the HTTP client cannot start")?;
        Ok(Self { http, server, token })
    }

    /// The server's address, without a slash at its end.
    pub(crate) fn address(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// Whether the server answers that it is healthy.
    pub(crate) async fn is_healthy(&self) -> bool {
        match self.request(Method::GET, "/health").timeout(Duration::from_secs(2)).send().await {
            Ok(response) => response.status().is_success(),
            Err(_) => false,
        }
    }

    /// Asks for something.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Asks for something with query parameters; those without a value are left out.
    pub(crate) async fn get_with(&self, path: &str, query: &[(&str, Option<String>)]) -> Result<Value> {
        let given: Vec<_> = query.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect();
        let mut url = self.url(path);
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        self.send(self.authorized(self.http.get(url))).await
    }

    /// Asks for a text with query parameters.
    pub(crate) async fn get_text(&self, path: &str, query: &[(&str, Option<String>)]) -> Result<String> {
        let mut url = self.url(path);
        url.query_pairs_mut()
            .extend_pairs(query.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))));
        let request = self.authorized(self.http.get(url));
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into());
        }
        response.text().await.context("the server's answer broke off")
    }

    /// All items of a list, page after page, at most `most`.
    pub(crate) async fn list(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
        most: usize,
    ) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", Some((most - items.len()).min(200).to_string())));
            query.push(("cursor", cursor));
            let mut page = self.get_with(path, &query).await?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() || items.len() >= most {
                items.truncate(most);
                return Ok(items);
            }
        }
    }

    /// Sends JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Puts JSON in the place of what is there.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// Sends bytes.
    pub(crate) async fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Result<Value> {
        self.send(self.request(Method::POST, path).header("content-type", content_type).body(body)).await
    }

    /// Writes what is answered to a file as it comes; returns how many bytes it has.
    pub(crate) async fn get_to_file(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
        file: &std::path::Path,
    ) -> Result<u64> {
        use std::io::Write;
        let mut url = self.url(path);
        url.query_pairs_mut()
            .extend_pairs(query.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))));
        let request = self.authorized(self.http.get(url));
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into());
        }
        let words = || format!("`{}` cannot be written", file.display());
        let mut out = std::fs::File::create(file).with_context(words)?;
        let mut bytes = 0;
        while let Some(part) = response.chunk().await.context("the server's answer broke off")? {
            out.write_all(&part).with_context(words)?;
            bytes += part.len() as u64;
        }
        out.sync_all().with_context(words)?;
        Ok(bytes)
    }

    /// Puts bytes in the place of what was there.
    pub(crate) async fn put_bytes(&self, path: &str, body: Vec<u8>) -> Result<Value> {
        let request = self.request(Method::PUT, path).header("content-type", "application/octet-stream");
        self.send(request.body(body)).await
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Sends JSON and takes bytes.
    pub(crate) async fn post_for_bytes(&self, path: &str, body: &Value) -> Result<bytes::Bytes> {
        let request = self.request(Method::POST, path).json(body);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into());
        }
        response.bytes().await.context("the server's answer broke off")
    }

    /// A request to a path given by its parts, whatever letters they hold.
    pub(crate) fn at(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        self.authorized(self.http.request(method, url))
    }

    /// Sends a request and reads the JSON of its answer.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> Result<Value> {
        self.send(request).await
    }

    /// Opens a stream of events; `last` is the id of the last one seen.
    pub(crate) async fn follow(&self, segments: &[&str], last: Option<&str>) -> Result<Response> {
        let mut request = self.at(Method::GET, segments).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into());
        }
        Ok(response)
    }

    /// All items of a list, however many, in pages of that size.
    pub(crate) async fn list_in_pages(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
        page: usize,
    ) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", Some(page.to_string())));
            query.push(("cursor", cursor));
            let mut found = self.get_with(path, &query).await?;
            if let Some(Value::Array(more)) = found.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            cursor = found.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.server.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        url
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.authorized(self.http.request(method, self.url(path)))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into());
        }
        let text = response.text().await.context("the server's answer broke off")?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).context("the server's answer is not JSON")
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        if error.is_connect() {
            return hinted(
                format!("no server answers at {}", self.address()),
                "start one with `gingham up --data DIR`, or name another with --server or GINGHAM_URL",
            );
        }
        anyhow::anyhow!("the request to {} failed: {error}", self.address())
    }
}

async fn refusal(response: Response) -> ServerError {
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    let text = |key: &str| problem.get(key).and_then(Value::as_str).map(str::to_owned);
    let title = text("title").or_else(|| text("error")).or_else(|| text("message"));
    ServerError {
        status: status.as_u16(),
        code: text("code").unwrap_or_default(),
        title: title.unwrap_or_else(|| format!("the server answered {status}")),
        detail: text("detail").unwrap_or_default(),
        hint: text("hint"),
        request_id: text("request_id"),
    }
}
