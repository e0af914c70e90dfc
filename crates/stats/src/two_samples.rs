//! Tests between two samples that need more than counts: Kolmogorov-Smirnov, Wasserstein, energy, Cramér-von Mises,
//! Mann-Whitney, Welch, and the test of two proportions.

use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

use crate::kolmogorov::two_sided_tail;
use crate::moments::Moments;
use crate::ordered::Ordered;
use crate::sample::KolmogorovSmirnov;

/// A statistic and the probability of one at least as extreme when nothing changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The statistic.
    pub statistic: f64,
    /// Its p-value.
    pub p_value: f64,
}

/// What the order of two samples tells, in one pass over both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderTests {
    /// Two-sample Kolmogorov-Smirnov, p as `scipy.stats.ks_2samp(method="asymp")`.
    pub kolmogorov_smirnov: KolmogorovSmirnov,
    /// Wasserstein-1, as `scipy.stats.wasserstein_distance`.
    pub wasserstein: f64,
    /// Energy distance, as `scipy.stats.energy_distance`.
    pub energy: f64,
    /// Two-sample Cramér-von Mises with midranks, as `scipy.stats.cramervonmises_2samp(method="asymptotic")`.
    pub cramer_von_mises: Tested,
    /// Mann-Whitney U of the reference, ties and continuity corrected, two-sided, as
    /// `scipy.stats.mannwhitneyu(method="asymptotic")`.
    pub mann_whitney: Tested,
}

/// Compares two samples by their order; `None` when a side is empty.
#[must_use]
pub fn order_tests(reference: &Ordered, current: &Ordered) -> Option<OrderTests> {
    let (n, m) = (reference.count(), current.count());
    if n == 0 || m == 0 {
        return None;
    }
    let (n_real, m_real) = (n as f64, m as f64);
    let (mut greatest, mut wasserstein, mut energy) = (0.0_f64, 0.0, 0.0);
    let (mut of_reference, mut of_current) = (0_i128, 0_i128);
    let (mut twice_rank_sum, mut ties) = (0_i128, 0.0);
    let (mut before, mut last): ((u64, u64), Option<(f64, f64)>) = ((0, 0), None);
    for step in reference.steps(current) {
        if let Some((value, difference)) = last {
            wasserstein += difference * (step.value - value);
            energy += difference * difference * (step.value - value);
        }
        let difference = (step.reference as f64 / n_real - step.current as f64 / m_real).abs();
        greatest = greatest.max(difference);
        last = Some((step.value, difference));
        let (w, v) = (step.reference - before.0, step.current - before.1);
        let both = w + v;
        // Twice the midrank of this value among all pooled ones.
        let twice_rank = i128::from(2 * (before.0 + before.1) + both + 1);
        of_reference += squares(twice_rank, before.0, w);
        of_current += squares(twice_rank, before.1, v);
        twice_rank_sum += twice_rank * i128::from(w);
        if both > 1 {
            let t = both as f64;
            ties += t * (t * t - 1.0);
        }
        before = (step.reference, step.current);
    }
    let effective = (n_real * m_real / (n_real + m_real)).round_ties_even().max(1.0);
    let four_u = i128::from(n) * of_reference + i128::from(m) * of_current;
    Some(OrderTests {
        kolmogorov_smirnov: KolmogorovSmirnov {
            statistic: greatest,
            p_value: two_sided_tail(effective, greatest),
        },
        wasserstein,
        energy: (2.0 * energy).sqrt(),
        cramer_von_mises: cramer_von_mises(n, m, four_u),
        mann_whitney: mann_whitney(n, m, twice_rank_sum, ties),
    })
}

/// Sum over `i` in `before + 1 ..= before + rows` of `(twice_rank - 2 i)^2`.
fn squares(twice_rank: i128, before: u64, rows: u64) -> i128 {
    let (w, a) = (i128::from(rows), twice_rank - 2 * i128::from(before));
    w * a * a - 2 * a * w * (w + 1) + 2 * w * (w + 1) * (2 * w + 1) / 3
}

/// Anderson (1962), the limit distribution by Anderson and Darling (1952).
fn cramer_von_mises(n: u64, m: u64, four_u: i128) -> Tested {
    let (nx, ny) = (n as f64, m as f64);
    let (k, all) = (nx * ny, nx + ny);
    let product = i128::from(n) * i128::from(m);
    // T = u / (n m N) - (4 n m - 1) / (6 N), as one exact fraction.
    let numerator = 3 * four_u - 2 * product * (4 * product - 1);
    let statistic = numerator as f64 / (12.0 * k * all);
    let expected = (1.0 + 1.0 / all) / 6.0;
    let variance =
        (all + 1.0) * (4.0 * k * all - 3.0 * (nx * nx + ny * ny) - 2.0 * k) / (45.0 * all * all * 4.0 * k);
    let standard = 1.0 / 6.0 + (statistic - expected) / (45.0 * variance).sqrt();
    let p_value =
        if standard < 0.003 { 1.0 } else { (1.0 - cramer_von_mises_share(standard)).clamp(0.0, 1.0) };
    Tested { statistic, p_value }
}

fn cramer_von_mises_share(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in 0..200_u32 {
        let k = f64::from(k);
        let y = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let factor =
            (ln_gamma(k + 0.5) - ln_gamma(k + 1.0)).exp() / (std::f64::consts::PI.powf(1.5) * x.sqrt());
        let term = factor * y.sqrt() * bessel_times_exp(q);
        sum += term;
        if term.abs() < 1e-16 {
            break;
        }
    }
    sum
}

/// `exp(-q) K(q)` of the modified Bessel function of order 1/4, by the trapezoid rule on its integral.
fn bessel_times_exp(q: f64) -> f64 {
    let step = 0.02;
    let mut sum = 0.5 * (-2.0 * q).exp();
    for i in 1..2_000_u32 {
        let t = f64::from(i) * step;
        let term = (-q * (t.cosh() + 1.0)).exp() * (0.25 * t).cosh();
        sum += term;
        if term < sum * 1e-18 {
            break;
        }
    }
    sum * step
}

fn mann_whitney(n: u64, m: u64, twice_rank_sum: i128, ties: f64) -> Tested {
    let (nx, ny) = (n as f64, m as f64);
    let all = nx + ny;
    let twice_u = twice_rank_sum - i128::from(n) * i128::from(n + 1);
    let statistic = twice_u as f64 / 2.0;
    let greater = statistic.max(nx * ny - statistic);
    let deviation = (nx * ny / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)))).sqrt();
    let p_value = if deviation > 0.0 {
        (2.0 * normal_tail((greater - nx * ny / 2.0 - 0.5) / deviation)).clamp(0.0, 1.0)
    } else {
        1.0
    };
    Tested { statistic, p_value }
}

/// Probability that a standard normal value exceeds `z`.
fn normal_tail(z: f64) -> f64 {
    0.5 * erfc(z / std::f64::consts::SQRT_2)
}

/// Welch's t-test, two-sided, as `scipy.stats.ttest_ind(equal_var=False)`; `None` with fewer than two values on a side
/// or when neither side varies.
#[must_use]
pub fn welch(reference: &Moments, current: &Moments) -> Option<Tested> {
    let (n, m) = (reference.count as f64, current.count as f64);
    let (a, b) = (reference.sample_deviation()?.powi(2) / n, current.sample_deviation()?.powi(2) / m);
    if a + b <= 0.0 {
        return None;
    }
    let statistic = (reference.mean - current.mean) / (a + b).sqrt();
    let freedom = (a + b).powi(2) / (a * a / (n - 1.0) + b * b / (m - 1.0));
    let p_value = checked_beta_reg(freedom / 2.0, 0.5, freedom / (freedom + statistic * statistic)).ok()?;
    Some(Tested { statistic, p_value })
}

/// Whether two shares differ: `z = (p1 - p2) / sqrt(P (1 - P) (1/n + 1/m))`, two-sided; `None` when a side is empty.
#[must_use]
pub fn proportions(hits: (u64, u64), rows: (u64, u64)) -> Option<Tested> {
    if rows.0 == 0 || rows.1 == 0 {
        return None;
    }
    let (n, m) = (rows.0 as f64, rows.1 as f64);
    let pooled = (hits.0 + hits.1) as f64 / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if deviation <= 0.0 {
        return Some(Tested { statistic: 0.0, p_value: 1.0 });
    }
    let statistic = (hits.0 as f64 / n - hits.1 as f64 / m) / deviation;
    Some(Tested { statistic, p_value: 2.0 * normal_tail(statistic.abs()) })
}
