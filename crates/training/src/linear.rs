//! Ridge regression: standardised numbers, a weight a word, holes as a feature of their own.

use std::collections::BTreeMap;

use inference::{Body, FORMAT, Importance, Input, ModelFile, Term, Trained, round_short};

use crate::categories::{codes, vocabulary};
use crate::params::Params;
use crate::{Error, Param, Progress, Task, Trainer};

/// Least squares with a penalty on large weights, solved exactly.
///
/// A missing number counts as the mean, and that it is missing has a weight of its own. So has
/// each of the most frequent words of a category, and a missing word. The penalty falls on all
/// weights but the intercept.
#[derive(Debug)]
pub(crate) struct Linear;

const PARAMS: &[Param] = &[
    Param { name: "l2", meaning: "the penalty on squared weights (default 1)" },
    Param {
        name: "max_words",
        meaning: "how many words of a category get a weight of their own, the most frequent first (default 50)",
    },
];

/// The most weights that are solved for: the work grows with their cube.
const MOST_WEIGHTS: usize = 2_000;

/// What one input puts into the rows, and at which places of the weight vector.
enum Columns {
    /// A standardised value at `at`, a mark for a hole at `hole`.
    Number { mean: f64, scale: f64, at: usize, hole: Option<usize> },
    /// A mark at `at` + code for each word, a mark for a hole at `hole`.
    Category { codes: Vec<usize>, words: Vec<String>, at: usize, hole: Option<usize> },
}

impl Trainer for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn train(&self, task: &Task<'_>, progress: &mut dyn Progress) -> Result<ModelFile, Error> {
        let mut params = Params::new(self.name(), PARAMS, task.params)?;
        let l2 = params.number("l2", 1.0, 1e-9..=1e12)?;
        let max_words = params.count("max_words", 50, 1..=1_000)?;

        let (columns, width) = lay_out(task, max_words);
        if width > MOST_WEIGHTS {
            return Err(Error::BadParam {
                trainer: self.name(),
                name: "max_words",
                expected: format!("small enough for {MOST_WEIGHTS} weights in all ({width} are asked for)"),
                found: max_words.to_string(),
            });
        }
        let mut sums = Sums::new(width);
        let mut cells = Vec::new();
        for (row, target) in task.target.iter().enumerate() {
            cells.clear();
            for (column, input) in columns.iter().zip(task.batch.inputs()) {
                column.cells(input, row, &mut cells);
            }
            sums.add(&cells, *target);
        }
        progress.progress(0.6);
        let solution = sums.solve(l2);
        progress.progress(0.9);
        Ok(self.model(task, &columns, &solution, params))
    }
}

impl Linear {
    fn model(
        &self,
        task: &Task<'_>,
        columns: &[Columns],
        solution: &Solution,
        params: Params<'_>,
    ) -> ModelFile {
        let weight = |place: usize| solution.weights.get(place).copied().unwrap_or_default();
        let mean = |place: usize| solution.means.get(place).copied().unwrap_or_default();
        let mut vocabularies = BTreeMap::new();
        let mut terms = Vec::new();
        let mut importance = Vec::new();
        for (column, field) in columns.iter().zip(&task.signature.inputs) {
            let name = field.name.clone();
            match column {
                Columns::Number { mean, scale, at, hole } => {
                    importance.push(Importance { feature: name.clone(), gain: weight(*at).abs() });
                    terms.push(Term::Number {
                        input: name,
                        mean: *mean,
                        scale: *scale,
                        weight: round_short(weight(*at)),
                        missing_weight: round_short(hole.map_or(0.0, weight)),
                    });
                }
                Columns::Category { codes, words, at, hole } => {
                    let places = *at..*at + words.len();
                    let usual: f64 = places.clone().map(|place| weight(place) * mean(place)).sum();
                    let spread: f64 =
                        places.clone().map(|place| mean(place) * (weight(place) - usual).powi(2)).sum();
                    importance.push(Importance { feature: name.clone(), gain: spread.sqrt() });
                    // Rare words of the training rows had no mark; without any, a new word is usual.
                    let rare = codes.contains(&words.len());
                    terms.push(Term::Category {
                        input: name.clone(),
                        weights: places.map(|place| round_short(weight(place))).collect(),
                        unknown_weight: if rare { 0.0 } else { round_short(usual) },
                        missing_weight: round_short(hole.map_or(usual, weight)),
                    });
                    vocabularies.insert(name, words.clone());
                }
            }
        }
        let total: f64 = importance.iter().map(|entry| entry.gain).sum();
        for entry in &mut importance {
            entry.gain = round_short(if total > 0.0 { entry.gain / total } else { 0.0 });
        }
        importance.sort_by(|left, right| right.gain.total_cmp(&left.gain));
        ModelFile {
            format: FORMAT,
            signature: task.signature.clone(),
            vocabularies,
            body: Body::Linear { intercept: round_short(solution.intercept), terms },
            trained: Trained { params: params.into_used(), importance, ..Trained::default() },
        }
    }
}

fn lay_out(task: &Task<'_>, max_words: usize) -> (Vec<Columns>, usize) {
    let mut width = 0;
    let mut next = |count: usize| {
        width += count;
        width - count
    };
    let columns = task.batch.inputs().iter().map(|input| match input {
        Input::Numbers(values) => {
            let (mean, scale) = mean_and_scale(values);
            let holes = values.iter().any(|value| value.is_nan());
            Columns::Number { mean, scale, at: next(1), hole: holes.then(|| next(1)) }
        }
        Input::Words(values) => {
            let words = vocabulary(values, max_words);
            let codes = codes(values, &words);
            let holes = values.iter().any(Option::is_none);
            let at = next(words.len());
            Columns::Category { codes, words, at, hole: holes.then(|| next(1)) }
        }
    });
    let columns = columns.collect();
    (columns, width)
}

/// Both rounded, so that training sees what the file says. A constant has scale 1.
fn mean_and_scale(values: &[f64]) -> (f64, f64) {
    let known = || values.iter().filter(|value| !value.is_nan());
    let count = known().count().max(1) as f64;
    let mean = round_short(known().sum::<f64>() / count);
    let scale = round_short((known().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt());
    (mean, if scale > 0.0 { scale } else { 1.0 })
}

impl Columns {
    /// Appends the places and values that one row has in this input, all others being zero.
    fn cells(&self, input: &Input, row: usize, cells: &mut Vec<(usize, f64)>) {
        match (self, input) {
            (Self::Number { mean, scale, at, hole }, Input::Numbers(values)) => {
                let value = values.get(row).copied().unwrap_or(f64::NAN);
                if !value.is_nan() {
                    cells.push((*at, (value - mean) / scale));
                } else if let Some(hole) = hole {
                    cells.push((*hole, 1.0));
                }
            }
            (Self::Category { codes, words, at, hole }, _) => {
                let code = codes.get(row).copied().unwrap_or(words.len());
                if code < words.len() {
                    cells.push((*at + code, 1.0));
                } else if let (true, Some(hole)) = (code > words.len(), hole) {
                    cells.push((*hole, 1.0));
                }
            }
            (Self::Number { .. }, Input::Words(_)) => {}
        }
    }
}

/// Sums over rows, of which the normal equations are made.
struct Sums {
    width: usize,
    rows: f64,
    target: f64,
    columns: Vec<f64>,
    /// The lower triangle is used, row by row.
    squares: Vec<f64>,
    products: Vec<f64>,
}

struct Solution {
    intercept: f64,
    weights: Vec<f64>,
    means: Vec<f64>,
}

impl Sums {
    fn new(width: usize) -> Self {
        let (columns, products) = (vec![0.0; width], vec![0.0; width]);
        Self { width, rows: 0.0, target: 0.0, columns, squares: vec![0.0; width * width], products }
    }

    fn add(&mut self, cells: &[(usize, f64)], target: f64) {
        self.rows += 1.0;
        self.target += target;
        for (index, (place, value)) in cells.iter().enumerate() {
            if let Some(sum) = self.columns.get_mut(*place) {
                *sum += value;
            }
            if let Some(sum) = self.products.get_mut(*place) {
                *sum += value * target;
            }
            // Places ascend within a row, so these lie in the lower triangle.
            for (earlier, other) in cells.iter().take(index + 1) {
                if let Some(sum) = self.squares.get_mut(place * self.width + earlier) {
                    *sum += value * other;
                }
            }
        }
    }

    /// Solves for the weights around the means, and from them for the intercept.
    fn solve(mut self, l2: f64) -> Solution {
        let rows = self.rows.max(1.0);
        let means: Vec<f64> = self.columns.iter().map(|sum| sum / rows).collect();
        let target_mean = self.target / rows;
        for (row, (line, mean)) in self.squares.chunks_exact_mut(self.width.max(1)).zip(&means).enumerate() {
            for (cell, other) in line.iter_mut().zip(&means) {
                *cell -= rows * mean * other;
            }
            if let Some(diagonal) = line.get_mut(row) {
                *diagonal += l2;
            }
        }
        let sides: Vec<f64> = self
            .products
            .iter()
            .zip(&means)
            .map(|(product, mean)| product - rows * mean * target_mean)
            .collect();
        let weights = solve_positive(self.squares, sides, self.width);
        let shift: f64 = weights.iter().zip(&means).map(|(weight, mean)| weight * mean).sum();
        Solution { intercept: target_mean - shift, weights, means }
    }
}

/// Solves `matrix * x = sides` for a positive definite matrix (lower triangle, row by row) by
/// Cholesky's way. A pivot that rounding has made too small leaves its weight at zero.
fn solve_positive(mut matrix: Vec<f64>, mut sides: Vec<f64>, width: usize) -> Vec<f64> {
    let largest = (0..width).filter_map(|row| matrix.get(row * width + row)).fold(0.0f64, |a, b| a.max(*b));
    for row in 0..width {
        let (above, rest) = matrix.split_at_mut(row * width);
        let Some(line) = rest.get_mut(..width) else { break };
        for column in 0..row {
            let Some(other) = above.get(column * width..column * width + column + 1) else { break };
            let Some(known) = line.get(..column) else { break };
            let sum: f64 = known.iter().zip(other).map(|(left, right)| left * right).sum();
            let pivot = other.last().copied().unwrap_or(1.0);
            if let Some(cell) = line.get_mut(column) {
                *cell = if pivot.is_finite() { (*cell - sum) / pivot } else { 0.0 };
            }
        }
        let sum: f64 = line.iter().take(row).map(|cell| cell * cell).sum();
        if let Some(diagonal) = line.get_mut(row) {
            let left = *diagonal - sum;
            *diagonal = if left > largest * 1e-13 { left.sqrt() } else { f64::INFINITY };
        }
    }
    let line = |row: usize| matrix.get(row * width..row * width + row + 1).unwrap_or_default();
    let mut solution: Vec<f64> = Vec::with_capacity(width);
    for (row, side) in sides.iter().enumerate() {
        let sum: f64 = line(row).iter().zip(&solution).map(|(cell, value)| cell * value).sum();
        solution.push((side - sum) / line(row).last().copied().unwrap_or(f64::INFINITY));
    }
    sides.copy_from_slice(&solution);
    for row in (0..width).rev() {
        let (before, after) = sides.split_at_mut(row);
        let Some(value) = after.first_mut() else { break };
        *value /= line(row).last().copied().unwrap_or(f64::INFINITY);
        for (side, cell) in before.iter_mut().zip(line(row)) {
            *side -= cell * *value;
        }
    }
    sides
}

#[cfg(test)]
mod tests {
    use inference::{Batch, Field, Signature, engine_of};
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::{Silent, train};

    fn learn(
        signature: &Signature,
        columns: Vec<(&str, Input)>,
        target: &[f64],
        params: &Map<String, serde_json::Value>,
    ) -> (ModelFile, Vec<f64>) {
        let columns = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
        let batch = Batch::from_columns(signature, columns).unwrap();
        let task = Task { signature, batch: &batch, target, params, seed: 0 };
        let model = train("linear", &task, &mut Silent).unwrap();
        let predictions = engine_of(&model).unwrap().predict(&batch).unwrap();
        (model, predictions)
    }

    #[test]
    fn a_straight_line_with_words_and_holes_is_found() {
        let signature = Signature {
            inputs: vec![Field::number("x"), Field::number("constant"), Field::category("word")],
            output: Field::number("y"),
        };
        let mut state = 1u64;
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / 2f64.powi(31)
        };
        let (mut x, mut words, mut y) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..500 {
            let value = 10.0 * chance();
            let hole = row % 7 == 0;
            let word = ["a", "b", ""][row % 3];
            x.push(if hole { f64::NAN } else { value });
            words.push((!word.is_empty()).then(|| word.to_owned()));
            let line = if hole { 40.0 } else { 3.0 * value };
            y.push(
                line + if word == "a" {
                    5.0
                } else if word == "b" {
                    -5.0
                } else {
                    1.0
                },
            );
        }
        let columns = vec![
            ("x", Input::Numbers(x)),
            ("constant", Input::Numbers(vec![4.0; 500])),
            ("word", Input::Words(words)),
        ];
        let params = json!({"l2": 1e-6}).as_object().unwrap().clone();
        let (model, predictions) = learn(&signature, columns, &y, &params);
        for (found, expected) in predictions.iter().zip(&y) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
        assert_eq!(model.trained.importance[0].feature, "x");
    }

    proptest! {
        #[test]
        fn rows_of_any_sort_give_a_finite_model(
            rows in proptest::collection::vec((prop_oneof![Just(f64::NAN), Just(0.0), -1e9f64..1e9], 0usize..4, -1e6f64..1e6), 2..40),
        ) {
            let signature = Signature {
                inputs: vec![Field::number("x"), Field::number("again"), Field::category("word")],
                output: Field::number("y"),
            };
            let x = Input::Numbers(rows.iter().map(|row| row.0).collect());
            let words = rows.iter().map(|row| ["a", "b", "c"].get(row.1).map(|word| (*word).to_owned())).collect();
            let columns = vec![("x", x.clone()), ("again", x), ("word", Input::Words(words))];
            let target: Vec<f64> = rows.iter().map(|row| row.2).collect();
            let (_, predictions) = learn(&signature, columns, &target, &Map::new());
            prop_assert!(predictions.iter().all(|prediction| prediction.is_finite()));
        }
    }
}
