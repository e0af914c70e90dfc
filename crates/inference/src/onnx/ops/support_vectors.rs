//! Support vector machines.

use super::linear::dot;
use super::post::{Labels, Transform, greatest, logistic, rows_of};
use super::{Inputs, Kernel, Node, Outputs, Problem};
use crate::onnx::Attributes;
use crate::{Data, Tensor};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Linear,
    Polynomial,
    Radial,
    Sigmoid,
}

/// How alike two rows are.
#[derive(Debug, Clone, Copy)]
struct Likeness {
    shape: Shape,
    gamma: f64,
    offset: f64,
    degree: f64,
}

impl Likeness {
    fn of(attributes: Attributes<'_>) -> Result<Self, Problem> {
        let shape = match attributes.text("kernel_type", "LINEAR")?.as_str() {
            "LINEAR" => Shape::Linear,
            "POLY" => Shape::Polynomial,
            "RBF" => Shape::Radial,
            "SIGMOID" => Shape::Sigmoid,
            other => return Err(format!("the kernel `{other}` is not known").into()),
        };
        let params = attributes.floats("kernel_params");
        let param = |place: usize| params.get(place).map_or(0.0, |value| f64::from(*value));
        Ok(Self { shape, gamma: param(0), offset: param(1), degree: param(2) })
    }

    fn between(self, left: &[f64], right: &[f64]) -> f64 {
        match self.shape {
            Shape::Linear => dot(left, right),
            Shape::Polynomial => (self.gamma * dot(left, right) + self.offset).powf(self.degree),
            Shape::Radial => {
                let distance: f64 = left.iter().zip(right).map(|(a, b)| (a - b) * (a - b)).sum();
                (-self.gamma * distance).exp()
            }
            Shape::Sigmoid => (self.gamma * dot(left, right) + self.offset).tanh(),
        }
    }
}

fn wide(list: &[f32]) -> Vec<f64> {
    list.iter().map(|value| f64::from(*value)).collect()
}

fn single(values: Vec<f64>) -> Data {
    Data::Float32(values.into_iter().map(|value| value as f32).collect())
}

pub(super) fn regressor(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let likeness = Likeness::of(attributes)?;
    let coefficients = wide(attributes.floats("coefficients"));
    let vectors = wide(attributes.floats("support_vectors"));
    let count = usize::try_from(attributes.int("n_supports", 0)).unwrap_or(0);
    let offset = attributes.floats("rho").first().map_or(0.0, |rho| f64::from(*rho));
    let one_class = attributes.flag("one_class", false);
    let transform = Transform::of(attributes)?;
    // Without support vectors the coefficients are those of a linear model.
    let width = vectors.len().checked_div(count).unwrap_or(coefficients.len());
    if width == 0 || (count > 0 && (coefficients.len() < count || vectors.len() != width * count)) {
        return Err("its support vectors and coefficients do not fit together".into());
    }
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (values, rows, columns) = rows_of(inputs.get(0)?)?;
        if columns != width {
            return Err(format!("it takes {width} columns, not {columns}").into());
        }
        let values = values.wide();
        let mut made = Vec::with_capacity(rows);
        for row in values.chunks_exact(width) {
            let sum: f64 = if count > 0 {
                vectors
                    .chunks_exact(width)
                    .zip(&coefficients)
                    .map(|(vector, coefficient)| coefficient * likeness.between(row, vector))
                    .sum()
            } else {
                likeness.between(row, &coefficients)
            };
            let mut score = [sum + offset];
            transform.apply(&mut score);
            let [score] = score;
            made.push(if one_class { if score > 0.0 { 1.0 } else { -1.0 } } else { score });
        }
        super::one(Tensor::matrix(rows, 1, single(made)))
    }))
}

/// Pairwise machines between the classes, as libsvm trains them.
struct Machines {
    likeness: Likeness,
    width: usize,
    vectors: Vec<f64>,
    /// How many vectors each class has, and where its first is.
    classes: Vec<(usize, usize)>,
    coefficients: Vec<f64>,
    rho: Vec<f64>,
    prob_a: Vec<f64>,
    prob_b: Vec<f64>,
}

impl Machines {
    fn of(attributes: Attributes<'_>) -> Result<Self, Problem> {
        let vectors = wide(attributes.floats("support_vectors"));
        let mut first = 0usize;
        let mut classes = Vec::new();
        for count in attributes.ints("vectors_per_class") {
            let count = usize::try_from(*count).map_err(|_| Problem::from("a class has no vectors"))?;
            classes.push((count, first));
            first = first.saturating_add(count);
        }
        let machines = Self {
            likeness: Likeness::of(attributes)?,
            width: vectors.len().checked_div(first).unwrap_or(0),
            vectors,
            coefficients: wide(attributes.floats("coefficients")),
            rho: wide(attributes.floats("rho")),
            prob_a: wide(attributes.floats("prob_a")),
            prob_b: wide(attributes.floats("prob_b")),
            classes,
        };
        let count = machines.classes.len();
        let pairs = count * count.saturating_sub(1) / 2;
        if count < 2
            || machines.width == 0
            || machines.vectors.len() != machines.width * first
            || machines.coefficients.len() != first * (count - 1)
            || machines.rho.len() != pairs
            || machines.prob_a.len() != machines.prob_b.len()
            || !(machines.prob_a.is_empty() || machines.prob_a.len() == pairs)
        {
            return Err("its support vectors, coefficients and offsets do not fit together".into());
        }
        Ok(machines)
    }

    /// The decision of each pair of classes, and how many of them each class wins.
    fn decide(&self, row: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let alike: Vec<f64> =
            self.vectors.chunks_exact(self.width).map(|vector| self.likeness.between(row, vector)).collect();
        let total = alike.len();
        let mut decisions = Vec::with_capacity(self.rho.len());
        let mut votes = vec![0.0; self.classes.len()];
        for (i, (count_i, first_i)) in self.classes.iter().enumerate() {
            for (j, (count_j, first_j)) in self.classes.iter().enumerate().skip(i + 1) {
                let part = |row: usize, first: usize, count: usize| -> f64 {
                    let from = row * total + first;
                    let coefficients = self.coefficients.get(from..from + count).unwrap_or_default();
                    let alike = alike.get(first..first + count).unwrap_or_default();
                    dot(coefficients, alike)
                };
                let sum = part(j - 1, *first_i, *count_i)
                    + part(i, *first_j, *count_j)
                    + self.rho.get(decisions.len()).copied().unwrap_or(0.0);
                if let Some(votes) = votes.get_mut(if sum > 0.0 { i } else { j }) {
                    *votes += 1.0;
                }
                decisions.push(sum);
            }
        }
        (decisions, votes)
    }

    /// Probabilities of the classes from those of the pairs, by the second method of Wu, Lin and
    /// Weng, "Probability Estimates for Multi-class Classification by Pairwise Coupling" (2004).
    fn probabilities(&self, decisions: &[f64]) -> Vec<f64> {
        let count = self.classes.len();
        let mut pairs = vec![vec![0.0; count]; count];
        let mut at = 0;
        for i in 0..count {
            for j in i + 1..count {
                let (a, b) = (
                    self.prob_a.get(at).copied().unwrap_or(0.0),
                    self.prob_b.get(at).copied().unwrap_or(0.0),
                );
                let wins =
                    logistic(-(decisions.get(at).copied().unwrap_or(0.0) * a + b)).clamp(1e-7, 1.0 - 1e-7);
                at += 1;
                set(&mut pairs, i, j, wins);
                set(&mut pairs, j, i, 1.0 - wins);
            }
        }
        let of = |matrix: &[Vec<f64>], i: usize, j: usize| {
            matrix.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0.0)
        };
        let mut matrix = vec![vec![0.0; count]; count];
        for i in 0..count {
            for j in 0..count {
                let value = if i == j {
                    (0..count).filter(|k| *k != i).map(|k| of(&pairs, k, i).powi(2)).sum()
                } else {
                    -of(&pairs, j, i) * of(&pairs, i, j)
                };
                set(&mut matrix, i, j, value);
            }
        }
        let mut chances = vec![1.0 / count as f64; count];
        for _ in 0..count.max(100) {
            let products: Vec<f64> =
                matrix.iter().map(|row| row.iter().zip(&chances).map(|(a, b)| a * b).sum()).collect();
            let mut whole: f64 = chances.iter().zip(&products).map(|(a, b)| a * b).sum();
            let error = products.iter().map(|product| (product - whole).abs()).fold(0.0, f64::max);
            if error < 0.005 / count as f64 {
                break;
            }
            let mut products = products;
            for t in 0..count {
                let own = of(&matrix, t, t);
                let change = (whole - products.get(t).copied().unwrap_or(0.0)) / own;
                if let Some(chance) = chances.get_mut(t) {
                    *chance += change;
                }
                let product_t = products.get(t).copied().unwrap_or(0.0);
                whole = (whole + change * (change * own + 2.0 * product_t)) / (1.0 + change).powi(2);
                for (j, product) in products.iter_mut().enumerate() {
                    *product = (*product + change * of(&matrix, t, j)) / (1.0 + change);
                }
                chances.iter_mut().for_each(|chance| *chance /= 1.0 + change);
            }
        }
        chances
    }
}

fn set(matrix: &mut [Vec<f64>], i: usize, j: usize, value: f64) {
    if let Some(slot) = matrix.get_mut(i).and_then(|row| row.get_mut(j)) {
        *slot = value;
    }
}

pub(super) fn classifier(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let labels = Labels::of(attributes, "classlabels_ints", "classlabels_strings")?;
    let transform = Transform::of(attributes)?;
    if attributes.ints("vectors_per_class").is_empty() {
        return without_vectors(attributes, labels, transform);
    }
    let machines = Machines::of(attributes)?;
    if machines.classes.len() != labels.len() {
        return Err("it has another number of labels than of classes".into());
    }
    let all_positive = machines.coefficients.iter().all(|value| *value >= 0.0);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (values, rows, columns) = rows_of(inputs.get(0)?)?;
        if columns != machines.width {
            return Err(format!("it takes {} columns, not {columns}", machines.width).into());
        }
        let values = values.wide();
        let mut made = Vec::new();
        let mut chosen = Vec::with_capacity(rows);
        for row in values.chunks_exact(machines.width) {
            let (decisions, votes) = machines.decide(row);
            if !machines.prob_a.is_empty() {
                let mut chances = machines.probabilities(&decisions);
                chosen.push(greatest(&votes));
                transform.apply(&mut chances);
                made.extend(chances);
                continue;
            }
            if let [decision] = decisions.as_slice() {
                // One machine says which of two; its score stands for the first class.
                chosen.push(greatest(&votes));
                let mut pair =
                    if all_positive { [1.0 - decision, *decision] } else { [-decision, *decision] };
                if transform == Transform::Logistic && !all_positive {
                    transform.apply(&mut pair);
                }
                made.extend(pair);
                continue;
            }
            chosen.push(greatest(&votes));
            let mut decisions = decisions;
            transform.apply(&mut decisions);
            made.extend(decisions);
        }
        let width = made.len().checked_div(rows).unwrap_or(0);
        Ok(vec![
            labels.pick(&chosen)?,
            Tensor::matrix(rows, width, single(made)).ok_or("the shapes do not fit")?,
        ])
    }))
}

/// A linear machine: one row of coefficients for each class.
fn without_vectors(
    attributes: Attributes<'_>,
    labels: Labels,
    transform: Transform,
) -> Result<Kernel, Problem> {
    let coefficients = wide(attributes.floats("coefficients"));
    let likeness = Likeness { shape: Shape::Linear, ..Likeness::of(attributes)? };
    let offset = attributes.floats("rho").first().map_or(0.0, |rho| f64::from(*rho));
    let classes = labels.len();
    let width = coefficients.len().checked_div(classes).unwrap_or(0);
    if width == 0 || coefficients.len() != width * classes {
        return Err("its coefficients and labels do not fit together".into());
    }
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (values, rows, columns) = rows_of(inputs.get(0)?)?;
        if columns != width {
            return Err(format!("it takes {width} columns, not {columns}").into());
        }
        let values = values.wide();
        let mut made = Vec::with_capacity(rows * classes);
        let mut chosen = Vec::with_capacity(rows);
        for row in values.chunks_exact(width) {
            let mut scores: Vec<f64> = coefficients
                .chunks_exact(width)
                .map(|weights| likeness.between(row, weights) + offset)
                .collect();
            chosen.push(greatest(&scores));
            transform.apply(&mut scores);
            made.extend(scores);
        }
        Ok(vec![
            labels.pick(&chosen)?,
            Tensor::matrix(rows, classes, single(made)).ok_or("the shapes do not fit")?,
        ])
    }))
}
