//! The new requests, as far as they are compared.

use weighbridge_router::Router;

use super::reference::{Reference, distinct_prompts};
use crate::evaluate::heldout::drop_training_rows;
use crate::replay::unit_keys;
use crate::stats::unit_hash;
use crate::trace::Trace;

/// The requests of a new trace that have a prompt which the router was not trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Requests of the trace.
    pub requests: u64,
    /// Those without a prompt, which nothing can be told of.
    pub without_prompt: u64,
    /// Those that the router was trained on.
    pub trained_on: u64,
    /// The rows that remain, in order of the trace.
    pub rows: Vec<usize>,
    /// The unit (session, else prompt group) of each.
    pub units: Vec<u64>,
    /// The bins of the different prompts among them: row by row a bin a feature.
    pub codes: Vec<u8>,
    /// The unit of each different prompt.
    pub prompt_units: Vec<u64>,
    /// At most a thousand of the different prompts by keyed hash, by place.
    pub sample: Vec<usize>,
}

/// More prompts than that make a classifier slow and its interval no narrower than one can use.
const SAMPLE: usize = 1000;

impl Incoming {
    /// The requests of `trace` that can be compared with `reference`, the router's.
    #[must_use]
    pub fn new(
        trace: &Trace,
        router: &Router,
        reference: &Reference,
        seed: u64,
        threads: usize,
    ) -> Self {
        let unseen = drop_training_rows(trace, &[router]);
        let rows: Vec<usize> = (unseen.rows.iter().copied())
            .filter(|&row| trace.prompt(row).is_some())
            .collect();
        let keys = unit_keys(trace, seed, threads);
        let prompts = distinct_prompts(trace, &rows);
        let key = |row: usize| unit_hash(seed, "drift sample", trace.id(row).as_bytes());
        let mut drawn: Vec<(u64, usize)> = (prompts.iter().enumerate())
            .map(|(at, &row)| (key(row), at))
            .collect();
        drawn.sort_unstable();
        let mut sample: Vec<usize> = drawn.into_iter().take(SAMPLE).map(|(_, at)| at).collect();
        sample.sort_unstable();
        Self {
            requests: trace.len() as u64,
            without_prompt: (unseen.rows.len() - rows.len()) as u64,
            trained_on: unseen.dropped,
            units: rows.iter().map(|&row| keys[row]).collect(),
            codes: reference.bin(trace, &prompts, threads),
            prompt_units: prompts.iter().map(|&row| keys[row]).collect(),
            sample,
            rows,
        }
    }
}
