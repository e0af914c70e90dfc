//! Inputs of a request that fill several columns of a model at once: a tensor of the model's own, such as the `X` of
//! ten columns that scikit-learn's graphs take, or `features`, which stands for all columns.

use std::ops::Range;

use crate::engine::{Column, FieldKind, InputField, Signature};
use crate::oip::{FEATURES, RequestInput};
use crate::rows::{no_value, numbers, words};
use crate::{Error, Result};

/// The columns that one input of a request fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wide<'a> {
    /// Their places in the signature.
    pub(crate) places: Range<usize>,
    /// Elements of a row.
    pub(crate) elements: usize,
    /// The lengths of a row's dimensions, where there are several.
    pub(crate) row: &'a [u32],
}

fn elements(fields: &[InputField]) -> usize {
    fields.iter().map(|field| field.width.max(1) as usize).sum()
}

/// The columns that an input stands for; `None` where it is a column itself, or nothing that the model knows.
///
/// A model may have a column and a tensor of one name; then the shape tells which is meant.
pub(crate) fn wide<'a>(signature: &'a Signature, input: &RequestInput) -> Option<Wide<'a>> {
    let is_column = || signature.inputs.iter().any(|field| field.name == input.name);
    if let Some(tensor) = signature.tensors.iter().find(|tensor| tensor.name == input.name) {
        let given: i64 = input.shape.iter().skip(1).product();
        let meant = usize::try_from(given).is_ok_and(|given| given == tensor.columns());
        if meant || !is_column() {
            return Some(Wide {
                places: tensor.places(),
                elements: elements(signature.inputs.get(tensor.places())?),
                row: &tensor.row,
            });
        }
    }
    let all = 0..signature.inputs.len();
    (input.name == FEATURES && !is_column()).then(|| Wide {
        places: all,
        elements: elements(&signature.inputs),
        row: &[],
    })
}

/// The columns that an input holds, in the order of the signature. Fails naming the column that has no value where it
/// must have one.
pub(crate) fn spread(
    signature: &Signature,
    wide: &Wide<'_>,
    input: &mut RequestInput,
    rows: usize,
) -> Result<Vec<Column>> {
    let fields = signature.inputs.get(wide.places.clone()).unwrap_or_default();
    let is_word = |field: &&InputField| field.kind == FieldKind::Category;
    match fields.iter().find(is_word) {
        None => numbers_of(fields, wide.elements, numbers(input, rows * wide.elements)?),
        Some(_) if fields.iter().all(|field| is_word(&field)) => {
            words_of(fields, words(input, rows * wide.elements)?)
        }
        Some(word) => {
            let problem = format!("`{}` takes words; a tensor of all inputs needs numbers only", word.name);
            Err(Error::field(&input.name, "field_type", problem))
        }
    }
}

fn numbers_of(fields: &[InputField], wide: usize, all: Vec<f64>) -> Result<Vec<Column>> {
    if let [only] = fields {
        return Ok(vec![checked(only, all)?]);
    }
    let mut from = 0;
    let columns = fields.iter().map(|field| {
        let width = field.width.max(1) as usize;
        let mut values = Vec::with_capacity(all.len() / wide.max(1) * width);
        for row in all.chunks(wide.max(1)) {
            values.extend_from_slice(row.get(from..from + width).unwrap_or_default());
        }
        from += width;
        checked(field, values)
    });
    columns.collect()
}

fn checked(field: &InputField, values: Vec<f64>) -> Result<Column> {
    match values.iter().position(|value| value.is_nan()) {
        Some(at) if field.required => Err(no_value(&field.name, at / field.width.max(1) as usize)),
        _ => Ok(Column::Numbers(values)),
    }
}

fn words_of(fields: &[InputField], all: Vec<Option<String>>) -> Result<Vec<Column>> {
    let mut columns: Vec<Vec<Option<String>>> = fields.iter().map(|_| Vec::new()).collect();
    for (at, word) in all.into_iter().enumerate() {
        if let Some(column) = columns.get_mut(at % fields.len().max(1)) {
            column.push(word);
        }
    }
    let pairs = fields.iter().zip(columns);
    pairs
        .map(|(field, column)| match column.iter().position(Option::is_none) {
            Some(row) if field.required => Err(no_value(&field.name, row)),
            _ => Ok(Column::Words(column)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::engine::InputTensor;
    use crate::oip::{Datatype, InferRequest, ModelMetadata};
    use crate::rows::{Rows, fit};

    /// A graph with one input of three numbers, one of two words, and one of 2×2 numbers.
    fn signature(names: [&str; 3]) -> Signature {
        let number = |name: &str| InputField::new(name, FieldKind::Number, false);
        let word = |name: &str| InputField::new(name, FieldKind::Category, true);
        let mut inputs: Vec<InputField> = names.into_iter().map(number).collect();
        inputs.extend(["W_0", "W_1"].map(word));
        inputs.extend(["P_0", "P_1", "P_2", "P_3"].map(number));
        let tensor = |name: &str, datatype, row: &[u32], first| InputTensor {
            name: name.into(),
            datatype,
            row: row.to_vec(),
            first,
        };
        Signature {
            inputs,
            tensors: vec![
                tensor("X", Datatype::Fp32, &[3], 0),
                tensor("W", Datatype::Bytes, &[2], 3),
                tensor("P", Datatype::Fp64, &[2, 2], 5),
            ],
            output: "y".into(),
            shown: None,
            more_outputs: Vec::new(),
        }
    }

    fn fitted(signature: &Signature, inputs: &str) -> Result<Rows> {
        let mut request = InferRequest::from_json(format!(r#"{{"inputs": [{inputs}]}}"#).as_bytes()).unwrap();
        fit(signature, &mut request, 100, &HashSet::new())
    }

    const X: &str =
        r#"{"name": "X", "shape": [2, 3], "datatype": "FP32", "data": [[1, 2, 3], [4, null, 6]]}"#;
    const W: &str = r#"{"name": "W", "shape": [2, 2], "datatype": "BYTES", "data": ["a", "b", "c", "d"]}"#;
    const P: &str = r#"{"name": "P", "shape": [2, 2, 2], "datatype": "FP64", "data": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]}"#;
    const NUMBERED: [&str; 3] = ["X_0", "X_1", "X_2"];

    #[test]
    fn a_tensor_of_the_model_fills_its_columns() {
        let rows = fitted(&signature(NUMBERED), &format!("{X}, {W}, {P}")).unwrap();
        let word = |text: &str| Some(text.to_owned());
        assert_eq!(rows.columns[0], Column::Numbers(vec![1.0, 4.0]));
        assert_eq!(rows.columns[2], Column::Numbers(vec![3.0, 6.0]));
        assert_eq!(rows.columns[4], Column::Words(vec![word("b"), word("d")]));
        assert_eq!(rows.columns[8], Column::Numbers(vec![4.0, 8.0]));
        let Column::Numbers(holes) = &rows.columns[1] else { panic!("{rows:?}") };
        assert!(holes[0] == 2.0 && holes[1].is_nan());
    }

    #[test]
    fn columns_and_tensors_may_be_mixed_but_nothing_given_twice() {
        let columns = r#"{"name": "X_0", "shape": [2], "datatype": "FP32", "data": [1, 4]}"#;
        let rows = fitted(&signature(NUMBERED), &format!("{columns}, {W}, {P}")).unwrap();
        assert_eq!(rows.columns[0], Column::Numbers(vec![1.0, 4.0]));
        let twice = fitted(&signature(NUMBERED), &format!("{columns}, {X}, {W}")).unwrap_err();
        assert_eq!(twice.to_string(), "`X`: an input is given twice");
    }

    #[test]
    fn what_does_not_fit_a_tensor_is_named() {
        for (input, why) in [
            (
                r#"{"name": "X", "shape": [2, 4], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6, 7, 8]}"#,
                "`X`: the shape [2, 4] is not `[n, 3]` for n rows, at least one",
            ),
            (
                r#"{"name": "X", "shape": [3], "datatype": "FP32", "data": [1, 2, 3]}"#,
                "`X`: the shape [3] is not `[n, 3]` for n rows, at least one",
            ),
            (
                r#"{"name": "P", "shape": [1, 4, 1], "datatype": "FP32", "data": [1, 2, 3, 4]}"#,
                "`P`: the shape [1, 4, 1] is not `[n, 2, 2]` for n rows, at least one",
            ),
            (
                r#"{"name": "X", "shape": [1, 3], "datatype": "FP32", "data": [1, 2]}"#,
                "`X`: its shape says 3 elements, its data has 2",
            ),
            (
                r#"{"name": "X", "shape": [1, 3], "datatype": "BYTES", "data": ["1", "2", "3"]}"#,
                "`X`: the model takes numbers (FP64), BYTES were sent",
            ),
            (
                r#"{"name": "W", "shape": [1, 2], "datatype": "BYTES", "data": ["a", null]}"#,
                "`W_1`: row 0 has no value, and the model requires one",
            ),
        ] {
            assert_eq!(fitted(&signature(NUMBERED), input).unwrap_err().to_string(), why, "{input}");
        }
    }

    #[test]
    fn a_column_of_the_same_name_is_told_from_the_tensor_by_its_shape() {
        let signature = signature(["X", "height", "weight"]);
        let column = r#"{"name": "X", "shape": [2], "datatype": "FP32", "data": [8, 9]}"#;
        let rows = fitted(&signature, &format!("{column}, {W}")).unwrap();
        assert_eq!(rows.columns[0], Column::Numbers(vec![8.0, 9.0]));
        let rows = fitted(&signature, &format!("{X}, {W}")).unwrap();
        assert_eq!(rows.columns[0], Column::Numbers(vec![1.0, 4.0]));
    }

    #[test]
    fn metadata_tells_the_model_s_own_inputs_unless_their_columns_have_names() {
        let told = |names| {
            let metadata = ModelMetadata::of("m", 1, "onnx", &signature(names));
            let inputs = metadata.inputs.into_iter();
            inputs.map(|input| (input.name, input.datatype.word(), input.shape)).collect::<Vec<_>>()
        };
        let own = [("X", "FP32", vec![-1, 3]), ("W", "BYTES", vec![-1, 2]), ("P", "FP64", vec![-1, 2, 2])];
        let own = own.map(|(name, datatype, shape)| (name.to_owned(), datatype, shape));
        assert_eq!(told(NUMBERED), own);
        let mixed = told(["age", "height", "weight"]);
        let names: Vec<&str> = mixed.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["age", "height", "weight", "W", "P"]);
        assert_eq!(mixed[0].1, "FP64");
    }
}
