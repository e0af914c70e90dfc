//! What a model leans on: how much worse it gets when one input says nothing any more.

use serde::{Deserialize, Serialize};

use crate::{Moments, Random};

/// One input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PermutationImportance {
    /// Its name.
    pub feature: String,
    /// By how much the score falls on average when the input is shuffled among the rows.
    pub mean: f64,
    /// The deviation of that over the repeats (of a population, as scikit-learn has it).
    pub deviation: f64,
    /// Each repeat.
    pub repeats: Vec<f64>,
}

/// Shuffles each input among the rows, some times, and says how far the score falls
/// (`sklearn.inspection.permutation_importance`; Breiman 2001). The score is a number that is greater for better
/// predictions; `score` works it out when input `place` is taken from the rows in the order given. Another order of
/// chance than scikit-learn's gives other repeats; their mean estimates the same. Features are answered in the order
/// given. Fails with what `score` fails with.
pub fn permutation_importance<E>(
    features: &[String],
    rows: usize,
    repeats: u32,
    seed: u64,
    mut score: impl FnMut(Option<(usize, &[usize])>) -> Result<f64, E>,
) -> Result<Vec<PermutationImportance>, E> {
    let whole = score(None)?;
    let mut random = Random::new(seed);
    features
        .iter()
        .enumerate()
        .map(|(place, feature)| {
            let repeats = (0..repeats)
                .map(|_| {
                    let mut order: Vec<usize> = (0..rows).collect();
                    random.shuffle(&mut order);
                    Ok(whole - score(Some((place, &order)))?)
                })
                .collect::<Result<Vec<f64>, E>>()?;
            let moments = Moments::of(&repeats);
            Ok(PermutationImportance {
                feature: feature.clone(),
                mean: moments.mean,
                deviation: moments.population_deviation().unwrap_or_default(),
                repeats,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_score_needs_matters() {
        let truth: Vec<f64> = (0..200).map(f64::from).collect();
        let features = ["used".to_owned(), "ignored".to_owned()];
        let found = permutation_importance::<()>(&features, 200, 5, 1, |shuffled| {
            let predicted: Vec<f64> = match shuffled {
                Some((0, order)) => order.iter().map(|row| truth[*row]).collect(),
                _ => truth.clone(),
            };
            let error: f64 = truth.iter().zip(&predicted).map(|(t, p)| (t - p).abs()).sum();
            Ok(-error / 200.0)
        })
        .unwrap();
        // The mean distance of two places drawn from 200 is a third of 200.
        assert!((found[0].mean - 66.7).abs() < 5.0, "{found:?}");
        assert_eq!((found[1].mean, found[1].deviation), (0.0, 0.0));
        assert!(permutation_importance::<&str>(&features, 2, 1, 1, |_| Err("no")).is_err());
    }
}
