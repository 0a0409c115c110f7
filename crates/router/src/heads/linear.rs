//! `logistic/1` and `log_linear/1`: a linear score of the entries.

use super::{MAX_COEFFICIENT, check_coefficient, check_coefficients, check_platt, sigmoid};
use crate::error::Error;

/// Where the exponent of a predicted token count is cut: `exp(20)` is 485 million tokens.
const MAX_LOG_TOKENS: f64 = 20.0;

/// `logistic/1`: the probability that an answer is right.
///
/// `z` = bias + the sum over the entries, in their order, of weight times value (in f64);
/// probability = `1 / (1 + exp(-(a z + b)))` with `platt` = `[a, b]`, as Platt 1999,
/// "Probabilistic outputs for support vector machines", calibrates a score (his signs reversed).
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// A weight a column of the recipe; magnitudes at most 1e6.
    pub weights: Vec<f32>,
    /// The score where every column is 0; magnitude at most 1e6.
    pub bias: f64,
    /// Slope and offset of the calibration; `[1, 0]` is none. Magnitudes at most 1e6.
    pub platt: [f64; 2],
}

/// `log_linear/1`: how many tokens an answer takes.
///
/// Tokens = smearing * `exp(min(z, 20))` with `z` as in [`Logistic`]; smearing is the factor that
/// turns a mean of logarithms into a mean (Duan 1983, "Smearing estimate").
#[derive(Debug, Clone, PartialEq)]
pub struct LogLinear {
    /// A weight a column of the recipe; magnitudes at most 1e6.
    pub weights: Vec<f32>,
    /// The logarithm of the tokens where every column is 0; magnitude at most 1e6.
    pub bias: f64,
    /// From 0 (excluded) to 1e6.
    pub smearing: f64,
}

impl Logistic {
    /// The probability, in `[0, 1]`. `entries` are those of the recipe that the head was made for.
    ///
    /// # Panics
    /// Where an entry's column is beyond the weights.
    #[must_use]
    pub fn probability(&self, entries: &[(u32, f64)]) -> f64 {
        let [slope, offset] = self.platt;
        sigmoid(slope * self.score(entries) + offset)
    }

    /// # Errors
    /// A coefficient that is not finite or outside its limits, or not `columns` weights.
    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        check_score(&self.weights, self.bias, columns)?;
        check_platt(self.platt)
    }

    /// The uncalibrated score.
    ///
    /// # Panics
    /// Where an entry's column is beyond the weights.
    #[must_use]
    pub fn score(&self, entries: &[(u32, f64)]) -> f64 {
        score(&self.weights, self.bias, entries)
    }
}

impl LogLinear {
    /// The predicted output tokens: finite, not negative, at most smearing * 4.9e8.
    ///
    /// # Panics
    /// Where an entry's column is beyond the weights.
    #[must_use]
    pub fn tokens(&self, entries: &[(u32, f64)]) -> f64 {
        self.smeared(self.score(entries))
    }

    /// The tokens of a predicted logarithm.
    #[must_use]
    pub fn smeared(&self, log: f64) -> f64 {
        self.smearing * libm::exp(log.min(MAX_LOG_TOKENS))
    }

    /// The logarithm of the tokens before smearing.
    ///
    /// # Panics
    /// Where an entry's column is beyond the weights.
    #[must_use]
    pub fn score(&self, entries: &[(u32, f64)]) -> f64 {
        score(&self.weights, self.bias, entries)
    }

    /// # Errors
    /// A coefficient that is not finite or outside its limits, or not `columns` weights.
    pub(crate) fn check(&self, columns: usize) -> Result<(), Error> {
        check_score(&self.weights, self.bias, columns)?;
        if self.smearing > 0.0 && self.smearing <= MAX_COEFFICIENT {
            return Ok(());
        }
        Err(Error::value(format!(
            "{} is not a number above 0 and up to {MAX_COEFFICIENT}",
            self.smearing
        ))
        .within("smearing"))
    }
}

/// The linear score: a plain loop, since another order of the sum has another last digit.
fn score(weights: &[f32], bias: f64, entries: &[(u32, f64)]) -> f64 {
    entries.iter().fold(bias, |sum, &(column, value)| {
        sum + f64::from(weights[column as usize]) * value
    })
}

fn check_score(weights: &[f32], bias: f64, columns: usize) -> Result<(), Error> {
    if weights.len() != columns {
        return Err(Error::value(format!(
            "{} weights where the features have {columns} columns",
            weights.len()
        ))
        .within("weights"));
    }
    check_coefficients(weights, "weights")?;
    check_coefficient(bias).map_err(|error| error.within("bias"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn logistic(weights: &[f32], bias: f64, platt: [f64; 2]) -> Logistic {
        Logistic {
            weights: weights.to_vec(),
            bias,
            platt,
        }
    }

    #[test]
    fn a_probability_is_the_calibrated_sigmoid_of_the_score() {
        let head = logistic(&[0.5, -2.0, 7.0], 0.25, [2.0, -0.5]);
        // z = 0.25 + 0.5 * 3 - 2 * 0.5 = 0.75; 2 z - 0.5 = 1.
        let p = head.probability(&[(0, 3.0), (1, 0.5)]);
        assert!((p - 0.731_058_578_630_004_9).abs() < 1e-15);
        let sum = logistic(&[], 3.0, [1.0, 0.0]).probability(&[])
            + logistic(&[], -3.0, [1.0, 0.0]).probability(&[]);
        assert!((sum - 1.0).abs() < 1e-15);
    }

    #[test]
    fn tokens_are_the_smeared_exponential_cut_at_the_top() {
        let mut head = LogLinear {
            weights: vec![1.0],
            bias: 2.0,
            smearing: 1.5,
        };
        assert!((head.tokens(&[(0, 1.0)]) - 1.5 * 20.085_536_923_187_668).abs() < 1e-12);
        assert!((head.tokens(&[(0, 900.0)]) - 1.5 * 485_165_195.409_790_3).abs() < 1e-6);
        assert_eq!(head.tokens(&[(0, -1e9)]), 0.0);
        head.smearing = 0.0;
        assert_eq!(
            head.check(head.weights.len()).unwrap_err().path(),
            "smearing"
        );
    }

    #[test]
    fn coefficients_that_are_not_finite_are_refused_by_place() {
        let cases = [
            (logistic(&[0.0, f32::NAN], 0.0, [1.0, 0.0]), "weights[1]"),
            (logistic(&[f32::INFINITY], 0.0, [1.0, 0.0]), "weights[0]"),
            (logistic(&[], 1e7, [1.0, 0.0]), "bias"),
            (logistic(&[], 0.0, [f64::NAN, 0.0]), "platt"),
        ];
        for (head, path) in cases {
            assert_eq!(head.check(head.weights.len()).unwrap_err().path(), path);
        }
    }

    proptest! {
        #[test]
        fn heads_within_their_limits_stay_finite(
            weights in prop::collection::vec(-1e6_f32..=1e6, 3),
            values in prop::collection::vec(-4e6_f64..=4e6, 3),
            bias in -1e6_f64..=1e6, slope in -1e6_f64..=1e6, smearing in 1e-9_f64..=1e6,
        ) {
            let entries: Vec<_> = (0..).zip(values).collect();
            let head = logistic(&weights, bias, [slope, bias]);
            prop_assert!(head.check(3).is_ok());
            prop_assert!((0.0..=1.0).contains(&head.probability(&entries)));
            let tokens = LogLinear { weights, bias, smearing }.tokens(&entries);
            prop_assert!(tokens.is_finite() && tokens >= 0.0);
        }
    }
}
