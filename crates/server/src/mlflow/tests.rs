//! The protocol over the real router, a real database and a real artifact folder.

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use axum::{Extension, Router};
use serde_json::{Value, json};
use testing::TestDatabase;
use tower::ServiceExt;

use crate::fixture::{self, Fixture};
use crate::{App, Connection, router};

pub(super) struct Server {
    pub(super) router: Router,
    pub(super) engine: &'static str,
    pub(super) fixture: Fixture,
}

pub(super) async fn over(database: TestDatabase) -> Server {
    let fixture = fixture::app(database).await;
    Server::of(fixture.app.clone(), fixture)
}

pub(super) async fn server() -> Server {
    over(testing::sqlite().await).await
}

impl Server {
    pub(super) fn of(app: App, fixture: Fixture) -> Self {
        let peer =
            Connection { peer: ([127, 0, 0, 1], 4_000).into(), listener: ([127, 0, 0, 1], 5_000).into() };
        Self { router: router(app).layer(Extension(peer)), engine: fixture.engine, fixture }
    }

    pub(super) async fn raw(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
    ) -> (StatusCode, Vec<u8>) {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.header("content-type", "application/json").body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec())
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let path = format!("/api/2.0/mlflow/{path}");
        let (status, body) = self.raw(method, &path, body.to_string()).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, &body).await;
        assert_eq!(status, StatusCode::OK, "{path} on {}: {answer}", self.engine);
        answer
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path} on {}: {answer}", self.engine);
        answer
    }

    /// The code and message of a request that fails.
    pub(super) async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String, String) {
        let (status, answer) = self.ask(method, path, &body).await;
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        (status.as_u16(), text("error_code"), text("message"))
    }

    pub(super) async fn run(&self) -> String {
        let answer = self.post("runs/create", json!({"experiment_id": "0", "start_time": 1000})).await;
        answer["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_run_is_logged_read_and_found_on_both_engines() {
    for database in testing::databases().await {
        let server = over(database).await;
        let made = server
            .post("experiments/create", json!({"name": "e", "tags": [{"key": "a", "value": "b"}]}))
            .await;
        let experiment = made["experiment_id"].as_str().unwrap().to_owned();
        let created = json!({"experiment_id": experiment, "start_time": "1700000000123", "user_id": "ada",
            "tags": [{"key": "mlflow.runName", "value": "first"}]});
        let run = server.post("runs/create", created).await["run"].clone();
        let id = run["info"]["run_id"].as_str().unwrap().to_owned();
        assert_eq!(run["info"]["run_name"], "first");
        assert_eq!(run["info"]["start_time"], 1_700_000_000_123_i64);
        let batch = json!({"run_id": id,
            "metrics": [{"key": "m", "value": 0.5, "timestamp": 1, "step": 1}, {"key": "n", "value": "NaN", "timestamp": 1}],
            "params": [{"key": "p", "value": "x"}], "tags": [{"key": "t", "value": "y"}]});
        assert_eq!(server.post("runs/log-batch", batch).await, json!({}));
        server
            .post(
                "runs/log-metric",
                json!({"run_uuid": id, "key": "i", "value": "-Infinity", "timestamp": 2}),
            )
            .await;
        server
            .post(
                "runs/update",
                json!({"run_id": id, "status": "FINISHED", "end_time": 1_700_000_001_000_i64}),
            )
            .await;
        let run = server.get(&format!("runs/get?run_id={id}")).await["run"].clone();
        assert_eq!(run["info"]["status"], "FINISHED");
        assert_eq!(run["data"]["metrics"][0]["value"], json!(f64::MIN));
        assert_eq!(run["data"]["metrics"][1], json!({"key": "m", "value": 0.5, "timestamp": 1, "step": 1}));
        assert_eq!(run["data"]["metrics"][2]["value"], "NaN");
        for (filter, expected) in
            [("metrics.m >= 0.5 and params.p = 'x'", 1), ("tags.t = 'z' or metrics.m > 9", 0)]
        {
            let body =
                json!({"experiment_ids": [experiment], "filter": filter, "order_by": ["metrics.m DESC"]});
            let found = server.post("runs/search", body).await;
            assert_eq!(found["runs"].as_array().map_or(0, Vec::len), expected, "{filter}");
        }
        let history = server.get(&format!("metrics/get-history?run_id={id}&metric_key=m")).await;
        assert_eq!(history["metrics"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn failures_have_the_codes_statuses_and_words_that_clients_know() {
    let server = server().await;
    let run = server.run().await;
    server.post("runs/log-parameter", json!({"run_id": run, "key": "p", "value": "1"})).await;
    for (path, body, status, code, words) in [
        (
            "experiments/create",
            json!({}),
            400,
            "INVALID_PARAMETER_VALUE",
            "Missing value for required parameter 'name'.",
        ),
        (
            "experiments/create",
            json!({"name": 12}),
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid value 12 for parameter 'name' supplied",
        ),
        (
            "experiments/create",
            json!({"name": "Default"}),
            400,
            "RESOURCE_ALREADY_EXISTS",
            "Experiment(name=Default) already exists.",
        ),
        (
            "experiments/delete",
            json!({"experiment_id": "99"}),
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "No Experiment with id=99 exists",
        ),
        (
            "runs/update",
            json!({"run_id": "nobody"}),
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Run with id=nobody not found",
        ),
        (
            "runs/log-parameter",
            json!({"run_id": run, "key": "p", "value": "2"}),
            400,
            "INVALID_PARAMETER_VALUE",
            "Changing param values is not allowed.",
        ),
        (
            "runs/log-batch",
            json!({"run_id": run, "metrics": [{"key": "a", "timestamp": 1}]}),
            400,
            "INVALID_PARAMETER_VALUE",
            "Missing value for required parameter 'metrics[0].value'.",
        ),
        (
            "runs/search",
            json!({"experiment_ids": ["0"], "filter": "metrics.a >"}),
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid filter",
        ),
        (
            "runs/search",
            json!({"experiment_ids": ["0"], "max_results": 50_001}),
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid value 50001 for parameter 'max_results' supplied",
        ),
        (
            "registered-models/create",
            json!({"name": "a/b"}),
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid model name 'a/b'. Names cannot contain '/' or ':'.",
        ),
        ("nothing/here", json!({}), 404, "ENDPOINT_NOT_FOUND", "there is nothing at"),
    ] {
        let (actual, name, message) = server.refused(Method::POST, path, body).await;
        assert_eq!((actual, name.as_str()), (status, code), "{path}: {message}");
        assert!(message.starts_with(words), "{path}: {message}");
    }
}

#[tokio::test]
async fn every_number_comes_back_to_the_last_bit() {
    let server = server().await;
    let run = server.run().await;
    let mut sent =
        vec![1.0 / 11.0, 0.1, 1e23, 5e-324, 1.797_693_134_862_315_7e308, -2.225_073_858_507_201e-308];
    sent.extend((1..500).map(|n| 1.0 / f64::from(n)));
    let metrics: Value =
        (0..).zip(&sent).map(|(n, v)| json!({"key": "m", "value": v, "timestamp": n})).collect();
    server.post("runs/log-batch", json!({"run_id": run, "metrics": metrics})).await;
    let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m");
    let text = String::from_utf8(server.raw(Method::GET, &path, "").await.1).unwrap();
    for value in sent {
        assert!(text.contains(&format!("\"value\":{},", json!(value))), "{value}");
    }
}

#[tokio::test]
async fn a_body_may_be_json_within_a_json_string() {
    let server = server().await;
    let twice = json!(json!({"name": "twice"}).to_string()).to_string();
    let (status, _) = server.raw(Method::POST, "/ajax-api/2.0/mlflow/experiments/create", twice).await;
    assert_eq!(status, StatusCode::OK);
    server.get("experiments/get-by-name?experiment_name=twice").await;
    let (status, code, _) = server.refused(Method::POST, "experiments/create", json!([1])).await;
    assert_eq!((status, code.as_str()), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn a_model_is_logged_registered_and_found_by_its_alias() {
    for database in testing::databases().await {
        let server = over(database).await;
        let run = server.run().await;
        let new = json!({"experiment_id": "0", "name": "model", "source_run_id": run, "params": [{"key": "a", "value": "1"}]});
        let model = server.post("logged-models", new).await["model"]["info"].clone();
        assert_eq!(model["status"], "LOGGED_MODEL_PENDING");
        let id = model["model_id"].as_str().unwrap();
        let folder = model["artifact_uri"].as_str().unwrap().strip_prefix("mlflow-artifacts:/").unwrap();
        let file = format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/MLmodel");
        assert_eq!(server.raw(Method::PUT, &file, "flavors: {}").await.0, StatusCode::OK);
        let ready = json!({"model_id": id, "status": "LOGGED_MODEL_READY"});
        let (status, _) = server.ask(Method::PATCH, &format!("logged-models/{id}"), &ready).await;
        assert_eq!(status, StatusCode::OK);
        server.post("runs/outputs", json!({"run_id": run, "models": [{"model_id": id, "step": 0}]})).await;
        server.post("registered-models/create", json!({"name": "traffic"})).await;
        let version = json!({"name": "traffic", "source": format!("models:/{id}"), "run_id": run});
        let version = server.post("model-versions/create", version).await["model_version"].clone();
        assert_eq!((&version["version"], &version["status"]), (&json!("1"), &json!("READY")));
        server
            .post("registered-models/alias", json!({"name": "traffic", "alias": "champion", "version": "1"}))
            .await;
        let found = server.get("registered-models/alias?name=traffic&alias=champion").await;
        assert_eq!(found["model_version"]["aliases"], json!(["champion"]));
        let uri = server.get("model-versions/get-download-uri?name=traffic&version=1").await;
        assert_eq!(uri["artifact_uri"], model["artifact_uri"]);
        let logged = server.get(&format!("logged-models/{id}")).await;
        assert_eq!(logged["model"]["info"]["registrations"], json!([{"name": "traffic", "version": "1"}]));
        let hidden = "filter=tag.%60mlflow.prompt.is_prompt%60%20!%3D%20'true'";
        let models = server.get(&format!("registered-models/search?{hidden}")).await;
        assert_eq!(
            models["registered_models"].as_array().unwrap().len(),
            1,
            "what clients add hides prompts only"
        );
        let query = "filter=name%20ilike%20'TR%25'&order_by=name%20ASC&max_results=5";
        let models = server.get(&format!("registered-models/search?{query}")).await;
        assert_eq!(models["registered_models"][0]["latest_versions"][0]["version"], "1");
        let versions = server.get(&format!("model-versions/search?filter=run_id%20%3D%20'{run}'")).await;
        assert_eq!(versions["model_versions"].as_array().unwrap().len(), 1);
        let missing =
            server.refused(Method::GET, "registered-models/alias?name=traffic&alias=nobody", json!({})).await;
        assert_eq!((missing.0, missing.1.as_str()), (400, "INVALID_PARAMETER_VALUE"));
    }
}

#[tokio::test]
async fn artifacts_go_up_are_listed_come_down_and_go_away() {
    let server = server().await;
    let run = server.run().await;
    let base = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts");
    for (path, content) in [("a b.txt", "one"), ("dir/c.bin", "two")] {
        let path = format!("{base}/{}", path.replace(' ', "%20"));
        assert_eq!(server.raw(Method::PUT, &path, content).await.0, StatusCode::OK);
    }
    let listed = server.get(&format!("artifacts/list?run_id={run}")).await;
    assert_eq!(listed["root_uri"], format!("mlflow-artifacts:/0/{run}/artifacts"));
    assert_eq!(
        listed["files"],
        json!([
        {"path": "dir", "is_dir": true}, {"path": "a b.txt", "is_dir": false, "file_size": 3}])
    );
    let inner = server.get(&format!("artifacts/list?run_id={run}&path=dir")).await;
    assert_eq!(inner["files"], json!([{"path": "dir/c.bin", "is_dir": false, "file_size": 3}]));
    let proxy = format!("/api/2.0/mlflow-artifacts/artifacts?path=0/{run}/artifacts/dir");
    let (_, listed) = server.raw(Method::GET, &proxy, "").await;
    assert_eq!(serde_json::from_slice::<Value>(&listed).unwrap()["files"][0]["path"], "c.bin");
    assert_eq!(server.raw(Method::GET, &format!("{base}/a%20b.txt"), "").await.1, b"one");
    let (_, shown) = server.raw(Method::GET, &format!("/get-artifact?run_id={run}&path=dir/c.bin"), "").await;
    assert_eq!(shown, b"two");
    assert_eq!(server.raw(Method::DELETE, &format!("{base}/dir"), "").await.0, StatusCode::OK);
    assert_eq!(server.raw(Method::GET, &format!("{base}/dir/c.bin"), "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn paths_and_sources_that_lead_elsewhere_are_refused() {
    let server = server().await;
    let run = server.run().await;
    let proxy = "/api/2.0/mlflow-artifacts/artifacts";
    for path in [
        "../../etc/passwd",
        "0/%2e%2e/%2e%2e/etc/passwd",
        "0/..%2f..%2fetc/passwd",
        "0/%252e%252e/etc/passwd",
        "%2Fetc/passwd",
        "0/a%5c..%5cb",
        "0/a%00b",
        "file:%2F%2F/etc/../passwd",
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let (status, body) = server.raw(method.clone(), &format!("{proxy}/{path}"), "x").await;
            assert!(status.is_client_error(), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        }
        let (status, _) = server.raw(Method::GET, &format!("{proxy}?path={path}"), "").await;
        assert!(status.is_client_error(), "listing {path}");
        let (status, _) =
            server.raw(Method::GET, &format!("/get-artifact?run_id={run}&path={path}"), "").await;
        assert!(status.is_client_error(), "run's {path}");
    }
    server.post("registered-models/create", json!({"name": "m"})).await;
    for source in [
        "/etc",
        "file:///etc",
        "FILE:///etc",
        "./../x",
        "mlflow-artifacts:/0/../1",
        "http://host/%2e%2e/x",
        "s3://bucket/a/../../b",
        "mlflow-artifacts://host:9000/../x#y",
        "models:/nobody/1",
        "runs:/x/model",
    ] {
        let body = json!({"name": "m", "source": source, "run_id": run});
        let (status, code, message) = server.refused(Method::POST, "model-versions/create", body).await;
        assert!((400..500).contains(&status), "{source}: {status} {code} {message}");
    }
    for location in ["mlflow-artifacts:/../x", "s3://b/..", "a?b", "x#y"] {
        let body = json!({"name": location, "artifact_location": location});
        assert_eq!(server.refused(Method::POST, "experiments/create", body).await.0, 400, "{location}");
    }
}

#[tokio::test]
async fn a_long_history_comes_in_pages_and_is_drawn_with_few_points() {
    let server = server().await;
    let run = server.run().await;
    for start in [0, 1_000] {
        let metrics: Vec<Value> = (start..start + 1_000)
            .map(|step| json!({"key": "m", "value": step % 10, "timestamp": step, "step": step}))
            .collect();
        server.post("runs/log-batch", json!({"run_id": run, "metrics": metrics})).await;
    }
    let mut token = String::new();
    let mut points = 0;
    loop {
        let path =
            format!("metrics/get-history?run_id={run}&metric_key=m&max_results=900&page_token={token}");
        let page = server.get(&path).await;
        points += page["metrics"].as_array().unwrap().len();
        match page["next_page_token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(points, 2_000);
    let path = format!("metrics/get-history-bulk-interval?run_ids={run}&metric_key=m&max_results=320");
    let drawn = server.get(&path).await["metrics"].as_array().unwrap().clone();
    assert!(drawn.len() <= 320 && drawn[0]["run_id"] == json!(run));
    let all: Value = (0..1_001).map(|step| json!({"key": "m", "value": 1, "timestamp": step})).collect();
    let (status, _, message) =
        server.refused(Method::POST, "runs/log-batch", json!({"run_id": run, "metrics": all})).await;
    assert!(
        status == 400 && message.starts_with("A batch logging request can contain at most 1000 metrics.")
    );
}
