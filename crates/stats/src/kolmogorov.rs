//! Tail of the two-sided Kolmogorov-Smirnov distribution for a finite number of values.
//!
//! Which method is exact or accurate where follows Simard and L'Ecuyer, "Computing the Two-Sided Kolmogorov-Smirnov
//! Distribution" (2011): the matrix power of Marsaglia, Tsang and Wang for few values, twice the one-sided tail where
//! both sides cannot be passed together, and the expansion of Pelz and Good in the middle of many values.

use std::f64::consts::PI;

use statrs::function::factorial::ln_factorial;

/// Up to here the distribution is computed exactly.
const FEW: f64 = 140.0;

/// Probability that the statistic of `n` values (a whole number, at least 1) exceeds `x` when nothing differs.
pub(crate) fn two_sided_tail(n: f64, x: f64) -> f64 {
    if x >= 1.0 {
        return 0.0;
    }
    let t = n * x;
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        return 1.0 - (ln_factorial(n as u64) - n * n.ln() + n * (2.0 * t - 1.0).ln()).exp();
    }
    if t >= n - 1.0 {
        return 2.0 * (1.0 - x).powf(n);
    }
    let square = t * x;
    let tail = if x >= 0.5 {
        2.0 * one_sided_tail(n, x)
    } else if n <= FEW {
        if square <= 4.0 { 1.0 - matrix_power(n, x) } else { 2.0 * one_sided_tail(n, x) }
    } else if square >= 370.0 {
        0.0
    } else if square >= 2.2 {
        2.0 * one_sided_tail(n, x)
    } else {
        1.0 - pelz_good(n, x)
    };
    tail.clamp(0.0, 1.0)
}

/// Smirnov's exact one-sided tail, a sum of positive terms.
fn one_sided_tail(n: f64, x: f64) -> f64 {
    let last = (n * (1.0 - x)).floor() as u64;
    let all = ln_factorial(n as u64);
    let mut sum = 0.0;
    for j in 0..=last {
        let k = j as f64;
        let above = 1.0 - x - k / n;
        if above <= 0.0 {
            continue;
        }
        let choices = all - ln_factorial(j) - ln_factorial((n - k) as u64);
        sum += (choices + (k - 1.0) * (x + k / n).ln() + (n - k) * above.ln()).exp();
    }
    (sum * x).min(1.0)
}

/// Marsaglia, Tsang and Wang: the distribution function as one entry of the n-th power of a small matrix.
fn matrix_power(n: f64, x: f64) -> f64 {
    let k = (n * x).ceil();
    let h = k - n * x;
    let size = 2 * (k as usize) - 1;
    let mut base = Matrix::zero(size);
    for i in 0..size {
        for j in 0..size.min(i + 2) {
            base.set(i, j, 1.0);
        }
    }
    for i in 0..size {
        let first = base.get(i, 0) - h.powi(i as i32 + 1);
        base.set(i, 0, first);
        let last = base.get(size - 1, i) - h.powi((size - i) as i32);
        base.set(size - 1, i, last);
    }
    if 2.0 * h > 1.0 {
        let corner = base.get(size - 1, 0) + (2.0 * h - 1.0).powi(size as i32);
        base.set(size - 1, 0, corner);
    }
    for i in 0..size {
        for j in 0..size.min(i + 2) {
            if let Ok(step) = u64::try_from(i as i64 - j as i64 + 1)
                && step > 0
            {
                let value = base.get(i, j) / ln_factorial(step).exp();
                base.set(i, j, value);
            }
        }
    }
    let (power, exponent) = base.power(n as u64);
    let middle = k as usize - 1;
    let entry = power.get(middle, middle);
    (entry.ln() + exponent * std::f64::consts::LN_2 + ln_factorial(n as u64) - n * n.ln()).exp()
}

/// A square matrix, row by row.
struct Matrix {
    size: usize,
    cells: Vec<f64>,
}

impl Matrix {
    fn zero(size: usize) -> Self {
        Self { size, cells: vec![0.0; size * size] }
    }

    fn get(&self, row: usize, column: usize) -> f64 {
        self.cells.get(row * self.size + column).copied().unwrap_or_default()
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        if let Some(cell) = self.cells.get_mut(row * self.size + column) {
            *cell = value;
        }
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = Self::zero(self.size);
        let rows = self.cells.chunks(self.size).zip(product.cells.chunks_mut(self.size));
        for (row, out) in rows {
            for (factor, line) in row.iter().zip(other.cells.chunks(self.size)) {
                for (cell, value) in out.iter_mut().zip(line) {
                    *cell += factor * value;
                }
            }
        }
        product
    }

    /// Takes powers of two out of the cells so that they stay in range; returns the exponent taken.
    fn rescale(&mut self) -> f64 {
        let greatest = self.cells.iter().copied().fold(0.0, f64::max);
        if greatest <= 0.0 {
            return 0.0;
        }
        let exponent = greatest.log2().floor();
        let scale = (-exponent).exp2();
        for cell in &mut self.cells {
            *cell *= scale;
        }
        exponent
    }

    /// The n-th power as a matrix and a power of two to multiply it with.
    fn power(mut self, mut n: u64) -> (Self, f64) {
        let mut result = Self::zero(self.size);
        for i in 0..self.size {
            result.set(i, i, 1.0);
        }
        let (mut result_exponent, mut base_exponent) = (0.0, 0.0);
        while n > 0 {
            if n & 1 == 1 {
                result = result.times(&self);
                result_exponent += base_exponent + result.rescale();
            }
            n >>= 1;
            if n > 0 {
                self = self.times(&self);
                base_exponent = 2.0 * base_exponent + self.rescale();
            }
        }
        (result, result_exponent)
    }
}

/// Pelz and Good's expansion of the distribution function in powers of `n^(-1/2)`, four terms.
fn pelz_good(n: f64, x: f64) -> f64 {
    let z = n.sqrt() * x;
    let square = z * z;
    let (z4, z6) = (square * square, square * square * square);
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    let (mut k2_whole, mut k3_whole) = (0.0, 0.0);
    for j in 0..40_u32 {
        let half = PI * PI * (f64::from(j) + 0.5).powi(2);
        let weight = 2.0 * (-half / (2.0 * square)).exp();
        k0 += weight;
        k1 += weight * (half - square);
        k2 += weight
            * (6.0 * z6 + 2.0 * z4 + half * (2.0 * z4 - 5.0 * square) + half * half * (1.0 - 2.0 * square));
        k3 += weight
            * (half.powi(3) * (5.0 - 30.0 * square)
                + half * half * (-60.0 * square + 212.0 * z4)
                + half * (135.0 * z4 - 96.0 * z6)
                - 30.0 * z6
                - 90.0 * z6 * square);
        let whole = PI * PI * f64::from(j).powi(2);
        let whole_weight = 2.0 * (-whole / (2.0 * square)).exp();
        k2_whole += whole_weight * whole;
        k3_whole += whole_weight * whole * (3.0 * square - whole);
    }
    let root = (PI / 2.0).sqrt();
    let first = root / z * k0;
    let second = root / (6.0 * z4) * k1;
    let third = root / (72.0 * z6 * z) * k2 - root / (36.0 * z * square) * k2_whole;
    let fourth = root / (6480.0 * z6 * z4) * k3 + root / (216.0 * z6) * k3_whole;
    first + second / n.sqrt() + third / n + fourth / (n * n.sqrt())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::two_sided_tail;

    #[derive(Deserialize)]
    struct Golden {
        kolmogorov: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        n: f64,
        x: f64,
        tail: f64,
    }

    #[test]
    fn tails_agree_with_scipy() {
        let golden: Golden = serde_json::from_str(include_str!("../tests/golden/golden.json")).unwrap();
        assert!(golden.kolmogorov.len() > 100);
        for case in golden.kolmogorov {
            let ours = two_sided_tail(case.n, case.x);
            let bound = 1e-6 * case.tail + 1e-300;
            assert!(
                (ours - case.tail).abs() <= bound,
                "n {} x {}: {ours:e}, {:e}",
                case.n,
                case.x,
                case.tail
            );
        }
    }
}
