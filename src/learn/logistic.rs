//! The linear success head: an L2-penalised logistic regression by linfa-logistic on dense columns.
//!
//! It minimises `sum of c (ln(1 + exp z) - y z) + alpha / 2 * |weights|^2` with an unpenalised
//! bias. The loss is a *sum* over rows, so that `alpha` is 1/C of other libraries and weighs the
//! less the more rows there are, as a prior does.
//!
//! linfa-logistic knows neither case weights nor soft labels, so rows are repeated: as often as
//! their weight says, in halves, and where labels are graded once for each grade, right and wrong in
//! proportion. Two traps of linfa-logistic 0.8.1: its "positive" class is the class of the
//! majority, whatever its name, so that the signs are taken from the labels that the fit reports;
//! and it refuses labels of one class.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ShapeBuilder};
use weighbridge_router::Logistic;

use super::matrix::Dense;
use super::newton::{self, Design, Loss};

/// After so many steps of L-BFGS the fit is taken as it stands.
const MAX_ITERATIONS: u64 = 100;
/// A fit is done where the gradient of the mean loss is this small.
const TOLERANCE_PER_ROW: f64 = 3e-6;
/// Steps of weight between 1 and 2 that copies tell apart.
const HALVES: f64 = 2.0;

/// How often rows stand among the copies that are fitted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copies<'a> {
    /// The weight of each row, rounded to halves.
    pub(super) cases: &'a [f64],
    /// Copies for each half: labels are multiples of one over this.
    pub(super) grades: u32,
    /// The mean weight, against which the penalty is measured.
    pub(super) unit: f64,
}

/// A head from the rows of a design with these labels, uncalibrated.
///
/// # Errors
/// What the optimiser says where it gives up; not where there is one class only.
pub(super) fn fit(
    dense: &Dense<'_>,
    labels: &[f64],
    weights: Copies<'_>,
    alpha: f64,
) -> Result<Logistic, String> {
    let columns = dense.columns();
    let copies = weights.of(labels);
    let right = copies.iter().filter(|(_, right)| *right).count();
    if right == 0 || right == copies.len() {
        return Ok(constant(columns, right, copies.len()));
    }
    // Column by column, since the optimiser's costly product is with the transpose.
    let mut array = Array2::zeros((copies.len(), columns).f());
    for (i, (at, _)) in copies.iter().enumerate() {
        let place = dense.places[*at];
        let own = dense.own.map(|own| own[place]);
        for (column, value) in dense
            .matrix
            .row(place)
            .iter()
            .copied()
            .chain(own)
            .enumerate()
        {
            array[(i, column)] = value;
        }
    }
    let labels: Array1<bool> = copies.iter().map(|(_, right)| *right).collect();
    let fitted = LogisticRegression::default()
        .alpha(alpha * weights.unit * weights.of_one())
        .max_iterations(MAX_ITERATIONS)
        .gradient_tolerance(TOLERANCE_PER_ROW * copies.len() as f64)
        .fit(&Dataset::new(array, labels))
        .map_err(|error| error.to_string())?;
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    Ok(Logistic {
        weights: (fitted.params().iter())
            .map(|weight| (sign * weight) as f32)
            .collect(),
        bias: sign * fitted.intercept(),
        platt: [1.0, 0.0],
    })
}

impl Copies<'_> {
    /// Copies of a row of weight 1: one where all rows weigh that.
    fn of_one(&self) -> f64 {
        let plain = self.cases.iter().all(|case| *case == 1.0);
        f64::from(self.grades) * if plain { 1.0 } else { HALVES }
    }

    /// The rows to fit on, by their place among the labels, right or wrong.
    fn of(&self, labels: &[f64]) -> Vec<(usize, bool)> {
        let mut copies = Vec::new();
        let steps = self.of_one() / f64::from(self.grades);
        for (at, (label, case)) in labels.iter().zip(self.cases).enumerate() {
            let times = (case * steps).round() as u32;
            let right = (label * f64::from(self.grades)).round() as u32;
            for grade in 0..self.grades {
                copies.extend((0..times).map(|_| (at, grade < right)));
            }
        }
        copies
    }
}

/// The same head by the own solver, which takes weights and grades as they are and so some six times
/// fewer rows: for the out-of-fold copies of the head that ships, of which there are many.
pub(super) fn copy(dense: &Dense<'_>, labels: &[f64], cases: &[f64], alpha: f64) -> Logistic {
    let fitted = newton::fit(dense, Loss::Logistic, labels, cases, alpha);
    Logistic {
        weights: fitted.weights.iter().map(|weight| *weight as f32).collect(),
        bias: fitted.bias,
        platt: [1.0, 0.0],
    }
}

/// What labels of one class tell: their rate, drawn towards a half as if one more of either had
/// been seen.
fn constant(columns: usize, right: usize, all: usize) -> Logistic {
    Logistic {
        weights: vec![0.0; columns],
        bias: libm::log((right as f64 + 1.0) / ((all - right) as f64 + 1.0)),
        platt: [1.0, 0.0],
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::Matrix;
    use super::*;

    /// Column 0 decides; column 1 is noise.
    fn matrix(n: usize) -> Matrix {
        let row = |i: usize| vec![(i % 2) as f64, (i / 10 % 5) as f64 / 5.0];
        Matrix::of(2, &(0..n).map(row).collect::<Vec<_>>())
    }

    /// Mostly as column 0 says; those that `keep` picks are right too.
    fn labels(n: usize, keep: impl Fn(usize) -> bool) -> Vec<f64> {
        let right = |i: usize| (i % 2 == 1) ^ (i % 10 < 2) || keep(i);
        (0..n).map(|i| f64::from(u8::from(right(i)))).collect()
    }

    fn fitted(n: usize, labels: &[f64], cases: &[f64], grades: u32, alpha: f64) -> Logistic {
        let (matrix, places) = (matrix(n), (0..n).collect::<Vec<_>>());
        let dense = Dense {
            matrix: &matrix,
            own: None,
            places: &places,
        };
        let unit = 1.0;
        fit(
            &dense,
            labels,
            Copies {
                cases,
                grades,
                unit,
            },
            alpha,
        )
        .unwrap()
    }

    /// The gradient of the penalised loss at a head.
    fn gradient(head: &Logistic, n: usize, labels: &[f64], cases: &[f64], alpha: f64) -> Vec<f64> {
        let matrix = matrix(n);
        let mut gradient: Vec<f64> = head.weights.iter().map(|w| alpha * f64::from(*w)).collect();
        for i in 0..n {
            let row = matrix.row(i);
            let p = head.probability(&[(0, row[0]), (1, row[1])]);
            for (gradient, x) in gradient.iter_mut().zip(row) {
                *gradient += cases[i] * (p - labels[i]) * x;
            }
        }
        gradient
    }

    #[test]
    fn the_sign_is_right_whichever_class_is_the_majority() {
        let mostly_right = labels(200, |i| i % 10 == 2 || i % 10 == 4);
        let mostly_wrong: Vec<f64> = (0..200)
            .map(|i| f64::from(u8::from(i % 2 == 1 && i % 10 != 1 && i % 10 != 3)))
            .collect();
        for right in [mostly_right, mostly_wrong] {
            let rate = right.iter().sum::<f64>() / 200.0;
            assert!((rate - 0.5).abs() > 0.05);
            let head = fitted(200, &right, &[1.0; 200], 1, 1.0);
            let p = |x: f64| head.probability(&[(0, x), (1, 0.4)]);
            assert!(p(1.0) > rate + 0.05 && p(0.0) < rate - 0.05, "{head:?}");
        }
    }

    #[test]
    fn the_loss_is_a_sum_so_twice_the_weight_is_alpha_halved() {
        let right = labels(100, |_| false);
        let a = fitted(100, &right, &[1.0; 100], 1, 2.0);
        let b = fitted(100, &right, &[2.0; 100], 1, 4.0);
        let other = fitted(100, &right, &[2.0; 100], 1, 2.0);
        assert!((a.weights[0] - b.weights[0]).abs() < 1e-3, "{a:?} {b:?}");
        assert!(other.weights[0] > a.weights[0] + 0.05);
    }

    #[test]
    fn the_fit_is_where_the_gradient_vanishes() {
        let right = labels(100, |i| i % 10 == 2);
        let head = fitted(100, &right, &[1.0; 100], 1, 3.0);
        let gradient = gradient(&head, 100, &right, &[1.0; 100], 3.0);
        assert!(gradient.iter().all(|g| g.abs() < 1e-2), "{gradient:?}");
    }

    #[test]
    fn weights_and_grades_are_told_by_copies() {
        let graded: Vec<f64> = (labels(1000, |_| false).iter())
            .map(|y| 0.25 + 0.5 * y)
            .collect();
        let cases: Vec<f64> = (0..1000)
            .map(|i| if i % 20 < 10 { 1.0 } else { 2.5 })
            .collect();
        let head = fitted(1000, &graded, &cases, 4, 3.0);
        let gradient = gradient(&head, 1000, &graded, &cases, 3.0);
        assert!(gradient.iter().all(|g| g.abs() < 0.1), "{gradient:?}");
    }

    #[test]
    fn the_copy_by_the_own_solver_is_the_same_head() {
        let right = labels(400, |i| i % 7 == 2);
        let cases: Vec<f64> = (0..400)
            .map(|i| if i % 3 == 0 { 1.0 } else { 1.5 })
            .collect();
        let ours = fitted(400, &right, &cases, 1, 2.0);
        let (matrix, places) = (matrix(400), (0..400).collect::<Vec<_>>());
        let dense = Dense {
            matrix: &matrix,
            own: None,
            places: &places,
        };
        let copy = copy(&dense, &right, &cases, 2.0);
        for (a, b) in ours.weights.iter().zip(&copy.weights) {
            assert!((a - b).abs() < 2e-3, "{ours:?} {copy:?}");
        }
        assert!((ours.bias - copy.bias).abs() < 2e-3);
    }

    #[test]
    fn one_class_gives_a_constant_and_no_panic() {
        let head = fitted(10, &[1.0; 10], &[1.0; 10], 1, 1.0);
        assert!((head.probability(&[(0, 0.3), (1, 0.0)]) - 11.0 / 12.0).abs() < 1e-12);
        assert_eq!(fitted(0, &[], &[], 1, 1.0).bias, 0.0);
    }
}
