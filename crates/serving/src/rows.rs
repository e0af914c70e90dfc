//! Whether a request fits a signature; what does not fit is named by its field.

use std::collections::HashSet;

use base::Timestamp;
use base::names::nearest;
use serde_json::Value;

use crate::engine::{Column, FieldKind, InputField, Signature};
use crate::oip::{Data, Datatype, ENTITY, EVENT_TIME, InferRequest, RequestInput, Scalar, raw};
use crate::wide::{spread, wide};
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

impl Rows {
    /// The same rows for the signature of another version, by the names of the inputs. Fails with the name of an
    /// input that this version needs and the rows do not have.
    pub(crate) fn fitted(&self, from: &Signature, to: &Signature) -> Result<Self, String> {
        let column = |field: &InputField| {
            let position = from.inputs.iter().position(|known| known.name == field.name);
            let known = position.and_then(|at| from.inputs.get(at).zip(self.columns.get(at)));
            match known {
                Some((known, column)) if known.kind == field.kind && known.width == field.width => {
                    Ok(column.clone())
                }
                _ if field.required => Err(field.name.clone()),
                _ => Ok(Column::missing(field, self.rows)),
            }
        };
        Ok(Self {
            columns: to.inputs.iter().map(column).collect::<Result<_, _>>()?,
            rows: self.rows,
            event_times: self.event_times.clone(),
            entities: self.entities.clone(),
        })
    }
}

/// Fits a request to a signature; inputs in `known` that the signature lacks are passed over. Takes the texts out of
/// the request.
pub(crate) fn fit(
    signature: &Signature,
    request: &mut InferRequest,
    most_rows: usize,
    known: &HashSet<String>,
) -> Result<Rows> {
    let position = |name: &str| signature.inputs.iter().position(|field| field.name == name);
    let width = |input: &RequestInput| match (wide(signature, input), position(&input.name)) {
        (Some(wide), _) => (wide.elements, wide.row),
        (None, Some(at)) => {
            (signature.inputs.get(at).map_or(1, |field| field.width.max(1) as usize), &[][..])
        }
        (None, None) => (1, &[][..]),
    };
    let rows = row_count(&request.inputs, most_rows, width)?;
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
        if let Some(wide) = wide(signature, input) {
            let columns = spread(signature, &wide, input, rows)?;
            for (place, column) in places.iter_mut().skip(wide.places.start).zip(columns) {
                if place.replace(column).is_some() {
                    return Err(Error::field(&input.name, "field_repeated", "an input is given twice"));
                }
            }
            continue;
        }
        let at = position(&input.name);
        let special = input.name == EVENT_TIME || input.name == ENTITY;
        if at.is_none() && !special {
            if known.contains(&input.name) {
                continue;
            }
            return Err(unknown(signature, input));
        }
        let field = at.and_then(|at| signature.inputs.get(at).zip(places.get_mut(at)));
        let width = field.as_ref().map_or(1, |(field, _)| field.width.max(1) as usize);
        if special {
            let data = Data { values: scalars(input, rows)?, nesting: Vec::new() };
            if input.name == EVENT_TIME {
                fill(&mut event_times, times(input, &data)?);
            } else {
                fill(&mut entities, texts(input, &data)?);
            }
            if field.is_some() {
                input.data = Some(data);
            }
        }
        let Some((field, place)) = field else { continue };
        if place.replace(column(field, input, rows * width)?).is_some() {
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
        None => Ok(Column::missing(field, rows)),
    });
    Ok(Rows { columns: columns.collect::<Result<_>>()?, rows, event_times, entities })
}

fn unknown(signature: &Signature, input: &RequestInput) -> Error {
    let tensors = signature.tensors.iter().map(|tensor| tensor.name.as_str());
    let names: Vec<&str> = signature.inputs.iter().map(|field| field.name.as_str()).chain(tensors).collect();
    let hint = match nearest(&input.name, names.iter().copied().chain([EVENT_TIME, ENTITY])) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the model takes {}", names.join(", ")),
    };
    Error::BadField {
        field: input.name.chars().take(100).collect(),
        problem: "the model has no input of that name".into(),
        code: "field_unknown",
        hint: Some(hint),
    }
}

/// How many rows all inputs have.
fn row_count<'a>(
    inputs: &[RequestInput],
    most_rows: usize,
    width: impl Fn(&RequestInput) -> (usize, &'a [u32]),
) -> Result<usize> {
    let mut found: Option<usize> = None;
    for input in inputs {
        let (width, row) = width(input);
        let fits = match input.shape.get(1..) {
            None => false,
            Some([]) => width == 1,
            Some([second]) => usize::try_from(*second).is_ok_and(|second| second == width),
            Some(lengths) => {
                row.len() > 1 && lengths.iter().copied().eq(row.iter().map(|length| i64::from(*length)))
            }
        };
        let count = input.shape.first().and_then(|rows| usize::try_from(*rows).ok());
        let Some(rows) = count.filter(|rows| fits && *rows > 0) else {
            let wanted = match row {
                [_, _, ..] => {
                    let lengths: Vec<String> = row.iter().map(ToString::to_string).collect();
                    format!("`[n, {}]`", lengths.join(", "))
                }
                _ if width == 1 => "`[n]` or `[n, 1]`".to_owned(),
                _ => format!("`[n, {width}]`"),
            };
            let problem = format!("the shape {:?} is not {wanted} for n rows, at least one", input.shape);
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

/// The elements of an input as JSON gave them, as many as its shape says.
fn elements(input: &mut RequestInput, count: usize) -> Result<Vec<Scalar>> {
    let wrong = |problem: String| Err(Error::field(&input.name, "shape_invalid", problem));
    if matches!(input.datatype, Datatype::Fp16 | Datatype::Bf16) {
        let problem = format!("{} has no form in JSON; send FP32, or binary data", input.datatype.word());
        return Err(Error::field(&input.name, "field_type", problem));
    }
    let Some(data) = input.data.take() else {
        return Err(Error::field(&input.name, "field_missing", "it has no `data`"));
    };
    if data.values.len() != count {
        return wrong(format!("its shape says {count} elements, its data has {}", data.values.len()));
    }
    let nested: Vec<usize> = input.shape.iter().filter_map(|length| usize::try_from(*length).ok()).collect();
    if data.nesting.len() > 1 && data.nesting != nested {
        return wrong(format!("its data is nested as {:?}, its shape is {nested:?}", data.nesting));
    }
    Ok(data.values)
}

fn bad_bytes(input: &RequestInput) -> impl Fn(String) -> Error + use<> {
    let name = input.name.clone();
    move |problem| Error::field(&name, "shape_invalid", problem)
}

/// The elements of an input one by one, wherever they come from.
fn scalars(input: &mut RequestInput, count: usize) -> Result<Vec<Scalar>> {
    match &input.raw {
        Some(bytes) => raw::scalars(input.datatype, bytes, count).map_err(bad_bytes(input)),
        None => elements(input, count),
    }
}

/// The elements of an input as numbers.
pub(crate) fn numbers(input: &mut RequestInput, count: usize) -> Result<Vec<f64>> {
    if input.datatype == Datatype::Bytes {
        let problem = "the model takes numbers (FP64), BYTES were sent";
        return Err(Error::field(&input.name, "field_type", problem));
    }
    if let Some(bytes) = &input.raw {
        let values = raw::numbers(input.datatype, bytes, count).map_err(bad_bytes(input))?;
        return match values.iter().position(|value| value.is_infinite()) {
            Some(row) => Err(unfit(input, row, "infinite")),
            None => Ok(values),
        };
    }
    let values = elements(input, count)?;
    values.iter().enumerate().map(|(row, value)| number(input, input.datatype, row, value)).collect()
}

/// The elements of an input as words.
pub(crate) fn words(input: &mut RequestInput, count: usize) -> Result<Vec<Option<String>>> {
    if input.datatype != Datatype::Bytes {
        let problem = format!("the model takes words (BYTES), {} was sent", input.datatype.word());
        return Err(Error::field(&input.name, "field_type", problem));
    }
    if let Some(bytes) = &input.raw {
        return raw::words(bytes, count).map_err(bad_bytes(input));
    }
    elements(input, count)?.into_iter().enumerate().map(|(row, value)| word(input, row, value)).collect()
}

fn fill<T>(values: &mut [Option<T>], given: Vec<Option<T>>) {
    for (value, given) in values.iter_mut().zip(given) {
        if given.is_some() {
            *value = given;
        }
    }
}

/// The column of a field.
fn column(field: &InputField, input: &mut RequestInput, count: usize) -> Result<Column> {
    let (column, missing) = match field.kind {
        FieldKind::Number => {
            let values = numbers(input, count)?;
            let missing = values.iter().position(|value| value.is_nan());
            (Column::Numbers(values), missing)
        }
        FieldKind::Category => {
            let values = words(input, count)?;
            let missing = values.iter().position(Option::is_none);
            (Column::Words(values), missing)
        }
    };
    match missing {
        Some(at) if field.required => Err(no_value(&input.name, at / field.width.max(1) as usize)),
        _ => Ok(column),
    }
}

pub(crate) fn no_value(field: &str, row: usize) -> Error {
    let problem = format!("row {row} has no value, and the model requires one");
    Error::field(field, "value_missing", problem)
}

fn unfit(input: &RequestInput, row: usize, value: impl std::fmt::Display) -> Error {
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
        Datatype::Fp16 | Datatype::Bf16 | Datatype::Bytes => None,
    };
    found.ok_or_else(|| unfit(input, row, value))
}

fn word(input: &RequestInput, row: usize, value: Scalar) -> Result<Option<String>> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(text) => Ok(Some(text)),
        other => Err(unfit(input, row, other)),
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
        let field = InputField::new;
        Signature {
            inputs: vec![
                field("hour", FieldKind::Number, true),
                field("temp", FieldKind::Number, false),
                field("weather", FieldKind::Category, false),
            ],
            output: "volume".into(),
            shown: None,
            tensors: Vec::new(),
            more_outputs: Vec::new(),
        }
    }

    fn fitted(inputs: &str) -> Result<Rows> {
        let mut request = InferRequest::from_json(format!("{{\"inputs\": [{inputs}]}}").as_bytes())?;
        fit(&signature(), &mut request, 100, &HashSet::new())
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
                r#"{"name": "hour", "shape": [1], "datatype": "FP16", "data": [1]}"#,
                "field_type",
                "`hour`: FP16 has no form in JSON; send FP32, or binary data",
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
        let rows = fit(&signature(), &mut request, 100, &HashSet::new()).unwrap();
        let time = |text| Some(Timestamp::parse(text).unwrap());
        assert_eq!(rows.event_times, [time("2016-10-02T11:00:00Z"), time("2016-10-02T10:00:00Z")]);
        assert_eq!(rows.entities, [Some("7".into()), Some("7".into())]);
    }

    fn raw(name: &str, datatype: Datatype, shape: &[i64], raw: Vec<u8>) -> RequestInput {
        RequestInput {
            name: name.into(),
            shape: shape.to_vec(),
            datatype,
            parameters: serde_json::Map::new(),
            data: None,
            raw: Some(raw),
        }
    }

    fn fitted_raw(signature: &Signature, inputs: Vec<RequestInput>) -> Result<Rows> {
        let mut request = InferRequest { inputs, ..InferRequest::default() };
        fit(signature, &mut request, 100, &HashSet::from(["from_another_version".to_owned()]))
    }

    #[test]
    fn tensors_as_bytes_are_rows_like_any_others() {
        let hours = [7.0_f32, 8.0].map(f32::to_le_bytes).concat();
        let words = [&5_u32.to_le_bytes()[..], b"Clear", &0_u32.to_le_bytes()].concat();
        let moments = [1_000_000_i64, 2_000_000].map(i64::to_le_bytes).concat();
        let rows = fitted_raw(
            &signature(),
            vec![
                raw("hour", Datatype::Fp32, &[2], hours),
                raw("weather", Datatype::Bytes, &[2, 1], words),
                raw("event_time", Datatype::Int64, &[2], moments),
                raw("from_another_version", Datatype::Fp64, &[2], Vec::new()),
            ],
        )
        .unwrap();
        assert_eq!(rows.columns[0], Column::Numbers(vec![7.0, 8.0]));
        assert_eq!(rows.columns[2], Column::Words(vec![Some("Clear".into()), Some(String::new())]));
        assert_eq!(rows.event_times[1], Some(Timestamp::from_millis(2_000)));
        let infinite = raw("hour", Datatype::Fp64, &[1], f64::INFINITY.to_le_bytes().to_vec());
        let error = fitted_raw(&signature(), vec![infinite]).unwrap_err();
        assert_eq!(error.to_string(), "`hour`: element 0 is infinite, which is no FP64");
        let short = raw("hour", Datatype::Fp64, &[1], vec![0; 7]);
        let error = fitted_raw(&signature(), vec![short]).unwrap_err();
        assert_eq!(error.to_string(), "`hour`: 1 elements of FP64 are 8 bytes, 7 were sent");
    }

    #[test]
    fn one_tensor_may_hold_all_inputs() {
        let field = InputField::new;
        let signature = Signature {
            inputs: vec![
                field("a", FieldKind::Number, true),
                InputField { width: 2, ..field("b", FieldKind::Number, false) },
            ],
            output: "y".into(),
            shown: None,
            tensors: Vec::new(),
            more_outputs: Vec::new(),
        };
        let all = |values: [f64; 6]| {
            raw("features", Datatype::Fp64, &[2, 3], values.map(f64::to_le_bytes).concat())
        };
        let rows = fitted_raw(&signature, vec![all([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]).unwrap();
        assert_eq!(
            rows.columns,
            [Column::Numbers(vec![1.0, 4.0]), Column::Numbers(vec![2.0, 3.0, 5.0, 6.0])]
        );
        let error = fitted_raw(&signature, vec![all([1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0])]).unwrap_err();
        assert_eq!(error.to_string(), "`a`: row 1 has no value, and the model requires one");
        let narrow = raw("features", Datatype::Fp64, &[2, 2], vec![0; 32]);
        let error = fitted_raw(&signature, vec![narrow]).unwrap_err();
        assert!(error.to_string().contains("is not `[n, 3]`"), "{error}");
    }

    #[test]
    fn rows_are_fitted_to_another_version_by_name() {
        let rows = fitted(&format!(
            r#"{HOUR}, {{"name": "weather", "shape": [2], "datatype": "BYTES", "data": ["Clear", null]}}"#
        ))
        .unwrap();
        let mut other = signature();
        other.inputs.reverse();
        let turned = rows.fitted(&signature(), &other).unwrap();
        assert_eq!(turned.columns[2], rows.columns[0]);
        other.inputs.push(InputField::new("humidity", FieldKind::Number, true));
        assert_eq!(rows.fitted(&signature(), &other).unwrap_err(), "humidity");
    }
}
