//! Penalised generalised linear models by truncated Newton steps.
//!
//! Minimises `sum of c_i loss(z_i, y_i) + penalty / 2 * |w|^2` over weights `w` and an unpenalised
//! bias `b`, `z = X w + b`. The Newton system is solved by conjugate gradients (Hestenes and
//! Stiefel 1952) that stop early (Dembo and Steihaug 1983, "Truncated-Newton algorithms"), and a
//! step is halved until the objective falls. Every sum runs in the order of the rows, so that the
//! same rows give the same bytes.

use super::platt::{cross_entropy, sigmoid};

/// What a row's score `z` costs against its label `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// `ln(1 + exp z) - y z`: a probability, `y` from 0 to 1.
    Logistic,
    /// `exp z - y z`: a mean above 0. With its estimating equations the sum of predictions is the
    /// sum of what was seen, over all rows and, but for the penalty, wherever a column is 1 and
    /// else 0 (Gourieroux, Monfort and Trognon 1984, "Pseudo maximum likelihood methods").
    Poisson,
}

/// The rows, as far as a fit needs to know them.
pub(super) trait Design {
    fn rows(&self) -> usize;
    fn columns(&self) -> usize;
    /// `X v`, into `out`.
    fn times(&self, v: &[f64], out: &mut [f64]);
    /// `X' u`, added to `out`.
    fn add_transposed(&self, u: &[f64], out: &mut [f64]);
}

/// A linear model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    pub(super) weights: Vec<f64>,
    pub(super) bias: f64,
}

/// Newton steps at most; a well-scaled fit takes about six.
const MAX_STEPS: usize = 30;
/// Conjugate gradient steps at most in each.
const MAX_INNER: usize = 60;
/// The fit is done where the gradient has shrunk by this factor.
const TOLERANCE: f64 = 1e-5;
/// Beyond this score an exponential is cut, as heads cut it.
const MAX_SCORE: f64 = 20.0;

/// Fits `labels` (one a row) with the case weights `cases`, starting from weights of 0.
pub(super) fn fit(
    design: &impl Design,
    loss: Loss,
    labels: &[f64],
    cases: &[f64],
    penalty: f64,
) -> Linear {
    let problem = Problem {
        design,
        loss,
        labels,
        cases,
        penalty,
    };
    problem.solve()
}

struct Problem<'a, D> {
    design: &'a D,
    loss: Loss,
    labels: &'a [f64],
    cases: &'a [f64],
    penalty: f64,
}

impl<D: Design> Problem<'_, D> {
    /// Weights with the bias at the end.
    fn solve(&self) -> Linear {
        let (rows, columns) = (self.design.rows(), self.design.columns());
        let mut at = vec![0.0; columns + 1];
        at[columns] = self.start();
        let mut z = vec![0.0; rows];
        self.scores(&at, &mut z);
        let mut best = self.objective(&at, &z);
        let mut first = None;
        for _ in 0..MAX_STEPS {
            let (gradient, curvature) = self.derivatives(&at, &z);
            let size = norm(&gradient);
            let first = *first.get_or_insert(size);
            if size <= TOLERANCE * first || size == 0.0 {
                break;
            }
            let step = self.direction(&gradient, &curvature, (size / first).sqrt().min(0.1));
            let mut moved = vec![0.0; rows];
            self.scores(&step, &mut moved);
            let Some((length, found)) = self.search(&at, &step, &z, &moved, best) else {
                break;
            };
            for (x, d) in at.iter_mut().zip(&step) {
                *x -= length * d;
            }
            for (z, d) in z.iter_mut().zip(&moved) {
                *z -= length * d;
            }
            best = found;
        }
        let bias = at.pop().unwrap_or_default();
        Linear { weights: at, bias }
    }

    /// The bias that fits the mean alone.
    fn start(&self) -> f64 {
        let total: f64 = self.cases.iter().sum();
        let seen: f64 = self.cases.iter().zip(self.labels).map(|(c, y)| c * y).sum();
        match self.loss {
            // Drawn towards a half, so that labels of one class have a finite start.
            Loss::Logistic => libm::log((seen + 0.5) / (total - seen + 0.5)),
            Loss::Poisson => libm::log((seen / total.max(f64::MIN_POSITIVE)).max(1e-6)),
        }
    }

    fn scores(&self, at: &[f64], z: &mut [f64]) {
        let (weights, bias) = at.split_at(self.design.columns());
        self.design.times(weights, z);
        z.iter_mut().for_each(|z| *z += bias[0]);
    }

    fn objective(&self, at: &[f64], z: &[f64]) -> f64 {
        let rows = self.cases.iter().zip(self.labels).zip(z);
        let loss: f64 = rows.map(|((c, y), z)| c * self.loss.of(*z, *y)).sum();
        let weights = &at[..self.design.columns()];
        loss + 0.5 * self.penalty * weights.iter().map(|w| w * w).sum::<f64>()
    }

    /// The gradient, and each row's curvature.
    fn derivatives(&self, at: &[f64], z: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let rows = self.cases.iter().zip(self.labels).zip(z);
        let (residuals, curvature): (Vec<f64>, Vec<f64>) = rows
            .map(|((c, y), z)| {
                let (mean, slope) = self.loss.mean(*z);
                (c * (mean - y), c * slope)
            })
            .unzip();
        let mut gradient: Vec<f64> = at.iter().map(|w| self.penalty * w).collect();
        let columns = self.design.columns();
        self.design
            .add_transposed(&residuals, &mut gradient[..columns]);
        gradient[columns] = residuals.iter().sum();
        (gradient, curvature)
    }

    /// Solves `H d = gradient` until the residual has shrunk by `forcing`.
    fn direction(&self, gradient: &[f64], curvature: &[f64], forcing: f64) -> Vec<f64> {
        let columns = self.design.columns();
        let mut solution = vec![0.0; gradient.len()];
        let mut residual = gradient.to_vec();
        let mut search = residual.clone();
        let mut size = dot(&residual, &residual);
        let goal = size * forcing * forcing;
        let mut along = vec![0.0; self.design.rows()];
        for _ in 0..MAX_INNER {
            if size <= goal {
                break;
            }
            self.scores(&search, &mut along);
            for (x, h) in along.iter_mut().zip(curvature) {
                *x *= h;
            }
            let mut product: Vec<f64> = search.iter().map(|d| self.penalty * d).collect();
            self.design.add_transposed(&along, &mut product[..columns]);
            product[columns] = along.iter().sum();
            let bend = dot(&search, &product);
            if bend <= 0.0 {
                break;
            }
            let step = size / bend;
            for ((x, r), (d, p)) in
                (solution.iter_mut().zip(&mut residual)).zip(search.iter().zip(&product))
            {
                *x += step * d;
                *r -= step * p;
            }
            let next = dot(&residual, &residual);
            for (d, r) in search.iter_mut().zip(&residual) {
                *d = r + next / size * *d;
            }
            size = next;
        }
        solution
    }

    /// The first of the halved steps that lowers the objective, with what it comes to.
    fn search(
        &self,
        at: &[f64],
        step: &[f64],
        z: &[f64],
        moved: &[f64],
        best: f64,
    ) -> Option<(f64, f64)> {
        (0..30).find_map(|halvings| {
            let length = 0.5_f64.powi(halvings);
            let there: Vec<f64> = at.iter().zip(step).map(|(x, d)| x - length * d).collect();
            let scores: Vec<f64> = z.iter().zip(moved).map(|(z, d)| z - length * d).collect();
            let found = self.objective(&there, &scores);
            (found < best).then_some((length, found))
        })
    }
}

impl Loss {
    fn of(self, z: f64, y: f64) -> f64 {
        match self {
            Self::Logistic => cross_entropy(y, z),
            Self::Poisson => libm::exp(z.min(MAX_SCORE)) - y * z,
        }
    }

    /// What the score predicts, and how fast that rises.
    fn mean(self, z: f64) -> (f64, f64) {
        match self {
            Self::Logistic => {
                let p = sigmoid(z);
                (p, p * (1.0 - p))
            }
            Self::Poisson => {
                let mean = libm::exp(z.min(MAX_SCORE));
                (mean, mean)
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats;

    /// Two columns.
    struct Rows(Vec<[f64; 2]>);

    impl Design for Rows {
        fn rows(&self) -> usize {
            self.0.len()
        }

        fn columns(&self) -> usize {
            2
        }

        fn times(&self, v: &[f64], out: &mut [f64]) {
            for (out, row) in out.iter_mut().zip(&self.0) {
                *out = row[0] * v[0] + row[1] * v[1];
            }
        }

        fn add_transposed(&self, u: &[f64], out: &mut [f64]) {
            for (row, u) in self.0.iter().zip(u) {
                out[0] += row[0] * u;
                out[1] += row[1] * u;
            }
        }
    }

    fn drawn(n: u32) -> (Rows, Vec<f64>, Vec<f64>) {
        let draw = |what: &str, i: u32| stats::uniform(1, what, &i.to_le_bytes());
        let rows = Rows(
            (0..n)
                .map(|i| [draw("a", i) - 0.5, f64::from(i % 2)])
                .collect(),
        );
        let labels = (0..n).map(|i| draw("y", i)).collect();
        let cases = (0..n).map(|i| 0.5 + draw("c", i)).collect();
        (rows, labels, cases)
    }

    #[test]
    fn the_gradient_vanishes_for_soft_labels_and_case_weights() {
        let (rows, labels, cases) = drawn(200);
        for (loss, scale) in [(Loss::Logistic, 1.0), (Loss::Poisson, 900.0)] {
            let labels: Vec<f64> = labels.iter().map(|y| y * scale).collect();
            let found = fit(&rows, loss, &labels, &cases, 0.7);
            let mut gradient = [0.7 * found.weights[0], 0.7 * found.weights[1], 0.0];
            for ((row, y), c) in rows.0.iter().zip(&labels).zip(&cases) {
                let z = row[0] * found.weights[0] + row[1] * found.weights[1] + found.bias;
                let residual = c * (loss.mean(z).0 - y);
                gradient[0] += residual * row[0];
                gradient[1] += residual * row[1];
                gradient[2] += residual;
            }
            let size = norm(&gradient);
            assert!(size < 1e-3 * scale, "{loss:?} {gradient:?}");
        }
    }

    #[test]
    fn sums_of_poisson_predictions_are_the_sums_that_were_seen_where_a_column_tells() {
        let (rows, labels, cases) = drawn(300);
        let tokens: Vec<f64> = labels.iter().map(|y| 2000.0 * y * y).collect();
        let found = fit(&rows, Loss::Poisson, &tokens, &cases, 1e-3);
        for part in [0.0, 1.0] {
            let sums = (rows.0.iter().zip(&tokens).zip(&cases))
                .filter(|((row, _), _)| row[1] == part)
                .fold([0.0, 0.0], |[seen, said], ((row, y), c)| {
                    let z = row[0] * found.weights[0] + row[1] * found.weights[1] + found.bias;
                    [seen + c * y, said + c * libm::exp(z)]
                });
            assert!((sums[1] / sums[0] - 1.0).abs() < 1e-3, "{sums:?}");
        }
    }

    #[test]
    fn labels_of_one_class_stay_finite() {
        let (rows, _, cases) = drawn(50);
        for (loss, y) in [
            (Loss::Logistic, 0.0),
            (Loss::Logistic, 1.0),
            (Loss::Poisson, 0.0),
        ] {
            let found = fit(&rows, loss, &[y; 50], &cases, 1.0);
            assert!(found.bias.is_finite() && found.weights.iter().all(|w| w.is_finite()));
        }
    }
}
