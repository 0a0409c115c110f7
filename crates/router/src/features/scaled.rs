//! Numbers brought to one scale before a head sees them.

use super::{MAX_FACTOR, check_weight};
use crate::error::Error;

/// Scaled numbers are cut at this many scales on either side.
const CLIP: f64 = 4.0;

/// What a step does to its raw numbers: value = clamp((raw - mean) * scale, -4, 4) * weight.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scaling {
    /// A mean a column; magnitudes at most 1e6.
    pub mean: Vec<f32>,
    /// One over the standard deviation of each column, from 0 to 1e6; 0 for one that was constant
    /// or is not to count.
    pub scale: Vec<f32>,
    /// What the values are multiplied by, from 0 to 1e6: the smaller, the more a penalised fit
    /// shrinks what it learns from them.
    pub weight: f32,
}

impl Scaling {
    /// # Errors
    /// Another number of means or scales than `columns`, or a value outside its limits.
    pub(super) fn check(&self, step: &str, columns: usize) -> Result<(), Error> {
        for (name, values, least) in [
            ("mean", &self.mean, -MAX_FACTOR),
            ("scale", &self.scale, 0.0),
        ] {
            if values.len() != columns {
                return Err(Error::value(format!(
                    "{} values where {step} has {columns} columns",
                    values.len()
                ))
                .within(name));
            }
            let wrong = |value: &f32| !(least..=MAX_FACTOR).contains(value);
            if let Some(i) = values.iter().position(wrong) {
                return Err(Error::value(format!(
                    "value {i} is {}, not a number from {least} to {MAX_FACTOR}",
                    values[i]
                ))
                .within(name));
            }
        }
        check_weight(self.weight)
    }
}

/// clamp((raw - mean) * scale, -4, 4) * weight
pub(super) fn scaled(raw: f64, mean: f32, scale: f32, weight: f32) -> f64 {
    let scaled = (raw - f64::from(mean)) * f64::from(scale);
    scaled.clamp(-CLIP, CLIP) * f64::from(weight)
}

/// Adds an entry for every raw number, with columns from `first` on.
pub(super) fn append(
    scaling: &Scaling,
    raw: impl Iterator<Item = f64>,
    first: u32,
    entries: &mut Vec<(u32, f64)>,
) {
    let by_column = scaling.mean.iter().zip(&scaling.scale).zip(raw);
    entries.extend(
        (first..)
            .zip(by_column)
            .map(|(column, ((mean, scale), raw))| {
                (column, scaled(raw, *mean, *scale, scaling.weight))
            }),
    );
}
