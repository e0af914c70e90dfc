//! How good predictions probably are before the truth is known.
//!
//! Both ways learn from rows whose truth has come and speak about rows whose truth has not. They hold as long as inputs
//! change and what they mean does not: a new relation between inputs and truth is invisible to them. Show their
//! record beside them.

use crate::moments::Moments;

/// Probabilities made honest: what share of rows with such a score turned out to be true.
///
/// Isotonic regression by pooling adjacent violators, linear between the pooled points.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    scores: Vec<f64>,
    shares: Vec<f64>,
}

impl Calibration {
    /// Learns from scores and what came true; `None` without rows.
    #[must_use]
    pub fn learn(scores: &[f64], truth: &[bool]) -> Option<Self> {
        let mut pairs: Vec<(f64, f64)> = scores
            .iter()
            .zip(truth)
            .filter(|(score, _)| score.is_finite())
            .map(|(score, truth)| (*score, f64::from(u8::from(*truth))))
            .collect();
        pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
        // Blocks of (sum of scores, sum of truths, rows); equal scores are one block from the start.
        let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
        let mut last = f64::NAN;
        for (score, truth) in pairs {
            match blocks.last_mut() {
                Some(block) if score == last => {
                    block.0 += score;
                    block.1 += truth;
                    block.2 += 1.0;
                }
                _ => blocks.push((score, truth, 1.0)),
            }
            last = score;
        }
        let mut pooled: Vec<(f64, f64, f64)> = Vec::new();
        for block in blocks {
            pooled.push(block);
            while let [.., left, right] = pooled.as_slice() {
                if left.1 / left.2 <= right.1 / right.2 {
                    break;
                }
                let joined = (left.0 + right.0, left.1 + right.1, left.2 + right.2);
                pooled.truncate(pooled.len() - 2);
                pooled.push(joined);
            }
        }
        if pooled.is_empty() {
            return None;
        }
        let scores = pooled.iter().map(|block| block.0 / block.2).collect();
        let shares = pooled.iter().map(|block| block.1 / block.2).collect();
        Some(Self { scores, shares })
    }

    /// The probability behind a score.
    #[must_use]
    pub fn probability(&self, score: f64) -> f64 {
        let at = self.scores.partition_point(|own| *own < score);
        let point = |at: usize| Some((*self.scores.get(at)?, *self.shares.get(at)?));
        match (at.checked_sub(1).and_then(point), point(at)) {
            (Some((low, from)), Some((high, to))) if high > low => {
                from + (to - from) * (score - low) / (high - low)
            }
            (_, Some((_, share))) | (Some((_, share)), None) => share,
            (None, None) => 0.5,
        }
    }
}

/// Figures of a classifier of two classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryMetrics {
    /// Share of rows that are right.
    pub accuracy: f64,
    /// Share of those called true that are.
    pub precision: Option<f64>,
    /// Share of the true ones that are called so.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
    /// Area under the receiver operating curve; absent with one class only.
    pub roc_auc: Option<f64>,
}

impl BinaryMetrics {
    /// The figure of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        match name {
            "accuracy" => Some(self.accuracy),
            "precision" => self.precision,
            "recall" => self.recall,
            "f1" => self.f1,
            "roc_auc" => self.roc_auc,
            _ => None,
        }
    }
}

/// Figures from scores and known truth, called true from `threshold` on; `None` without rows.
#[must_use]
pub fn binary_metrics(scores: &[f64], truth: &[bool], threshold: f64) -> Option<BinaryMetrics> {
    let chances: Vec<f64> = truth.iter().map(|truth| f64::from(u8::from(*truth))).collect();
    expected_metrics(scores, &chances, threshold)
}

/// What the figures will be on average when row `i` is true with probability `chances[i]` (CBPE: confidence-based
/// performance estimation). Ratios are those of the expected counts; the area counts each row twice, as true with its
/// chance and as false with the rest.
#[must_use]
pub fn expected_metrics(scores: &[f64], chances: &[f64], threshold: f64) -> Option<BinaryMetrics> {
    let rows = scores.len().min(chances.len());
    if rows == 0 {
        return None;
    }
    let (mut hit, mut false_alarm, mut missed, mut rest) = (0.0, 0.0, 0.0, 0.0);
    for (score, chance) in scores.iter().zip(chances) {
        if *score >= threshold {
            hit += chance;
            false_alarm += 1.0 - chance;
        } else {
            missed += chance;
            rest += 1.0 - chance;
        }
    }
    let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    Some(BinaryMetrics {
        accuracy: (hit + rest) / rows as f64,
        precision: ratio(hit, hit + false_alarm),
        recall: ratio(hit, hit + missed),
        f1: ratio(2.0 * hit, 2.0 * hit + false_alarm + missed),
        roc_auc: weighted_area(scores, chances),
    })
}

fn weighted_area(scores: &[f64], chances: &[f64]) -> Option<f64> {
    let mut rows: Vec<(f64, f64)> = scores.iter().copied().zip(chances.iter().copied()).collect();
    rows.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (mut area, mut below, mut at, mut positive) = (0.0, 0.0, 0, 0.0);
    while let Some((score, _)) = rows.get(at).copied() {
        let (mut true_here, mut false_here) = (0.0, 0.0);
        while let Some((_, chance)) = rows.get(at).filter(|row| row.0 == score) {
            true_here += chance;
            false_here += 1.0 - chance;
            at += 1;
        }
        area += true_here * (below + false_here / 2.0);
        below += false_here;
        positive += true_here;
    }
    (positive > 0.0 && below > 0.0).then(|| area / (positive * below))
}

/// A column that an [`ErrorModel`] learns from.
#[derive(Debug, Clone, Copy)]
pub enum Explains<'a> {
    /// Numbers; a missing one is a level of its own.
    Numbers(&'a [Option<f64>]),
    /// Texts.
    Texts(&'a [Option<String>]),
}

/// How large errors are where: a sum of steps, one column each (gradient boosting with stumps on squared error).
///
/// Learns the absolute error (DLE: direct loss estimation), so that its mean over new rows estimates their mean absolute
/// error.
#[derive(Debug, Clone)]
pub struct ErrorModel {
    base: f64,
    columns: Vec<Coding>,
    effects: Vec<Vec<f64>>,
}

#[derive(Debug, Clone)]
enum Coding {
    Cuts(Vec<f64>),
    Words(Vec<String>),
}

impl Coding {
    fn of(column: Explains<'_>) -> Self {
        match column {
            Explains::Numbers(values) => {
                let ordered = crate::ordered::Ordered::of(values.iter().flatten().copied());
                Self::Cuts(ordered.cuts(16))
            }
            Explains::Texts(values) => {
                let mut levels = crate::levels::Levels::default();
                values.iter().flatten().for_each(|text| levels.add(text));
                Self::Words(levels.top(24).into_iter().map(|top| top.value).collect())
            }
        }
    }

    fn bins(&self) -> usize {
        match self {
            Self::Cuts(cuts) => cuts.len() + 2,
            Self::Words(words) => words.len() + 1,
        }
    }

    fn codes(&self, column: Explains<'_>) -> Vec<usize> {
        match (self, column) {
            (Self::Cuts(cuts), Explains::Numbers(values)) => values
                .iter()
                .map(|value| match value {
                    Some(value) if value.is_finite() => 1 + cuts.partition_point(|cut| cut < value),
                    _ => 0,
                })
                .collect(),
            (Self::Words(words), Explains::Texts(values)) => values
                .iter()
                .map(|value| {
                    let found = value.as_ref().and_then(|value| words.iter().position(|word| word == value));
                    found.map_or(0, |at| at + 1)
                })
                .collect(),
            (_, Explains::Numbers(values)) => vec![0; values.len()],
            (_, Explains::Texts(values)) => vec![0; values.len()],
        }
    }
}

/// Rounds of boosting.
const ROUNDS: usize = 60;
/// How much of each step is taken.
const RATE: f64 = 0.3;
/// Rows that pull a bin's effect towards none.
const PULL: f64 = 20.0;

impl ErrorModel {
    /// Learns from absolute errors; `None` without rows or columns of another length.
    #[must_use]
    pub fn learn(columns: &[Explains<'_>], errors: &[f64]) -> Option<Self> {
        if errors.is_empty() {
            return None;
        }
        let base = Moments::of(errors).mean;
        let codings: Vec<Coding> = columns.iter().map(|column| Coding::of(*column)).collect();
        let codes: Vec<Vec<usize>> =
            codings.iter().zip(columns).map(|(coding, column)| coding.codes(*column)).collect();
        if codes.iter().any(|codes| codes.len() != errors.len()) {
            return None;
        }
        let mut effects: Vec<Vec<f64>> = codings.iter().map(|coding| vec![0.0; coding.bins()]).collect();
        let mut rest: Vec<f64> = errors.iter().map(|error| error - base).collect();
        for _ in 0..ROUNDS {
            let mut best: Option<(f64, usize, Vec<f64>)> = None;
            for (column, (codes, effect)) in codes.iter().zip(&effects).enumerate() {
                let mut sums = vec![(0.0, 0.0); effect.len()];
                for (code, rest) in codes.iter().zip(&rest) {
                    if let Some(sum) = sums.get_mut(*code) {
                        sum.0 += rest;
                        sum.1 += 1.0;
                    }
                }
                let steps: Vec<f64> = sums.iter().map(|(sum, rows)| RATE * sum / (rows + PULL)).collect();
                let gain: f64 = sums.iter().map(|(sum, rows)| sum * sum / (rows + PULL)).sum();
                if best.as_ref().is_none_or(|(most, ..)| gain > *most) {
                    best = Some((gain, column, steps));
                }
            }
            let Some((_, column, steps)) = best else { break };
            let (Some(codes), Some(effect)) = (codes.get(column), effects.get_mut(column)) else { break };
            for (own, step) in effect.iter_mut().zip(&steps) {
                *own += step;
            }
            for (rest, code) in rest.iter_mut().zip(codes) {
                *rest -= steps.get(*code).copied().unwrap_or_default();
            }
        }
        Some(Self { base, columns: codings, effects })
    }

    /// The expected absolute error of each row; the columns in the order in which it learned.
    #[must_use]
    pub fn expected(&self, columns: &[Explains<'_>], rows: usize) -> Vec<f64> {
        let mut expected = vec![self.base; rows];
        for ((coding, effect), column) in self.columns.iter().zip(&self.effects).zip(columns) {
            for (sum, code) in expected.iter_mut().zip(coding.codes(*column)) {
                *sum += effect.get(code).copied().unwrap_or_default();
            }
        }
        expected.iter_mut().for_each(|error| *error = error.max(0.0));
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number of 0 to 1 that looks drawn (the finaliser of splitmix64).
    fn noise(row: u64) -> f64 {
        let mut mixed = row.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[test]
    fn calibration_is_monotone_and_pools_what_is_not() {
        let calibration = Calibration::learn(&[0.1, 0.2, 0.3, 0.4], &[false, true, false, true]).unwrap();
        assert_eq!(calibration.probability(0.0), 0.0);
        assert!((calibration.probability(0.25) - 0.5).abs() < 1e-12);
        assert_eq!(calibration.probability(0.9), 1.0);
        assert!(Calibration::learn(&[], &[]).is_none());
    }

    #[test]
    fn expected_figures_meet_the_true_ones_when_chances_are_honest() {
        let rows = 40_000_u64;
        let scores: Vec<f64> = (0..rows).map(noise).collect();
        let chances: Vec<f64> = scores.iter().map(|score| score * score).collect();
        let truth: Vec<bool> =
            chances.iter().enumerate().map(|(row, chance)| noise(row as u64 + 1_000_000) < *chance).collect();
        let calibration = Calibration::learn(&scores[..20_000], &truth[..20_000]).unwrap();
        let honest: Vec<f64> = scores[20_000..].iter().map(|score| calibration.probability(*score)).collect();
        let expected = expected_metrics(&scores[20_000..], &honest, 0.5).unwrap();
        let real = binary_metrics(&scores[20_000..], &truth[20_000..], 0.5).unwrap();
        for name in ["accuracy", "precision", "recall", "f1", "roc_auc"] {
            let (one, other) = (expected.get(name).unwrap(), real.get(name).unwrap());
            assert!((one - other).abs() < 0.02, "{name}: {one} expected, {other} came");
        }
        assert_eq!(binary_metrics(&[0.1, 0.9], &[true, true], 0.5).unwrap().roc_auc, None);
    }

    #[test]
    fn the_area_is_that_of_sklearn() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4];
        let found = binary_metrics(&scores, &[false, false, true, true, true], 0.5).unwrap();
        // roc_auc_score([0, 0, 1, 1, 1], scores)
        assert!((found.roc_auc.unwrap() - 0.75).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn errors_are_foreseen_where_inputs_move_to_where_they_are_large() {
        let column = |from: u64, rows: u64, high: f64| -> Vec<Option<f64>> {
            (from..from + rows)
                .map(|row| Some(if noise(row) < high { 8.0 } else { 2.0 } + noise(row + 400_000)))
                .collect()
        };
        let error_of = |values: &[Option<f64>]| -> Vec<f64> {
            values
                .iter()
                .enumerate()
                .map(|(row, value)| value.unwrap_or_default() * 2.0 * noise(row as u64 + 900_000))
                .collect()
        };
        let seen = column(0, 5_000, 0.2);
        let model = ErrorModel::learn(&[Explains::Numbers(&seen)], &error_of(&seen)).unwrap();
        let moved = column(50_000, 5_000, 0.8);
        let expected = Moments::of(&model.expected(&[Explains::Numbers(&moved)], moved.len())).mean;
        let real = Moments::of(&error_of(&moved)).mean;
        assert!((expected / real - 1.0).abs() < 0.06, "{expected} {real}");
    }
}
