//! Whether a request fits a signature; what does not fit is named by its field.

use base::Timestamp;
use base::names::nearest;
use serde_json::Value;

use crate::engine::{Column, FieldKind, InputField, Signature};
use crate::oip::{Data, Datatype, ENTITY, EVENT_TIME, InferRequest, RequestInput, Scalar};
use crate::{Error, Result};

/// A request as rows that fit the signature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    /// The inputs in the order of the signature.
    pub(crate) columns: Vec<Column>,
    /// How many rows there are; at least one.
    pub(crate) rows: usize,
    /// When each row is about, where it is said.
    pub(crate) event_times: Vec<Option<Timestamp>>,
    /// Whom or what each row is about, where it is said.
    pub(crate) entities: Vec<Option<String>>,
}

/// Fits a request to a signature. Takes the texts out of the request.
pub(crate) fn fit(signature: &Signature, request: &mut InferRequest, most_rows: usize) -> Result<Rows> {
    let rows = row_count(&request.inputs, most_rows)?;
    let mut places: Vec<Option<Column>> = signature.inputs.iter().map(|_| None).collect();
    let mut event_times = match request.parameters.get(EVENT_TIME) {
        Some(value) => vec![Some(time_parameter(value)?); rows],
        None => vec![None; rows],
    };
    let mut entities = match request.parameters.get(ENTITY) {
        Some(value) => vec![Some(entity_parameter(value)?); rows],
        None => vec![None; rows],
    };
    for input in &mut request.inputs {
        let data = elements(input, rows)?;
        let position = signature.inputs.iter().position(|field| field.name == input.name);
        if input.name == EVENT_TIME {
            fill(&mut event_times, times(input, &data)?);
        } else if input.name == ENTITY {
            fill(&mut entities, texts(input, &data)?);
        } else if position.is_none() {
            return Err(unknown(signature, input));
        }
        let Some((field, place)) = position.and_then(|at| signature.inputs.get(at).zip(places.get_mut(at)))
        else {
            continue;
        };
        if place.replace(column(field, input, data)?).is_some() {
            return Err(Error::field(&input.name, "field_repeated", "it is given twice"));
        }
    }
    let columns = signature.inputs.iter().zip(places).map(|(field, place)| match place {
        Some(column) => Ok(column),
        None if field.required => Err(Error::BadField {
            field: field.name.clone(),
            problem: "it is missing, and the model requires it".into(),
            code: "field_missing",
            hint: Some("`GET /v2/models/NAME` lists what the model takes".into()),
        }),
        None => Ok(match field.kind {
            FieldKind::Number => Column::Numbers(vec![f64::NAN; rows]),
            FieldKind::Category => Column::Words(vec![None; rows]),
        }),
    });
    Ok(Rows { columns: columns.collect::<Result<_>>()?, rows, event_times, entities })
}

fn unknown(signature: &Signature, input: &RequestInput) -> Error {
    let names: Vec<&str> = signature.inputs.iter().map(|field| field.name.as_str()).collect();
    let hint = match nearest(&input.name, names.iter().copied().chain([EVENT_TIME, ENTITY])) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the model takes {}", names.join(", ")),
    };
    Error::BadField {
        field: input.name.clone(),
        problem: "the model has no input of that name".into(),
        code: "field_unknown",
        hint: Some(hint),
    }
}

/// How many rows all inputs have.
fn row_count(inputs: &[RequestInput], most_rows: usize) -> Result<usize> {
    let mut found: Option<usize> = None;
    for input in inputs {
        let rows = match input.shape.as_slice() {
            [rows] | [rows, 1] => usize::try_from(*rows).ok().filter(|rows| *rows > 0),
            _ => None,
        };
        let Some(rows) = rows else {
            let problem =
                format!("the shape {:?} is not `[n]` or `[n, 1]` for n rows, at least one", input.shape);
            return Err(Error::field(&input.name, "shape_invalid", problem));
        };
        if rows > most_rows {
            return Err(Error::TooManyRows { rows, limit: most_rows });
        }
        if *found.get_or_insert(rows) != rows {
            let problem =
                format!("it has {rows} rows, the inputs before it have {}", found.unwrap_or_default());
            return Err(Error::field(&input.name, "rows_unequal", problem));
        }
    }
    found.ok_or_else(|| Error::field("inputs", "field_missing", "there is no input"))
}

/// The elements of an input, as many as its shape says.
fn elements(input: &mut RequestInput, rows: usize) -> Result<Data> {
    let wrong = |problem: String| Err(Error::field(&input.name, "shape_invalid", problem));
    if input.parameters.contains_key("binary_data_size") {
        return Err(Error::field(
            &input.name,
            "field_type",
            "binary tensors are not offered here; send `data`",
        ));
    }
    if input.datatype == Datatype::Fp16 {
        return Err(Error::field(&input.name, "field_type", "FP16 has no form in JSON; send FP32"));
    }
    let Some(data) = input.data.take() else {
        return Err(Error::field(&input.name, "field_missing", "it has no `data`"));
    };
    if data.values.len() != rows {
        return wrong(format!("its shape says {rows} elements, its data has {}", data.values.len()));
    }
    let nested: Vec<usize> = input.shape.iter().filter_map(|length| usize::try_from(*length).ok()).collect();
    if data.nesting.len() > 1 && data.nesting != nested {
        return wrong(format!("its data is nested as {:?}, its shape is {nested:?}", data.nesting));
    }
    Ok(data)
}

fn fill<T>(values: &mut [Option<T>], given: Vec<Option<T>>) {
    for (value, given) in values.iter_mut().zip(given) {
        if given.is_some() {
            *value = given;
        }
    }
}

/// The column of a field.
fn column(field: &InputField, input: &RequestInput, data: Data) -> Result<Column> {
    let column = match (field.kind, input.datatype) {
        (FieldKind::Number, Datatype::Bytes) => {
            return Err(Error::field(
                &input.name,
                "field_type",
                "the model takes numbers (FP64), BYTES were sent",
            ));
        }
        (FieldKind::Number, datatype) => {
            let numbers =
                data.values.iter().enumerate().map(|(row, value)| number(input, datatype, row, value));
            Column::Numbers(numbers.collect::<Result<_>>()?)
        }
        (FieldKind::Category, Datatype::Bytes) => {
            let words = data.values.into_iter().enumerate().map(|(row, value)| word(input, row, value));
            Column::Words(words.collect::<Result<_>>()?)
        }
        (FieldKind::Category, datatype) => {
            let problem = format!("the model takes words (BYTES), {} was sent", datatype.word());
            return Err(Error::field(&input.name, "field_type", problem));
        }
    };
    let missing = match &column {
        Column::Numbers(values) => values.iter().position(|value| value.is_nan()),
        Column::Words(values) => values.iter().position(Option::is_none),
    };
    match missing {
        Some(row) if field.required => {
            let problem = format!("row {row} has no value, and the model requires one");
            Err(Error::field(&input.name, "value_missing", problem))
        }
        _ => Ok(column),
    }
}

fn unfit(input: &RequestInput, row: usize, value: &Scalar) -> Error {
    let problem = format!("element {row} is {value}, which is no {}", input.datatype.word());
    Error::field(&input.name, "field_type", problem)
}

/// An element as a number of its datatype.
#[expect(
    clippy::cast_precision_loss,
    reason = "models compute in FP64; a larger whole number is the nearest one"
)]
fn number(input: &RequestInput, datatype: Datatype, row: usize, value: &Scalar) -> Result<f64> {
    let whole = |least: i64, most: u64| match value {
        Scalar::Int(value) if *value >= least && (*value < 0 || value.unsigned_abs() <= most) => {
            Some(*value as f64)
        }
        Scalar::Uint(value) if *value <= most => Some(*value as f64),
        _ => None,
    };
    let real = |most: f64| match value {
        Scalar::Null => Some(f64::NAN),
        Scalar::Int(value) => Some(*value as f64),
        Scalar::Uint(value) => Some(*value as f64),
        Scalar::Real(value) if value.abs() <= most => Some(*value),
        _ => None,
    };
    let found = match datatype {
        Datatype::Bool => match value {
            Scalar::Bool(value) => Some(f64::from(u8::from(*value))),
            _ => None,
        },
        Datatype::Uint8 => whole(0, u8::MAX.into()),
        Datatype::Uint16 => whole(0, u16::MAX.into()),
        Datatype::Uint32 => whole(0, u32::MAX.into()),
        Datatype::Uint64 => whole(0, u64::MAX),
        Datatype::Int8 => whole(i8::MIN.into(), i8::MAX.unsigned_abs().into()),
        Datatype::Int16 => whole(i16::MIN.into(), i16::MAX.unsigned_abs().into()),
        Datatype::Int32 => whole(i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        Datatype::Int64 => whole(i64::MIN, i64::MAX.unsigned_abs()),
        Datatype::Fp32 => real(f32::MAX.into()),
        Datatype::Fp64 => real(f64::MAX),
        Datatype::Fp16 | Datatype::Bytes => None,
    };
    found.ok_or_else(|| unfit(input, row, value))
}

fn word(input: &RequestInput, row: usize, value: Scalar) -> Result<Option<String>> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(text) => Ok(Some(text)),
        other => Err(unfit(input, row, &other)),
    }
}

fn texts(input: &RequestInput, data: &Data) -> Result<Vec<Option<String>>> {
    let texts = data.values.iter().enumerate().map(|(row, value)| match (input.datatype, value) {
        (Datatype::Bytes, value) => word(input, row, value.clone()),
        (Datatype::Int64 | Datatype::Int32, Scalar::Int(value)) => Ok(Some(value.to_string())),
        (_, value) => Err(unfit(input, row, value)),
    });
    texts.collect()
}

/// Times as RFC 3339 texts (BYTES) or microseconds since 1970 (INT64).
fn times(input: &RequestInput, data: &Data) -> Result<Vec<Option<Timestamp>>> {
    let times = data.values.iter().enumerate().map(|(row, value)| match (input.datatype, value) {
        (Datatype::Bytes, Scalar::Null) => Ok(None),
        (Datatype::Bytes, Scalar::Text(text)) => Timestamp::parse(text)
            .map(Some)
            .map_err(|error| Error::field(&input.name, "field_type", format!("element {row}: {error}"))),
        (Datatype::Int64, Scalar::Int(micros)) => Ok(Some(Timestamp::from_micros(*micros))),
        (Datatype::Bytes | Datatype::Int64, value) => Err(unfit(input, row, value)),
        (other, _) => {
            let problem =
                format!("times are BYTES (RFC 3339) or INT64 (microseconds), {} was sent", other.word());
            Err(Error::field(&input.name, "field_type", problem))
        }
    });
    times.collect()
}

fn time_parameter(value: &Value) -> Result<Timestamp> {
    let wrong = |problem: String| Error::field(EVENT_TIME, "field_type", problem);
    match value {
        Value::String(text) => Timestamp::parse(text).map_err(|error| wrong(error.to_string())),
        Value::Number(number) => number
            .as_i64()
            .map(Timestamp::from_micros)
            .ok_or_else(|| wrong(format!("{number} is no whole number of microseconds"))),
        other => Err(wrong(format!("{other} is no time"))),
    }
}

fn entity_parameter(value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(Error::field(ENTITY, "field_type", format!("{other} is no text"))),
    }
}

#[cfg(test)]
mod tests {
    use base::Failure;

    use super::*;

    fn signature() -> Signature {
        let field = |name: &str, kind, required| InputField { name: name.into(), kind, required };
        Signature {
            inputs: vec![
                field("hour", FieldKind::Number, true),
                field("temp", FieldKind::Number, false),
                field("weather", FieldKind::Category, false),
            ],
            output: "volume".into(),
        }
    }

    fn fitted(inputs: &str) -> Result<Rows> {
        let mut request = InferRequest::from_json(format!("{{\"inputs\": [{inputs}]}}").as_bytes())?;
        fit(&signature(), &mut request, 100)
    }

    const HOUR: &str = r#"{"name": "hour", "shape": [2], "datatype": "INT64", "data": [7, 8]}"#;

    #[test]
    fn inputs_come_in_any_order_and_optional_ones_may_be_left_out() {
        let rows = fitted(&format!(
            r#"{{"name": "weather", "shape": [2, 1], "datatype": "BYTES", "data": [["Clear"], [null]]}}, {HOUR}"#
        ))
        .unwrap();
        assert_eq!(rows.columns[0], Column::Numbers(vec![7.0, 8.0]));
        assert!(
            matches!(&rows.columns[1], Column::Numbers(values) if values.iter().all(|value| value.is_nan()))
        );
        assert_eq!(rows.columns[2], Column::Words(vec![Some("Clear".into()), None]));
        assert_eq!((rows.rows, rows.entities), (2, vec![None, None]));
    }

    #[test]
    fn what_does_not_fit_names_its_field() {
        for (inputs, code, message) in [
            ("", "field_missing", "`inputs`: there is no input"),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "BYTES", "data": ["7"]}"#,
                "field_type",
                "`hour`: the model takes numbers (FP64), BYTES were sent",
            ),
            (
                r#"{"name": "weather", "shape": [1], "datatype": "FP32", "data": [7]}"#,
                "field_type",
                "`weather`: the model takes words (BYTES), FP32 was sent",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "FP64", "data": ["7"]}"#,
                "field_type",
                "`hour`: element 0 is \"7\", which is no FP64",
            ),
            (
                r#"{"name": "hour", "shape": [2], "datatype": "INT8", "data": [1, 128]}"#,
                "field_type",
                "`hour`: element 1 is 128, which is no INT8",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "UINT8", "data": [-1]}"#,
                "field_type",
                "`hour`: element 0 is -1, which is no UINT8",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "INT64", "data": [1.5]}"#,
                "field_type",
                "`hour`: element 0 is 1.5, which is no INT64",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "INT64", "data": [null]}"#,
                "field_type",
                "`hour`: element 0 is null, which is no INT64",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "FP32", "data": [1e39]}"#,
                "field_type",
                "`hour`: element 0 is 1000000000000000000000000000000000000000, which is no FP32",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "FP64", "data": [null]}"#,
                "value_missing",
                "`hour`: row 0 has no value, and the model requires one",
            ),
            (
                r#"{"name": "temp", "shape": [1], "datatype": "FP64", "data": [1]}"#,
                "field_missing",
                "`hour`: it is missing, and the model requires it",
            ),
            (
                r#"{"name": "hours", "shape": [1], "datatype": "FP64", "data": [1]}"#,
                "field_unknown",
                "`hours`: the model has no input of that name",
            ),
            (
                r#"{"name": "hour", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}"#,
                "shape_invalid",
                "`hour`: the shape [2, 2] is not `[n]` or `[n, 1]` for n rows, at least one",
            ),
            (
                r#"{"name": "hour", "shape": [0], "datatype": "FP64", "data": []}"#,
                "shape_invalid",
                "`hour`: the shape [0] is not `[n]` or `[n, 1]` for n rows, at least one",
            ),
            (
                r#"{"name": "hour", "shape": [-1], "datatype": "FP64", "data": []}"#,
                "shape_invalid",
                "`hour`: the shape [-1] is not `[n]` or `[n, 1]` for n rows, at least one",
            ),
            (
                r#"{"name": "hour", "shape": [3], "datatype": "FP64", "data": [1, 2]}"#,
                "shape_invalid",
                "`hour`: its shape says 3 elements, its data has 2",
            ),
            (
                r#"{"name": "hour", "shape": [2], "datatype": "FP64", "data": [[1], [2]]}"#,
                "shape_invalid",
                "`hour`: its data is nested as [2, 1], its shape is [2]",
            ),
            (
                r#"{"name": "hour", "shape": [101], "datatype": "FP64", "data": [1]}"#,
                "rows_too_many",
                "a request may have at most 100 rows, this one has 101",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "FP64"}"#,
                "field_missing",
                "`hour`: it has no `data`",
            ),
            (
                r#"{"name": "hour", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}"#,
                "field_type",
                "`hour`: binary tensors are not offered here; send `data`",
            ),
            (
                r#"{"name": "event_time", "shape": [1], "datatype": "BYTES", "data": ["soon"]}"#,
                "field_type",
                "`event_time`: element 0: `soon` is not a time: expected `2026-01-31`, `2026-01-31 08:00:00` or `2026-01-31T08:00:00Z`",
            ),
        ] {
            let error = fitted(inputs).unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), (code, message), "{inputs}");
        }
        let twice = fitted(&format!("{HOUR}, {HOUR}")).unwrap_err();
        assert_eq!(twice.to_string(), "`hour`: it is given twice");
        let uneven = r#"{"name": "temp", "shape": [1], "datatype": "FP64", "data": [1]}"#;
        let uneven = fitted(&format!("{HOUR}, {uneven}")).unwrap_err();
        assert_eq!(uneven.to_string(), "`temp`: it has 1 rows, the inputs before it have 2");
        let hint = fitted(r#"{"name": "hours", "shape": [1], "datatype": "FP64", "data": [1]}"#).unwrap_err();
        assert_eq!(hint.hint().unwrap(), "did you mean `hour`?");
    }

    #[test]
    fn a_body_that_is_no_request_says_where() {
        for (body, why) in [
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("{}", "missing field `inputs`"),
            (
                r#"{"inputs": [{"name": "a", "shape": [1], "datatype": "FLOAT", "data": [1]}]}"#,
                "unknown variant `FLOAT`",
            ),
            (
                r#"{"inputs": [{"name": "a", "shape": ["x"], "datatype": "FP32", "data": [1]}]}"#,
                "expected i64",
            ),
        ] {
            let error = InferRequest::from_json(body.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(why), "{body}: {error}");
        }
    }

    #[test]
    fn times_and_entities_come_as_tensors_or_parameters() {
        let body = r#"{
            "parameters": {"event_time": "2016-10-02T10:00:00Z", "entity": 7},
            "inputs": [
                {"name": "hour", "shape": [2], "datatype": "FP64", "data": [1, 2]},
                {"name": "event_time", "shape": [2], "datatype": "BYTES", "data": ["2016-10-02T12:00:00+01:00", null]}
            ]}"#;
        let mut request = InferRequest::from_json(body.as_bytes()).unwrap();
        let rows = fit(&signature(), &mut request, 100).unwrap();
        let time = |text| Some(Timestamp::parse(text).unwrap());
        assert_eq!(rows.event_times, [time("2016-10-02T11:00:00Z"), time("2016-10-02T10:00:00Z")]);
        assert_eq!(rows.entities, [Some("7".into()), Some("7".into())]);
    }
}
