//! The success head: an L2-penalised logistic regression by linfa-logistic on dense columns.
//!
//! It minimises `sum of ln(1 + exp(-y z)) + alpha / 2 * |weights|^2` with an unpenalised bias. The
//! loss is a *sum* over rows, so that `alpha` is 1/C of other libraries and weighs the less the
//! more rows there are, as a prior does.
//!
//! Two traps of linfa-logistic 0.8.1: its "positive" class is the class of the majority, whatever
//! its name, so that the signs are taken from the labels that the fit reports; and it refuses
//! labels of one class.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ShapeBuilder};
use weighbridge_router::Logistic;

use super::matrix::Matrix;

/// After so many steps of L-BFGS the fit is taken as it stands.
const MAX_ITERATIONS: u64 = 100;
/// A fit is done where the gradient of the mean loss is this small.
const TOLERANCE_PER_ROW: f64 = 1e-6;

/// A head from the rows of the matrix with these numbers and labels, uncalibrated.
///
/// # Errors
/// What the optimiser says where it gives up; not where there is one class only, see
/// [`constant`].
pub(super) fn fit(
    matrix: &Matrix,
    rows: &[usize],
    right: &[bool],
    alpha: f64,
) -> Result<Logistic, String> {
    let successes = right.iter().filter(|right| **right).count();
    if successes == 0 || successes == right.len() {
        return Ok(constant(matrix.columns(), successes, right.len()));
    }
    // Column by column, since the optimiser's costly product is with the transpose.
    let mut dense = Array2::zeros((rows.len(), matrix.columns()).f());
    for (i, &row) in rows.iter().enumerate() {
        for &(column, value) in matrix.row(row) {
            dense[(i, column as usize)] = value;
        }
    }
    let labels: Array1<bool> = right.iter().copied().collect();
    let fitted = LogisticRegression::default()
        .alpha(alpha)
        .max_iterations(MAX_ITERATIONS)
        .gradient_tolerance(TOLERANCE_PER_ROW * rows.len() as f64)
        .fit(&Dataset::new(dense, labels))
        .map_err(|error| error.to_string())?;
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    Ok(Logistic {
        weights: fitted
            .params()
            .iter()
            .map(|weight| (sign * weight) as f32)
            .collect(),
        bias: sign * fitted.intercept(),
        platt: [1.0, 0.0],
    })
}

/// What labels of one class tell: their rate, drawn towards a half as if one more of either had
/// been seen.
fn constant(columns: usize, successes: usize, rows: usize) -> Logistic {
    let failures = rows - successes;
    Logistic {
        weights: vec![0.0; columns],
        bias: libm::log((successes as f64 + 1.0) / (failures as f64 + 1.0)),
        platt: [1.0, 0.0],
    }
}

/// The uncalibrated score of a row.
pub(super) fn score(head: &Logistic, entries: &[(u32, f64)]) -> f64 {
    head.contributions(entries)
        .fold(head.bias, |sum, (_, term)| sum + term)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Column 0 decides; column 1 is noise.
    fn rows(n: usize) -> Matrix {
        let row = |i: usize| vec![(0, (i % 2) as f64), (1, (i / 10 % 5) as f64 / 5.0)];
        Matrix::of(2, &(0..n).map(row).collect::<Vec<_>>())
    }

    /// Mostly as column 0 says; `extra` of the failures count as successes too.
    fn labels(n: usize, keep: impl Fn(usize) -> bool) -> Vec<bool> {
        (0..n)
            .map(|i| (i % 2 == 1) ^ (i % 10 == 0 || i % 10 == 1) || keep(i))
            .collect()
    }

    #[test]
    fn the_sign_is_right_whichever_class_is_the_majority() {
        let matrix = rows(200);
        let all: Vec<usize> = (0..200).collect();
        let mostly_right = labels(200, |i| i % 10 == 2 || i % 10 == 4);
        let mostly_wrong: Vec<bool> = (0..200)
            .map(|i| i % 2 == 1 && i % 10 != 1 && i % 10 != 3)
            .collect();
        for right in [mostly_right, mostly_wrong] {
            let rate = right.iter().filter(|right| **right).count() as f64 / 200.0;
            assert!((rate - 0.5).abs() > 0.05);
            let head = fit(&matrix, &all, &right, 1.0).unwrap();
            let p = |x: f64| head.probability(&[(0, x), (1, 0.4)]);
            assert!(p(1.0) > rate + 0.05 && p(0.0) < rate - 0.05, "{head:?}");
            // The bias is free, so the mean probability is the rate.
            let mean: f64 = all
                .iter()
                .map(|&i| head.probability(matrix.row(i)))
                .sum::<f64>()
                / 200.0;
            assert!((mean - rate).abs() < 1e-3, "{mean} {rate}");
        }
    }

    #[test]
    fn the_loss_is_a_sum_so_rows_twice_are_alpha_halved() {
        let right = labels(100, |_| false);
        let once: Vec<usize> = (0..100).collect();
        let twice: Vec<usize> = once.iter().chain(&once).copied().collect();
        let matrix = rows(100);
        let a = fit(&matrix, &once, &right, 2.0).unwrap();
        let b = fit(&matrix, &twice, &[&right[..], &right].concat(), 4.0).unwrap();
        let other = fit(&matrix, &twice, &[&right[..], &right].concat(), 2.0).unwrap();
        assert!((a.weights[0] - b.weights[0]).abs() < 1e-3, "{a:?} {b:?}");
        assert!(other.weights[0] > a.weights[0] + 0.05);
    }

    #[test]
    fn the_fit_is_where_the_gradient_vanishes() {
        let (matrix, right) = (rows(100), labels(100, |i| i % 10 == 2));
        let all: Vec<usize> = (0..100).collect();
        let head = fit(&matrix, &all, &right, 3.0).unwrap();
        let mut gradient = head
            .weights
            .iter()
            .map(|w| 3.0 * f64::from(*w))
            .collect::<Vec<_>>();
        for (i, right) in right.iter().enumerate() {
            let residual = head.probability(matrix.row(i)) - f64::from(u8::from(*right));
            for &(column, value) in matrix.row(i) {
                gradient[column as usize] += residual * value;
            }
        }
        assert!(gradient.iter().all(|g| g.abs() < 1e-3), "{gradient:?}");
    }

    #[test]
    fn one_class_gives_a_constant_and_no_panic() {
        let matrix = rows(10);
        let all: Vec<usize> = (0..10).collect();
        let head = fit(&matrix, &all, &[true; 10], 1.0).unwrap();
        assert!((head.probability(matrix.row(3)) - 11.0 / 12.0).abs() < 1e-12);
        assert_eq!(fit(&matrix, &[], &[], 1.0).unwrap().bias, 0.0);
    }
}
