//! The formats of MLflow's scoring server and the plain endpoint, as clients meet them.

use std::sync::Arc;

use ::serving::{Column, Engine, EngineFailure, FieldKind, InputField, Offer, Settings, Signature};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixture::{self, Fixture};
use crate::{Connection, router};

/// The hour, plus a hundred when it rains.
#[derive(Debug)]
struct Rain(Signature);

impl Engine for Rain {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        let [Column::Numbers(hours), Column::Words(weather)] = columns else {
            return Err(EngineFailure::internal("other columns"));
        };
        let rain = |word: &Option<String>| if word.as_deref() == Some("Rain") { 100.0 } else { 0.0 };
        Ok(hours.iter().zip(weather).map(|(hour, word)| hour + rain(word)).collect())
    }

    fn name(&self) -> &str {
        "rain"
    }
}

struct Server {
    router: axum::Router,
    _fixture: Fixture,
}

async fn server() -> Server {
    let fixture = fixture::app(testing::sqlite().await).await;
    let signature = Signature {
        inputs: vec![
            InputField::new("hour", FieldKind::Number, true),
            InputField::new("weather", FieldKind::Category, false),
        ],
        output: "volume".into(),
        shown: None,
        tensors: Vec::new(),
        more_outputs: Vec::new(),
    };
    let offer = Offer {
        deployment: "traffic".into(),
        model: "traffic".into(),
        version: 3,
        alias: None,
        engine: Arc::new(Rain(signature)),
        warm_up: None,
        settings: Settings { archive: ::serving::Archiving::Off, ..Settings::default() },
    };
    fixture.app.platform().serving.deploy(offer).await.unwrap();
    Server { router: router(fixture.app.clone()), _fixture: fixture }
}

impl Server {
    async fn post(&self, path: &str, kind: &str, body: &str) -> (u16, Value) {
        let request = Request::post(path).header("host", "localhost").header("content-type", kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn send(&self, mut request: Request<Body>) -> (u16, Value) {
        let (peer, listener) = (([127, 0, 0, 1], 4_000).into(), ([127, 0, 0, 1], 5_000).into());
        request.extensions_mut().insert(Connection { peer, listener });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn invoke(&self, body: Value) -> (u16, Value) {
        self.post("/serve/traffic/invocations", "application/json", &body.to_string()).await
    }
}

#[tokio::test]
async fn every_format_of_mlflow_is_taken() {
    let server = server().await;
    for body in [
        json!({"dataframe_split": {"columns": ["weather", "hour"], "index": [0, 1], "data": [["Rain", 7], [null, 8]]}}),
        json!({"dataframe_records": [{"hour": 7, "weather": "Rain"}, {"hour": 8}]}),
        json!({"instances": [{"hour": 7, "weather": "Rain"}, {"hour": 8.0}]}),
        json!({"instances": [[7, "Rain"], [8, null]]}),
        json!({"inputs": {"hour": [7, 8], "weather": ["Rain", null]}}),
        json!({"inputs": [{"hour": 7, "weather": "Rain"}, {"hour": 8}], "params": {"entity": "I-94"}}),
    ] {
        assert_eq!(server.invoke(body.clone()).await, (200, json!({"predictions": [107.0, 8.0]})), "{body}");
    }
    let csv = "hour,weather\n7,Rain\n8,\n";
    let answer = server.post("/serve/traffic/invocations", "text/csv; charset=utf-8", csv).await;
    assert_eq!(answer, (200, json!({"predictions": [107.0, 8.0]})));
}

#[tokio::test]
async fn what_does_not_fit_names_its_field_and_is_never_500() {
    let server = server().await;
    for (body, code, words) in [
        (json!({}), "field_missing", "dataframe_split"),
        (json!({"inputs": [], "instances": []}), "field_repeated", "both"),
        (json!({"dataframe_records": [{"hour": "seven"}]}), "field_type", "`hour`"),
        (json!({"dataframe_records": [{"weather": "Rain"}]}), "field_missing", "`hour`"),
        (
            json!({"dataframe_records": [{"hour": 7, "wether": "Rain"}]}),
            "field_unknown",
            "did you mean `weather`",
        ),
        (json!({"dataframe_records": [{"hour": 7, "weather": 3}]}), "field_type", "`weather`"),
        (json!({"dataframe_records": [{"hour": {"a": 1}}]}), "field_type", "`hour`"),
        (json!({"dataframe_records": [{"hour": [1, 2]}]}), "field_type", "`hour`"),
        (json!({"dataframe_records": 7}), "field_type", "`dataframe_records`"),
        (json!({"dataframe_records": []}), "field_missing", "there is no input"),
        (json!({"dataframe_split": {"columns": ["hour"], "data": [[1, 2]]}}), "shape_invalid", "row 0"),
        (json!({"dataframe_split": {"columns": ["hour", "hour"], "data": [[1, 2]]}}), "field_type", "twice"),
        (json!({"inputs": {"hour": [1, 2], "weather": ["Rain"]}}), "rows_unequal", "`weather`"),
        (json!({"instances": [[1]]}), "shape_invalid", "the model takes 2"),
        (json!({"params": 3, "instances": []}), "field_type", "`params`"),
    ] {
        let (status, problem) = server.invoke(body.clone()).await;
        let text = problem.to_string();
        assert!(
            status == 400 && problem["code"] == code && text.contains(words),
            "{body}: {status} {problem}"
        );
    }
    let (status, _) = server.post("/serve/traffic/invocations", "text/xml", "<a/>").await;
    assert_eq!(status, 415);
    let (status, problem) = server.post("/serve/traffic/invocations", "text/csv", "hour\n1,2\n").await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("shape_invalid")));
    assert_eq!(server.post("/serve/nothing/invocations", "application/json", "{}").await.0, 404);
}

#[tokio::test]
async fn a_row_gets_its_prediction_and_a_list_a_list() {
    let server = server().await;
    let path = "/serve/traffic/predict";
    let (status, answer) = server.post(path, "application/json", r#"{"hour": 7, "weather": "Rain"}"#).await;
    assert_eq!((status, &answer["volume"], &answer["model_version"]), (200, &json!(107.0), &json!("3")));
    assert_eq!(answer["prediction_id"].as_str().map(str::len), Some(36));
    let (status, answers) = server.post(path, "application/json", r#"[{"hour": 1}, {"hour": 2}]"#).await;
    assert_eq!((status, answers[1]["volume"].as_f64()), (200, Some(2.0)));
    let (status, problem) = server.post(path, "application/json", r#"{"hours": 7}"#).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("field_unknown")));
    assert_eq!(server.post(path, "application/json", "7").await.0, 400);
}

#[tokio::test]
async fn the_document_says_what_a_row_holds() {
    let server = server().await;
    let get = |path: &str| Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
    let (status, document) = server.send(get("/serve/traffic/openapi.json")).await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let row = &document["components"]["schemas"]["Row"];
    assert_eq!(row["required"], json!(["hour"]));
    assert_eq!(row["properties"]["weather"], json!({"type": ["string", "null"]}));
    assert_eq!(
        document["components"]["schemas"]["Answer"]["properties"]["volume"],
        json!({"type": "number"})
    );
    assert!(document["paths"]["/serve/traffic/predict"]["post"].is_object());
    assert_eq!(server.send(get("/serve/traffic/ping")).await.0, 200);
    assert_eq!(server.send(get("/serve/traffic/version")).await.0, 200);
    assert_eq!(server.send(get("/serve/nothing/ping")).await.0, 404);
}
