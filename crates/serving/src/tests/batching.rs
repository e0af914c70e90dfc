//! Requests that are computed together, and models that are slow.

use super::*;
use crate::{Batching, Cost};

/// Adds one, slowly, and counts its calls.
#[derive(Debug)]
struct Slow {
    signature: Signature,
    calls: AtomicU64,
    takes: Duration,
}

impl Engine for Slow {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        let Some(Column::Numbers(x)) = columns.first() else {
            return Err(EngineFailure::internal("no input"));
        };
        self.calls.fetch_add(1, Ordering::SeqCst);
        if x.first() != Some(&0.0) {
            std::thread::sleep(self.takes);
        }
        if x.contains(&-1.0) {
            return Err(EngineFailure {
                kind: Kind::Invalid,
                ..EngineFailure::internal("-1 is out of reach")
            });
        }
        Ok(x.iter().map(|x| x + 1.0).collect())
    }

    fn name(&self) -> &str {
        "slow"
    }

    fn cost(&self) -> Cost {
        Cost::Dear
    }
}

async fn slow(sink: &Arc<Kept>, takes: Duration, settings: Settings) -> (Arc<Serving>, Arc<Slow>) {
    let inputs = vec![InputField::new("x", FieldKind::Number, true)];
    let signature =
        Signature { inputs, output: "y".into(), shown: None, tensors: Vec::new(), more_outputs: Vec::new() };
    let engine = Arc::new(Slow { signature, calls: AtomicU64::new(0), takes });
    let serving = serving(sink);
    let offer = Offer { engine: Arc::clone(&engine) as Arc<dyn Engine>, settings, ..offer(1) };
    serving.deploy(offer).await.unwrap();
    (serving, engine)
}

fn batching(latency_target_ms: u64) -> Settings {
    Settings { batching: Batching::On { latency_target_ms, most_rows: 64 }, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_come_together_are_computed_together() {
    let sink = Arc::new(Kept::default());
    let (serving, engine) = slow(&sink, Duration::from_millis(20), batching(200)).await;
    let askers: Vec<_> = (1..=60)
        .map(|x| {
            let serving = Arc::clone(&serving);
            tokio::spawn(async move { (x, ask(&serving, &[f64::from(x)]).await.unwrap().1) })
        })
        .collect();
    for asker in askers {
        let (x, y) = asker.await.unwrap();
        assert_eq!(y, [f64::from(x) + 1.0], "each gets the answer to its own row");
    }
    let calls = engine.calls.load(Ordering::SeqCst);
    assert!(calls < 40, "{calls} calls for 60 requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bad_row_fails_its_own_request_only() {
    let sink = Arc::new(Kept::default());
    let (serving, _) = slow(&sink, Duration::from_millis(5), batching(200)).await;
    let askers: Vec<_> = (0..20)
        .map(|at| {
            let serving = Arc::clone(&serving);
            let x = if at % 5 == 0 { -1.0 } else { 2.0 };
            tokio::spawn(async move { (x, ask(&serving, &[x]).await) })
        })
        .collect();
    for asker in askers {
        let (x, answer) = asker.await.unwrap();
        assert_eq!(answer.is_ok(), x > 0.0, "{answer:?}");
    }
}

#[tokio::test]
async fn who_asks_alone_does_not_wait_for_others() {
    let sink = Arc::new(Kept::default());
    let (serving, _) = slow(&sink, Duration::ZERO, batching(60_000)).await;
    let began = std::time::Instant::now();
    for _ in 0..20 {
        ask(&serving, &[1.0]).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "an eighth of the target is 7.5 s");
}

#[tokio::test]
async fn a_model_that_hangs_is_given_up_and_takes_no_more_than_its_places() {
    let sink = Arc::new(Kept::default());
    let settings = Settings {
        answer_timeout_ms: 20,
        concurrent_requests: 2,
        queued_requests: 0,
        batching: Batching::Off,
        ..Settings::default()
    };
    let (serving, _) = slow(&sink, Duration::from_millis(700), settings).await;
    for _ in 0..2 {
        let error = ask(&serving, &[1.0]).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::TimedOut, "inference_timed_out"));
    }
    let error = ask(&serving, &[1.0]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Busy, "both places are taken by threads that hang");
}

#[tokio::test]
async fn a_request_has_its_own_deadline() {
    let sink = Arc::new(Kept::default());
    let settings = Settings { batching: Batching::Off, ..Settings::default() };
    let (serving, _) = slow(&sink, Duration::from_millis(500), settings).await;
    let body = r#"{"parameters": {"timeout": 10000},
        "inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}]}"#;
    let request = InferRequest::from_json(body.as_bytes()).unwrap();
    let error = serving.infer("traffic", request, Inference::default()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    let bad = InferRequest::from_json(body.replace("10000", "\"soon\"").as_bytes()).unwrap();
    let error = serving.infer("traffic", bad, Inference::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Invalid, "field_type"));
}

#[tokio::test]
async fn a_client_that_goes_gives_its_place_back() {
    let sink = Arc::new(Kept { gate: Some(Semaphore::new(0)), ..Kept::default() });
    let serving = serving(&sink);
    let settings = Settings { concurrent_requests: 1, ..Settings::default() };
    serving.deploy(Offer { settings, ..offer(1) }).await.unwrap();
    let asking = |serving: &Arc<Serving>| {
        let serving = Arc::clone(serving);
        tokio::spawn(async move { ask(&serving, &[1.0]).await })
    };
    let (first, second) = (asking(&serving), asking(&serving));
    while serving.describe("traffic").unwrap().stats.waiting == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    let _ = first.await;
    sink.gate.as_ref().unwrap().add_permits(1);
    assert!(second.await.unwrap().is_ok(), "the place of the one that went is free");
    assert_eq!(serving.describe("traffic").unwrap().stats.in_flight, 0);
}
