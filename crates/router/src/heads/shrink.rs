//! Shrinkage of the differences between models.

use crate::error::Error;

/// Takes what the heads say of each model part of the way back to what they say of all: thresholds
/// in dollars follow the *differences* between models, and on traffic that nobody trained on those
/// are smaller than predicted, though each probability may be right on the mean.
///
/// The probability of a model is its centre, a part that all models share (the request is easy or
/// hard), and a part of its own. The last is multiplied by the factor:
///
/// ```text
/// a = mean over models of (p - centre)        p' = centre + a + factor * (p - centre - a)
/// ```
///
/// and p' is kept within 0 and 1. Of two models the order of requests by gain does not change.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrink {
    /// How much of a model's own part remains, from 0 to 1.
    pub factor: f64,
    /// The mean probability of each model, in the order of the heads.
    pub centres: Vec<f64>,
}

impl Shrink {
    /// The part that all models share, of their probabilities in the order of the heads.
    #[must_use]
    pub fn shared(&self, probabilities: impl Iterator<Item = f64>) -> f64 {
        let (mut sum, mut models) = (0.0, 0.0);
        for (p, centre) in probabilities.zip(&self.centres) {
            sum += p - centre;
            models += 1.0;
        }
        sum / models
    }

    /// The probability of one model, by its place among the heads, of what its head says and the
    /// shared part.
    #[must_use]
    pub fn of(&self, model: usize, p: f64, shared: f64) -> f64 {
        let centre = self.centres[model];
        let own = p - centre - shared;
        (centre + shared + self.factor * own).clamp(0.0, 1.0)
    }

    pub(crate) fn check(&self, models: usize) -> Result<(), Error> {
        let fault = |place: &str, message: String| Err(Error::value(message).within(place));
        if !(0.0..=1.0).contains(&self.factor) {
            return fault("factor", format!("{} is not from 0 to 1", self.factor));
        }
        if self.centres.len() != models {
            let message = format!(
                "{} centres for the heads of {models} models",
                self.centres.len()
            );
            return fault("centres", message);
        }
        match self
            .centres
            .iter()
            .find(|centre| !(0.0..=1.0).contains(*centre))
        {
            Some(centre) => fault(
                "centres",
                format!("{centre} is not a probability in [0, 1]"),
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(shrink: &Shrink, said: &[f64]) -> Vec<f64> {
        let shared = shrink.shared(said.iter().copied());
        (said.iter().enumerate())
            .map(|(model, p)| shrink.of(model, *p, shared))
            .collect()
    }

    #[test]
    fn a_gain_goes_that_far_back_to_the_mean_gain_and_the_sum_stays() {
        let shrink = Shrink {
            factor: 0.8,
            centres: vec![0.5, 0.75],
        };
        let found = shrunk(&shrink, &[0.25, 0.875]);
        // The mean gain is .25, the predicted one .625: .25 + .8 * .375 = .55.
        assert!((found[1] - found[0] - 0.55).abs() < 1e-12);
        assert!((found[1] + found[0] - 1.125).abs() < 1e-12);
    }

    #[test]
    fn what_all_models_share_is_left_alone_and_the_end_of_the_scale_holds() {
        let shrink = Shrink {
            factor: 0.5,
            centres: vec![0.5, 0.5, 0.5],
        };
        for (found, said) in shrunk(&shrink, &[0.75; 3]).iter().zip([0.75; 3]) {
            assert!((found - said).abs() < 1e-12);
        }
        let far = Shrink {
            factor: 0.0,
            centres: vec![0.0, 1.0],
        };
        assert_eq!(shrunk(&far, &[1.0, 1.0]), [0.5, 1.0]);
    }

    #[test]
    fn a_factor_or_a_centre_out_of_range_is_refused() {
        let shrink = |factor, centres: &[f64]| Shrink {
            factor,
            centres: centres.to_vec(),
        };
        assert!(shrink(1.0, &[0.0, 1.0]).check(2).is_ok());
        for (bad, models) in [
            (shrink(1.1, &[0.5]), 1),
            (shrink(f64::NAN, &[0.5]), 1),
            (shrink(0.5, &[0.5]), 2),
            (shrink(0.5, &[1.5]), 1),
        ] {
            assert!(bad.check(models).is_err(), "{bad:?}");
        }
    }
}
