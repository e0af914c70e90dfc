//! What a further value will stay below, judged by a few values of the same kind.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The value that one further value stays below with probability `share`, if it is drawn as `values` were.
///
/// The upper bound of the normal prediction interval, `mean + t sqrt(1 + 1/n) deviation` with `n - 1` degrees of
/// freedom: with few values it is wide, as it should be. `None` below two values or when `share` is not between 0 and 1.
#[must_use]
pub fn prediction_bound(values: &[f64], share: f64) -> Option<f64> {
    let moments = crate::moments::Moments::of(values);
    let deviation = moments.sample_deviation()?;
    if !(share > 0.0 && share < 1.0) {
        return None;
    }
    let n = moments.count as f64;
    let student = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    Some(moments.mean + student.inverse_cdf(share) * (1.0 + 1.0 / n).sqrt() * deviation)
}

#[cfg(test)]
mod tests {
    use super::prediction_bound;

    #[test]
    fn the_bound_is_that_of_scipy() {
        let close = |values: &[f64], share, expected: f64| {
            let bound = prediction_bound(values, share).unwrap();
            assert!((bound - expected).abs() < 1e-8 * expected.abs(), "{bound} {expected}");
        };
        close(&[1.0, 2.0, 4.0, 3.5, 2.5, 1.5], 0.99, 6.626566316192182);
        close(&[0.3, 0.7], 0.9, 1.5661408512011676);
        assert_eq!(prediction_bound(&[1.0], 0.9), None);
        assert_eq!(prediction_bound(&[1.0, 1.0, 1.0], 0.9), Some(1.0));
    }
}
