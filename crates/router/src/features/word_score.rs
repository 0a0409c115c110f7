//! `word_score/1`: what a prompt's words alone say of each model, one column a model.
//!
//! Owns the sparse linear score over hashed words and its scaling. It does not know how weights
//! and idf were fitted. Words are hashed, counted and weighed as in `words/1` with a
//! weight of 1; the score of a model is its bias plus the sum, over the columns in the order of
//! their first appearance, of weight times value.

use super::scaled::scaled;
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
            entries.push((column, scaled(z, score.mean, score.scale, self.weight)));
        }
        entries.drain(hashed);
    }

    /// The words and pairs of the prompt that move a score most, up or down, the strongest first;
    /// at most [`words::MAX_SHOWN`], and none that does not move it.
    pub(super) fn strongest(&self, prompt: &str, score: usize) -> Vec<String> {
        let weights = &self.scores[score].weights;
        let mut pulls: Vec<(f64, u32)> = Vec::new();
        let counts = &mut words::Counts::default();
        words::weigh(self.bits, &self.idf, prompt, counts, |column, value| {
            let pull = (f64::from(weights[column as usize]) * value).abs();
            pulls.push((pull, column));
        });
        pulls.retain(|(pull, _)| *pull > 0.0);
        // The sort is stable: of equals, the first to appear.
        pulls.sort_by(|a, b| b.0.total_cmp(&a.0));
        let grams = (pulls.iter().take(words::MAX_SHOWN))
            .flat_map(|(_, column)| words::grams_in(self.bits, prompt, *column));
        grams.take(words::MAX_SHOWN).collect()
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
        let inside = |value: f64, least: f64| {
            if (least..=f64::from(MAX_FACTOR)).contains(&value) {
                return Ok(());
            }
            Err(Error::value(format!(
                "{value} is not a number from {least} to {MAX_FACTOR}"
            )))
        };
        let least = -f64::from(MAX_FACTOR);
        inside(self.bias, least).map_err(|error| error.within("bias"))?;
        inside(self.mean.into(), least).map_err(|error| error.within("mean"))?;
        inside(self.scale.into(), 0.0).map_err(|error| error.within("scale"))?;
        for (i, weight) in self.weights.iter().enumerate() {
            inside(f64::from(*weight), least)
                .map_err(|error| error.within(format_args!("[{i}]")).within("weights"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Recipe, Step, word_counts};
    use super::*;
    use crate::request::RequestRef;
    use proptest::prelude::*;

    fn score(model: &str, weights: Vec<f32>) -> WordScore {
        WordScore {
            model: model.into(),
            bias: 0.25,
            mean: 0.5,
            scale: 2.0,
            weights,
        }
    }

    /// Two scores over 16 columns, each with another idf.
    fn step() -> WordScores {
        let numbers = |factor: f32| (0..16).map(|i| factor * i as f32 - 1.0).collect();
        WordScores {
            bits: 4,
            idf: (0..16).map(|i| 1.0 + i as f32 / 8.0).collect(),
            weight: 0.5,
            scores: vec![score("a", numbers(0.25)), score("b", numbers(-0.125))],
        }
    }

    fn row(step: &WordScores, prompt: &str) -> Vec<(u32, f64)> {
        let recipe = Recipe::try_new(vec![Step::WordScores(step.clone())]).unwrap();
        let mut scratch = FeatureScratch::default();
        let request = RequestRef {
            prompt: Some(prompt),
            ..RequestRef::default()
        };
        recipe.compute(&request, &mut scratch);
        scratch.entries().to_vec()
    }

    #[test]
    fn a_score_is_the_scaled_sum_of_weights_times_damped_counts() {
        let step = step();
        let prompt = "Prove that, prove THAT again";
        let counts = word_counts(4, prompt, &mut FeatureScratch::default()).to_vec();
        assert!(counts.iter().any(|(_, n)| n.abs() > 1), "{counts:?}");
        let values: Vec<f64> = counts
            .iter()
            .map(|&(column, n)| {
                let damped = f64::from(n).signum() * (1.0 + f64::from(n.abs()).ln());
                damped * f64::from(step.idf[column as usize])
            })
            .collect();
        let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        let row = row(&step, prompt);
        assert_eq!(row.len(), 2);
        for (at, score) in step.scores.iter().enumerate() {
            let sum: f64 = (counts.iter().zip(&values))
                .map(|((column, _), value)| f64::from(score.weights[*column as usize]) * value)
                .sum();
            let want = ((0.25 + sum / norm - 0.5) * 2.0).clamp(-4.0, 4.0) * 0.5;
            assert_eq!(row[at].0 as usize, at);
            assert!((row[at].1 - want).abs() < 1e-12, "{} {want}", row[at].1);
        }
    }

    #[test]
    fn without_known_words_a_score_is_its_bias() {
        let mut step = step();
        // (0.25 - 0.5) * 2 * 0.5, for a prompt without words or with none that counts.
        assert_eq!(row(&step, "?!"), [(0, -0.25), (1, -0.25)]);
        step.idf.fill(0.0);
        assert_eq!(row(&step, "prove it"), [(0, -0.25), (1, -0.25)]);
        step.scores[1].bias = 1e6;
        assert_eq!(row(&step, "prove it"), [(0, -0.25), (1, 2.0)]);
        step.scores[0].scale = 0.0;
        assert_eq!(row(&step, "prove it")[0], (0, 0.0));
    }

    #[test]
    fn the_strongest_words_are_told_and_none_that_does_not_count() {
        let mut step = WordScores {
            bits: 18,
            idf: vec![1.0; 1 << 18],
            weight: 1.0,
            scores: vec![score("a", vec![0.0; 1 << 18])],
        };
        let column = |gram: &str| {
            let counts = word_counts(18, gram, &mut FeatureScratch::default()).to_vec();
            counts.last().unwrap().0 as usize
        };
        for (gram, weight) in [
            ("such that", -3.0),
            ("prove", 2.0),
            ("it", 0.5),
            ("lemma", 9.0),
        ] {
            step.scores[0].weights[column(gram)] = weight;
        }
        let recipe = Recipe::try_new(vec![Step::WordScores(step)]).unwrap();
        assert_eq!(recipe.column_name(0).unwrap(), "words for a");
        let prompt = "Prove it such THAT it holds";
        // "it" stands twice: 0.5 * (1 + ln 2).
        assert_eq!(recipe.words_of(prompt, 0), ["such that", "prove", "it"]);
        assert!(recipe.words_of("nothing of it?", 0).len() == 1);
        assert!(recipe.words_of("", 0).is_empty());
    }

    #[test]
    fn broken_word_scores_are_refused_by_place() {
        type Change = fn(&mut WordScores);
        let cases: [(&str, Change); 16] = [
            ("[0].bits", |step| step.bits = 19),
            ("[0].idf", |step| step.idf.truncate(9)),
            ("[0].idf", |step| step.idf[3] = -1.0),
            ("[0].weight", |step| step.weight = f32::NAN),
            ("[0].scores", |step| step.scores.clear()),
            ("[0].scores", |step| {
                step.scores = vec![step.scores[0].clone(); 257]
            }),
            ("[0].scores[1]", |step| step.scores[1].model = "a".into()),
            ("[0].scores[1].bias", |step| {
                step.scores[1].bias = f64::INFINITY
            }),
            ("[0].scores[0].bias", |step| step.scores[0].bias = -2e6),
            ("[0].scores[0].mean", |step| step.scores[0].mean = f32::NAN),
            ("[0].scores[0].mean", |step| step.scores[0].mean = 2e6),
            ("[0].scores[0].scale", |step| step.scores[0].scale = -1.0),
            ("[0].scores[0].scale", |step| {
                step.scores[0].scale = f32::INFINITY
            }),
            ("[0].scores[0].weights", |step| {
                step.scores[0].weights.push(0.0)
            }),
            ("[0].scores[1].weights[2]", |step| {
                step.scores[1].weights[2] = f32::NAN
            }),
            ("[0].scores[1].weights[2]", |step| {
                step.scores[1].weights[2] = 2e6
            }),
        ];
        for (path, change) in cases {
            let mut broken = step();
            change(&mut broken);
            let refused = Recipe::try_new(vec![Step::WordScores(broken)]).unwrap_err();
            assert_eq!(refused.path(), path, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn scores_within_their_limits_are_finite_and_within_four_weights(
            prompt in "\\PC{0,60}|[a-c ]{0,60}", weight in 0_f32..=1e6, idf in 0_f32..=1e6,
            bias in -1e6_f64..=1e6, size in -1e6_f32..=1e6, scale in 0_f32..=1e6,
        ) {
            let mut step = step();
            step.weight = weight;
            step.idf.fill(idf);
            step.scores[0] = WordScore {
                bias, scale, mean: -size, weights: vec![size; 16], ..step.scores[0].clone()
            };
            for (_, value) in row(&step, &prompt) {
                prop_assert!(value.abs() <= 4.0 * f64::from(weight));
            }
        }

        #[test]
        fn a_models_score_does_not_depend_on_who_stands_beside_it(prompt in "[a-z ]{0,60}") {
            let both = step();
            let mut alone = both.clone();
            alone.scores.remove(0);
            prop_assert_eq!(row(&both, &prompt)[1].1, row(&alone, &prompt)[0].1);
        }
    }
}
