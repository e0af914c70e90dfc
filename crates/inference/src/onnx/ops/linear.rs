//! Linear models.

use super::post::{Labels, Transform, greatest, rows_of};
use super::{Inputs, Kernel, Node, Outputs, Problem};
use crate::{Data, Tensor};

/// Weights of each target in a row of their own, with an offset each.
struct Weights {
    inputs: usize,
    rows: Vec<f64>,
    offsets: Vec<f64>,
}

impl Weights {
    fn new(coefficients: &[f32], intercepts: &[f32], targets: usize) -> Result<Self, Problem> {
        if targets == 0
            || !coefficients.len().is_multiple_of(targets)
            || !(intercepts.is_empty() || intercepts.len() == targets)
        {
            return Err("its coefficients and intercepts do not fit together".into());
        }
        let wide = |list: &[f32]| list.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let offsets = if intercepts.is_empty() { vec![0.0; targets] } else { wide(intercepts) };
        Ok(Self { inputs: coefficients.len() / targets, rows: wide(coefficients), offsets })
    }

    /// The scores of each row, one after another.
    fn scores(&self, tensor: &Tensor) -> Result<(Vec<f64>, usize), Problem> {
        let (values, rows, width) = rows_of(tensor)?;
        if width != self.inputs {
            return Err(format!("it takes {} columns, not {width}", self.inputs).into());
        }
        let values = values.wide();
        let mut scores = Vec::with_capacity(rows * self.offsets.len());
        for row in values.chunks_exact(width.max(1)) {
            for (weights, offset) in self.rows.chunks_exact(width.max(1)).zip(&self.offsets) {
                scores.push(offset + dot(row, weights));
            }
        }
        Ok((scores, rows))
    }
}

/// A sum of products in four lanes.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (a, b) = (left.chunks_exact(4), right.chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

fn single(values: Vec<f64>) -> Data {
    Data::Float32(values.into_iter().map(|value| value as f32).collect())
}

pub(super) fn regressor(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let targets =
        usize::try_from(attributes.int("targets", 1)).map_err(|_| Problem::from("its targets cannot be"))?;
    let weights = Weights::new(attributes.floats("coefficients"), attributes.floats("intercepts"), targets)?;
    let transform = Transform::of(attributes)?;
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (mut scores, rows) = weights.scores(inputs.get(0)?)?;
        scores.chunks_exact_mut(targets).for_each(|row| transform.apply(row));
        super::one(Tensor::matrix(rows, targets, single(scores)))
    }))
}

pub(super) fn classifier(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let labels = Labels::of(attributes, "classlabels_ints", "classlabels_strings")?;
    let intercepts = attributes.floats("intercepts");
    let targets = if intercepts.is_empty() { labels.len() } else { intercepts.len() };
    let weights = Weights::new(attributes.floats("coefficients"), intercepts, targets)?;
    let transform = Transform::of(attributes)?;
    let second = targets == 1 && labels.len() == 2;
    if !second && labels.len() < targets {
        return Err("it has fewer labels than scores".into());
    }
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (scores, rows) = weights.scores(inputs.get(0)?)?;
        let mut made = Vec::with_capacity(rows * labels.len());
        let mut chosen = Vec::with_capacity(rows);
        if second {
            for score in scores {
                chosen.push(usize::from(score > 0.0));
                let mut pair = [1.0 - score, score];
                if transform == Transform::Logistic {
                    let yes = super::post::logistic(score);
                    pair = [1.0 - yes, yes];
                }
                made.extend(pair);
            }
            return Ok(vec![
                labels.pick(&chosen)?,
                Tensor::matrix(rows, 2, single(made)).ok_or("the shapes do not fit")?,
            ]);
        }
        let mut scores = scores;
        for row in scores.chunks_exact_mut(targets) {
            chosen.push(greatest(row));
            transform.apply(row);
        }
        Ok(vec![
            labels.pick(&chosen)?,
            Tensor::matrix(rows, targets, single(scores)).ok_or("the shapes do not fit")?,
        ])
    }))
}
