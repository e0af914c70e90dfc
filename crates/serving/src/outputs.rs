//! Which outputs a request wants, and what they hold.

use serde_json::Value;

use crate::engine::{Answer, Signature};
use crate::oip::{
    Datatype, InferRequest, OutputData, PREDICTION_ID, RequestedOutput, ResponseOutput, binary,
};
use crate::{Error, Result};

/// An output that a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    which: Which,
    binary: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Prediction,
    More(usize),
    PredictionId,
}

/// The outputs in the order in which they are wanted. `with_id` asks for the ids of predictions even if no output
/// names them.
pub(crate) fn wanted(request: &InferRequest, signature: &Signature) -> Result<Vec<Wanted>> {
    let with_id = match request.parameters.get("return_prediction_id") {
        None => false,
        Some(Value::Bool(with_id)) => *with_id,
        Some(other) => {
            let problem = format!("{other} is neither true nor false");
            return Err(Error::field("return_prediction_id", "field_type", problem));
        }
    };
    let all_binary = binary::wants_bytes(request, None);
    let mut wanted: Vec<Wanted> = if request.outputs.is_empty() {
        let which =
            std::iter::once(Which::Prediction).chain((0..signature.more_outputs.len()).map(Which::More));
        which.map(|which| Wanted { which, binary: all_binary }).collect()
    } else {
        request.outputs.iter().map(|asked| one(request, asked, signature)).collect::<Result<_>>()?
    };
    if with_id && !wanted.iter().any(|wanted| wanted.which == Which::PredictionId) {
        wanted.push(Wanted { which: Which::PredictionId, binary: all_binary });
    }
    Ok(wanted)
}

fn one(request: &InferRequest, asked: &RequestedOutput, signature: &Signature) -> Result<Wanted> {
    let more = || signature.more_outputs.iter().position(|output| output.name == asked.name).map(Which::More);
    let which = match asked.name.as_str() {
        name if name == signature.output => Some(Which::Prediction),
        PREDICTION_ID => Some(Which::PredictionId),
        _ => more(),
    };
    let which = which.ok_or_else(|| {
        let known: Vec<&str> = std::iter::once(signature.output.as_str())
            .chain(signature.more_outputs.iter().map(|output| output.name.as_str()))
            .collect();
        Error::BadField {
            field: asked.name.chars().take(100).collect(),
            problem: "the model has no output of that name".into(),
            code: "field_unknown",
            hint: Some(format!("the outputs are {} and {PREDICTION_ID}", known.join(", "))),
        }
    })?;
    Ok(Wanted { which, binary: binary::wants_bytes(request, Some(asked)) })
}

/// The wanted outputs of an answer.
pub(crate) fn given(
    wanted: &[Wanted],
    signature: &Signature,
    answer: &Answer,
    ids: &[uuid::Uuid],
) -> Vec<ResponseOutput> {
    let rows = i64::try_from(answer.predictions.len()).unwrap_or(i64::MAX);
    let tensor = |wanted: &Wanted| {
        let (name, datatype, shape, data) = match wanted.which {
            Which::Prediction => match signature.shown.as_ref().zip(answer.shown.as_ref()) {
                Some((shown, values)) => {
                    (signature.output.as_str(), shown.datatype(), shown.shape(rows), values.clone().into())
                }
                None => (
                    signature.output.as_str(),
                    Datatype::Fp64,
                    vec![rows],
                    OutputData::Numbers(answer.predictions.clone()),
                ),
            },
            Which::PredictionId => (
                PREDICTION_ID,
                Datatype::Bytes,
                vec![rows],
                OutputData::Texts(ids.iter().map(uuid::Uuid::to_string).collect()),
            ),
            Which::More(at) => {
                let (output, values) = signature.more_outputs.get(at).zip(answer.more.get(at))?;
                (output.name.as_str(), output.datatype(), output.shape(rows), values.clone().into())
            }
        };
        Some(ResponseOutput {
            name: name.to_owned(),
            datatype,
            shape,
            parameters: None,
            data: Some(data),
            binary: wanted.binary,
        })
    };
    wanted.iter().filter_map(tensor).collect()
}
