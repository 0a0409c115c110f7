//! Features: a request's prompt and task as a sparse row of numbers.
//!
//! Owns the recipe, a list of steps that each fill a range of columns: [`surface`] (`surface/1`),
//! [`surface2`] (`surface/2`), [`words`](Words) (`words/1`), [`word scores`](WordScores)
//! (`word_score/1`), [`embedding`](Embedding) (`embedding/1`) and [`tag`](Tag) (`tag/1`), each frozen
//! once released. It does not know what a head makes of the row, nor how means, scales and idf were
//! fitted.

mod classes;
mod embedding;
mod options;
mod scaled;
mod scan;
pub mod surface;
pub mod surface2;
mod tag;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests2;
mod word_score;
mod words;

pub use embedding::Embedding;
pub use scaled::Scaling;
pub use tag::Tag;
pub use word_score::{WordScore, WordScores};
pub use words::{Words, word_counts};

use crate::error::Error;
use crate::request::RequestRef;

/// The largest magnitude of a mean, scale or weight of a step.
const MAX_FACTOR: f32 = 1e6;

/// The step `surface/1`: value = clamp((raw - mean) * scale, -4, 4) * weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface(
    /// A mean and a scale for each feature of [`surface::NAMES`].
    pub Scaling,
);

/// The step `surface/2`: value = clamp((raw - mean) * scale, -4, 4) * weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface2(
    /// A mean and a scale for each feature of [`surface2::NAMES`].
    pub Scaling,
);

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
    /// The request's embedding.
    Embedding(Embedding),
    /// What its words say of each model.
    WordScores(WordScores),
}

impl Step {
    fn columns(&self) -> usize {
        match self {
            Self::Surface(_) => surface::COUNT,
            Self::Surface2(_) => surface2::COUNT,
            Self::Words(words) => words.columns(),
            Self::Tag(tag) => tag.values.len(),
            Self::Embedding(embedding) => embedding.columns(),
            Self::WordScores(words) => words.scores.len(),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Surface(step) => step.0.check("surface/1", surface::COUNT),
            Self::Surface2(step) => step.0.check("surface/2", surface2::COUNT),
            Self::Words(words) => words.check(),
            Self::Tag(tag) => tag.check(),
            Self::Embedding(embedding) => embedding.check(),
            Self::WordScores(words) => words.check(),
        }
    }
}

impl Surface {
    fn append(&self, prompt: &str, first: u32, entries: &mut Vec<(u32, f64)>) {
        let mut raw = [0.0; surface::COUNT];
        surface::measure(prompt, &mut raw);
        scaled::append(&self.0, raw.into_iter(), first, entries);
    }
}

impl Surface2 {
    fn append(&self, prompt: &str, first: u32, entries: &mut Vec<(u32, f64)>) {
        let mut raw = [0.0; surface2::COUNT];
        surface2::measure(prompt, &mut raw);
        scaled::append(&self.0, raw.into_iter(), first, entries);
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
    /// order. All surface features, word scores and numbers of an embedding (zeros too), the columns
    /// of words with a count, the task's column.
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

    /// Computes the row of a request into `scratch`; one without a prompt is read as one with an
    /// empty prompt.
    pub fn compute(&self, request: &RequestRef<'_>, scratch: &mut FeatureScratch) {
        scratch.entries.clear();
        let prompt = request.prompt.unwrap_or_default();
        for (first, step) in self.placed() {
            match step {
                Step::Surface(step) => step.append(prompt, first, &mut scratch.entries),
                Step::Surface2(step) => step.append(prompt, first, &mut scratch.entries),
                Step::Words(words) => words.append(prompt, first, scratch),
                Step::Tag(tag) => {
                    let column = request.task.and_then(|task| tag.column(task));
                    let entry = column.map(|column| (first + narrow(column), 1.0));
                    scratch.entries.extend(entry);
                }
                Step::Embedding(step) => {
                    let raw = request.embedding.unwrap_or_default();
                    step.append(raw, first, &mut scratch.entries);
                }
                Step::WordScores(words) => words.append(prompt, first, scratch),
            }
        }
    }

    /// What a column is, for people: `stem_words_log`, `word#123`, `words for MODEL`, `embedding[7]`,
    /// `task=math`; None beyond the last.
    #[must_use]
    pub fn column_name(&self, column: u32) -> Option<String> {
        let (step, at) = self.find(column)?;
        Some(match step {
            Step::Surface(_) => surface::NAMES[at].to_owned(),
            Step::Surface2(_) => surface2::NAMES[at].to_owned(),
            Step::Words(_) => format!("word#{at}"),
            Step::Tag(tag) => format!("task={}", tag.values[at]),
            Step::Embedding(_) => format!("embedding[{at}]"),
            Step::WordScores(words) => format!("words for {}", words.scores[at].model),
        })
    }

    /// Which words and pairs of words of the prompt a column's value comes from: folded, each once,
    /// at most five. For `words/1` those that fell into the column, in order of first appearance;
    /// for `word_score/1` those that moved the score most, the strongest first; none for another
    /// step's column.
    #[must_use]
    pub fn words_of(&self, prompt: &str, column: u32) -> Vec<String> {
        match self.find(column) {
            Some((Step::Words(words), at)) => words::grams_in(words.bits, prompt, narrow(at)),
            Some((Step::WordScores(words), at)) => words.strongest(prompt, at),
            _ => Vec::new(),
        }
    }

    /// A column's name with the words of this prompt that its value comes from.
    pub(crate) fn column_in_words(&self, prompt: &str, column: u32) -> String {
        let name = self.column_name(column).unwrap_or_default();
        let words = self.words_of(prompt, column);
        if words.is_empty() {
            return name;
        }
        let quoted = format!("\"{}\"", words.join("\", \""));
        match self.find(column) {
            // The number of a hashed column tells nobody anything.
            Some((Step::Words(_), _)) => quoted,
            _ => format!("{name}: {quoted}"),
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
