//! A classifier that tries to tell new prompts from those that a router was trained on.
//!
//! Penalised logistic regression on which bin each feature of a prompt is in. Every prompt is
//! scored by a classifier that saw neither it nor any of its session.

use super::jobs;
use super::newton::{self, Design, Loss};
use crate::evaluate::{Incoming, Reference, Scored};
use crate::stats;

/// Out-of-fold classifiers.
const FOLDS: usize = 5;
/// The L2 penalty against a loss that is a sum over prompts: that of the success heads, whose
/// columns vary about as much.
const PENALTY: f64 = 10.0;

/// A prompt of either side.
struct Prompt<'a> {
    new: bool,
    unit: u64,
    fold: usize,
    codes: &'a [u8],
}

/// Scores of the reference's prompts and of the sampled new ones, out of fold; none where a side or
/// the features are missing. Either side weighs the same.
#[must_use]
pub fn separate(
    reference: &Reference,
    incoming: &Incoming,
    seed: u64,
    threads: usize,
) -> Vec<Scored> {
    let width = reference.features.len();
    if width == 0 || reference.units.is_empty() || incoming.sample.is_empty() {
        return Vec::new();
    }
    let prompts = prompts(reference, incoming, seed);
    // Where the columns of each feature begin.
    let mut columns = 0;
    let starts = reference.features.iter().map(|feature| {
        let start = columns;
        columns += feature.edges.len() + 1;
        start
    });
    let starts: Vec<usize> = starts.collect();
    let scores = jobs::run(FOLDS, threads, |fold| {
        let kept: Vec<&Prompt<'_>> = prompts.iter().filter(|held| held.fold != fold).collect();
        let labels: Vec<f64> = kept
            .iter()
            .map(|held| f64::from(u8::from(held.new)))
            .collect();
        let new: f64 = labels.iter().sum();
        let half = labels.len() as f64 / 2.0;
        let weigh = |label: &f64| {
            half / if *label > 0.0 {
                new
            } else {
                labels.len() as f64 - new
            }
        };
        let cases: Vec<f64> = labels.iter().map(weigh).collect();
        let rows: Vec<&[u8]> = kept.iter().map(|held| held.codes).collect();
        let design = Binned {
            rows: &rows,
            starts: &starts,
            columns,
        };
        let model = newton::fit(&design, Loss::Logistic, &labels, &cases, PENALTY);
        let left_out = prompts.iter().filter(|held| held.fold == fold);
        let scored = left_out.map(|held| Scored {
            new: held.new,
            fold,
            unit: held.unit,
            score: design.score(held.codes, &model.weights),
        });
        scored.collect::<Vec<Scored>>()
    });
    scores.concat()
}

fn prompts<'a>(reference: &'a Reference, incoming: &'a Incoming, seed: u64) -> Vec<Prompt<'a>> {
    let width = reference.features.len();
    let row = |codes: &'a [u8], at: usize| &codes[at * width..(at + 1) * width];
    let prompt = |new: bool, unit: u64, codes: &'a [u8]| Prompt {
        new,
        unit,
        fold: stats::fold(seed, "drift fold", &unit.to_le_bytes(), FOLDS),
        codes,
    };
    let trained = (reference.units.iter().enumerate())
        .map(|(at, &unit)| prompt(false, unit, row(&reference.codes, at)));
    let new = (incoming.sample.iter())
        .map(|&at| prompt(true, incoming.prompt_units[at], row(&incoming.codes, at)));
    trained.chain(new).collect()
}

/// For each feature a column a bin, of which a row has one.
struct Binned<'a> {
    rows: &'a [&'a [u8]],
    starts: &'a [usize],
    columns: usize,
}

impl Binned<'_> {
    fn score(&self, codes: &[u8], weights: &[f64]) -> f64 {
        let columns = self.starts.iter().zip(codes);
        columns
            .map(|(start, code)| weights[start + usize::from(*code)])
            .sum()
    }
}

impl Design for Binned<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn times(&self, v: &[f64], out: &mut [f64]) {
        for (out, codes) in out.iter_mut().zip(self.rows) {
            *out = self.score(codes, v);
        }
    }

    fn add_transposed(&self, u: &[f64], out: &mut [f64]) {
        for (codes, u) in self.rows.iter().zip(u) {
            for (start, code) in self.starts.iter().zip(*codes) {
                out[start + usize::from(*code)] += u;
            }
        }
    }
}
