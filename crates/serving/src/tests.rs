//! What deployments promise, under load and under faults.

mod batching;
mod outputs;
mod traffic;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{Actor, Failure, Kind, PageRequest, SystemClock, Timestamp};
use tokio::sync::Semaphore;

use crate::oip::{InferRequest, OutputData};
use crate::store::{self, NewDeployment, State};
use crate::{
    Archiving, Cell, Column, Engine, EngineFailure, Error, FieldKind, Inference, InputField, Offer,
    PredictionSink, ServedPrediction, Serving, Settings, Signature, SinkFailure, SinkFuture,
};

/// A model that answers with its version times its input, so that each answer tells who gave it.
#[derive(Debug)]
struct Times {
    signature: Signature,
    factor: f64,
    does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Answer,
    Panic,
    TooFew,
    NotFinite,
    Refuse,
    Hang,
}

impl Engine for Times {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        let Some(Column::Numbers(x)) = columns.first() else {
            return Err(EngineFailure::internal("no input"));
        };
        let mut answers: Vec<f64> = x.iter().map(|x| x * self.factor).collect();
        // Warm-up rows are zeros and are always answered.
        if x.first() != Some(&0.0) {
            match self.does {
                Does::Answer => {}
                Does::Panic => panic!("a fault in the engine"),
                Does::TooFew => answers.truncate(0),
                Does::Hang => std::thread::sleep(Duration::from_millis(500)),
                Does::NotFinite => answers.fill(f64::NAN),
                Does::Refuse => {
                    let message = "`x` is out of reach".into();
                    return Err(EngineFailure {
                        kind: Kind::Invalid,
                        code: "value_not_finite",
                        message,
                        hint: None,
                    });
                }
            }
        }
        Ok(answers)
    }

    fn name(&self) -> &str {
        "times"
    }
}

fn engine(version: i64, does: Does) -> Arc<dyn Engine> {
    let field = |name: &str, kind| InputField::new(name, kind, kind == FieldKind::Number);
    let inputs = vec![field("x", FieldKind::Number), field("word", FieldKind::Category)];
    Arc::new(Times {
        signature: Signature {
            inputs,
            output: "y".into(),
            shown: None,
            tensors: Vec::new(),
            more_outputs: Vec::new(),
        },
        factor: version as f64,
        does,
    })
}

fn offer(version: i64) -> Offer {
    Offer {
        deployment: "traffic".into(),
        model: "traffic-model".into(),
        version,
        alias: Some("champion".into()),
        engine: engine(version, Does::Answer),
        warm_up: None,
        settings: Settings::default(),
    }
}

/// Keeps what it is given; can be told to fail or to wait.
#[derive(Debug, Default)]
struct Kept {
    predictions: Mutex<Vec<ServedPrediction>>,
    fails: AtomicBool,
    gate: Option<Semaphore>,
}

impl PredictionSink for Kept {
    fn take(&self, predictions: Vec<ServedPrediction>) -> SinkFuture<'_> {
        Box::pin(async move {
            if let Some(gate) = &self.gate {
                gate.acquire().await.unwrap().forget();
            }
            if self.fails.load(Ordering::SeqCst) {
                return Err(SinkFailure("the disk is full".into()));
            }
            self.predictions.lock().unwrap().extend(predictions);
            Ok(())
        })
    }
}

fn serving(sink: &Arc<Kept>) -> Arc<Serving> {
    Arc::new(Serving::new(Arc::clone(sink) as Arc<dyn PredictionSink>, Arc::new(SystemClock)))
}

fn request(values: &[f64]) -> InferRequest {
    let body = serde_json::json!({
        "id": "r1",
        "inputs": [{"name": "x", "shape": [values.len()], "datatype": "FP64", "data": values}]
    });
    InferRequest::from_json(body.to_string().as_bytes()).unwrap()
}

async fn ask(serving: &Serving, values: &[f64]) -> crate::Result<(i64, Vec<f64>)> {
    let answer = serving.infer("traffic", request(values), Inference::default()).await?;
    let Some(OutputData::Numbers(y)) = answer.outputs[0].data.clone() else { panic!("numbers") };
    Ok((answer.model_version.parse().unwrap(), y))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_request_is_lost_or_mixed_while_versions_swap() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(1)).await.unwrap();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let askers: Vec<_> = (0..8)
        .map(|_| {
            let (serving, stop, answered) = (Arc::clone(&serving), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let (mut last, mut versions) = (0, 0);
                while !stop.load(Ordering::Relaxed) {
                    let (version, y) = ask(&serving, &[1.0, 2.0, 3.0]).await.unwrap();
                    let factor = version as f64;
                    assert_eq!(
                        y,
                        [factor, 2.0 * factor, 3.0 * factor],
                        "one version answers the whole request"
                    );
                    assert!(version >= last, "no way back to version {version} after {last}");
                    versions += i64::from(version > last);
                    last = version;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                versions
            })
        })
        .collect();
    for version in 2..=201 {
        let before = answered.load(Ordering::Relaxed);
        let swap = serving.deploy(offer(version)).await.unwrap();
        let old = swap.previous.unwrap();
        assert_eq!(old.version(), version - 1);
        assert!(old.finished(Duration::from_secs(10)).await, "version {} drains", version - 1);
        while answered.load(Ordering::Relaxed) < before + 8 {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        assert!(asker.await.unwrap() > 20, "each asker met many versions");
    }
    let stats = serving.describe("traffic").unwrap().stats;
    let total = answered.load(Ordering::Relaxed);
    assert_eq!((stats.requests_total, stats.errors_total, stats.rows_total), (total, 0, 3 * total));
    assert_eq!(sink.predictions.lock().unwrap().len() as u64, 3 * total, "every row is archived once");
    assert!(stats.latency_ms.p50.is_some() && stats.latency_ms.p99 >= stats.latency_ms.p50);
}

#[tokio::test]
async fn a_version_drains_until_its_last_request_is_answered() {
    let sink = Arc::new(Kept { gate: Some(Semaphore::new(0)), ..Kept::default() });
    let serving = serving(&sink);
    serving.deploy(offer(1)).await.unwrap();
    let slow = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { ask(&serving, &[1.0]).await.unwrap() }
    });
    while serving.describe("traffic").unwrap().stats.in_flight == 0 {
        tokio::task::yield_now().await;
    }
    let old = serving.deploy(offer(2)).await.unwrap().previous.unwrap();
    assert_eq!(old.in_flight(), 1);
    assert!(!old.finished(Duration::from_millis(20)).await);
    sink.gate.as_ref().unwrap().add_permits(2);
    assert_eq!(slow.await.unwrap(), (1, vec![1.0]), "it keeps the version it began with");
    assert!(old.finished(Duration::from_secs(5)).await);
    assert_eq!(ask(&serving, &[1.0]).await.unwrap(), (2, vec![2.0]));
}

#[tokio::test]
async fn a_version_that_fails_its_warm_up_takes_no_traffic() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(1)).await.unwrap();
    for does in [Does::Panic, Does::TooFew, Does::NotFinite, Does::Refuse] {
        let warm_up = Some(vec![Column::Numbers(vec![5.0]), Column::Words(vec![None])]);
        let bad = Offer { engine: engine(2, does), warm_up, version: 2, ..offer(2) };
        let error = serving.deploy(bad).await.unwrap_err();
        assert_eq!(error.code(), "warm_up_failed", "{error}");
        assert_eq!(ask(&serving, &[3.0]).await.unwrap(), (1, vec![3.0]));
    }
}

#[tokio::test]
async fn a_faulty_engine_fails_requests_and_nothing_else() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    for (does, code, message) in [
        (Does::Panic, "inference_failed", "version 2 of `traffic` cannot answer: the engine broke down"),
        (
            Does::TooFew,
            "inference_failed",
            "version 2 of `traffic` cannot answer: the engine gave 0 predictions for 1 rows",
        ),
        (
            Does::NotFinite,
            "inference_failed",
            "version 2 of `traffic` cannot answer: the prediction for row 0 is not a finite number",
        ),
        (Does::Refuse, "value_not_finite", "version 2 of `traffic` cannot answer: `x` is out of reach"),
    ] {
        serving.deploy(Offer { engine: engine(2, does), ..offer(2) }).await.unwrap();
        let error = ask(&serving, &[1.0]).await.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
        let many = ask(&serving, &vec![1.0; 1_000]).await.unwrap_err();
        assert_eq!(many.code(), code);
    }
    assert!(sink.predictions.lock().unwrap().is_empty());
    assert_eq!(serving.describe("traffic").unwrap().stats.errors_total, 8);
}

#[tokio::test]
async fn no_record_no_answer_unless_the_settings_say_so() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(1)).await.unwrap();
    sink.fails.store(true, Ordering::SeqCst);
    let error = ask(&serving, &[1.0]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Unavailable, "prediction_not_archived"));
    let with = |archive| Offer { settings: Settings { archive, ..Settings::default() }, ..offer(2) };
    serving.deploy(with(Archiving::BestEffort)).await.unwrap();
    assert!(ask(&serving, &[1.0, 2.0]).await.is_ok());
    while serving.describe("traffic").unwrap().current_stats.unarchived_total < 2 {
        tokio::task::yield_now().await;
    }
    sink.fails.store(false, Ordering::SeqCst);
    serving.deploy(with(Archiving::Off)).await.unwrap();
    assert!(ask(&serving, &[1.0]).await.is_ok());
    assert!(sink.predictions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_record_holds_what_was_asked_and_answered() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(3)).await.unwrap();
    let body = r#"{
        "parameters": {"return_prediction_id": true, "entity": "I-94"},
        "inputs": [
            {"name": "word", "shape": [2], "datatype": "BYTES", "data": ["Clear", null]},
            {"name": "event_time", "shape": [2], "datatype": "INT64", "data": [1000000, 2000000]},
            {"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [[1.5], [2]]}
        ]}"#;
    let context = Inference { trace_id: Some("trace".into()), ..Inference::default() };
    let request = InferRequest::from_json(body.as_bytes()).unwrap();
    let answer = serving.infer("traffic", request, context).await.unwrap();
    assert_eq!(answer.output("y").unwrap().data, Some(OutputData::Numbers(vec![4.5, 6.0])));
    let Some(OutputData::Texts(ids)) = &answer.output("prediction_id").unwrap().data else { panic!("texts") };
    let kept = sink.predictions.lock().unwrap();
    assert_eq!(&kept.iter().map(|row| row.id.to_string()).collect::<Vec<_>>(), ids);
    let first = &kept[0];
    assert_eq!(first.features, [Cell::Number(1.5), Cell::Word("Clear".into())]);
    assert_eq!(kept[1].features, [Cell::Number(2.0), Cell::Missing]);
    assert_eq!(first.feature_names.as_ref(), ["x".into(), "word".into()]);
    assert_eq!(
        (&*first.model, first.version, &*first.deployment, first.variant),
        ("traffic-model", 3, "traffic", "primary")
    );
    assert_eq!(
        (first.event_time, kept[1].event_time),
        (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000))
    );
    assert_eq!((first.entity.as_deref(), first.trace_id.as_deref()), (Some("I-94"), Some("trace")));
    assert!(first.latency_us >= 0 && first.received_time > first.event_time);
    assert_eq!(first.id.get_version_num(), 7);
}

#[tokio::test]
async fn names_versions_and_outputs_that_are_not_there_are_refused() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(4)).await.unwrap();
    let missing = serving.infer("trafic", request(&[1.0]), Inference::default()).await.unwrap_err();
    assert_eq!((missing.kind(), missing.hint()), (Kind::NotFound, Some("did you mean `traffic`?".into())));
    let of = |version: &str| Inference { version: Some(version.into()), ..Inference::default() };
    assert!(serving.infer("traffic", request(&[1.0]), of("4")).await.is_ok());
    let version = serving.infer("traffic", request(&[1.0]), of("3")).await.unwrap_err();
    assert_eq!(version.to_string(), "deployment `traffic` does not serve version `3`");
    assert_eq!(serving.metadata("traffic", Some("04")).unwrap_err().kind(), Kind::NotFound);
    let body =
        r#"{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}], "outputs": OUTPUTS}"#;
    let outputs = async |outputs: &str| {
        let request = InferRequest::from_json(body.replace("OUTPUTS", outputs).as_bytes()).unwrap();
        serving
            .infer("traffic", request, Inference::default())
            .await
            .map(|answer| answer.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>())
    };
    let both = outputs(r#"[{"name": "prediction_id"}, {"name": "y"}]"#).await.unwrap();
    assert_eq!(both, ["prediction_id", "y"], "in the order asked for");
    let unknown = outputs(r#"[{"name": "z"}]"#).await.unwrap_err();
    assert_eq!(unknown.hint().unwrap(), "the outputs are y and prediction_id");
    assert_eq!(outputs(r#"[{"name": "y", "parameters": {"binary_data": true}}]"#).await.unwrap(), ["y"]);
    assert!(serving.withdraw("traffic") && !serving.withdraw("traffic"));
    assert_eq!(ask(&serving, &[1.0]).await.unwrap_err().code(), "deployment_not_found");
    let bad = serving.deploy(Offer { deployment: "../x".into(), ..offer(1) }).await.unwrap_err();
    assert_eq!(bad.kind(), Kind::Invalid);
}

#[tokio::test]
async fn a_busy_deployment_says_so_and_counts_it() {
    let sink = Arc::new(Kept { gate: Some(Semaphore::new(0)), ..Kept::default() });
    let serving = serving(&sink);
    let settings = Settings { concurrent_requests: 1, queued_requests: 1, ..Settings::default() };
    serving.deploy(Offer { settings, ..offer(1) }).await.unwrap();
    let ask_aside = || {
        let serving = Arc::clone(&serving);
        tokio::spawn(async move { ask(&serving, &[1.0]).await })
    };
    let (first, second) = (ask_aside(), ask_aside());
    while serving.describe("traffic").unwrap().stats.waiting == 0 {
        tokio::task::yield_now().await;
    }
    let error = ask(&serving, &[1.0]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Busy, "deployment_busy"));
    sink.gate.as_ref().unwrap().add_permits(2);
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    let stats = serving.describe("traffic").unwrap().stats;
    assert_eq!((stats.requests_total, stats.shed_total, stats.errors_total), (3, 1, 1));
}

#[tokio::test]
async fn metadata_tells_the_signature() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer(7)).await.unwrap();
    let metadata = serde_json::to_value(serving.metadata("traffic", None).unwrap()).unwrap();
    let expected = serde_json::json!({
        "name": "traffic",
        "versions": ["7"],
        "platform": "gingham_times",
        "inputs": [
            {"name": "x", "datatype": "FP64", "shape": [-1]},
            {"name": "word", "datatype": "BYTES", "shape": [-1]}
        ],
        "outputs": [
            {"name": "y", "datatype": "FP64", "shape": [-1]},
            {"name": "prediction_id", "datatype": "BYTES", "shape": [-1]}
        ]
    });
    assert_eq!(metadata, expected);
}

#[tokio::test]
async fn deployments_keep_their_history_on_both_engines() {
    for database in testing::databases().await {
        let (ada, at) = (Actor::named("ada"), Timestamp::from_millis);
        let new = NewDeployment {
            name: "traffic".into(),
            project: "default".into(),
            model: "traffic-model".into(),
            alias: Some("champion".into()),
            settings: Settings::default(),
        };
        database
            .write(move |tx| {
                Box::pin(async move {
                    assert!(store::put_deployment(tx, &new, &ada, at(1)).await?);
                    assert!(!store::put_deployment(tx, &new, &ada, at(2)).await?, "nothing changed");
                    store::record_version(tx, "traffic", 1, "first champion", &ada, at(3)).await?;
                    store::record_version(tx, "traffic", 2, "better by 7 %", &ada, at(4)).await?;
                    assert!(!store::record_version(tx, "traffic", 2, "restart", &ada, at(4)).await?);
                    let failed = "version 3 did not answer its warm-up rows";
                    store::set_state(tx, "traffic", State::Failed, failed, &ada, at(5)).await?;
                    store::set_state(tx, "traffic", State::Failed, failed, &ada, at(6)).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
            .unwrap();
        let mut read = database.read().await.unwrap();
        let found = store::get_deployment(&mut read, "traffic").await.unwrap();
        assert_eq!((found.version, found.previous_version), (Some(2), Some(1)));
        assert_eq!((found.state, found.since, found.created_at), (State::Failed, at(5), at(1)));
        let history = store::history(&mut read, "traffic", 10).await.unwrap();
        assert_eq!(history.iter().map(|entry| entry.version).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(history[0].reason, "better by 7 %");
        let listed =
            store::list_deployments(&mut read, Some("traffic-model"), &PageRequest::first(5)).await.unwrap();
        assert_eq!(listed.items, [found]);
        let error = store::get_deployment(&mut read, "trafic").await.unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `traffic`?");
        drop(read);
        let events = database.events(&db::EventFilter::default(), 10).await.unwrap();
        assert_eq!(
            events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(),
            ["deployment.created", "deployment.switched", "deployment.switched", "deployment.failed"]
        );
        assert_eq!(events[2].summary, "deployment `traffic` answers with version 2 instead of 1");
    }
}
