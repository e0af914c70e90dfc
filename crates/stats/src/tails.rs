//! Tail probabilities of the chi-square distribution.

use statrs::function::gamma::checked_gamma_ur;

/// Probability that a chi-square value with `freedom` degrees exceeds `value`.
pub(crate) fn chi_square_tail(value: f64, freedom: f64) -> f64 {
    if freedom <= 0.0 || value <= 0.0 || value.is_nan() {
        return 1.0;
    }
    if value.is_infinite() {
        return 0.0;
    }
    checked_gamma_ur(freedom / 2.0, value / 2.0).map_or(0.0, |tail| tail.clamp(0.0, 1.0))
}

/// The value that a chi-square value with `freedom` degrees exceeds with probability `tail`.
pub(crate) fn chi_square_quantile(tail: f64, freedom: f64) -> f64 {
    if freedom <= 0.0 || tail >= 1.0 {
        return 0.0;
    }
    if tail <= 0.0 {
        return f64::INFINITY;
    }
    let mut high = freedom.max(1.0);
    while chi_square_tail(high, freedom) > tail {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if chi_square_tail(middle, freedom) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}
