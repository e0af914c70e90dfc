//! When an A/B test may end: by a confidence sequence, which holds at every moment one looks.
//!
//! Looking at a usual interval again and again until it excludes zero finds a difference sooner or later where there is
//! none. The sequence here covers the true difference of the means at all times at once with the stated probability
//! (asymptotically: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
//! confidence sequences", Annals of Statistics 52(6), 2024, equation for the Gaussian mixture boundary).

use serde::{Deserialize, Serialize};

use crate::traffic::TestRule;

/// Losses of one side, summed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Side {
    /// How many labels came.
    pub labels: u64,
    /// The mean loss.
    pub mean: f64,
    /// The sum of squared distances from the mean.
    pub squares: f64,
}

impl Side {
    /// Adds one loss (Welford's method).
    #[expect(clippy::cast_precision_loss, reason = "counts of labels are far below 2^52")]
    pub fn add(&mut self, loss: f64) {
        self.labels += 1;
        let distance = loss - self.mean;
        self.mean += distance / self.labels as f64;
        self.squares += distance * (loss - self.mean);
    }

    /// The variance of its mean.
    #[expect(clippy::cast_precision_loss, reason = "counts of labels are far below 2^52")]
    fn variance_of_mean(&self) -> f64 {
        let labels = self.labels as f64;
        self.squares / (labels - 1.0).max(1.0) / labels.max(1.0)
    }
}

/// How a test stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The primary.
    pub primary: Side,
    /// The canary.
    pub canary: Side,
    /// Mean loss of the canary minus that of the primary; less is better.
    pub difference: f64,
    /// Half the width of the confidence sequence; absent before there are enough labels.
    pub margin: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from a test so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes on.
    GoesOn,
    /// The canary is better.
    CanaryBetter,
    /// The primary is better.
    PrimaryBetter,
    /// It ran as long as it may, and nobody is known to be better.
    Undecided,
}

/// Judges both sides after so many days.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of labels are far below 2^52")]
pub fn judge(rule: &TestRule, primary: Side, canary: Side, days: f64) -> Standing {
    let difference = canary.mean - primary.mean;
    let enough = primary.labels.min(canary.labels) >= rule.least_labels.max(2);
    let margin = enough.then(|| {
        let labels = (primary.labels + canary.labels) as f64;
        // The difference as one mean of so many draws: its variance times their number is that of a draw.
        let deviation = (labels * (primary.variance_of_mean() + canary.variance_of_mean())).sqrt();
        deviation * unit_margin(labels, rule.least_labels.max(2) as f64 * 2.0, 1.0 - rule.confidence)
    });
    let verdict = match margin {
        Some(margin) if difference + margin < 0.0 => Verdict::CanaryBetter,
        Some(margin) if difference - margin > 0.0 => Verdict::PrimaryBetter,
        _ if days >= f64::from(rule.most_days) => Verdict::Undecided,
        _ => Verdict::GoesOn,
    };
    Standing { primary, canary, difference, margin, verdict }
}

/// Half the width for draws of deviation 1: `sqrt((2 (n r² + 1) / (n² r²)) · ln(sqrt(n r² + 1) / α))`, with `r` such
/// that it is about narrowest at `tightest` draws.
fn unit_margin(draws: f64, tightest: f64, alpha: f64) -> f64 {
    let spread = (-2.0 * alpha.ln() + (-2.0 * alpha.ln() + 1.0).ln()) / tightest;
    let scaled = draws * spread + 1.0;
    ((2.0 * scaled / (draws * draws * spread)) * (scaled.sqrt() / alpha).ln()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> TestRule {
        TestRule { least_labels: 50, ..TestRule::default() }
    }

    /// Draws between 0 and 1 that look random and are always the same.
    fn draws(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    #[test]
    fn a_side_has_the_mean_and_variance_of_its_losses() {
        let mut side = Side::default();
        for loss in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            side.add(loss);
        }
        assert!((side.mean - 5.0).abs() < 1e-12 && (side.squares - 32.0).abs() < 1e-12);
    }

    #[test]
    fn looking_at_every_label_finds_no_difference_where_there_is_none() {
        let mut wrong = 0;
        for seed in 1..=200 {
            let mut draw = draws(seed);
            let (mut a, mut b) = (Side::default(), Side::default());
            let ended = (0..2_000).any(|_| {
                a.add(draw());
                b.add(draw());
                judge(&rule(), a, b, 0.0).verdict != Verdict::GoesOn
            });
            wrong += usize::from(ended);
        }
        // 5 % of 200 are 10; a usual interval looked at 2,000 times would be wrong in about half.
        assert!(wrong <= 10, "{wrong} of 200");
    }

    #[test]
    fn a_difference_is_found_and_told_which_way() {
        let mut draw = draws(7);
        let (mut worse, mut better) = (Side::default(), Side::default());
        for _ in 0..1_000 {
            worse.add(draw() + 0.3);
            better.add(draw());
        }
        assert_eq!(judge(&rule(), worse, better, 0.0).verdict, Verdict::CanaryBetter);
        assert_eq!(judge(&rule(), better, worse, 0.0).verdict, Verdict::PrimaryBetter);
    }

    #[test]
    fn a_test_without_labels_ends_undecided() {
        let empty = Side::default();
        assert_eq!(judge(&rule(), empty, empty, 29.0).verdict, Verdict::GoesOn);
        assert_eq!(judge(&rule(), empty, empty, 30.0).verdict, Verdict::Undecided);
    }
}
