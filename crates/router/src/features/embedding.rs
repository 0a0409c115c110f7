//! `embedding/1`: the numbers of the request's own embedding.
//!
//! Owns their scaling. Where an embedding comes from is the recorder's business: the same model
//! must make it for training and for deciding.

use super::scaled::{self, Scaling};
use crate::error::Error;

/// The step `embedding/1`: value = clamp((raw - mean) * scale, -4, 4) * weight, a column a number.
///
/// A request without embedding, or with one of another length or with a number that is not finite,
/// has no entry: as if every number were the mean.
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
        if raw.len() == self.columns() && raw.iter().all(|x| x.is_finite()) {
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

#[cfg(test)]
mod tests {
    use super::super::{FeatureScratch, Recipe, Step, Tag};
    use super::*;
    use crate::request::RequestRef;

    fn step() -> Embedding {
        Embedding(Scaling {
            mean: vec![1.0, -0.5, 0.0],
            scale: vec![2.0, 0.0, 100.0],
            weight: 0.5,
        })
    }

    fn row(embedding: Option<&[f32]>) -> Vec<(u32, f64)> {
        let tag = Tag {
            values: vec!["math".into()],
        };
        let recipe = Recipe::try_new(vec![Step::Embedding(step()), Step::Tag(tag)]).unwrap();
        let mut scratch = FeatureScratch::default();
        let request = RequestRef {
            task: Some("math"),
            embedding,
            ..RequestRef::default()
        };
        recipe.compute(&request, &mut scratch);
        scratch.entries().to_vec()
    }

    #[test]
    fn each_number_is_centred_scaled_cut_and_weighted() {
        let entries = row(Some(&[1.75, 7.0, -0.25]));
        assert_eq!(entries, [(0, 0.75), (1, 0.0), (2, -2.0), (3, 1.0)]);
        assert!(
            row(Some(&[f32::MAX, f32::MIN, f32::MIN_POSITIVE]))
                .iter()
                .all(|x| x.1.is_finite())
        );
    }

    #[test]
    fn an_embedding_that_is_absent_or_does_not_fit_has_no_entry() {
        for embedding in [
            None,
            Some(&[][..]),
            Some(&[1.0, 2.0]),
            Some(&[1.0, 2.0, 3.0, 4.0]),
            Some(&[1.0, f32::NAN, 3.0]),
            Some(&[f32::INFINITY, 2.0, 3.0]),
        ] {
            assert_eq!(row(embedding), [(3, 1.0)]);
        }
    }

    #[test]
    fn broken_embeddings_are_refused_by_place() {
        let of_length = |length: usize| {
            let mut step = step();
            step.0.mean.resize(length, 0.0);
            step.0.scale.resize(length, 0.0);
            Recipe::try_new(vec![Step::Embedding(step)])
        };
        assert!(of_length(1).is_ok() && of_length(4096).is_ok());
        for length in [0, 4097] {
            assert_eq!(of_length(length).unwrap_err().path(), "[0].mean");
        }
        type Change = fn(&mut Scaling);
        let cases: [(&str, Change); 4] = [
            ("[0].scale", |scaling| scaling.scale.truncate(2)),
            ("[0].scale", |scaling| scaling.scale[1] = -0.5),
            ("[0].mean", |scaling| scaling.mean[2] = f32::NAN),
            ("[0].weight", |scaling| scaling.weight = -1.0),
        ];
        for (path, change) in cases {
            let mut broken = step();
            change(&mut broken.0);
            let refused = Recipe::try_new(vec![Step::Embedding(broken)]).unwrap_err();
            assert_eq!(refused.path(), path, "{refused}");
        }
    }
}
