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
