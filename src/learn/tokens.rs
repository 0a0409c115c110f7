//! The output-token head: a Poisson pseudo-likelihood on the shared columns.
//!
//! Tokens are not Poisson; its estimating equations are used because they make sums come out
//! right: over all rows and, but for a small penalty, over every task (see [`Loss::Poisson`]),
//! which a regression on logarithms does not. The counts are divided by their overdispersion, so
//! that the penalty weighs as it does for a count of its own size.

use weighbridge_router::LogLinear;

use super::matrix::Dense;
use super::newton::{self, Design, Loss};

/// The penalty against counts that are divided by their overdispersion.
const PENALTY: f64 = 1.0;
/// Bounds that a head's smearing must keep; only absurd data come near them.
const SMEARING: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// A head from the rows of a design and their tokens (at least one each), of as many columns as the
/// design has, with a smearing of 1.
pub(super) fn fit(dense: &Dense<'_>, tokens: &[f64]) -> LogLinear {
    let spread = overdispersion(tokens);
    let counts: Vec<f64> = tokens.iter().map(|t| t / spread).collect();
    let cases = vec![1.0; counts.len()];
    let fitted = newton::fit(dense, Loss::Poisson, &counts, &cases, PENALTY);
    // The bias takes up what rounding the weights leaves, so that the sum stays right.
    let weights: Vec<f32> = fitted.weights.iter().map(|w| *w as f32).collect();
    let mut bias = fitted.bias + libm::log(spread);
    let predicted: f64 = {
        let rounded: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
        let mut z = vec![0.0; dense.rows()];
        dense.times(&rounded, &mut z);
        z.iter().map(|z| libm::exp((z + bias).min(20.0))).sum()
    };
    let seen: f64 = tokens.iter().sum();
    if predicted > 0.0 && seen > 0.0 {
        bias += libm::log(seen / predicted);
    }
    LogLinear {
        weights,
        bias,
        smearing: 1.0,
    }
}

/// Variance over mean; at least 1.
fn overdispersion(tokens: &[f64]) -> f64 {
    let n = tokens.len().max(1) as f64;
    let mean = tokens.iter().sum::<f64>() / n;
    let variance = tokens.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / n;
    if mean > 0.0 {
        (variance / mean).max(1.0)
    } else {
        1.0
    }
}

/// What out-of-fold predictions must be multiplied by to add up to what was seen. 1 for none.
pub(super) fn smearing(predicted: &[f64], seen: &[f64]) -> f64 {
    let (predicted, seen) = (predicted.iter().sum::<f64>(), seen.iter().sum::<f64>());
    if predicted > 0.0 && seen > 0.0 {
        (seen / predicted).clamp(*SMEARING.start(), *SMEARING.end())
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::Matrix;
    use super::*;
    use crate::stats;

    #[test]
    fn sums_come_out_right_overall_and_by_task_however_skewed_the_tokens_are() {
        let u = |what: &str, i: usize| stats::uniform(2, what, &i.to_le_bytes());
        let rows: Vec<Vec<f64>> = (0..2000)
            .map(|i| {
                vec![
                    u("x", i),
                    f64::from(u8::from(i % 3 == 0)),
                    f64::from(u8::from(i % 3 == 1)),
                ]
            })
            .collect();
        // Spread by a factor of some hundreds, more so in the first task.
        let tokens: Vec<f64> = rows
            .iter()
            .enumerate()
            .map(|(i, row)| (libm::exp(4.0 + row[0] + (2.0 + 2.0 * row[1]) * u("y", i))).max(1.0))
            .collect();
        let matrix = Matrix::of(3, &rows);
        let places: Vec<usize> = (0..2000).collect();
        let dense = Dense {
            matrix: &matrix,
            own: None,
            places: &places,
        };
        let head = fit(&dense, &tokens);
        let mut entries = Vec::new();
        for (task, tolerance) in [
            (None, 1e-6),
            (Some(0), 0.01),
            (Some(1), 0.01),
            (Some(2), 0.02),
        ] {
            let (mut said, mut seen) = (0.0, 0.0);
            for i in (0..2000).filter(|i| task.is_none_or(|task| i % 3 == task)) {
                dense.entries(i, &mut entries);
                said += head.tokens(&entries);
                seen += tokens[i];
            }
            assert!(
                (said / seen - 1.0).abs() < tolerance,
                "{task:?} {said} {seen}"
            );
        }
    }

    #[test]
    fn smearing_is_one_without_rows_and_stays_within_its_bounds() {
        assert_eq!(smearing(&[], &[]), 1.0);
        assert_eq!(smearing(&[1.0, 2.0], &[4.0, 2.0]), 2.0);
        assert_eq!(smearing(&[1e-9], &[1e9]), 1e6);
    }
}
