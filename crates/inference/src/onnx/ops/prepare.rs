//! What stands before a model: scaling, filling holes, joining columns.

use super::post::rows_of;
use super::{Inputs, Kernel, Node, Outputs, Problem, one, wrong_type};
use crate::{Data, Tensor};

/// The value for a column out of a list of one or of one each.
fn at<T: Copy>(list: &[T], column: usize) -> Option<T> {
    if let [only] = list { Some(*only) } else { list.get(column).copied() }
}

fn single(values: Vec<f64>) -> Data {
    Data::Float32(values.into_iter().map(|value| value as f32).collect())
}

pub(super) fn scaler(node: &Node<'_>) -> Result<Kernel, Problem> {
    let offsets = node.attributes.floats("offset").to_vec();
    let scales = node.attributes.floats("scale").to_vec();
    if offsets.is_empty() || scales.is_empty() {
        return Err("its offset or scale is missing".into());
    }
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let shape = *tensor.shape();
        let (values, _, width) = rows_of(tensor)?;
        let fits = |list: &[f32]| list.len() == 1 || list.len() == width;
        if !fits(&offsets) || !fits(&scales) {
            return Err(format!("it takes {} columns, not {width}", offsets.len().max(scales.len())).into());
        }
        let mut made: Vec<f32> = match values {
            super::post::Rows::Single(values) => values.into_owned(),
            super::post::Rows::Double(values) => values.iter().map(|value| *value as f32).collect(),
        };
        if let ([offset], [scale]) = (offsets.as_slice(), scales.as_slice()) {
            made.iter_mut().for_each(|value| *value = (*value - offset) * scale);
        } else {
            for row in made.chunks_exact_mut(width.max(1)) {
                for (column, value) in row.iter_mut().enumerate() {
                    let (offset, scale) =
                        (at(&offsets, column).unwrap_or(0.0), at(&scales, column).unwrap_or(1.0));
                    *value = (*value - offset) * scale;
                }
            }
        }
        one(Tensor::new(shape, Data::Float32(made)))
    }))
}

pub(super) fn normalizer(node: &Node<'_>) -> Result<Kernel, Problem> {
    let norm = node.attributes.text("norm", "MAX")?;
    if !matches!(norm.as_str(), "MAX" | "L1" | "L2") {
        return Err(format!("the norm `{norm}` is not known").into());
    }
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let shape = *tensor.shape();
        let (values, _, width) = rows_of(tensor)?;
        let mut made = values.wide().into_owned();
        for row in made.chunks_exact_mut(width.max(1)) {
            let size = match norm.as_str() {
                "MAX" => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                "L1" => row.iter().map(|value| value.abs()).sum(),
                _ => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
            };
            if size != 0.0 {
                row.iter_mut().for_each(|value| *value /= size);
            }
        }
        one(Tensor::new(shape, single(made)))
    }))
}

pub(super) fn imputer(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let (floats, ints) = (
        attributes.floats("imputed_value_floats").to_vec(),
        attributes.ints("imputed_value_int64s").to_vec(),
    );
    let missing = f64::from(attributes.float("replaced_value_float", 0.0));
    let missing_int = attributes.int("replaced_value_int64", 0);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.take(0)?;
        let shape = *tensor.shape();
        let width = if shape.rank() == 1 { shape.elements() } else { shape.as_matrix().1 };
        let is_missing = |value: f64| value == missing || (missing.is_nan() && value.is_nan());
        let enough = |count: usize| {
            if count == 1 || count == width {
                Ok(())
            } else {
                Err(Problem(format!("it takes {count} columns, not {width}")))
            }
        };
        let data = match tensor.into_data() {
            Data::Float32(mut values) => {
                enough(floats.len())?;
                for (place, value) in values.iter_mut().enumerate() {
                    if is_missing(f64::from(*value)) {
                        *value = at(&floats, place % width.max(1)).unwrap_or(*value);
                    }
                }
                Data::Float32(values)
            }
            Data::Float64(mut values) => {
                enough(floats.len())?;
                for (place, value) in values.iter_mut().enumerate() {
                    if is_missing(*value) {
                        *value = at(&floats, place % width.max(1)).map_or(*value, f64::from);
                    }
                }
                Data::Float64(values)
            }
            Data::Int64(mut values) => {
                enough(ints.len())?;
                for (place, value) in values.iter_mut().enumerate() {
                    if *value == missing_int {
                        *value = at(&ints, place % width.max(1)).unwrap_or(*value);
                    }
                }
                Data::Int64(values)
            }
            other => return Err(wrong_type(other.element_type())),
        };
        one(Tensor::new(shape, data))
    }))
}

pub(super) fn binarizer(node: &Node<'_>) -> Result<Kernel, Problem> {
    let threshold = f64::from(node.attributes.float("threshold", 0.0));
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.take(0)?;
        let shape = *tensor.shape();
        let data = match tensor.into_data() {
            Data::Float32(values) => Data::Float32(
                values.into_iter().map(|value| f32::from(u8::from(f64::from(value) > threshold))).collect(),
            ),
            Data::Float64(values) => Data::Float64(
                values.into_iter().map(|value| f64::from(u8::from(value > threshold))).collect(),
            ),
            Data::Int64(values) => {
                Data::Int64(values.into_iter().map(|value| i64::from(value as f64 > threshold)).collect())
            }
            other => return Err(wrong_type(other.element_type())),
        };
        one(Tensor::new(shape, data))
    }))
}

/// Columns of several inputs side by side, in single precision.
pub(super) fn feature_vectorizer(node: &Node<'_>) -> Result<Kernel, Problem> {
    let widths: Vec<usize> = node
        .attributes
        .ints("inputdimensions")
        .iter()
        .map(|width| usize::try_from(*width).unwrap_or(0))
        .collect();
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let mut blocks = Vec::with_capacity(inputs.len());
        let mut height = None;
        for index in 0..inputs.len() {
            let tensor = inputs.get(index)?;
            let (rows, width) = tensor.shape().as_matrix();
            if *height.get_or_insert(rows) != rows {
                return Err("its inputs differ in rows".into());
            }
            blocks.push((tensor.to_numbers(), width, widths.get(index).copied().unwrap_or(width)));
        }
        let rows = height.unwrap_or(0);
        let total: usize = blocks.iter().map(|(_, _, wanted)| *wanted).sum();
        inputs.allow(rows.saturating_mul(total))?;
        let mut made = Vec::with_capacity(rows * total);
        for row in 0..rows {
            for (values, width, wanted) in &blocks {
                let cells = values.get(row * width..(row + 1) * width).unwrap_or_default();
                // Columns that are not there are zero; those too many are left out.
                made.extend((0..*wanted).map(|column| cells.get(column).copied().unwrap_or(0.0)));
            }
        }
        one(Tensor::matrix(rows, total, single(made)))
    }))
}
