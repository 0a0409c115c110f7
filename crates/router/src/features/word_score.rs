//! `word_score/1`: what a prompt's words alone say of each model, one column a model.
//!
//! Owns the sparse linear score over hashed words and its scaling. It does not know how weights
//! and idf were fitted. Words are hashed, counted and weighed as in `words/1` with a
//! weight of 1; the score of a model is its bias plus the sum, over the columns in the order of
//! their first appearance, of weight times value.

use super::{FeatureScratch, MAX_FACTOR, words};
use crate::error::Error;

/// The step `word_score/1`.
#[derive(Debug, Clone, PartialEq)]
pub struct WordScores {
    /// There are `2^bits` hashed columns of words; 4 to 18.
    pub bits: u8,
    /// A factor a hashed column, from 0 to 1e6; 0 for one whose words are not looked at.
    pub idf: Vec<f32>,
    /// What the scaled scores are multiplied by, from 0 to 1e6.
    pub weight: f32,
    /// A score, and so a column of the recipe, for each model; 1 to 256 different ones.
    pub scores: Vec<WordScore>,
}

/// One model's score: value = clamp((bias + sum - mean) * scale, -4, 4) * weight of the step.
#[derive(Debug, Clone, PartialEq)]
pub struct WordScore {
    /// The model.
    pub model: String,
    /// The score of a prompt without known words; magnitude at most 1e6.
    pub bias: f64,
    /// The mean score of the training rows, out of fold; magnitude at most 1e6.
    pub mean: f32,
    /// One over its standard deviation, from 0 to 1e6; 0 where it was constant.
    pub scale: f32,
    /// A weight a hashed column; magnitudes at most 1e6.
    pub weights: Vec<f32>,
}

/// The most models that a file may have scores for.
const MAX_SCORES: usize = 256;

impl WordScores {
    pub(super) fn append(&self, prompt: &str, first: u32, scratch: &mut FeatureScratch) {
        let FeatureScratch { words, entries } = scratch;
        let start = entries.len();
        words::weigh(self.bits, &self.idf, prompt, words, |column, value| {
            entries.push((column, value));
        });
        // The hashed entries are needed for the scores alone, so they make room for them.
        let hashed = start..entries.len();
        for (column, score) in (first..).zip(&self.scores) {
            let z = (entries[hashed.clone()].iter()).fold(score.bias, |sum, &(at, value)| {
                sum + f64::from(score.weights[at as usize]) * value
            });
            entries.push((column, self.scaled(score, z)));
        }
        entries.drain(hashed);
    }

    /// The value of a score that is `z` before scaling.
    fn scaled(&self, score: &WordScore, z: f64) -> f64 {
        let scaled = (z - f64::from(score.mean)) * f64::from(score.scale);
        scaled.clamp(-super::scaled::CLIP, super::scaled::CLIP) * f64::from(self.weight)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        words::check_hashing(self.bits, &self.idf, self.weight)?;
        let count = self.scores.len();
        if !(1..=MAX_SCORES).contains(&count) {
            return Err(
                Error::value(format!("{count} scores; there are 1 to {MAX_SCORES}"))
                    .within("scores"),
            );
        }
        for (i, score) in self.scores.iter().enumerate() {
            let twice = (self.scores[..i].iter()).any(|other| other.model == score.model);
            let checked = match twice {
                true => Err(Error::value(format!("`{}` stands twice", score.model))),
                false => score.check(1 << self.bits),
            };
            checked.map_err(|error| error.within(format_args!("scores[{i}]")))?;
        }
        Ok(())
    }
}

impl WordScore {
    fn check(&self, columns: usize) -> Result<(), Error> {
        if self.weights.len() != columns {
            return Err(Error::value(format!(
                "{} values where there are {columns} hashed columns",
                self.weights.len()
            ))
            .within("weights"));
        }
        let inside = |value: f64, least: f64| (least..=f64::from(MAX_FACTOR)).contains(&value);
        let most = -f64::from(MAX_FACTOR);
        let single = [
            ("bias", self.bias, most),
            ("mean", f64::from(self.mean), most),
            ("scale", f64::from(self.scale), 0.0),
        ];
        let weights = self
            .weights
            .iter()
            .map(|w| ("weights", f64::from(*w), most));
        match single
            .into_iter()
            .chain(weights)
            .find(|(_, value, least)| !inside(*value, *least))
        {
            None => Ok(()),
            Some((name, value, least)) => Err(Error::value(format!(
                "{value} is not a number from {least} to {MAX_FACTOR}"
            ))
            .within(name)),
        }
    }
}
