//! How good probabilities of one of two classes are.

/// Bins of the expected calibration error.
pub const CALIBRATION_BINS: usize = 10;

/// Mean squared difference of probability and outcome (`brier_score_loss`); `None` without rows.
#[must_use]
pub fn brier(scores: &[f64], truth: &[bool]) -> Option<f64> {
    mean(scores.iter().zip(truth).map(|(score, truth)| (score - outcome(*truth)).powi(2)))
}

/// Mean negative logarithm of the probability of what came true (`log_loss`), probabilities kept within the machine's
/// precision of 0 and 1; `None` without rows.
#[must_use]
pub fn log_loss(scores: &[f64], truth: &[bool]) -> Option<f64> {
    mean(scores.iter().zip(truth).map(|(score, truth)| {
        let kept = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        if *truth { -kept.ln() } else { -(1.0 - kept).ln() }
    }))
}

/// Area under the steps of precision over recall (`average_precision_score`); `None` when nothing is true.
#[must_use]
pub fn average_precision(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let positives = truth.iter().take(scores.len()).filter(|truth| **truth).count() as f64;
    if positives == 0.0 {
        return None;
    }
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(truth.iter().copied()).collect();
    order.sort_by(|left, right| right.0.total_cmp(&left.0));
    let (mut hits, mut seen, mut area, mut recall) = (0.0, 0.0, 0.0, 0.0);
    for (place, (score, truth)) in order.iter().enumerate() {
        seen += 1.0;
        hits += outcome(*truth);
        // Equal scores are one threshold.
        if order.get(place + 1).is_none_or(|(next, _)| next != score) {
            let now = hits / positives;
            area += (now - recall) * hits / seen;
            recall = now;
        }
    }
    Some(area)
}

/// Expected calibration error: over ten bins of equal width (the last one closed) the difference of mean probability
/// and share of true rows, weighted by rows (Naeini, Cooper, Hauskrecht 2015). `None` without rows, or when a score is
/// no probability.
#[must_use]
pub fn expected_calibration_error(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let mut bins = [(0.0_f64, 0.0_f64, 0.0_f64); CALIBRATION_BINS];
    let mut rows = 0.0;
    for (score, truth) in scores.iter().zip(truth) {
        if !(0.0..=1.0).contains(score) {
            return None;
        }
        let place = ((score * CALIBRATION_BINS as f64) as usize).min(CALIBRATION_BINS - 1);
        if let Some(bin) = bins.get_mut(place) {
            bin.0 += score;
            bin.1 += outcome(*truth);
            bin.2 += 1.0;
        }
        rows += 1.0;
    }
    (rows > 0.0).then(|| bins.iter().map(|(scores, trues, _)| (scores - trues).abs()).sum::<f64>() / rows)
}

fn outcome(truth: bool) -> f64 {
    f64::from(u8::from(truth))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut rows) = (0.0, 0.0);
    for value in values {
        sum += value;
        rows += 1.0;
    }
    (rows > 0.0).then_some(sum / rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f64; 5] = [0.1, 0.4, 0.35, 0.8, 0.8];
    const TRUTH: [bool; 5] = [false, false, true, true, false];

    fn near(found: Option<f64>, expected: f64) {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} is not {expected}");
    }

    #[test]
    fn figures_are_those_of_scikit_learn() {
        // sklearn.metrics of 1.9.1 on the same five rows.
        near(brier(&SCORES, &TRUTH), 0.254_5);
        near(log_loss(&SCORES, &TRUTH), 0.699_717_945_534_161_1);
        near(average_precision(&SCORES, &TRUTH), 0.5);
        assert_eq!(average_precision(&SCORES, &[false; 5]), None);
    }

    #[test]
    fn calibration_weighs_bins_by_rows() {
        // Bins: {0.1}, {0.35}, {0.4}, {0.8, 0.8}: |0.1| + |0.35 - 1| + |0.4| + |1.6 - 1|, over five rows.
        near(expected_calibration_error(&SCORES, &TRUTH), (0.1 + 0.65 + 0.4 + 0.6) / 5.0);
        near(expected_calibration_error(&[1.0, 0.0], &[true, false]), 0.0);
        assert_eq!(expected_calibration_error(&[1.2], &[true]), None);
        assert_eq!(expected_calibration_error(&[], &[]), None);
    }
}
