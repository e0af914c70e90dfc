//! The protocol as clients meet it: addresses, statuses and bodies.

use std::sync::{Arc, Mutex};

use ::serving::{
    Column, Engine, EngineFailure, FieldKind, InputField, Offer, PredictionSink, ServedPrediction, Serving,
    Settings, Signature, SinkFuture,
};
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::{Method, Request, StatusCode};
use base::SystemClock;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixture::{self, Fixture};
use crate::{Connection, router};

/// Doubles its only number.
#[derive(Debug)]
struct Double(Signature);

impl Engine for Double {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        match columns.first() {
            Some(Column::Numbers(x)) => Ok(x.iter().map(|x| 2.0 * x).collect()),
            _ => Err(EngineFailure::internal("no numbers")),
        }
    }

    fn name(&self) -> &str {
        "double"
    }
}

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<ServedPrediction>>);

impl PredictionSink for Kept {
    fn take(&self, predictions: Vec<ServedPrediction>) -> SinkFuture<'_> {
        self.0.lock().unwrap().extend(predictions);
        Box::pin(async { Ok(()) })
    }
}

struct Server {
    router: axum::Router,
    kept: Arc<Kept>,
    _fixture: Fixture,
}

async fn server() -> Server {
    let kept = Arc::new(Kept::default());
    let serving = Serving::new(Arc::clone(&kept) as Arc<dyn PredictionSink>, Arc::new(SystemClock));
    let signature = Signature {
        inputs: vec![InputField::new("x", FieldKind::Number, true)],
        output: "y".into(),
        shown: None,
        tensors: Vec::new(),
        more_outputs: Vec::new(),
    };
    let offer = Offer {
        deployment: "traffic".into(),
        model: "traffic".into(),
        version: 2,
        alias: None,
        engine: Arc::new(Double(signature)),
        warm_up: None,
        settings: Settings::default(),
    };
    serving.deploy(offer).await.unwrap();
    let fixture = fixture::app(testing::sqlite().await).await;
    Server {
        router: router(fixture.app.clone()).layer(Extension(Arc::new(serving))),
        kept,
        _fixture: fixture,
    }
}

impl Server {
    async fn ask(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        self.ask_with(method, path, body, &[]).await
    }

    async fn ask_with(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let (status, _, body) = self.send(method, path, Body::from(body.to_owned()), headers).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> (u16, axum::http::HeaderMap, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body).unwrap();
        let (peer, listener) = (([127, 0, 0, 1], 4_000).into(), ([127, 0, 0, 1], 5_000).into());
        request.extensions_mut().insert(Connection { peer, listener });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, "").await
    }

    async fn infer(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::POST, path, &body.to_string()).await
    }
}

fn one(x: &Value) -> Value {
    json!({"id": "42", "inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [x]}]})
}

#[tokio::test]
async fn the_server_and_its_models_say_what_they_are() {
    let server = server().await;
    let version = env!("CARGO_PKG_VERSION");
    let expected = json!({"name": "gingham", "version": version, "extensions": crate::oip::EXTENSIONS});
    assert_eq!(server.get("/v2").await, (200, expected));
    assert_eq!(server.get("/v2/health/live").await, (200, json!({"live": true})));
    assert_eq!(server.get("/v2/health/ready").await, (200, json!({"ready": true})));
    let (status, model) = server.get("/v2/models/traffic").await;
    assert_eq!((status, &model["versions"]), (200, &json!(["2"])));
    assert_eq!(model["inputs"], json!([{"name": "x", "datatype": "FP64", "shape": [-1]}]));
    assert_eq!(server.get("/v2/models/traffic/versions/2").await, (200, model));
    let ready = json!({"name": "traffic", "ready": true});
    assert_eq!(server.get("/v2/models/traffic/ready").await, (200, ready.clone()));
    assert_eq!(server.get("/v2/models/traffic/versions/2/ready").await, (200, ready));
}

#[tokio::test]
async fn a_prediction_is_given_and_kept() {
    let server = server().await;
    let expected = json!({
        "model_name": "traffic",
        "model_version": "2",
        "id": "42",
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [1], "data": [3.0]}]
    });
    let body = one(&json!(1.5));
    assert_eq!(server.infer("/v2/models/traffic/infer", &body).await, (200, expected.clone()));
    assert_eq!(server.infer("/v2/models/traffic/versions/2/infer", &body).await, (200, expected));
    let trace = [("traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")];
    let (status, _) =
        server.ask_with(Method::POST, "/v2/models/traffic/infer", &body.to_string(), &trace).await;
    assert_eq!(status, 200);
    let kept = server.kept.0.lock().unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[2].trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[tokio::test]
async fn every_failure_is_an_error_and_nothing_else() {
    let server = server().await;
    let infer = "/v2/models/traffic/infer";
    let bad_type = json!({"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["1"]}]});
    for (path, body, status, error) in [
        (
            infer,
            "{",
            400,
            "the request does not fit the protocol: EOF while parsing an object at line 1 column 1",
        ),
        (infer, &bad_type.to_string(), 400, "`x`: the model takes numbers (FP64), BYTES were sent"),
        (infer, &one(&Value::Null).to_string(), 400, "`x`: row 0 has no value, and the model requires one"),
        (
            "/v2/models/trafic/infer",
            &one(&json!(1)).to_string(),
            404,
            "there is no deployment `trafic` (did you mean `traffic`?)",
        ),
        (
            "/v2/models/traffic/versions/1/infer",
            &one(&json!(1)).to_string(),
            404,
            "deployment `traffic` does not serve version `1` (it serves version 2)",
        ),
    ] {
        let answer = server.ask(Method::POST, path, body).await;
        assert_eq!(answer, (status, json!({"error": error})), "{path} {body}");
    }
    for path in
        ["/v2/models/trafic", "/v2/models/trafic/ready", "/v2/models/traffic/versions/9", "/v2/nothing"]
    {
        let (status, body) = server.get(path).await;
        assert_eq!(status, 404, "{path}");
        assert!(body["error"].is_string() && body.as_object().unwrap().len() == 1, "{path}: {body}");
    }
    let (status, body) = server.get(infer).await;
    assert_eq!((status, body["error"].is_string()), (405, true));
    let binary = [("Inference-Header-Content-Length", "10")];
    let (status, body) = server.ask_with(Method::POST, infer, "{}", &binary).await;
    assert_eq!((status, body["error"].is_string()), (400, true));
    let unknown = [("Content-Encoding", "br")];
    let (status, body) = server.ask_with(Method::POST, infer, "{}", &unknown).await;
    assert_eq!((status, body["error"].is_string()), (415, true));
    let no_gzip = [("Content-Encoding", "gzip")];
    let (status, body) = server.ask_with(Method::POST, infer, "{}", &no_gzip).await;
    assert_eq!((status, body["error"].is_string()), (400, true));
    assert!(server.kept.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = server().await;
    let body = " ".repeat((32 << 20) + 1);
    let (status, body) = server.ask(Method::POST, "/v2/models/traffic/infer", &body).await;
    assert_eq!(StatusCode::from_u16(status).unwrap(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(body["error"].is_string());
}

#[tokio::test]
async fn without_deployments_there_is_no_model_to_ask() {
    let fixture = fixture::app(testing::sqlite().await).await;
    let server = Server { router: router(fixture.app.clone()), kept: Arc::default(), _fixture: fixture };
    assert_eq!(server.get("/v2/models/traffic").await.0, 404);
    assert_eq!(server.get("/v2/health/live").await.0, 200);
}

#[tokio::test]
async fn tensors_travel_as_bytes_both_ways() {
    let server = server().await;
    let head = json!({
        "id": "9",
        "parameters": {"binary_data_output": true},
        "inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]
    })
    .to_string();
    let body = [head.as_bytes(), &1.5_f32.to_le_bytes(), &2.0_f32.to_le_bytes()].concat();
    let length = head.len().to_string();
    let headers = [("inference-header-content-length", length.as_str())];
    let (status, headers, body) =
        server.send(Method::POST, "/v2/models/traffic/infer", Body::from(body), &headers).await;
    assert_eq!(status, 200);
    assert_eq!(
        (headers["content-type"].as_bytes(), headers["x-gingham-version"].as_bytes()),
        (&b"application/octet-stream"[..], &b"2"[..])
    );
    let length: usize = headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let (head, tensor) = body.split_at(length);
    let head: Value = serde_json::from_slice(head).unwrap();
    assert_eq!(head["outputs"][0]["parameters"], json!({"binary_data_size": 16}));
    assert_eq!((&head["id"], head["outputs"][0].get("data")), (&json!("9"), None));
    assert_eq!(tensor, [3.0_f64, 4.0].map(f64::to_le_bytes).concat());
}

#[tokio::test]
async fn compressed_bodies_are_read_and_bombs_are_not() {
    use std::io::Write;
    let server = server().await;
    let pack = |text: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    };
    let deflated = |text: &[u8]| {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(text).unwrap();
        zlib.finish().unwrap()
    };
    let body = one(&json!(1.5)).to_string();
    let path = "/v2/models/traffic/infer";
    for (encoding, packed) in [("gzip", pack(body.as_bytes())), ("deflate", deflated(body.as_bytes()))] {
        let headers = [("content-encoding", encoding)];
        let (status, ..) = server.send(Method::POST, path, Body::from(packed), &headers).await;
        assert_eq!(status, 200, "{encoding}");
    }
    let bomb = pack(&vec![b' '; 40 << 20]);
    assert!(bomb.len() < 100_000);
    let (status, ..) =
        server.send(Method::POST, path, Body::from(bomb), &[("content-encoding", "gzip")]).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn the_repository_statistics_and_settings_are_told() {
    let server = server().await;
    server.infer("/v2/models/traffic/infer", &one(&json!(1.5))).await;
    let index = json!([{"name": "traffic", "version": "2", "state": "READY", "reason": ""}]);
    assert_eq!(server.ask(Method::POST, "/v2/repository/index", "").await, (200, index.clone()));
    assert_eq!(server.ask(Method::POST, "/v2/repository/index", r#"{"ready": true}"#).await, (200, index));
    for path in ["/v2/models/stats", "/v2/models/traffic/stats", "/v2/models/traffic/versions/2/stats"] {
        let (status, stats) = server.get(path).await;
        let success = &stats["model_stats"][0]["inference_stats"]["success"];
        assert_eq!((status, &success["count"]), (200, &json!(1)), "{path}: {stats}");
    }
    let (status, config) = server.get("/v2/models/traffic/config").await;
    assert_eq!(
        (status, &config["input"]),
        (200, &json!([{"name": "x", "data_type": "TYPE_FP64", "dims": [-1]}]))
    );
    assert_eq!(server.get("/v2/models/traffic/versions/3/stats").await.0, 404);
}

#[tokio::test]
async fn the_first_protocol_of_kserve_is_spoken() {
    let server = server().await;
    assert_eq!(server.get("/v1/models").await, (200, json!({"models": ["traffic"]})));
    assert_eq!(server.get("/v1/models/traffic").await, (200, json!({"name": "traffic", "ready": true})));
    for instances in [json!([{"x": 1.5}, {"x": 2}]), json!([[1.5], [2]]), json!([1.5, 2])] {
        let body = json!({"instances": instances});
        let answer = server.infer("/v1/models/traffic:predict", &body).await;
        assert_eq!(answer, (200, json!({"predictions": [3.0, 4.0]})), "{body}");
    }
    for (path, body, status) in [
        ("/v1/models/traffic:predict", json!({}), 400),
        ("/v1/models/traffic:predict", json!({"instances": [{"z": 1}]}), 400),
        ("/v1/models/traffic:predict", json!({"instances": [[1, 2]]}), 400),
        ("/v1/models/nothing:predict", json!({"instances": [1]}), 404),
        ("/v1/models/traffic:explain", json!({"instances": [1]}), 404),
    ] {
        let (found, answer) = server.infer(path, &body).await;
        assert_eq!((found, answer["error"].is_string()), (status, true), "{path} {body}: {answer}");
    }
}
