//! `embedding/1`: the numbers of the request's own embedding.
//!
//! Owns their scaling. Where an embedding comes from is the recorder's business: the same model
//! must make it for training and for deciding.

use super::scaled::{self, Scaling};
use crate::error::Error;

/// The step `embedding/1`: value = clamp((raw - mean) * scale, -4, 4) * weight, a column a number.
///
/// A request without embedding, or with one of another length, has no entry: as if every number
/// were the mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(
    /// A mean and a scale for each number of an embedding; 1 to 4,096 of them.
    pub Scaling,
);

/// The longest embedding.
const MAX_LENGTH: usize = 4096;

impl Embedding {
    pub(super) fn columns(&self) -> usize {
        self.0.mean.len()
    }

    pub(super) fn append(&self, raw: &[f32], first: u32, entries: &mut Vec<(u32, f64)>) {
        if raw.len() == self.columns() {
            scaled::append(&self.0, raw.iter().map(|x| f64::from(*x)), first, entries);
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let length = self.columns();
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(Error::value(format!(
                "an embedding of {length} numbers; 1 to {MAX_LENGTH} can be read"
            ))
            .within("mean"));
        }
        self.0.check("embedding/1", length)
    }
}
