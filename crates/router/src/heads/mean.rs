//! `mean/1`: the mean of several heads of one model.

use super::success::Success;
use super::{check_platt, sigmoid};
use crate::error::Error;

/// The most heads that a mean is taken of.
const MAX_HEADS: usize = 8;
/// A mean is cut at this distance from 0 and 1 before its logarithm is taken.
const EDGE: f64 = 1e-9;

/// `mean/1`: the probability that an answer is right, as several heads see it together.
///
/// `q` = the sum of the heads' probabilities, in their order, over their number; probability =
/// `1 / (1 + exp(-(a ln(q / (1 - q)) + b)))` with `platt` = `[a, b]` and `q` cut to
/// `[1e-9, 1 - 1e-9]`, and `q` itself where `platt` is `[1, 0]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mean {
    /// 1 to 8 heads, none of them a mean.
    pub of: Vec<Success>,
    /// Slope and offset of the calibration; `[1, 0]` is none. Magnitudes at most 1e6.
    pub platt: [f64; 2],
}

impl Mean {
    /// The probability, in `[0, 1]`.
    ///
    /// # Panics
    /// As the heads that it is taken of.
    #[must_use]
    pub fn probability(&self, entries: &[(u32, f64)]) -> f64 {
        if self.platt == [1.0, 0.0] {
            return self.mean(entries);
        }
        let [slope, offset] = self.platt;
        sigmoid(slope * self.log_odds(entries) + offset)
    }

    /// The mean before calibration, in `[0, 1]`.
    pub(super) fn mean(&self, entries: &[(u32, f64)]) -> f64 {
        let sum = (self.of.iter()).fold(0.0, |sum, head| sum + head.probability(entries));
        sum / self.of.len() as f64
    }

    /// The log-odds of the mean before calibration.
    pub(super) fn log_odds(&self, entries: &[(u32, f64)]) -> f64 {
        let q = self.mean(entries).clamp(EDGE, 1.0 - EDGE);
        libm::log(q / (1.0 - q))
    }

    /// # Errors
    /// As the heads that it is taken of; none or too many of them, a mean of means.
    pub(super) fn check(&self, columns: usize) -> Result<(), Error> {
        check_platt(self.platt)?;
        let count = self.of.len();
        if !(1..=MAX_HEADS).contains(&count) {
            return Err(Error::value(format!(
                "a mean is taken of 1 to {MAX_HEADS} heads, not {count}"
            ))
            .within("of"));
        }
        for (i, head) in self.of.iter().enumerate() {
            let checked = match head {
                Success::Mean(_) => Err(Error::value("a mean of means; name the heads themselves")),
                head => head.check(columns),
            };
            checked.map_err(|error| error.within(format_args!("of[{i}]")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heads::{Logistic, Tree, Trees};

    /// Probability 1 / (1 + exp(-(3 x - 1))).
    fn logistic() -> Success {
        Success::Logistic(Logistic {
            weights: vec![1.5],
            bias: 0.0,
            platt: [2.0, -1.0],
        })
    }

    /// Probability 1 / (1 + exp(1)).
    fn trees() -> Success {
        Success::Trees(Trees {
            bias: -3.0,
            platt: [1.0, 0.0],
            trees: vec![Tree {
                splits: Vec::new(),
                leaves: vec![2.0],
            }],
        })
    }

    fn mean(of: Vec<Success>, platt: [f64; 2]) -> Mean {
        Mean { of, platt }
    }

    const ENTRIES: [(u32, f64); 1] = [(0, 1.0)];
    /// The mean of 1 / (1 + exp(-2)) and 1 / (1 + exp(1)).
    const Q: f64 = (0.880_797_077_977_882_3 + 0.268_941_421_369_995_1) / 2.0;

    #[test]
    fn a_mean_is_of_probabilities_each_calibrated_by_its_own() {
        let plain = mean(vec![logistic(), trees()], [1.0, 0.0]);
        assert!((plain.probability(&ENTRIES) - Q).abs() < 1e-15);
        assert!(plain.check(1).is_ok());
        let one = mean(vec![trees()], [1.0, 0.0]);
        assert_eq!(one.probability(&ENTRIES), trees().probability(&ENTRIES));
    }

    #[test]
    fn its_own_calibration_is_of_the_means_log_odds() {
        let calibrated = mean(vec![logistic(), trees()], [2.0, -0.5]);
        let odds = (Q / (1.0 - Q)).powi(2) * (-0.5_f64).exp();
        let p = calibrated.probability(&ENTRIES);
        assert!((p - odds / (1.0 + odds)).abs() < 1e-15, "{p}");
        assert!((calibrated.mean(&ENTRIES) - Q).abs() < 1e-15);
    }

    #[test]
    fn a_mean_of_certainties_stays_finite() {
        let certain = |bias: f64| {
            Success::Logistic(Logistic {
                weights: vec![0.0],
                bias,
                platt: [1.0, 0.0],
            })
        };
        for (bias, edge) in [(1e6, 1.0 - EDGE), (-1e6, EDGE)] {
            let plain = mean(vec![certain(bias); 8], [1.0, 0.0]);
            let p = plain.probability(&ENTRIES);
            assert!(p == 0.0 || p == 1.0);
            let calibrated = mean(vec![certain(bias); 8], [1.0, 1e-300]);
            assert!((calibrated.probability(&ENTRIES) - edge).abs() < 1e-12);
            let wild = mean(vec![certain(bias)], [1e6, -1e6]);
            assert!((0.0..=1.0).contains(&wild.probability(&ENTRIES)));
        }
    }

    #[test]
    fn broken_means_are_refused_by_place() {
        let mut narrow = logistic();
        if let Success::Logistic(head) = &mut narrow {
            head.weights.clear();
        }
        let nested = Success::Mean(mean(vec![logistic()], [1.0, 0.0]));
        for (head, path) in [
            (mean(Vec::new(), [1.0, 0.0]), "of"),
            (mean(vec![trees(); 9], [1.0, 0.0]), "of"),
            (mean(vec![trees(), nested], [1.0, 0.0]), "of[1]"),
            (mean(vec![trees(), narrow], [1.0, 0.0]), "of[1].weights"),
            (mean(vec![trees()], [f64::INFINITY, 0.0]), "platt"),
        ] {
            assert_eq!(head.check(1).unwrap_err().path(), path);
        }
        assert!(mean(vec![trees(); 8], [1.0, 0.0]).check(1).is_ok());
    }
}
