//! The binary tensor extension: a JSON part, and tensors as bytes behind it, in the order of the JSON.

use serde_json::{Value, json};

use super::{InferRequest, InferResponse, RequestedOutput, raw};
use crate::{Error, Result};

/// How many bytes of a tensor follow the JSON.
const SIZE: &str = "binary_data_size";
/// Asks for one output as bytes.
const WANTED: &str = "binary_data";
/// Asks for all outputs as bytes.
const ALL_WANTED: &str = "binary_data_output";

/// Reads a body whose first `json_bytes` bytes are JSON.
///
/// # Errors
/// [`Error::BadBody`] when the sizes do not add up.
pub fn read(body: &[u8], json_bytes: usize) -> Result<InferRequest> {
    let wrong = |problem: String| Error::BadBody { problem };
    let (json, mut rest) = body.split_at_checked(json_bytes).ok_or_else(|| {
        wrong(format!("`Inference-Header-Content-Length` is {json_bytes}, the body has {} bytes", body.len()))
    })?;
    let mut request = InferRequest::from_json(json)?;
    for input in &mut request.inputs {
        let Some(size) = input.parameters.get(SIZE) else { continue };
        let size = size.as_u64().and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
            wrong(format!("`{SIZE}` of `{}` is {size}, which is no number of bytes", input.name))
        })?;
        if input.data.is_some() {
            return Err(wrong(format!("`{}` has both `data` and `{SIZE}`", input.name)));
        }
        let (bytes, after) = rest
            .split_at_checked(size)
            .ok_or_else(|| wrong(format!("`{}` says {size} bytes, {} follow", input.name, rest.len())))?;
        input.raw = Some(bytes.to_vec());
        rest = after;
    }
    if rest.is_empty() {
        return Ok(request);
    }
    Err(wrong(format!("{} bytes belong to no input", rest.len())))
}

/// Whether a request wants that output as bytes; `None` asks for outputs that it does not name.
pub(crate) fn wants_bytes(request: &InferRequest, output: Option<&RequestedOutput>) -> bool {
    let said = output.and_then(|output| output.parameters.get(WANTED)).and_then(Value::as_bool);
    said.or_else(|| request.parameters.get(ALL_WANTED).and_then(Value::as_bool)).unwrap_or(false)
}

/// The body of a response, and how many bytes of it are JSON when tensors follow as bytes.
#[must_use]
pub fn write(mut response: InferResponse) -> (Vec<u8>, Option<usize>) {
    let mut tensors = Vec::new();
    let mut any = false;
    for output in response.outputs.iter_mut().filter(|output| output.binary) {
        any = true;
        let before = tensors.len();
        if let Some(data) = output.data.take() {
            raw::write(&data, &mut tensors);
        }
        output.parameters = Some(json!({ SIZE: tensors.len() - before }));
    }
    // Only strings, numbers and lists: nothing here can fail to become JSON.
    let mut body = serde_json::to_vec(&response).unwrap_or_default();
    let json_bytes = body.len();
    body.extend_from_slice(&tensors);
    (body, any.then_some(json_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str, tensors: &[u8]) -> String {
        let body = [json.as_bytes(), tensors].concat();
        read(&body, json.len()).unwrap_err().to_string()
    }

    #[test]
    fn tensors_follow_in_the_order_of_the_inputs() {
        let json = r#"{"inputs": [
            {"name": "a", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}},
            {"name": "b", "shape": [1], "datatype": "FP64", "data": [1]},
            {"name": "c", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": 1}}
        ]}"#;
        let body = [json.as_bytes(), &1.5_f64.to_le_bytes(), &[7]].concat();
        let request = read(&body, json.len()).unwrap();
        assert_eq!(request.inputs[0].raw.as_deref(), Some(&1.5_f64.to_le_bytes()[..]));
        assert_eq!(
            (request.inputs[1].raw.as_deref(), request.inputs[2].raw.as_deref()),
            (None, Some(&[7][..]))
        );
    }

    #[test]
    fn sizes_that_do_not_add_up_are_refused() {
        let sized = |size: &str| {
            r#"{"inputs": [{"name": "a", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": SIZE}}]}"#
                .replace("SIZE", size)
        };
        assert!(problem(&sized("2"), &[1]).contains("`a` says 2 bytes, 1 follow"));
        assert!(problem(&sized("1"), &[1, 2]).contains("1 bytes belong to no input"));
        assert!(problem(&sized("-1"), &[1]).contains("no number of bytes"));
        assert!(
            problem(&sized("1").replace(r#""datatype""#, r#""data": [1], "datatype""#), &[1])
                .contains("both")
        );
        assert!(read(b"{}", 3).unwrap_err().to_string().contains("the body has 2 bytes"));
    }
}
