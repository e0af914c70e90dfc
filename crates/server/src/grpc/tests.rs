//! The protocol over gRPC as clients meet it, over a real socket that speaks HTTP/1 as well.

use std::sync::Arc;
use std::time::Duration;

use ::serving::{
    Column, Cost, Engine, EngineFailure, FieldKind, InputField, Offer, Output, OutputKind, Settings,
    Signature, Values,
};
use proto::health::health_client::HealthClient;
use proto::health::{HealthCheckRequest, health_check_response::ServingStatus};
use proto::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use proto::inference::model_infer_request::InferInputTensor;
use proto::inference::{
    InferTensorContents, ModelConfigRequest, ModelInferRequest, ModelMetadataRequest, ModelReadyRequest,
    ModelStatisticsRequest, RepositoryIndexRequest, ServerLiveRequest, ServerMetadataRequest,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::fixture::{self, Fixture};
use crate::{LocalAccess, Settings as ServerSettings};

/// Doubles a number, with a word on it; 13 hangs for a moment.
#[derive(Debug)]
struct Double(Signature);

impl Engine for Double {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        match columns.first() {
            Some(Column::Numbers(x)) => {
                if x.first() == Some(&13.0) {
                    std::thread::sleep(Duration::from_millis(400));
                }
                Ok(x.iter().map(|x| 2.0 * x).collect())
            }
            _ => Err(EngineFailure::internal("no numbers")),
        }
    }

    fn answer(&self, columns: &[Column]) -> Result<::serving::Answer, EngineFailure> {
        let predictions = self.predict(columns)?;
        let word = |y: &f64| if *y > 10.0 { "large".to_owned() } else { "small".to_owned() };
        let words = Values::Words(predictions.iter().map(word).collect());
        Ok(::serving::Answer { predictions, shown: None, more: vec![words] })
    }

    fn name(&self) -> &str {
        "double"
    }

    fn cost(&self) -> Cost {
        Cost::Dear
    }
}

struct Server {
    client: GrpcInferenceServiceClient<Channel>,
    channel: Channel,
    address: std::net::SocketAddr,
    _stop: oneshot::Sender<()>,
    _fixture: Fixture,
}

async fn server_with(access: LocalAccess) -> Server {
    let fixture = fixture::app(testing::sqlite().await).await;
    let serving = Arc::clone(&fixture.app.platform().serving);
    let signature = Signature {
        inputs: vec![InputField::new("x", FieldKind::Number, true)],
        output: "y".into(),
        shown: None,
        tensors: Vec::new(),
        more_outputs: vec![Output::new("size", OutputKind::Word, 1)],
    };
    let columns = [
        tables::Column::new("x", tables::ColumnType::Real),
        tables::Column::new("output_size", tables::ColumnType::Text),
    ];
    let archive = &fixture.app.platform().archive;
    archive.declare("traffic", &columns, tables::ColumnType::Real).await.unwrap();
    let offer = Offer {
        deployment: "traffic".into(),
        model: "traffic".into(),
        version: 2,
        alias: None,
        engine: Arc::new(Double(signature)),
        warm_up: None,
        settings: Settings { answer_timeout_ms: 100, ..Settings::default() },
    };
    serving.deploy(offer).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = fixture.with_settings(ServerSettings { local_access: access, ..ServerSettings::default() });
    tokio::spawn(crate::serve(app, listener, async {
        let _ = stopped.await;
    }));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    Server {
        client: GrpcInferenceServiceClient::new(channel.clone()),
        channel,
        address,
        _stop: stop,
        _fixture: fixture,
    }
}

async fn server() -> Server {
    server_with(LocalAccess::Trusted).await
}

fn input(datatype: &str, shape: &[i64], contents: Option<InferTensorContents>) -> InferInputTensor {
    InferInputTensor {
        name: "x".into(),
        datatype: datatype.into(),
        shape: shape.to_vec(),
        contents,
        ..InferInputTensor::default()
    }
}

fn numbers(values: &[f64]) -> Option<InferTensorContents> {
    Some(InferTensorContents { fp64_contents: values.to_vec(), ..InferTensorContents::default() })
}

fn call(input: InferInputTensor, raw: Vec<Vec<u8>>) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "traffic".into(),
        id: "7".into(),
        inputs: vec![input],
        raw_input_contents: raw,
        ..ModelInferRequest::default()
    }
}

#[tokio::test]
async fn the_server_and_its_models_say_what_they_are() {
    let mut server = server().await;
    assert!(server.client.server_live(ServerLiveRequest {}).await.unwrap().into_inner().live);
    let metadata = server.client.server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner();
    assert_eq!(metadata.name, "gingham");
    assert!(metadata.extensions.contains(&"binary_tensor_data".to_owned()));
    let named = |name: &str| ModelMetadataRequest { name: name.into(), version: String::new() };
    let model = server.client.model_metadata(named("traffic")).await.unwrap().into_inner();
    assert_eq!((model.versions, model.inputs[0].datatype.as_str()), (vec!["2".to_owned()], "FP64"));
    let ready = |version: &str| ModelReadyRequest { name: "traffic".into(), version: version.into() };
    assert!(server.client.model_ready(ready("2")).await.unwrap().into_inner().ready);
    assert_eq!(server.client.model_ready(ready("3")).await.unwrap_err().code(), Code::NotFound);
    let config = ModelConfigRequest { name: "traffic".into(), version: String::new() };
    let config = server.client.model_config(config).await.unwrap().into_inner().config.unwrap();
    assert_eq!((config.input[0].data_type, config.output[1].data_type), (12, 13));
    let index = server.client.repository_index(RepositoryIndexRequest::default()).await.unwrap().into_inner();
    assert_eq!((index.models[0].name.as_str(), index.models[0].state.as_str()), ("traffic", "READY"));
}

#[tokio::test]
async fn typed_contents_are_answered_typed_and_raw_ones_raw() {
    let mut server = server().await;
    let typed = call(input("FP64", &[2], numbers(&[1.5, 7.0])), Vec::new());
    let answer = server.client.model_infer(typed).await.unwrap().into_inner();
    assert_eq!((answer.id.as_str(), answer.model_version.as_str()), ("7", "2"));
    assert_eq!(answer.outputs[0].contents.as_ref().unwrap().fp64_contents, [3.0, 14.0]);
    let words = &answer.outputs[1].contents.as_ref().unwrap().bytes_contents;
    assert_eq!(words.as_slice(), [b"small".to_vec(), b"large".to_vec()]);
    let raw = call(input("FP32", &[1], None), vec![1.5_f32.to_le_bytes().to_vec()]);
    let answer = server.client.model_infer(raw).await.unwrap().into_inner();
    assert_eq!(answer.raw_output_contents[0], 3.0_f64.to_le_bytes());
    assert_eq!(answer.raw_output_contents[1], [&5_u32.to_le_bytes()[..], b"small"].concat());
    let asked = ModelStatisticsRequest { name: "traffic".into(), version: String::new() };
    let stats = server.client.model_statistics(asked).await.unwrap().into_inner();
    let success = stats.model_stats[0].inference_stats.as_ref().unwrap().success.as_ref().unwrap();
    assert_eq!((success.count, stats.model_stats[0].inference_count), (2, 3));
    assert!(success.ns > 0);
}

#[tokio::test]
async fn failures_have_their_codes() {
    let mut server = server().await;
    let of = |value: f64| input("FP64", &[1], numbers(&[value]));
    for (call, code, words) in [
        (
            ModelInferRequest { model_name: "trafic".into(), ..call(of(1.0), Vec::new()) },
            Code::NotFound,
            "did you mean",
        ),
        (
            ModelInferRequest { model_version: "9".into(), ..call(of(1.0), Vec::new()) },
            Code::NotFound,
            "version 2",
        ),
        (call(input("FP99", &[1], numbers(&[1.0])), Vec::new()), Code::InvalidArgument, "no datatype"),
        (
            call(input("INT64", &[1], numbers(&[1.0])), Vec::new()),
            Code::InvalidArgument,
            "not those of INT64",
        ),
        (call(input("FP64", &[2], numbers(&[1.0])), Vec::new()), Code::InvalidArgument, "its data has 1"),
        (call(of(1.0), vec![vec![0; 8]]), Code::InvalidArgument, "both typed and raw"),
        (call(input("FP64", &[1], None), vec![vec![0; 7]]), Code::InvalidArgument, "7 were sent"),
        (
            call(input("FP64", &[1], None), vec![vec![0; 8]; 2]),
            Code::InvalidArgument,
            "2 raw contents for 1 inputs",
        ),
        (call(input("FP64", &[1], None), Vec::new()), Code::InvalidArgument, "no contents"),
        (call(of(f64::NAN), Vec::new()), Code::InvalidArgument, "requires one"),
        (call(of(13.0), Vec::new()), Code::DeadlineExceeded, "within 100 ms"),
    ] {
        let status = server.client.model_infer(call).await.unwrap_err();
        assert!(status.code() == code && status.message().contains(words), "{status:?} for {words}");
    }
    let mut late = Request::new(call(of(13.0), Vec::new()));
    late.set_timeout(Duration::from_millis(20));
    let status = server.client.model_infer(late).await.unwrap_err();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
}

#[tokio::test]
async fn a_message_may_be_larger_than_four_mebibytes() {
    let server = server().await;
    let large = call(input("FP64", &[1_000_000], None), vec![vec![0; 8_000_000]]);
    let mut client = server.client.clone().max_decoding_message_size(64 << 20);
    let status = client.model_infer(large).await.unwrap_err();
    assert!(status.message().contains("at most 10000 rows"), "{status:?}");
    let huge = call(input("FP64", &[1], None), vec![vec![0; 40 << 20]]);
    let refused = client.model_infer(huge).await.unwrap_err();
    assert!(matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted), "{refused:?}");
}

#[tokio::test]
async fn without_a_token_nobody_may() {
    let mut server = server_with(LocalAccess::Refused).await;
    assert!(server.client.server_live(ServerLiveRequest {}).await.is_ok(), "health is open to all");
    let of = || call(input("FP64", &[1], numbers(&[1.0])), Vec::new());
    let status = server.client.model_infer(of()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let mut wrong = Request::new(of());
    wrong.metadata_mut().insert("authorization", "Bearer gng_wrong".parse().unwrap());
    assert_eq!(server.client.model_infer(wrong).await.unwrap_err().code(), Code::Unauthenticated);
    let token = server._fixture.app.platform().first_token().await.unwrap().unwrap();
    let mut right = Request::new(of());
    right.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    assert!(server.client.model_infer(right).await.is_ok());
}

#[tokio::test]
async fn health_is_what_kubernetes_asks_for() {
    let server = server().await;
    let mut health = HealthClient::new(server.channel.clone());
    let of = |service: &str| HealthCheckRequest { service: service.into() };
    let serving: i32 = ServingStatus::Serving.into();
    assert_eq!(health.check(of("")).await.unwrap().into_inner().status, serving);
    assert_eq!(
        health.check(of("inference.GRPCInferenceService")).await.unwrap().into_inner().status,
        serving
    );
    assert_eq!(health.check(of("other")).await.unwrap_err().code(), Code::NotFound);
    let mut watch = health.watch(of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, serving);
}

#[tokio::test]
async fn http_one_is_spoken_on_the_same_port_and_malformed_messages_are_refused() {
    let server = server().await;
    let url = format!("http://{}", server.address);
    assert_eq!(reqwest::get(format!("{url}/v2/health/live")).await.unwrap().status(), 200);
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let call = |body: Vec<u8>| {
        client
            .post(format!("{url}/inference.GRPCInferenceService/ModelInfer"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(body)
            .send()
    };
    // A frame of five bytes that are no message, and one that is cut off.
    for body in [vec![0, 0, 0, 0, 5, 255, 255, 255, 255, 255], vec![0, 0, 0, 0, 9, 1]] {
        let answer = call(body).await.unwrap();
        let status = answer.headers().get("grpc-status").map(|code| code.to_str().unwrap().to_owned());
        assert!(status.as_deref().is_some_and(|code| code != "0"), "{answer:?}");
    }
    assert_eq!(reqwest::get(format!("{url}/v2/health/live")).await.unwrap().status(), 200, "it goes on");
}
