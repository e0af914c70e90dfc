//! Labels and scores: given by name, cut out of batches, archived beside the prediction.

use super::*;
use crate::oip::{Datatype, ModelMetadata, RequestedOutput};
use crate::{Answer, Batching, Cost, Output, OutputKind, Values};

/// Says of each row whether it is above zero, and how sure it is.
#[derive(Debug)]
struct Sign {
    signature: Signature,
    gives: usize,
}

fn sign(gives: usize) -> Arc<dyn Engine> {
    let mut scores = Output::new("probabilities", OutputKind::Real, 2);
    scores.labels = vec!["down".into(), "up".into()];
    Arc::new(Sign {
        signature: Signature {
            inputs: vec![InputField::new("x", FieldKind::Number, true)],
            output: "label".into(),
            shown: Some(Output::new("label", OutputKind::Word, 1)),
            tensors: Vec::new(),
            more_outputs: vec![scores],
        },
        gives,
    })
}

impl Engine for Sign {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        Ok(self.answer(columns)?.predictions)
    }

    fn answer(&self, columns: &[Column]) -> Result<Answer, EngineFailure> {
        let Some(Column::Numbers(x)) = columns.first() else {
            return Err(EngineFailure::internal("no input"));
        };
        let up = |x: &f64| f64::from(u8::from(*x > 0.0));
        Ok(Answer {
            predictions: x.iter().map(up).collect(),
            shown: Some(Values::Words(
                x.iter().map(|x| if *x > 0.0 { "up" } else { "down" }.to_owned()).collect(),
            )),
            more: vec![Values::Reals(
                x.iter().flat_map(|x| [1.0 - up(x), up(x)]).take(self.gives * x.len()).collect(),
            )],
        })
    }

    fn name(&self) -> &str {
        "sign"
    }

    fn cost(&self) -> Cost {
        Cost::Dear
    }
}

fn offer_of(engine: Arc<dyn Engine>, batching: Batching) -> Offer {
    Offer { engine, settings: Settings { batching, ..Settings::default() }, ..offer(1) }
}

async fn outputs(serving: &Serving, values: &[f64]) -> crate::Result<Vec<(String, Vec<i64>, OutputData)>> {
    let answer = serving.infer("traffic", request(values), Inference::default()).await?;
    Ok(answer.outputs.into_iter().map(|output| (output.name, output.shape, output.data.unwrap())).collect())
}

fn label(words: &[&str]) -> (String, Vec<i64>, OutputData) {
    let texts = OutputData::Texts(words.iter().map(|word| (*word).to_owned()).collect());
    ("label".into(), vec![words.len() as i64], texts)
}

#[tokio::test]
async fn labels_and_scores_are_given_by_name_and_described() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer_of(sign(2), Batching::Off)).await.unwrap();
    let given = outputs(&serving, &[1.0, -1.0]).await.unwrap();
    let scores = ("probabilities".to_owned(), vec![2, 2], OutputData::Numbers(vec![0.0, 1.0, 1.0, 0.0]));
    assert_eq!(given, [label(&["up", "down"]), scores.clone()]);
    let wanted = RequestedOutput { name: "probabilities".into(), parameters: serde_json::Map::new() };
    let asked = InferRequest { outputs: vec![wanted], ..request(&[1.0, -1.0]) };
    let only = serving.infer("traffic", asked, Inference::default()).await.unwrap();
    assert_eq!((only.outputs.len(), only.outputs[0].data.clone()), (1, Some(scores.2)));
    let metadata: ModelMetadata = serving.metadata("traffic", None).unwrap();
    let described: Vec<_> = metadata
        .outputs
        .iter()
        .map(|output| (output.name.as_str(), output.datatype, output.shape.clone()))
        .collect();
    assert_eq!(described[0], ("label", Datatype::Bytes, vec![-1]));
    assert_eq!(described[1], ("probabilities", Datatype::Fp64, vec![-1, 2]));
}

#[tokio::test]
async fn labels_and_scores_are_archived_beside_the_number() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    serving.deploy(offer_of(sign(2), Batching::Off)).await.unwrap();
    outputs(&serving, &[1.0, -1.0]).await.unwrap();
    let kept = sink.predictions.lock().unwrap();
    assert_eq!(
        kept[0].output_names.as_ref(),
        ["output_label", "output_probabilities_down", "output_probabilities_up"].map(Arc::from)
    );
    assert_eq!(kept[0].outputs, [Cell::Word("up".into()), Cell::Number(0.0), Cell::Number(1.0)]);
    assert_eq!((kept[0].prediction, kept[1].prediction), (1.0, 0.0));
    assert_eq!(kept[1].outputs[0], Cell::Word("down".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_request_of_a_batch_gets_its_own_labels() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    let batching = Batching::On { latency_target_ms: 50, most_rows: 64 };
    serving.deploy(offer_of(sign(2), batching)).await.unwrap();
    let askers: Vec<_> = (0..16)
        .map(|asker| {
            let serving = Arc::clone(&serving);
            tokio::spawn(async move {
                let x = if asker % 2 == 0 { 1.0 } else { -1.0 };
                for _ in 0..20 {
                    let given = outputs(&serving, &[x, -x, x]).await.unwrap();
                    let word = |x: f64| if x > 0.0 { "up" } else { "down" };
                    assert_eq!(given[0], label(&[word(x), word(-x), word(x)]));
                }
            })
        })
        .collect();
    for asker in askers {
        asker.await.unwrap();
    }
}

#[tokio::test]
async fn scores_of_another_width_are_no_answer() {
    let sink = Arc::new(Kept::default());
    let serving = serving(&sink);
    let refused = serving.deploy(offer_of(sign(1), Batching::Off)).await.unwrap_err();
    assert!(
        refused.to_string().ends_with("the engine gave 1 elements of `probabilities` instead of 2"),
        "{refused}"
    );
}
