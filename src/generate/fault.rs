//! Faults of scenario files while they are checked, and the checks of single numbers.

use std::collections::BTreeMap;

use super::draw::Weighted;
use super::laws::LogNormal;
use super::wire::LawWire;

/// Rounding that the shares of a list may have when they are added up.
pub(super) const SHARE_ROUNDING: f64 = 1e-9;

/// The greatest mean of a law, and the greatest spread of its logarithm.
pub(super) const MOST_MEAN: f64 = 1e9;
const MOST_SIGMA: f64 = 3.0;

/// A field, innermost name last, and what is wrong with it.
pub(super) struct Fault(pub(super) Vec<String>, pub(super) String);

pub(super) type Checked<T> = Result<T, Fault>;

pub(super) fn fault<T>(field: &str, message: impl Into<String>) -> Checked<T> {
    Err(Fault(vec![field.into()], message.into()))
}

/// Adds the name of the table around a fault.
pub(super) trait Within<T> {
    fn within(self, outer: &str) -> Checked<T>;
}

impl<T> Within<T> for Checked<T> {
    fn within(self, outer: &str) -> Self {
        self.map_err(|Fault(mut path, message)| {
            path.insert(0, outer.into());
            Fault(path, message)
        })
    }
}

pub(super) fn law(field: &str, wire: LawWire) -> Checked<LogNormal> {
    Ok(LogNormal::with_mean(
        positive("mean", wire.mean, MOST_MEAN).within(field)?,
        sigma(wire.sigma).within(field)?,
    ))
}

pub(super) fn sigma(sigma: f64) -> Checked<f64> {
    if (0.0..=MOST_SIGMA).contains(&sigma) {
        Ok(sigma)
    } else {
        let message =
            format!("{sigma} must be from 0 to {MOST_SIGMA}: the spread of the logarithm");
        fault("sigma", message)
    }
}

pub(super) fn positive(field: &str, x: f64, most: f64) -> Checked<f64> {
    if x > 0.0 && x <= most {
        Ok(x)
    } else {
        fault(field, format!("{x} must be above 0 and at most {most}"))
    }
}

pub(super) fn share(field: &str, x: f64) -> Checked<f64> {
    if (0.0..=1.0).contains(&x) {
        Ok(x)
    } else {
        fault(field, format!("{x} must be from 0 to 1"))
    }
}

/// Names with their shares, which are at most 1 in all.
pub(super) fn weights(field: &str, wire: BTreeMap<String, f64>) -> Checked<Weighted<String>> {
    for (name, x) in &wire {
        share(name, *x).within(field)?;
    }
    let sum: f64 = wire.values().sum();
    if sum > 1.0 + SHARE_ROUNDING {
        return fault(
            field,
            format!("the shares add up to {sum:.6}; they must not exceed 1"),
        );
    }
    if sum > 1.0 - SHARE_ROUNDING {
        return Ok(Weighted::in_proportion(wire));
    }
    Ok(Weighted::new(wire))
}
