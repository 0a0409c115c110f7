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
