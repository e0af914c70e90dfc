//! Answers of the serving room turned into messages of gRPC.

use ::serving::oip::{InferResponse, ModelMetadata, OutputData, ResponseOutput, TensorMetadata, raw};
use ::serving::{Branch, Variant};
use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::model_infer_response::InferOutputTensor;
use proto::inference::{
    DataType, InferParameter, InferStatistics, InferTensorContents, ModelConfig, ModelInferResponse,
    ModelInput, ModelMetadataResponse, ModelOutput, ModelStatistics, StatisticDuration,
    model_metadata_response,
};

use crate::oip::repository::config_type;

fn text(value: &str) -> InferParameter {
    InferParameter { parameter_choice: Some(ParameterChoice::StringParam(value.to_owned())) }
}

/// The message of an answer, with raw contents when the request had them.
pub(super) fn response(answer: InferResponse, as_raw: bool) -> ModelInferResponse {
    let mut raw_output_contents = Vec::new();
    let mut parameters = std::collections::HashMap::new();
    if answer.route.variant != Variant::Primary {
        parameters.insert("gingham_variant".to_owned(), text(answer.route.variant.word()));
    }
    if let Some(reason) = &answer.route.fallback {
        parameters.insert("gingham_fallback".to_owned(), text(reason));
    }
    let outputs = answer.outputs.into_iter().map(|output: ResponseOutput| {
        let contents = match output.data {
            Some(data) if as_raw => {
                let mut bytes = Vec::new();
                raw::write(&data, &mut bytes);
                raw_output_contents.push(bytes);
                None
            }
            Some(data) => Some(contents(data)),
            None => None,
        };
        InferOutputTensor {
            name: output.name,
            datatype: output.datatype.word().to_owned(),
            shape: output.shape,
            parameters: std::collections::HashMap::new(),
            contents,
        }
    });
    let outputs = outputs.collect();
    ModelInferResponse {
        model_name: answer.model_name,
        model_version: answer.model_version,
        id: answer.id.unwrap_or_default(),
        parameters,
        outputs,
        raw_output_contents,
    }
}

fn contents(data: OutputData) -> InferTensorContents {
    match data {
        OutputData::Numbers(fp64_contents) => InferTensorContents { fp64_contents, ..Default::default() },
        OutputData::Integers(int64_contents) => InferTensorContents { int64_contents, ..Default::default() },
        OutputData::Texts(texts) => InferTensorContents {
            bytes_contents: texts.into_iter().map(String::into_bytes).collect(),
            ..Default::default()
        },
    }
}

/// The message of a model's metadata.
pub(super) fn metadata(metadata: ModelMetadata) -> ModelMetadataResponse {
    let tensors = |tensors: Vec<TensorMetadata>| {
        let one = |tensor: TensorMetadata| model_metadata_response::TensorMetadata {
            name: tensor.name,
            datatype: tensor.datatype.word().to_owned(),
            shape: tensor.shape,
        };
        tensors.into_iter().map(one).collect()
    };
    ModelMetadataResponse {
        name: metadata.name,
        versions: metadata.versions,
        platform: metadata.platform,
        inputs: tensors(metadata.inputs),
        outputs: tensors(metadata.outputs),
    }
}

/// The message of a model's settings.
pub(super) fn config(metadata: ModelMetadata) -> ModelConfig {
    let kind = |tensor: &TensorMetadata| {
        DataType::from_str_name(&config_type(tensor.datatype)).unwrap_or(DataType::TypeInvalid).into()
    };
    ModelConfig {
        name: metadata.name,
        platform: metadata.platform,
        max_batch_size: 0,
        backend: "gingham".to_owned(),
        input: metadata
            .inputs
            .iter()
            .map(|tensor| ModelInput {
                name: tensor.name.clone(),
                data_type: kind(tensor),
                dims: tensor.shape.clone(),
            })
            .collect(),
        output: metadata
            .outputs
            .iter()
            .map(|tensor| ModelOutput {
                name: tensor.name.clone(),
                data_type: kind(tensor),
                dims: tensor.shape.clone(),
            })
            .collect(),
    }
}

/// The message of what was asked of a version.
pub(super) fn statistics(name: &str, branch: &Branch) -> ModelStatistics {
    let sums = &branch.sums;
    let duration = |count, ns| Some(StatisticDuration { count, ns });
    ModelStatistics {
        name: name.to_owned(),
        version: branch.version.to_string(),
        last_inference: sums.last_ms,
        inference_count: sums.rows,
        execution_count: sums.engine_calls,
        inference_stats: Some(InferStatistics {
            success: duration(sums.answered, sums.answered_ns),
            fail: duration(sums.failed, sums.failed_ns),
            queue: duration(sums.engine_calls, sums.queue_ns),
            compute_input: duration(sums.engine_calls, 0),
            compute_infer: duration(sums.engine_calls, sums.engine_ns),
            compute_output: duration(sums.engine_calls, 0),
        }),
    }
}
