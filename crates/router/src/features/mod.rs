//! Features: a request's prompt and task as a sparse row of numbers.
//!
//! Owns the recipe, a list of steps that each fill a range of columns: [`surface`] (`surface/1`),
//! [`surface2`] (`surface/2`), [`words`](Words) (`words/1`) and [`tag`](Tag) (`tag/1`), each frozen
//! once released. It does not
//! know what a head makes of the row, nor how means, scales and idf were fitted.

mod classes;
mod options;
mod scan;
pub mod surface;
pub mod surface2;
mod tag;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests2;
mod words;

pub use tag::Tag;
pub use words::Words;

use crate::error::Error;

/// Scaled surface features are cut at this many scales on either side.
const CLIP: f64 = 4.0;
/// The largest magnitude of a mean, scale or weight of a step.
const MAX_FACTOR: f32 = 1e6;

/// A step of surface features: value = clamp((raw - mean) * scale, -4, 4) * weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled<const FEATURES: usize> {
    /// A mean a feature; magnitudes at most 1e6.
    pub mean: Vec<f32>,
    /// One over the standard deviation of each feature, from 0 to 1e6; 0 for one that was constant
    /// or is switched off.
    pub scale: Vec<f32>,
    /// What the values are multiplied by, from 0 to 1e6: the smaller, the more a penalised fit
    /// shrinks what it learns from them.
    pub weight: f32,
}

/// The step `surface/1`, with the features of [`surface::NAMES`].
pub type Surface = Scaled<{ surface::COUNT }>;

/// The step `surface/2`, with the features of [`surface2::NAMES`].
pub type Surface2 = Scaled<{ surface2::COUNT }>;

/// A part of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// What the prompt looks like, in forty numbers.
    Surface(Surface),
    /// What the prompt looks like, in more numbers.
    Surface2(Surface2),
    /// Its words and pairs of words.
    Words(Words),
    /// The request's task.
    Tag(Tag),
}

impl Step {
    fn columns(&self) -> usize {
        match self {
            Self::Surface(_) => surface::COUNT,
            Self::Surface2(_) => surface2::COUNT,
            Self::Words(words) => words.columns(),
            Self::Tag(tag) => tag.values.len(),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Surface(step) => step.check(),
            Self::Surface2(step) => step.check(),
            Self::Words(words) => words.check(),
            Self::Tag(tag) => tag.check(),
        }
    }
}

impl<const FEATURES: usize> Scaled<FEATURES> {
    fn append(
        &self,
        measure: fn(&str, &mut [f64; FEATURES]),
        prompt: &str,
        first: u32,
        scratch: &mut FeatureScratch,
    ) {
        let mut raw = [0.0; FEATURES];
        measure(prompt, &mut raw);
        let factors = self.mean.iter().zip(&self.scale);
        for ((column, raw), (mean, scale)) in (first..).zip(raw).zip(factors) {
            let scaled = (raw - f64::from(*mean)) * f64::from(*scale);
            let value = scaled.clamp(-CLIP, CLIP) * f64::from(self.weight);
            scratch.entries.push((column, value));
        }
    }

    fn check(&self) -> Result<(), Error> {
        for (name, values, least) in [
            ("mean", &self.mean, -MAX_FACTOR),
            ("scale", &self.scale, 0.0),
        ] {
            if values.len() != FEATURES {
                return Err(Error::value(format!(
                    "{} values where the step has {FEATURES} features",
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

fn check_weight(weight: f32) -> Result<(), Error> {
    if (0.0..=MAX_FACTOR).contains(&weight) {
        return Ok(());
    }
    Err(Error::value(format!("{weight} is not a number from 0 to {MAX_FACTOR}")).within("weight"))
}

/// Memory that [`Recipe::compute`] reuses: once it has grown, nothing more is allocated.
#[derive(Debug, Default)]
pub struct FeatureScratch {
    words: words::Counts,
    entries: Vec<(u32, f64)>,
}

impl FeatureScratch {
    /// The row that was computed last: column and value, each column at most once, in the recipe's
    /// order. All surface features (zeros too), the columns of words with a count, the task's column.
    #[must_use]
    pub fn entries(&self) -> &[(u32, f64)] {
        &self.entries
    }
}

/// A checked list of steps. The columns of a step follow those of the step before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe(Vec<Step>);

impl Recipe {
    /// Checks the steps.
    ///
    /// # Errors
    /// A kind of step that stands twice, a list of the wrong length, a value outside its limits;
    /// the path is `[step].field`.
    pub fn try_new(steps: Vec<Step>) -> Result<Self, Error> {
        for (i, step) in steps.iter().enumerate() {
            let kind = std::mem::discriminant(step);
            let twice = steps[..i].iter().any(|s| std::mem::discriminant(s) == kind);
            if twice {
                return Err(Error::value("a second step of this kind; keep one")
                    .within(format_args!("[{i}]")));
            }
            step.check()
                .map_err(|error| error.within(format_args!("[{i}]")))?;
        }
        Ok(Self(steps))
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// How many columns a row has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.0.iter().map(Step::columns).sum()
    }

    /// Computes the row of a request into `scratch`.
    pub fn compute(&self, prompt: &str, task: Option<&str>, scratch: &mut FeatureScratch) {
        scratch.entries.clear();
        for (first, step) in self.placed() {
            match step {
                Step::Surface(step) => step.append(surface::measure, prompt, first, scratch),
                Step::Surface2(step) => step.append(surface2::measure, prompt, first, scratch),
                Step::Words(words) => words.append(prompt, first, scratch),
                Step::Tag(tag) => {
                    let column = task.and_then(|task| tag.column(task));
                    let entry = column.map(|column| (first + narrow(column), 1.0));
                    scratch.entries.extend(entry);
                }
            }
        }
    }

    /// What a column is, for people: `stem_words_log`, `word#123`, `task=math`; None beyond the
    /// last.
    #[must_use]
    pub fn column_name(&self, column: u32) -> Option<String> {
        let (step, at) = self.find(column)?;
        Some(match step {
            Step::Surface(_) => surface::NAMES[at].to_owned(),
            Step::Surface2(_) => surface2::NAMES[at].to_owned(),
            Step::Words(_) => format!("word#{at}"),
            Step::Tag(tag) => format!("task={}", tag.values[at]),
        })
    }

    /// Which words and pairs of words of the prompt fell into a column of `words/1`: folded, each
    /// once, in order of first appearance; none for another step's column.
    #[must_use]
    pub fn words_of(&self, prompt: &str, column: u32) -> Vec<String> {
        match self.find(column) {
            Some((Step::Words(words), at)) => words.grams_in(prompt, narrow(at)),
            _ => Vec::new(),
        }
    }

    /// The steps, each with its first column.
    fn placed(&self) -> impl Iterator<Item = (u32, &Step)> {
        self.0.iter().scan(0, |next, step| {
            let first = *next;
            *next += step.columns();
            Some((narrow(first), step))
        })
    }

    /// The step of a column and the column's number within it.
    fn find(&self, column: u32) -> Option<(&Step, usize)> {
        self.placed().find_map(|(first, step)| {
            let at = column.checked_sub(first)? as usize;
            (at < step.columns()).then_some((step, at))
        })
    }
}

fn narrow(column: usize) -> u32 {
    u32::try_from(column).expect("at most 2^18 words and as many columns as a file has values")
}
