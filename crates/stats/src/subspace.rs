//! Rows against the directions in which a reference varies: what leaves them has changed together, though each column may look
//! as before.

/// Directions are kept until they carry this share of the variance.
const VARIANCE_KEPT: f64 = 0.65;
/// More columns are left out.
const MOST_COLUMNS: usize = 80;
/// Sweeps of Jacobi's method; a few do.
const SWEEPS: usize = 60;

/// The principal components of a reference of standardised columns, by which rows are rebuilt.
///
/// The mean Euclidean distance of rows from what the components rebuild of them is the reconstruction error of `NannyML`
/// (65 % of the variance kept). A change of how columns hang together raises it although no column changes by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Subspace {
    means: Vec<f64>,
    deviations: Vec<f64>,
    components: Vec<Vec<f64>>,
}

impl Subspace {
    /// Learns from rows of equally many finite numbers; `None` with fewer than ten rows, or fewer than two columns that vary.
    #[must_use]
    pub fn learn(rows: &[Vec<f64>]) -> Option<Self> {
        let width = rows.first()?.len().min(MOST_COLUMNS);
        if rows.len() < 10 || rows.iter().any(|row| row.len() < width) {
            return None;
        }
        let count = rows.len() as f64;
        let column = |at: usize| rows.iter().filter_map(move |row| row.get(at).copied());
        let means: Vec<f64> = (0..width).map(|at| column(at).sum::<f64>() / count).collect();
        let deviations: Vec<f64> = means
            .iter()
            .enumerate()
            .map(|(at, mean)| (column(at).map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
            .collect();
        if deviations.iter().filter(|deviation| **deviation > 0.0).count() < 2 {
            return None;
        }
        let mut learned = Self { means, deviations, components: Vec::new() };
        let standard: Vec<Vec<f64>> = rows.iter().map(|row| learned.standardised(row)).collect();
        let mut matrix = vec![vec![0.0; width]; width];
        for row in &standard {
            for (sums, left) in matrix.iter_mut().zip(row) {
                for (sum, right) in sums.iter_mut().zip(row) {
                    *sum += left * right / count;
                }
            }
        }
        let mut pairs = eigen(matrix);
        pairs.sort_by(|left, right| right.0.total_cmp(&left.0));
        let whole: f64 = pairs.iter().map(|(variance, _)| variance.max(0.0)).sum();
        let mut kept = 0.0;
        for (variance, component) in pairs {
            if kept >= VARIANCE_KEPT * whole {
                break;
            }
            kept += variance.max(0.0);
            learned.components.push(component);
        }
        Some(learned)
    }

    /// How many directions are kept.
    #[must_use]
    pub fn components(&self) -> usize {
        self.components.len()
    }

    /// How far a row is from what the kept directions rebuild of it, in standard deviations of the reference.
    #[must_use]
    pub fn distance(&self, row: &[f64]) -> f64 {
        let row = self.standardised(row);
        let mut rest = row.clone();
        for component in &self.components {
            let along: f64 = row.iter().zip(component).map(|(value, weight)| value * weight).sum();
            for (value, weight) in rest.iter_mut().zip(component) {
                *value -= along * weight;
            }
        }
        rest.iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    fn standardised(&self, row: &[f64]) -> Vec<f64> {
        row.iter()
            .zip(self.means.iter().zip(&self.deviations))
            .map(|(value, (mean, deviation))| if *deviation > 0.0 { (value - mean) / deviation } else { 0.0 })
            .collect()
    }
}

/// Eigenvalues and vectors of a symmetric matrix, by Jacobi's rotations.
#[expect(clippy::indexing_slicing, reason = "every index is below the width of a square matrix")]
fn eigen(mut matrix: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let width = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..width).map(|row| (0..width).map(|at| f64::from(u8::from(row == at))).collect()).collect();
    for _ in 0..SWEEPS {
        let off: f64 = (0..width)
            .flat_map(|i| (i + 1..width).map(move |j| (i, j)))
            .map(|(i, j)| matrix[i][j].powi(2))
            .sum();
        if off < 1e-22 {
            break;
        }
        for i in 0..width {
            for j in i + 1..width {
                if matrix[i][j].abs() < 1e-300 {
                    continue;
                }
                let theta = (matrix[j][j] - matrix[i][i]) / (2.0 * matrix[i][j]);
                let tangent = theta.signum() / (theta.abs() + theta.mul_add(theta, 1.0).sqrt());
                let tangent = if theta == 0.0 { 1.0 } else { tangent };
                let cosine = 1.0 / tangent.mul_add(tangent, 1.0).sqrt();
                let sine = tangent * cosine;
                let (above, below) = matrix.split_at_mut(j);
                for (upper, lower) in above[i].iter_mut().zip(&mut below[0]) {
                    (*upper, *lower) = (cosine * *upper - sine * *lower, sine * *upper + cosine * *lower);
                }
                for row in matrix.iter_mut().chain(&mut vectors) {
                    let (left, right) = (row[i], row[j]);
                    row[i] = cosine * left - sine * right;
                    row[j] = sine * left + cosine * right;
                }
            }
        }
    }
    (0..width).map(|at| (matrix[at][at], vectors.iter().map(|row| row[at]).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(together: bool) -> Vec<Vec<f64>> {
        let mut state = 11_u64;
        let mut chance = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        (0..2_000)
            .map(|_| {
                let (one, other, noise) = (chance(), chance(), chance() * 0.1);
                // Two columns that always move alike, and one of its own; apart, each is distributed as before.
                vec![one, if together { one + noise } else { other + noise }, chance()]
            })
            .collect()
    }

    #[test]
    fn the_eigenvalues_of_a_known_matrix() {
        let mut pairs = eigen(vec![vec![2.0, 1.0, 0.0], vec![1.0, 2.0, 0.0], vec![0.0, 0.0, 5.0]]);
        pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
        let values: Vec<f64> = pairs.iter().map(|(value, _)| (value * 1e9).round() / 1e9).collect();
        assert_eq!(values, [1.0, 3.0, 5.0]);
        let first = &pairs[0].1;
        assert!((first[0] + first[1]).abs() < 1e-12 && (first[0].abs() - 0.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn columns_that_no_longer_move_together_are_far_from_what_was_learned() {
        let learned = Subspace::learn(&rows(true)).unwrap();
        let mean =
            |rows: &[Vec<f64>]| rows.iter().map(|row| learned.distance(row)).sum::<f64>() / rows.len() as f64;
        let (before, after) = (mean(&rows(true)), mean(&rows(false)));
        assert!(after > 1.4 * before, "{before} {after}");
        assert!(learned.components() < 3);
    }

    #[test]
    fn columns_that_never_vary_and_too_few_rows_are_nothing_to_learn_from() {
        assert!(Subspace::learn(&vec![vec![1.0, 2.0]; 50]).is_none());
        assert!(Subspace::learn(&rows(true)[..9]).is_none());
    }
}
