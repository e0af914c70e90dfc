//! Tensors of gRPC turned into those of the serving room.

use std::collections::HashMap;

use ::serving::oip::{Data, Datatype, InferRequest, RequestInput, RequestedOutput, Scalar};
use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::model_infer_request::InferInputTensor;
use proto::inference::{InferParameter, InferTensorContents, ModelInferRequest};
use serde_json::{Map, Value};

use crate::problem::Problem;

fn wrong(name: &str, problem: &str) -> Problem {
    Problem::invalid("invalid_body", format!("`{}`: {problem}", name.chars().take(100).collect::<String>()))
}

fn parameters(parameters: HashMap<String, InferParameter>) -> Map<String, Value> {
    let value = |parameter: InferParameter| {
        Some(match parameter.parameter_choice? {
            ParameterChoice::BoolParam(value) => Value::from(value),
            ParameterChoice::Int64Param(value) => Value::from(value),
            ParameterChoice::StringParam(value) => Value::from(value),
            ParameterChoice::DoubleParam(value) => Value::from(value),
            ParameterChoice::Uint64Param(value) => Value::from(value),
        })
    };
    parameters.into_iter().filter_map(|(name, parameter)| Some((name, value(parameter)?))).collect()
}

/// The request of a call.
pub(super) fn request(call: ModelInferRequest) -> Result<InferRequest, Problem> {
    let (raw, given) = (call.raw_input_contents, call.inputs);
    if !raw.is_empty() && raw.len() != given.len() {
        let problem = format!("there are {} raw contents for {} inputs", raw.len(), given.len());
        return Err(Problem::invalid("invalid_body", problem)
            .with_hint("send all inputs raw, in the order of `inputs`, or none"));
    }
    let all_raw = !raw.is_empty();
    let mut raw = raw.into_iter();
    let inputs = given.into_iter().map(|input| one(input, if all_raw { raw.next() } else { None }));
    let outputs = call
        .outputs
        .into_iter()
        .map(|output| RequestedOutput { name: output.name, parameters: parameters(output.parameters) });
    Ok(InferRequest {
        id: (!call.id.is_empty()).then_some(call.id),
        parameters: parameters(call.parameters),
        inputs: inputs.collect::<Result<_, _>>()?,
        outputs: outputs.collect(),
    })
}

fn one(input: InferInputTensor, raw: Option<Vec<u8>>) -> Result<RequestInput, Problem> {
    let name = input.name;
    let datatype = Datatype::of(&input.datatype).ok_or_else(|| {
        wrong(&name, &format!("`{}` is no datatype", input.datatype.chars().take(20).collect::<String>()))
    })?;
    let data = match (&raw, input.contents) {
        (Some(_), Some(contents)) if filled(&contents) > 0 => {
            return Err(wrong(&name, "it has both typed and raw contents"));
        }
        (Some(_), _) => None,
        (None, None) => return Err(wrong(&name, "it has no contents")),
        (None, Some(contents)) => Some(typed(&name, datatype, contents)?),
    };
    Ok(RequestInput {
        name,
        shape: input.shape,
        datatype,
        parameters: parameters(input.parameters),
        data,
        raw,
    })
}

/// How many kinds of contents hold something.
fn filled(contents: &InferTensorContents) -> usize {
    [
        contents.bool_contents.is_empty(),
        contents.int_contents.is_empty(),
        contents.int64_contents.is_empty(),
        contents.uint_contents.is_empty(),
        contents.uint64_contents.is_empty(),
        contents.fp32_contents.is_empty(),
        contents.fp64_contents.is_empty(),
        contents.bytes_contents.is_empty(),
    ]
    .into_iter()
    .filter(|empty| !empty)
    .count()
}

fn typed(name: &str, datatype: Datatype, contents: InferTensorContents) -> Result<Data, Problem> {
    let others = filled(&contents);
    let real = |value: f64| if value.is_nan() { Scalar::Null } else { Scalar::Real(value) };
    let values: Vec<Scalar> = match datatype {
        Datatype::Bool => contents.bool_contents.into_iter().map(Scalar::Bool).collect(),
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => {
            contents.int_contents.into_iter().map(|value| Scalar::Int(value.into())).collect()
        }
        Datatype::Int64 => contents.int64_contents.into_iter().map(Scalar::Int).collect(),
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => {
            contents.uint_contents.into_iter().map(|value| Scalar::Int(value.into())).collect()
        }
        Datatype::Uint64 => contents.uint64_contents.into_iter().map(Scalar::Uint).collect(),
        Datatype::Fp32 => contents.fp32_contents.into_iter().map(|value| real(value.into())).collect(),
        Datatype::Fp64 => contents.fp64_contents.into_iter().map(real).collect(),
        Datatype::Bytes => contents
            .bytes_contents
            .into_iter()
            .enumerate()
            .map(|(at, bytes)| {
                let text = String::from_utf8(bytes);
                text.map(Scalar::Text).map_err(|_| wrong(name, &format!("element {at} is not UTF-8")))
            })
            .collect::<Result<_, _>>()?,
        Datatype::Fp16 | Datatype::Bf16 => {
            let problem = format!("{} comes as raw contents only", datatype.word());
            return Err(wrong(name, &problem));
        }
    };
    if others > usize::from(!values.is_empty()) {
        return Err(wrong(name, &format!("its contents are not those of {}", datatype.word())));
    }
    Ok(Data { nesting: vec![values.len()], values })
}
