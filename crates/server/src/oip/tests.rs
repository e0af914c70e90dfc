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
        inputs: vec![InputField { name: "x".into(), kind: FieldKind::Number, required: true }],
        output: "y".into(),
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
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        let (peer, listener) = (([127, 0, 0, 1], 4_000).into(), ([127, 0, 0, 1], 5_000).into());
        request.extensions_mut().insert(Connection { peer, listener });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
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
    let expected = json!({"name": "gingham", "version": version, "extensions": []});
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
