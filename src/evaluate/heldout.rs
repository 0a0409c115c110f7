//! Which requests a figure may be taken on: those that no router learned from.

use weighbridge_router::{Router, prompt_group};

use crate::trace::Trace;

/// The requests that remain when every training row is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOut {
    /// The places of those that remain, in order of the trace.
    pub rows: Vec<usize>,
    /// How many were dropped.
    pub dropped: u64,
}

/// Drop the requests whose prompt group any of the routers may have learned from: for all of them
/// alike, so that they are compared on the same requests.
///
/// A router's filter takes about one strange group in two thousand for a known one, so a few rows
/// too many may go, never one too few. A request without a prompt stays: heads learn from prompts.
#[must_use]
pub fn drop_training_rows(trace: &Trace, routers: &[&Router]) -> HeldOut {
    let learned: Vec<&&Router> = routers
        .iter()
        .filter(|router| router.parts().training.is_some())
        .collect();
    let known = |row: usize| {
        trace.prompt(row).is_some_and(|prompt| {
            let group = prompt_group(prompt);
            learned.iter().any(|router| router.trained_on(&group))
        })
    };
    // Hashing every prompt would be in vain where nothing was learned.
    let rows: Vec<usize> = (0..trace.len())
        .filter(|&row| learned.is_empty() || !known(row))
        .collect();
    HeldOut {
        dropped: (trace.len() - rows.len()) as u64,
        rows,
    }
}
