//! How much each thing that differs moves a metric, estimated from the other runs.
//!
//! Two ways, the safer first. **Pairs**: runs that differ in the one factor and in nothing else known; the effect is the
//! mean over groups of such runs of (mean with the right value − mean with the left one). **Regression**: ordinary least
//! squares of the metric on all factors that differ, with numbers as they are and words as indicators; the effect is the
//! coefficient times the step from left to right, with its standard error from the usual residual variance
//! (s² (XᵀX)⁻¹). A factor that the runs cannot tell apart from others gets no effect at all.

use std::collections::{BTreeMap, BTreeSet};

/// Values by factor.
pub(super) type Factors = BTreeMap<String, String>;

/// A run as the estimate sees it.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    /// All that is known of what went in.
    pub(super) factors: Factors,
    /// What came out.
    pub(super) metric: f64,
}

/// How an effect was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From runs that differ in this alone.
    Pairs,
    /// From a regression over all factors that differ.
    Regression,
}

/// What going from the left value to the right one does to the metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    /// The change of the metric, in its own unit.
    pub(super) change: f64,
    /// Its standard error; absent with a single pair.
    pub(super) error: Option<f64>,
    /// How many runs tell of it.
    pub(super) runs: usize,
    /// How it was found.
    pub(super) way: Way,
}

/// Words of a factor that get an indicator of their own.
const MOST_LEVELS: usize = 12;
/// Columns of a regression.
const MOST_COLUMNS: usize = 64;
/// Runs that a regression needs beyond its columns.
const SPARE_RUNS: usize = 5;

/// The effect of each factor in which `left` and `right` differ, where the runs tell it.
pub(super) fn effects(left: &Factors, right: &Factors, runs: &[Observed]) -> BTreeMap<String, Effect> {
    let differing = differing(left, right);
    let mut found = BTreeMap::new();
    let mut rest = Vec::new();
    for factor in &differing {
        match from_pairs(factor, left, right, runs) {
            Some(effect) => {
                found.insert((*factor).to_owned(), effect);
            }
            None => rest.push(*factor),
        }
    }
    if !rest.is_empty() {
        let fitted = from_regression(&differing, left, right, runs);
        found.extend(fitted.into_iter().filter(|(factor, _)| rest.contains(&factor.as_str())));
    }
    found
}

/// The factors whose values differ.
pub(super) fn differing<'a>(left: &'a Factors, right: &'a Factors) -> Vec<&'a str> {
    let keys: BTreeSet<&str> = left.keys().chain(right.keys()).map(String::as_str).collect();
    keys.into_iter().filter(|key| left.get(*key) != right.get(*key)).collect()
}

fn from_pairs(factor: &str, left: &Factors, right: &Factors, runs: &[Observed]) -> Option<Effect> {
    let (left, right) = (left.get(factor), right.get(factor));
    let mut groups: BTreeMap<Factors, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for run in runs {
        let value = run.factors.get(factor);
        let mut others = run.factors.clone();
        others.remove(factor);
        if value == left {
            groups.entry(others).or_default().0.push(run.metric);
        } else if value == right {
            groups.entry(others).or_default().1.push(run.metric);
        }
    }
    let whole: Vec<_> = groups.into_values().filter(|(a, b)| !a.is_empty() && !b.is_empty()).collect();
    let changes: Vec<f64> = whole.iter().map(|(a, b)| mean(b) - mean(a)).collect();
    if changes.is_empty() {
        return None;
    }
    let runs = whole.iter().map(|(a, b)| a.len() + b.len()).sum();
    Some(Effect { change: mean(&changes), error: standard_error(&changes), runs, way: Way::Pairs })
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer runs than 2^52")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer runs than 2^52")]
fn standard_error(values: &[f64]) -> Option<f64> {
    let count = values.len();
    if count < 2 {
        return None;
    }
    let middle = mean(values);
    let squares: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    Some((squares / (count - 1) as f64 / count as f64).sqrt())
}

/// The columns that one factor takes in a regression.
enum Columns {
    /// The number itself, and the step from left to right.
    Number { step: f64 },
    /// An indicator for each of these words; the left word is the ground that they are measured from.
    Words { levels: Vec<Option<String>>, right: Option<usize> },
}

fn columns_of(factor: &str, left: &Factors, right: &Factors, runs: &[Observed]) -> Option<Columns> {
    let values: BTreeSet<Option<&String>> = runs.iter().map(|run| run.factors.get(factor)).collect();
    let number = |value: Option<&String>| {
        value.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite())
    };
    let numeric = values.len() > 2 && values.iter().all(|value| number(*value).is_some());
    if let (true, Some(from), Some(to)) = (numeric, number(left.get(factor)), number(right.get(factor))) {
        return Some(Columns::Number { step: to - from });
    }
    let ground = left.get(factor);
    let levels: Vec<Option<String>> =
        values.into_iter().filter(|value| *value != ground).map(Option::<&String>::cloned).collect();
    if levels.len() > MOST_LEVELS {
        return None;
    }
    let wanted = right.get(factor);
    let right = levels.iter().position(|level| level.as_ref() == wanted);
    Some(Columns::Words { levels, right })
}

fn from_regression(
    differing: &[&str],
    left: &Factors,
    right: &Factors,
    runs: &[Observed],
) -> BTreeMap<String, Effect> {
    let mut designed = Vec::new();
    let mut width = 1;
    for factor in differing {
        if let Some(columns) = columns_of(factor, left, right, runs) {
            let begin = width;
            width += match &columns {
                Columns::Number { .. } => 1,
                Columns::Words { levels, .. } => levels.len(),
            };
            designed.push((*factor, begin, columns));
        }
    }
    if width == 1 || width > MOST_COLUMNS || runs.len() < width + SPARE_RUNS {
        return BTreeMap::new();
    }
    let rows: Vec<Vec<f64>> = runs.iter().map(|run| row_of(run, &designed, width)).collect();
    let outcome: Vec<f64> = runs.iter().map(|run| run.metric).collect();
    let Some(fit) = Fit::of(&rows, &outcome, width) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for (factor, begin, columns) in designed {
        let (column, step) = match columns {
            Columns::Number { step } => (begin, step),
            Columns::Words { right: Some(at), .. } => (begin + at, 1.0),
            Columns::Words { right: None, .. } => continue,
        };
        if let Some((coefficient, error)) = fit.of_column(column) {
            let effect = Effect {
                change: coefficient * step,
                error: Some((error * step).abs()),
                runs: runs.len(),
                way: Way::Regression,
            };
            found.insert(factor.to_owned(), effect);
        }
    }
    found
}

fn row_of(run: &Observed, designed: &[(&str, usize, Columns)], width: usize) -> Vec<f64> {
    let mut row = vec![1.0];
    for (factor, _, columns) in designed {
        let value = run.factors.get(*factor);
        match columns {
            Columns::Number { .. } => {
                row.push(value.and_then(|text| text.parse().ok()).unwrap_or_default());
            }
            Columns::Words { levels, .. } => {
                row.extend(levels.iter().map(|level| f64::from(u8::from(level.as_ref() == value))));
            }
        }
    }
    row.resize(width, 0.0);
    row
}

/// A least-squares fit by the normal equations on scaled columns. Columns that others make up are told by their pivot and
/// left out, with those they cannot be told from.
struct Fit {
    coefficients: Vec<Option<(f64, f64)>>,
}

impl Fit {
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer runs than 2^52")]
    fn of(rows: &[Vec<f64>], outcome: &[f64], width: usize) -> Option<Self> {
        let scale: Vec<f64> = (0..width)
            .map(|column| column_of(rows, column).map(|value| value * value).sum::<f64>().sqrt())
            .collect();
        let scaled = |row: &[f64], column: usize| {
            let by = scale.get(column).copied().unwrap_or(1.0);
            if by > 0.0 { row.get(column).copied().unwrap_or(0.0) / by } else { 0.0 }
        };
        let mut normal = vec![vec![0.0; width]; width];
        let mut right = vec![0.0; width];
        for (row, value) in rows.iter().zip(outcome) {
            for (a, line) in normal.iter_mut().enumerate() {
                let x = scaled(row, a);
                for (b, cell) in line.iter_mut().enumerate() {
                    *cell += x * scaled(row, b);
                }
                if let Some(cell) = right.get_mut(a) {
                    *cell += x * value;
                }
            }
        }
        let inverse = invert(normal)?;
        let solved: Vec<f64> = inverse.iter().map(|line| dot(line, &right)).collect();
        let residual: f64 = rows
            .iter()
            .zip(outcome)
            .map(|(row, value)| {
                let fitted: f64 =
                    solved.iter().enumerate().map(|(column, weight)| weight * scaled(row, column)).sum();
                (value - fitted).powi(2)
            })
            .sum();
        let variance = residual / (rows.len() - width) as f64;
        let coefficients = solved
            .iter()
            .zip(&inverse)
            .zip(&scale)
            .enumerate()
            .map(|(at, ((weight, line), by))| {
                let spread = line.get(at).copied().unwrap_or(0.0) * variance;
                (*by > 0.0 && spread >= 0.0).then(|| (weight / by, spread.sqrt() / by))
            })
            .collect();
        Some(Self { coefficients })
    }

    fn of_column(&self, column: usize) -> Option<(f64, f64)> {
        self.coefficients.get(column).copied().flatten()
    }
}

fn column_of(rows: &[Vec<f64>], column: usize) -> impl Iterator<Item = f64> {
    rows.iter().map(move |row| row.get(column).copied().unwrap_or(0.0))
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// The inverse by Gauss and Jordan with the greatest pivot; nothing where the columns depend on each other.
fn invert(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    const LEAST_PIVOT: f64 = 1e-9;
    let size = matrix.len();
    for (at, line) in matrix.iter_mut().enumerate() {
        line.extend((0..size).map(|column| f64::from(u8::from(column == at))));
    }
    for at in 0..size {
        let best = (at..size).max_by(|a, b| {
            let of =
                |line: &usize| matrix.get(*line).and_then(|line| line.get(at)).map_or(0.0, |cell| cell.abs());
            of(a).total_cmp(&of(b))
        })?;
        matrix.swap(at, best);
        let mut pivot_line = matrix.get(at)?.clone();
        let pivot = *pivot_line.get(at)?;
        if pivot.abs() < LEAST_PIVOT {
            return None;
        }
        for cell in &mut pivot_line {
            *cell /= pivot;
        }
        for (index, line) in matrix.iter_mut().enumerate() {
            if index == at {
                line.clone_from(&pivot_line);
                continue;
            }
            let factor = *line.get(at)?;
            for (cell, above) in line.iter_mut().zip(&pivot_line) {
                *cell -= factor * above;
            }
        }
    }
    Some(matrix.into_iter().map(|line| line.into_iter().skip(size).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(pairs: &[(&str, &str)]) -> Factors {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn run(pairs: &[(&str, &str)], metric: f64) -> Observed {
        Observed { factors: factors(pairs), metric }
    }

    #[test]
    fn runs_that_differ_in_one_thing_tell_its_effect() {
        let runs = [
            run(&[("rate", "0.1"), ("depth", "3")], 10.0),
            run(&[("rate", "0.2"), ("depth", "3")], 7.0),
            run(&[("rate", "0.1"), ("depth", "4")], 20.0),
            run(&[("rate", "0.2"), ("depth", "4")], 16.0),
        ];
        let left = factors(&[("rate", "0.1"), ("depth", "3")]);
        let right = factors(&[("rate", "0.2"), ("depth", "4")]);
        let found = effects(&left, &right, &runs);
        let rate = found["rate"];
        assert_eq!((rate.change, rate.runs, rate.way), (-3.5, 4, Way::Pairs));
        assert_eq!(rate.error, Some(0.5));
        assert_eq!(found["depth"].change, 9.5);
    }

    #[test]
    fn a_regression_tells_effects_apart_where_no_pair_does() {
        // metric = 2 a - 3 b, with a and b never the same twice.
        let runs: Vec<Observed> = (0..20)
            .map(|at| {
                let (a, b) = (f64::from(at), f64::from((at * at) % 17));
                run(&[("a", &a.to_string()), ("b", &b.to_string())], 2.0 * a - 3.0 * b)
            })
            .collect();
        let found = effects(&factors(&[("a", "1"), ("b", "5")]), &factors(&[("a", "4"), ("b", "1")]), &runs);
        assert!((found["a"].change - 6.0).abs() < 1e-6, "{found:?}");
        assert!((found["b"].change - 12.0).abs() < 1e-6, "{found:?}");
        assert_eq!(found["a"].way, Way::Regression);
    }

    #[test]
    fn what_always_changes_together_is_told_by_neither() {
        let runs: Vec<Observed> = (0..20)
            .map(|at| {
                let at = f64::from(at);
                run(&[("a", &at.to_string()), ("b", &(2.0 * at).to_string())], at)
            })
            .collect();
        let found = effects(&factors(&[("a", "1"), ("b", "2")]), &factors(&[("a", "4"), ("b", "8")]), &runs);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn few_runs_tell_nothing() {
        let runs = [run(&[("a", "1"), ("b", "2")], 1.0), run(&[("a", "2"), ("b", "3")], 2.0)];
        let found = effects(&factors(&[("a", "1"), ("b", "2")]), &factors(&[("a", "2"), ("b", "3")]), &runs);
        assert!(found.is_empty());
    }

    #[test]
    fn a_word_against_another_is_a_difference_of_means() {
        let runs: Vec<Observed> = (0..24)
            .map(|at| {
                let word = ["ridge", "boosting", "forest"][at % 3];
                let seed = at.to_string();
                run(&[("model", word), ("seed", &seed)], if word == "boosting" { 5.0 } else { 9.0 })
            })
            .collect();
        let left = factors(&[("model", "ridge"), ("seed", "0")]);
        let right = factors(&[("model", "boosting"), ("seed", "1")]);
        let found = effects(&left, &right, &runs);
        assert!((found["model"].change + 4.0).abs() < 1e-6, "{found:?}");
        assert!(found["seed"].change.abs() < 1e-6);
    }
}
