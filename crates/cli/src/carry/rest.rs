//! A running MLflow server, over its REST interface.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::database::logged_status;
use super::source::{
    Experiment, Link, LoggedModel, ModelPoint, Page, Pairs, Points, Registered, Run, Version, real,
};
use crate::exit::hinted;

const RUNS: usize = 100;
const HISTORY: usize = 25_000;
/// Points of one metric in a piece.
const PIECE: usize = 2_000;
/// How often a request that fails for a passing reason is sent.
const TRIES: u32 = 5;
const TAG_OF_PROMPTS: &str = "tag.`mlflow.prompt.is_prompt` = 'true'";

/// How the server wants to know who asks.
#[derive(Clone, Default)]
pub(super) struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) token: Option<String>,
}

/// A running MLflow server.
pub(super) struct Rest {
    http: reqwest::Client,
    server: Url,
    name: String,
    credentials: Credentials,
}

impl Rest {
    pub(super) async fn open(address: &str, mut credentials: Credentials) -> Result<Self> {
        let mut server = Url::parse(address).with_context(|| format!("`{address}` is not an address"))?;
        if !server.username().is_empty() {
            credentials.user = Some(decoded(server.username()));
            credentials.password = server.password().map(decoded);
        }
        let _ = server.set_username("");
        let _ = server.set_password(None);
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(15)).build()?;
        let name = server.as_str().trim_end_matches('/').to_owned();
        let rest = Self { http, server, name, credentials };
        rest.post("experiments/search", &json!({"max_results": 1})).await?;
        Ok(rest)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url);
        // In the order of MLflow's own client.
        match &self.credentials {
            Credentials { user: Some(user), password: Some(password), .. } => {
                request.basic_auth(user, Some(password))
            }
            Credentials { token: Some(token), .. } => request.bearer_auth(token),
            Credentials { user: Some(user), password, .. } => request.basic_auth(user, password.as_deref()),
            _ => request,
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = self.url(&["api", "2.0", "mlflow"].into_iter().chain(path.split('/')).collect::<Vec<_>>());
        self.asked(|| self.request(Method::POST, url.clone()).json(body)).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let mut url =
            self.url(&["api", "2.0", "mlflow"].into_iter().chain(path.split('/')).collect::<Vec<_>>());
        url.query_pairs_mut().extend_pairs(query);
        self.asked(|| self.request(Method::GET, url.clone())).await
    }

    async fn asked(&self, request: impl Fn() -> RequestBuilder) -> Result<Value> {
        let response = self.sent(request).await?;
        let status = response.status();
        let body = response.bytes().await.context("the server's answer broke off")?;
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
        serde_json::from_slice(&body)
            .with_context(|| format!("{} answers with something that is not JSON", self.name))
    }

    /// Sends a request, again after a pause where the server is only busy.
    async fn sent(&self, request: impl Fn() -> RequestBuilder) -> Result<Response> {
        let mut pause = Duration::from_millis(300);
        for again in 1.. {
            let outcome = request().send().await;
            let passing = match &outcome {
                Ok(response) => {
                    matches!(response.status().as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
                }
                Err(error) => error.is_connect() || error.is_timeout() || error.is_request(),
            };
            if !passing || again >= TRIES {
                return outcome.with_context(|| format!("the server {} cannot be reached", self.name));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        bail!("the server {} cannot be reached", self.name)
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> anyhow::Error {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let words = told.get("message").and_then(Value::as_str).unwrap_or_default();
        let message = format!("the server {} answered {status}: {words}", self.name);
        match status.as_u16() {
            401 | 403 => hinted(
                message,
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            ),
            _ => anyhow::anyhow!(message),
        }
    }

    /// All items of a search, page by page.
    async fn all(&self, path: &str, body: Value, list: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let mut asked = body.clone();
            if let Some(token) = &token {
                asked["page_token"] = json!(token);
            }
            let answer = self.post(path, &asked).await?;
            found.extend(items(&answer, list));
            token = next(&answer);
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    pub(super) async fn experiments(&self) -> Result<Vec<Experiment>> {
        let asked = json!({"max_results": 1000, "view_type": "ALL"});
        let found = self.all("experiments/search", asked, "experiments").await?;
        Ok(found
            .iter()
            .map(|item| Experiment {
                id: text(item, "experiment_id"),
                name: text(item, "name"),
                location: text(item, "artifact_location"),
                deleted: text(item, "lifecycle_stage") == "deleted",
                created_ms: int(item, "creation_time"),
                updated_ms: int(item, "last_update_time"),
                tags: pairs(item, "tags"),
            })
            .collect())
    }

    pub(super) async fn runs(&self, experiment: &Experiment, after: Option<&str>) -> Result<Page<Run>> {
        // The oldest first: runs that begin meanwhile come at the end, and no page shifts.
        let mut asked = json!({
            "experiment_ids": [experiment.id], "max_results": RUNS, "run_view_type": "ALL",
            "order_by": ["attributes.start_time ASC"],
        });
        if let Some(after) = after {
            asked["page_token"] = json!(after);
        }
        let answer = self.post("runs/search", &asked).await?;
        Ok((items(&answer, "runs").iter().map(run).collect(), next(&answer)))
    }

    pub(super) fn points<'a>(&'a self, run: &'a Run) -> BoxStream<'a, Result<Points>> {
        stream::iter(run.metrics.keys()).flat_map(move |key| self.history(&run.id, key)).boxed()
    }

    fn history<'a>(&'a self, run: &'a str, key: &'a str) -> BoxStream<'a, Result<Points>> {
        stream::try_unfold(Some(None::<String>), move |page| async move {
            let Some(token) = page else { return anyhow::Ok(None) };
            let most = HISTORY.to_string();
            let mut query = vec![("run_id", run), ("metric_key", key), ("max_results", most.as_str())];
            if let Some(token) = &token {
                query.push(("page_token", token));
            }
            let answer = self.get("metrics/get-history", &query).await?;
            let mut pieces = Vec::new();
            for metrics in items(&answer, "metrics").chunks(PIECE) {
                let mut points = Points::of(key);
                for metric in metrics {
                    let value = number(metric.get("value"));
                    points.push(
                        int(metric, "step").unwrap_or(0),
                        int(metric, "timestamp").unwrap_or(0),
                        value,
                    );
                }
                pieces.push(anyhow::Ok(points));
            }
            Ok(Some((stream::iter(pieces), next(&answer).map(Some))))
        })
        .try_flatten()
        .boxed()
    }

    pub(super) async fn logged_models(
        &self,
        experiment: &Experiment,
        after: Option<&str>,
    ) -> Result<Page<LoggedModel>> {
        let mut asked = json!({"experiment_ids": [experiment.id], "max_results": 50});
        if let Some(after) = after {
            asked["page_token"] = json!(after);
        }
        let answer = match self.post("logged-models/search", &asked).await {
            Ok(answer) => answer,
            // Servers before 3.0 have none.
            Err(error) if error.to_string().contains("404") => return Ok((Vec::new(), None)),
            Err(error) => return Err(error),
        };
        Ok((items(&answer, "models").iter().map(logged_model).collect(), next(&answer)))
    }

    pub(super) async fn registered(&self, after: Option<&str>) -> Result<Page<Registered>> {
        // Prompts are registered models that a search shows only when it is asked for them.
        let (prompts, token) = match after.map(|after| after.split_once(' ').unwrap_or(("models", after))) {
            Some((kind, token)) => (kind == "prompts", token.to_owned()),
            None => (false, String::new()),
        };
        let mut query = vec![("max_results", "100")];
        if prompts {
            query.push(("filter", TAG_OF_PROMPTS));
        }
        if !token.is_empty() {
            query.push(("page_token", &token));
        }
        let answer = self.get("registered-models/search", &query).await?;
        let mut models = Vec::new();
        for item in items(&answer, "registered_models") {
            models.push(self.registered_model(&item).await?);
        }
        let kind = if prompts { "prompts" } else { "models" };
        let next = match next(&answer) {
            Some(token) => Some(format!("{kind} {token}")),
            None if prompts => None,
            None => Some("prompts ".to_owned()),
        };
        Ok((models, next))
    }

    async fn registered_model(&self, item: &Value) -> Result<Registered> {
        let name = text(item, "name");
        let mut aliases = BTreeMap::new();
        for alias in items(item, "aliases") {
            aliases.insert(text(&alias, "alias"), int(&alias, "version").unwrap_or(0));
        }
        let quoted = name.replace('\'', "''");
        let mut versions = Vec::new();
        let mut token = String::new();
        loop {
            let filter = format!("name='{quoted}'");
            let mut query = vec![("filter", filter.as_str()), ("max_results", "1000")];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let answer = self.get("model-versions/search", &query).await?;
            versions.extend(items(&answer, "model_versions").iter().map(version));
            match next(&answer) {
                Some(more) => token = more,
                None => break,
            }
        }
        versions.sort_by_key(|version: &Version| version.number);
        Ok(Registered {
            description: text(item, "description"),
            created_ms: int(item, "creation_timestamp").unwrap_or(0),
            updated_ms: int(item, "last_updated_timestamp").unwrap_or(0),
            tags: pairs(item, "tags"),
            aliases,
            versions,
            name,
        })
    }

    /// What lies right below a path of a run's artifacts: path within the run, and size of a file.
    pub(super) async fn run_files(&self, run: &str, path: &str) -> Result<Vec<(String, Option<u64>)>> {
        let mut query = vec![("run_id", run)];
        if !path.is_empty() {
            query.push(("path", path));
        }
        let answer = self.get("artifacts/list", &query).await?;
        Ok(items(&answer, "files").iter().map(file).collect())
    }

    /// What lies right below a path that the server's artifact proxy knows; names only.
    pub(super) async fn proxied_files(&self, path: &str) -> Result<Vec<(String, Option<u64>)>> {
        let mut url = self.url(&["api", "2.0", "mlflow-artifacts", "artifacts"]);
        url.query_pairs_mut().append_pair("path", path);
        let answer = self.asked(|| self.request(Method::GET, url.clone())).await?;
        Ok(items(&answer, "files").iter().map(file).collect())
    }

    /// The bytes of a file of a run, wherever the server keeps them.
    pub(super) async fn open_run_file(&self, run: &str, path: &str) -> Result<Response> {
        let mut url = self.url(&["get-artifact"]);
        url.query_pairs_mut().append_pair("run_id", run).append_pair("path", path);
        self.opened(url).await
    }

    /// The bytes of a file that the server's artifact proxy knows.
    pub(super) async fn open_proxied(&self, path: &str) -> Result<Response> {
        let segments: Vec<&str> =
            ["api", "2.0", "mlflow-artifacts", "artifacts"].into_iter().chain(path.split('/')).collect();
        self.opened(self.url(&segments)).await
    }

    async fn opened(&self, url: Url) -> Result<Response> {
        let response = self.sent(|| self.request(Method::GET, url.clone())).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(self.refusal(status, &body))
    }
}

/// A name or password as it was before it was written into an address.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn items(answer: &Value, list: &str) -> Vec<Value> {
    answer.get(list).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn next(answer: &Value) -> Option<String> {
    let token = answer.get("next_page_token").and_then(Value::as_str)?;
    (!token.is_empty()).then(|| token.to_owned())
}

fn text(item: &Value, key: &str) -> String {
    optional(item, key).unwrap_or_default()
}

fn optional(item: &Value, key: &str) -> Option<String> {
    let text = match item.get(key)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn int(item: &Value, key: &str) -> Option<i64> {
    match item.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn number(value: Option<&Value>) -> f64 {
    match value {
        Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
        Some(Value::String(text)) => text.parse().unwrap_or(f64::NAN),
        // The value 0 is left out by some servers.
        _ => 0.0,
    }
}

fn pairs(item: &Value, list: &str) -> Pairs {
    items(item, list).iter().map(|pair| (text(pair, "key"), text(pair, "value"))).collect()
}

fn file(item: &Value) -> (String, Option<u64>) {
    let is_folder = item.get("is_dir").and_then(Value::as_bool).unwrap_or(false);
    let bytes = int(item, "file_size").and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
    (text(item, "path"), (!is_folder).then_some(bytes))
}

fn links(from: &Value, list: &str) -> Vec<Link> {
    items(from, list)
        .iter()
        .map(|link| Link { model: text(link, "model_id"), step: int(link, "step").unwrap_or(0) })
        .collect()
}

fn run(item: &Value) -> Run {
    let none = Value::Null;
    let part = |key: &str| item.get(key).unwrap_or(&none);
    let (info, data, inputs, outputs) = (part("info"), part("data"), part("inputs"), part("outputs"));
    let metrics = items(data, "metrics")
        .iter()
        .map(|metric| {
            let (step, time) = (int(metric, "step").unwrap_or(0), int(metric, "timestamp").unwrap_or(0));
            (text(metric, "key"), format!("{step} {time} {}", number(metric.get("value"))))
        })
        .collect();
    let datasets = items(inputs, "dataset_inputs").iter().map(dataset).collect();
    Run {
        id: text(info, "run_id"),
        name: text(info, "run_name"),
        user: text(info, "user_id"),
        status: optional(info, "status").unwrap_or_else(|| "RUNNING".into()),
        start_ms: int(info, "start_time").unwrap_or(0),
        end_ms: int(info, "end_time").filter(|end| *end > 0),
        deleted: text(info, "lifecycle_stage") == "deleted",
        artifact_uri: text(info, "artifact_uri"),
        params: pairs(data, "params"),
        tags: pairs(data, "tags"),
        metrics,
        datasets,
        model_inputs: links(inputs, "model_inputs"),
        model_outputs: links(outputs, "model_outputs"),
    }
}

fn dataset(item: &Value) -> Value {
    let of = item.get("dataset").cloned().unwrap_or_default();
    json!({
        "name": text(&of, "name"),
        "digest": text(&of, "digest"),
        "source_type": text(&of, "source_type"),
        "source": text(&of, "source"),
        "schema": optional(&of, "schema"),
        "profile": optional(&of, "profile"),
        "tags": pairs(item, "tags"),
    })
}

fn logged_model(item: &Value) -> LoggedModel {
    let none = Value::Null;
    let part = |key: &str| item.get(key).unwrap_or(&none);
    let (info, data) = (part("info"), part("data"));
    let metrics = items(data, "metrics")
        .iter()
        .map(|point| ModelPoint {
            run: text(point, "run_id"),
            key: text(point, "key"),
            value: real(number(point.get("value"))),
            time_ms: int(point, "timestamp").unwrap_or(0),
            step: int(point, "step").unwrap_or(0),
            dataset_name: text(point, "dataset_name"),
            dataset_digest: text(point, "dataset_digest"),
        })
        .collect();
    let status = match info.get("status") {
        Some(Value::Number(number)) => logged_status(number.as_i64().unwrap_or(2)).to_owned(),
        _ => optional(info, "status").unwrap_or_else(|| logged_status(2).to_owned()),
    };
    LoggedModel {
        id: text(info, "model_id"),
        name: text(info, "name"),
        model_type: optional(info, "model_type"),
        source_run: optional(info, "source_run_id"),
        status,
        status_message: optional(info, "status_message"),
        artifact_uri: text(info, "artifact_uri"),
        created_ms: int(info, "creation_timestamp_ms").unwrap_or(0),
        updated_ms: int(info, "last_updated_timestamp_ms").unwrap_or(0),
        params: pairs(data, "params"),
        tags: pairs(info, "tags"),
        metrics,
    }
}

fn version(item: &Value) -> Version {
    let source = text(item, "source");
    let named = source.strip_prefix("models:/").filter(|id| id.starts_with("m-")).map(str::to_owned);
    Version {
        number: int(item, "version").unwrap_or(0),
        description: text(item, "description"),
        storage_location: None,
        source_run: optional(item, "run_id"),
        run_link: optional(item, "run_link"),
        logged_model: optional(item, "model_id").or(named),
        source,
        stage: optional(item, "current_stage").unwrap_or_else(|| "None".into()),
        status: optional(item, "status").unwrap_or_else(|| "READY".into()),
        status_message: text(item, "status_message"),
        created_ms: int(item, "creation_timestamp").unwrap_or(0),
        updated_ms: int(item, "last_updated_timestamp").unwrap_or(0),
        tags: pairs(item, "tags"),
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn passwords_in_addresses_are_read_as_they_were_meant() {
        assert_eq!(decoded("p%40ss%2Fw%C3%B6rd"), "p@ss/wörd");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%4"), "%4");
        assert_eq!(decoded("%zz%+1"), "%zz%+1");
    }
}
