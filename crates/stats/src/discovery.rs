//! False discovery control over many tests.

/// Benjamini-Hochberg adjusted p-values, in the order given.
///
/// Flagging those at or below `q` keeps the expected share of false ones among the flagged at or below `q`. `None`
/// (no test was possible) stays `None` and does not count as a test.
#[must_use]
pub fn adjusted_p_values(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut tests: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(at, p)| Some((at, (*p)?))).collect();
    tests.sort_by(|left, right| left.1.total_cmp(&right.1));
    let count = tests.len() as f64;
    let mut adjusted = vec![None; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, (at, p)) in tests.iter().enumerate().rev() {
        least = least.min(p * count / (rank + 1) as f64);
        if let Some(slot) = adjusted.get_mut(*at) {
            *slot = Some(least);
        }
    }
    adjusted
}
