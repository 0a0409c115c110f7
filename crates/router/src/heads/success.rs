//! The head that predicts success, of whatever kind.

use super::{Logistic, Mean, Trees};
use crate::error::Error;

/// A model's probability of a right answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Success {
    /// By a linear score.
    Logistic(Logistic),
    /// By boosted trees.
    Trees(Trees),
    /// By the mean of several heads.
    Mean(Mean),
}

impl Success {
    /// The probability, in `[0, 1]`. `entries` are those of the recipe that the head was made for.
    ///
    /// # Panics
    /// Where an entry's column is beyond a linear head's weights.
    #[must_use]
    pub fn probability(&self, entries: &[(u32, f64)]) -> f64 {
        match self {
            Self::Logistic(head) => head.probability(entries),
            Self::Trees(head) => head.probability(entries),
            Self::Mean(head) => head.probability(entries),
        }
    }

    /// The probability before the calibration of the head as a whole.
    ///
    /// # Panics
    /// As [`Self::probability`].
    #[must_use]
    pub fn uncalibrated(&self, entries: &[(u32, f64)]) -> f64 {
        match self {
            Self::Logistic(head) => super::sigmoid(head.score(entries)),
            Self::Trees(head) => super::sigmoid(head.score(entries)),
            Self::Mean(head) => head.mean(entries),
        }
    }

    /// Slope and offset of the calibration; `[1, 0]` is none.
    #[must_use]
    pub fn platt(&self) -> [f64; 2] {
        match self {
            Self::Logistic(head) => head.platt,
            Self::Trees(head) => head.platt,
            Self::Mean(head) => head.platt,
        }
    }

    /// The same head with another calibration.
    #[must_use]
    pub fn with_platt(mut self, platt: [f64; 2]) -> Self {
        match &mut self {
            Self::Logistic(head) => head.platt = platt,
            Self::Trees(head) => head.platt = platt,
            Self::Mean(head) => head.platt = platt,
        }
        self
    }

    /// The logarithm of the odds that the probability stands for.
    ///
    /// # Panics
    /// As [`Self::probability`].
    #[must_use]
    pub fn log_odds(&self, entries: &[(u32, f64)]) -> f64 {
        let [slope, offset] = self.platt();
        let score = match self {
            Self::Logistic(head) => head.score(entries),
            Self::Trees(head) => head.score(entries),
            Self::Mean(head) => head.log_odds(entries),
        };
        slope * score + offset
    }

    /// # Errors
    /// A coefficient outside its limits, or a number of weights or a column that does not fit
    /// `columns`.
    pub(crate) fn check(&self, columns: usize) -> Result<(), Error> {
        match self {
            Self::Logistic(head) => head.check(columns),
            Self::Trees(head) => head.check(columns),
            Self::Mean(head) => head.check(columns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heads::{Split, Tree};
    use proptest::prelude::*;

    fn heads(weights: Vec<f32>, bias: f64, platt: [f64; 2]) -> [Success; 3] {
        let tree = Tree {
            splits: vec![Split {
                column: 1,
                at_most: weights[0],
                low: -1,
                high: -2,
            }],
            leaves: weights[1..].to_vec(),
        };
        let logistic = Success::Logistic(Logistic {
            weights,
            bias,
            platt,
        });
        let trees = Success::Trees(Trees {
            bias,
            platt,
            trees: vec![tree],
        });
        let of = vec![logistic.clone(), trees.clone()];
        [logistic, trees, Success::Mean(Mean { of, platt })]
    }

    proptest! {
        #[test]
        fn every_kind_within_its_limits_gives_a_probability(
            weights in prop::collection::vec(-1e6_f32..=1e6, 3),
            values in prop::collection::vec(-4e6_f64..=4e6, 3),
            bias in -1e6_f64..=1e6, slope in -1e6_f64..=1e6,
        ) {
            let entries: Vec<_> = (0..).zip(values).collect();
            for head in heads(weights, bias, [slope, bias]) {
                prop_assert!(head.check(3).is_ok());
                prop_assert!((0.0..=1.0).contains(&head.probability(&entries)));
                prop_assert!((0.0..=1.0).contains(&head.uncalibrated(&entries)));
                prop_assert!(head.log_odds(&entries).is_finite());
            }
        }

        #[test]
        fn log_odds_and_calibration_make_the_probability(
            weights in prop::collection::vec(-1_f32..=1.0, 3),
            values in prop::collection::vec(-1_f64..=1.0, 3),
            bias in -1_f64..=1.0, slope in 0.1_f64..=2.0,
        ) {
            let entries: Vec<_> = (0..).zip(values).collect();
            for head in heads(weights, bias, [slope, bias]) {
                let p = head.probability(&entries);
                prop_assert!((p - super::super::sigmoid(head.log_odds(&entries))).abs() < 1e-12);
                let plain = head.clone().with_platt([1.0, 0.0]);
                prop_assert_eq!(plain.platt(), [1.0, 0.0]);
                prop_assert!((plain.probability(&entries) - head.uncalibrated(&entries)).abs() < 1e-12);
            }
        }
    }
}
