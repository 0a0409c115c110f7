//! The output-token head: ridge regression on the logarithm of the tokens, smeared back.
//!
//! Minimises `sum of (ln tokens - z)^2 + alpha * |weights|^2` with an unpenalised bias, by
//! conjugate gradients (Hestenes and Stiefel 1952) on the sparse rows, centred on the fly. All
//! sums run in row order, so that the same rows give the same bytes.

use weighbridge_router::LogLinear;

use super::matrix::Matrix;

/// The penalty. Logarithms of tokens are far less noisy than right and wrong, so it is far smaller
/// than that of the success head: held-out RouterArena rows have their sum of tokens within 2% at
/// 1, 6% too low at 20.
pub(super) const ALPHA: f64 = 1.0;

/// Steps at most; a well-scaled problem takes some tens.
const MAX_STEPS: usize = 300;
/// The fit is done where the residual has shrunk by this factor.
const TOLERANCE: f64 = 1e-6;
/// Bounds that a head's smearing must keep; only absurd data come near them.
const SMEARING: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// A head from the rows of the matrix with these numbers and logarithms of tokens, not smeared
/// yet (factor 1).
pub(super) fn fit(matrix: &Matrix, rows: &[usize], log_tokens: &[f64], alpha: f64) -> LogLinear {
    let centred = Centred::new(matrix, rows, alpha);
    let n = rows.len().max(1) as f64;
    let mean = log_tokens.iter().sum::<f64>() / n;
    let deviations: Vec<f64> = log_tokens.iter().map(|log| log - mean).collect();
    let weights = centred.solve(centred.transposed(&deviations));
    // The head holds f32, so the bias must fit those.
    let weights: Vec<f32> = weights.into_iter().map(|weight| weight as f32).collect();
    let shift: f64 = centred
        .means
        .iter()
        .zip(&weights)
        .map(|(mean, weight)| mean * f64::from(*weight))
        .sum();
    LogLinear {
        weights,
        bias: mean - shift,
        smearing: 1.0,
    }
}

/// The predicted logarithm of the tokens, not smeared.
pub(super) fn log_of(head: &LogLinear, entries: &[(u32, f64)]) -> f64 {
    head.contributions(entries)
        .fold(head.bias, |sum, (_, term)| sum + term)
}

/// The mean of the exponentials of out-of-fold residuals: what turns the exponential of a mean
/// logarithm into a mean (Duan 1983, "Smearing estimate"). 1 for none.
pub(super) fn smearing(residuals: &[f64]) -> f64 {
    if residuals.is_empty() {
        return 1.0;
    }
    let sum: f64 = residuals.iter().map(|residual| libm::exp(*residual)).sum();
    (sum / residuals.len() as f64).clamp(*SMEARING.start(), *SMEARING.end())
}

/// Rows of a matrix, less their column means.
struct Centred<'a> {
    matrix: &'a Matrix,
    rows: &'a [usize],
    means: Vec<f64>,
    alpha: f64,
}

impl<'a> Centred<'a> {
    fn new(matrix: &'a Matrix, rows: &'a [usize], alpha: f64) -> Self {
        let mut means = vec![0.0; matrix.columns()];
        for &row in rows {
            for &(column, value) in matrix.row(row) {
                means[column as usize] += value;
            }
        }
        let n = rows.len().max(1) as f64;
        means.iter_mut().for_each(|mean| *mean /= n);
        Self {
            matrix,
            rows,
            means,
            alpha,
        }
    }

    /// Its product with a vector of columns.
    fn times(&self, v: &[f64]) -> Vec<f64> {
        let shift = dot(&self.means, v);
        self.rows
            .iter()
            .map(|&row| {
                let entries = self.matrix.row(row).iter();
                let product: f64 = entries.map(|&(column, x)| x * v[column as usize]).sum();
                product - shift
            })
            .collect()
    }

    /// The product of its transpose with a vector of rows.
    fn transposed(&self, u: &[f64]) -> Vec<f64> {
        let total: f64 = u.iter().sum();
        let mut product: Vec<f64> = self.means.iter().map(|mean| -mean * total).collect();
        for (&row, u) in self.rows.iter().zip(u) {
            for &(column, x) in self.matrix.row(row) {
                product[column as usize] += x * u;
            }
        }
        product
    }

    /// The solution of `(X'X + alpha) w = right`.
    fn solve(&self, right: Vec<f64>) -> Vec<f64> {
        let mut w = vec![0.0; right.len()];
        let mut residual = right;
        let mut direction = residual.clone();
        let mut square = dot(&residual, &residual);
        let goal = square * TOLERANCE * TOLERANCE;
        for _ in 0..MAX_STEPS {
            if square <= goal {
                break;
            }
            let mut image = self.transposed(&self.times(&direction));
            for (image, d) in image.iter_mut().zip(&direction) {
                *image += self.alpha * d;
            }
            let step = square / dot(&direction, &image);
            for (i, d) in direction.iter().enumerate() {
                w[i] += step * d;
                residual[i] -= step * image[i];
            }
            let next = dot(&residual, &residual);
            let keep = next / square;
            square = next;
            for (d, r) in direction.iter_mut().zip(&residual) {
                *d = r + keep * *d;
            }
        }
        w
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Matrix {
        let row = |i: usize| vec![(0, (i % 7) as f64 + 5.0), (2, (i * i % 11) as f64 / 3.0)];
        Matrix::of(3, &(0..60).map(row).collect::<Vec<_>>())
    }

    #[test]
    fn a_linear_law_is_found_where_little_is_penalised() {
        let matrix = matrix();
        let rows: Vec<usize> = (0..60).collect();
        let law = |entries: &[(u32, f64)]| 1.5 + 0.25 * entries[0].1 - 0.5 * entries[1].1;
        let logs: Vec<f64> = rows.iter().map(|&i| law(matrix.row(i))).collect();
        let head = fit(&matrix, &rows, &logs, 1e-6);
        assert!((head.weights[0] - 0.25).abs() < 1e-4, "{head:?}");
        assert!((head.weights[2] + 0.5).abs() < 1e-4, "{head:?}");
        assert_eq!(head.weights[1], 0.0);
        assert!((log_of(&head, matrix.row(3)) - logs[3]).abs() < 1e-3);
        // The bias is not penalised: with all weights shrunk away the mean remains.
        let flat = fit(&matrix, &rows, &logs, 1e12);
        let mean = logs.iter().sum::<f64>() / 60.0;
        assert!((log_of(&flat, matrix.row(0)) - mean).abs() < 1e-6);
    }

    #[test]
    fn the_normal_equations_hold() {
        let matrix = matrix();
        let rows: Vec<usize> = (0..60).step_by(2).collect();
        let logs: Vec<f64> = rows.iter().map(|&i| ((i * 13) % 17) as f64 / 4.0).collect();
        let head = fit(&matrix, &rows, &logs, 2.0);
        let mut gradient = [0.0; 3];
        for (&row, log) in rows.iter().zip(&logs) {
            let residual = log_of(&head, matrix.row(row)) - log;
            for &(column, value) in matrix.row(row) {
                gradient[column as usize] += residual * value;
            }
        }
        for (g, weight) in gradient.iter().zip(&head.weights) {
            assert!((g + 2.0 * f64::from(*weight)).abs() < 1e-3, "{gradient:?}");
        }
    }

    #[test]
    fn constant_tokens_are_predicted_exactly() {
        let rows: Vec<usize> = (0..60).collect();
        let head = fit(&matrix(), &rows, &[0.0; 60], 5.0);
        assert_eq!(head.tokens(matrix().row(9)), 1.0);
        assert_eq!(smearing(&[0.0; 4]), 1.0);
    }

    #[test]
    fn smearing_is_the_mean_exponential_and_stays_in_bounds() {
        let residuals = [0.5, -0.5];
        assert!((smearing(&residuals) - 0.5_f64.cosh()).abs() < 1e-12);
        assert_eq!(smearing(&[]), 1.0);
        assert_eq!(smearing(&[900.0]), 1e6);
        assert_eq!(smearing(&[-900.0]), 1e-6);
    }
}
