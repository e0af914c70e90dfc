//! Rows as people write them, turned into the tensors of the Open Inference Protocol and back.

use std::collections::HashMap;

use ::serving::oip::{
    Data, Datatype, InferRequest, InferResponse, OutputData, PREDICTION_ID, RequestInput, RequestedOutput,
    Scalar,
};
use ::serving::{FieldKind, Signature};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::oip::payload::tell_route;
use crate::problem::Problem;

/// Columns that are being gathered, in the order in which they came.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    signature: &'a Signature,
    places: HashMap<String, usize>,
    columns: Vec<(String, usize, Vec<Scalar>)>,
    rows: usize,
}

fn wrong(field: &str, problem: &str) -> Problem {
    Problem::invalid("field_type", format!("`{}`: {problem}", field.chars().take(100).collect::<String>()))
}

impl<'a> Gathered<'a> {
    pub(super) fn new(signature: &'a Signature) -> Self {
        Self { signature, places: HashMap::new(), columns: Vec::new(), rows: 0 }
    }

    fn width(&self, name: &str) -> usize {
        self.signature.takes(name).map_or(1, |(_, width)| width)
    }

    /// Adds the value of a column in the row that is being added.
    pub(super) fn put(&mut self, name: &str, value: Value) -> Result<(), Problem> {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.places.insert(name.to_owned(), self.columns.len());
                self.columns.push((name.to_owned(), self.width(name), Vec::new()));
                self.columns.len() - 1
            }
        };
        let before = self.rows;
        let Some((_, width, values)) = self.columns.get_mut(place) else { return Ok(()) };
        if values.len() > before * *width {
            return Err(wrong(name, &format!("row {before} has it twice")));
        }
        values.resize(before * *width, Scalar::Null);
        match value {
            value @ Value::Array(_) if *width > 1 && elements(&value) == *width => {
                push_all(name, value, values)?;
            }
            Value::Array(elements) if *width == 1 && elements.len() == 1 => {
                values.extend(elements.into_iter().next().map(|element| scalar(name, element)).transpose()?);
            }
            _ if *width > 1 => {
                return Err(wrong(name, &format!("row {before} is no list of {width} numbers")));
            }
            value => values.push(scalar(name, value)?),
        }
        Ok(())
    }

    pub(super) fn end_row(&mut self) {
        self.rows += 1;
    }

    /// One row as an object.
    pub(super) fn object(&mut self, row: Map<String, Value>) -> Result<(), Problem> {
        for (name, value) in row {
            self.put(&name, value)?;
        }
        self.end_row();
        Ok(())
    }

    /// One row as a list, in the order of the signature.
    fn list(&mut self, row: Vec<Value>) -> Result<(), Problem> {
        let signature = self.signature;
        if let [only] = signature.inputs.as_slice()
            && only.width > 1
        {
            self.put(&only.name, Value::Array(row))?;
        } else {
            if row.len() != signature.inputs.len() {
                let detail = format!(
                    "row {} has {} values, the model takes {}",
                    self.rows,
                    row.len(),
                    signature.inputs.len()
                );
                return Err(Problem::invalid("shape_invalid", detail));
            }
            for (field, value) in signature.inputs.iter().zip(row) {
                self.put(&field.name, value)?;
            }
        }
        self.end_row();
        Ok(())
    }

    /// The request with these rows.
    pub(super) fn request(self, parameters: Map<String, Value>) -> InferRequest {
        let rows = self.rows;
        let signature = self.signature;
        let input = |(name, width, mut values): (String, usize, Vec<Scalar>)| {
            values.resize(rows * width, Scalar::Null);
            let kind = signature.takes(&name).map(|(kind, _)| kind);
            let datatype = match kind {
                Some(FieldKind::Number) => Datatype::Fp64,
                Some(FieldKind::Category) => Datatype::Bytes,
                None if values.iter().any(|value| matches!(value, Scalar::Int(_))) => Datatype::Int64,
                None if values.iter().any(|value| matches!(value, Scalar::Real(_) | Scalar::Uint(_))) => {
                    Datatype::Fp64
                }
                None => Datatype::Bytes,
            };
            if kind == Some(FieldKind::Number) {
                for value in &mut values {
                    if let Scalar::Bool(flag) = value {
                        *value = Scalar::Int(i64::from(*flag));
                    }
                }
            }
            let count = i64::try_from(rows).unwrap_or(i64::MAX);
            let shape =
                if width == 1 { vec![count] } else { vec![count, i64::try_from(width).unwrap_or(i64::MAX)] };
            RequestInput {
                name,
                shape,
                datatype,
                parameters: Map::new(),
                data: Some(Data { nesting: vec![values.len()], values }),
                raw: None,
            }
        };
        InferRequest {
            id: None,
            parameters,
            inputs: self.columns.into_iter().map(input).collect(),
            outputs: Vec::new(),
        }
    }
}

/// How many values there are in a row of a tensor, however it is nested.
fn elements(value: &Value) -> usize {
    match value {
        Value::Array(parts) => parts.iter().map(elements).sum(),
        _ => 1,
    }
}

fn push_all(name: &str, value: Value, values: &mut Vec<Scalar>) -> Result<(), Problem> {
    match value {
        Value::Array(parts) => parts.into_iter().try_for_each(|part| push_all(name, part, values)),
        value => {
            values.push(scalar(name, value)?);
            Ok(())
        }
    }
}

fn scalar(name: &str, value: Value) -> Result<Scalar, Problem> {
    Ok(match value {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Bool(value),
        Value::String(text) => Scalar::Text(text),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Scalar::Int(whole),
            (None, Some(whole)) => Scalar::Uint(whole),
            _ => Scalar::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Array(_) => return Err(wrong(name, "it is a list, the model takes one value a row")),
        Value::Object(_) => return Err(wrong(name, "it is an object, the model takes a value")),
    })
}

/// A body of one JSON object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid("invalid_body", format!("the body is no JSON object: {error}")))
}

/// Rows as objects, as lists in the order of the signature, or as bare values for a model with one input.
pub(super) fn rows(signature: &Signature, rows: Vec<Value>, field: &str) -> Result<InferRequest, Problem> {
    let mut gathered = Gathered::new(signature);
    for row in rows {
        match row {
            Value::Object(row) => gathered.object(row)?,
            Value::Array(row) => gathered.list(row)?,
            value if signature.inputs.len() == 1 => gathered.list(vec![value])?,
            other => {
                let problem = format!("{other} is no row: neither an object nor a list");
                return Err(wrong(field, &problem));
            }
        }
    }
    Ok(gathered.request(Map::new()))
}

/// The request of a body with `instances`.
pub(crate) fn instances(signature: &Signature, body: &[u8]) -> Result<InferRequest, Problem> {
    let mut body = object(body)?;
    let parameters = match body.remove("parameters") {
        Some(Value::Object(parameters)) => parameters,
        _ => Map::new(),
    };
    match body.remove("instances") {
        Some(Value::Array(instances)) => {
            let request = rows(signature, instances, "instances")?;
            asking(request, parameters, None)
        }
        Some(_) => Err(wrong("instances", "it is no list")),
        None => Err(Problem::invalid("field_missing", "`instances`: it is missing")
            .with_hint("send `{\"instances\": [{…}, …]}`")),
    }
}

/// The request with its parameters, one of which may name outputs: `{"outputs": ["label"]}`. Without it `first` is the
/// one wanted, or all are.
pub(crate) fn asking(
    request: InferRequest,
    mut parameters: Map<String, Value>,
    first: Option<&str>,
) -> Result<InferRequest, Problem> {
    let names = match parameters.remove("outputs") {
        Some(Value::Array(names)) => names
            .into_iter()
            .map(|name| match name {
                Value::String(name) => Ok(name),
                other => Err(wrong("outputs", &format!("{other} is no name of an output"))),
            })
            .collect::<Result<Vec<_>, _>>()?,
        Some(_) => return Err(wrong("outputs", "it is no list of names")),
        None => first.map(str::to_owned).into_iter().collect(),
    };
    let outputs = names.into_iter().map(|name| RequestedOutput { name, parameters: Map::new() }).collect();
    Ok(InferRequest { parameters, outputs, ..request })
}

/// The answer row by row: bare values when there is one output, objects when there are several.
pub(crate) fn by_row(answer: &InferResponse) -> Vec<Value> {
    let count = answer.outputs.first().and_then(|output| output.shape.first()).copied().unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(0);
    let outputs: Vec<_> = answer.outputs.iter().filter(|output| output.name != PREDICTION_ID).collect();
    let value = |row: usize, data: &OutputData, width: usize| {
        let element = |at: usize| match data {
            OutputData::Numbers(values) => values.get(at).map(|value| json!(value)),
            OutputData::Integers(values) => values.get(at).map(|value| json!(value)),
            OutputData::Texts(values) => values.get(at).map(|value| json!(value)),
        };
        if width == 1 {
            return element(row).unwrap_or_default();
        }
        (row * width..(row + 1) * width).map(|at| element(at).unwrap_or_default()).collect()
    };
    let row = |row: usize| {
        let mut values = outputs.iter().filter_map(|output| {
            let width = output.shape.get(1).map_or(1, |width| usize::try_from(*width).unwrap_or(1));
            Some((output.name.clone(), value(row, output.data.as_ref()?, width)))
        });
        if outputs.len() == 1 {
            return values.next().map(|(_, value)| value).unwrap_or_default();
        }
        Value::Object(values.collect())
    };
    (0..count).map(row).collect()
}

/// `{"predictions": […]}`, as KServe's first protocol and MLflow answer.
pub(crate) fn predictions(answer: &InferResponse) -> Response {
    let mut response = axum::Json(json!({ "predictions": by_row(answer) })).into_response();
    tell_route(answer, response.headers_mut());
    response
}
