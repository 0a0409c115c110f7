//! Heads: what a trained predictor makes of a request's features.
//!
//! Owns the arithmetic from feature entries to one predicted term, in one fixed order: a linear
//! score ([`Logistic`], [`LogLinear`]), boosted trees ([`Trees`]) and the mean of several
//! ([`Mean`]), and from all models' probabilities to those that decide ([`Shrink`]), each frozen
//! once released. It does not know what the columns mean, nor which model a head belongs to.

mod linear;
mod mean;
mod shrink;
mod success;
mod trees;

pub use linear::{LogLinear, Logistic};
pub use mean::Mean;
pub use shrink::Shrink;
pub use success::Success;
pub use trees::{Split, Tree, Trees};

use crate::error::Error;

/// No weight, bias or other coefficient of a head may be larger than this, up or down: then no
/// product or sum of them overflows.
const MAX_COEFFICIENT: f64 = 1e6;

/// `1 / (1 + exp(-x))`, without an overflow on either side.
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

fn check_coefficient(value: f64) -> Result<(), Error> {
    if value.abs() <= MAX_COEFFICIENT {
        return Ok(());
    }
    Err(Error::value(format!(
        "{value} is not a number from -{MAX_COEFFICIENT} to {MAX_COEFFICIENT}"
    )))
}

fn check_coefficients(values: &[f32], name: &str) -> Result<(), Error> {
    for (i, value) in values.iter().enumerate() {
        check_coefficient(f64::from(*value))
            .map_err(|error| error.within(format_args!("[{i}]")).within(name))?;
    }
    Ok(())
}

fn check_platt(platt: [f64; 2]) -> Result<(), Error> {
    platt
        .into_iter()
        .try_for_each(check_coefficient)
        .map_err(|error| error.within("platt"))
}
