//! The units that the bootstrap resamples, and the columns whose sums it repeats.

use crate::stats::unit_hash;
use crate::trace::Trace;

/// The key of each request's unit of resampling: its session, else its prompt group, else itself.
/// Requests of one unit are not independent, so they are drawn together.
#[must_use]
pub fn unit_keys(trace: &Trace, seed: u64, threads: usize) -> Vec<u64> {
    let parts = super::decisions::in_parts(trace.len(), threads, |range| {
        range
            .map(|i| unit_key(trace, seed, i))
            .collect::<Vec<u64>>()
    });
    parts.concat()
}

fn unit_key(trace: &Trace, seed: u64, i: usize) -> u64 {
    let session = trace.session(i).and_then(|id| trace.names().get(id));
    match (session, trace.prompt(i)) {
        (Some(session), _) => unit_hash(seed, "bootstrap session", session.as_bytes()),
        (None, Some(prompt)) => unit_hash(
            seed,
            "bootstrap prompt",
            &weighbridge_router::prompt_group(prompt),
        ),
        (None, None) => unit_hash(seed, "bootstrap request", trace.id(i).as_bytes()),
    }
}

/// The places of the replicate columns of one cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns;

impl Columns {
    /// Requests of the common support of success, cost and net value.
    pub(super) const SUPPORT: usize = 3;

    /// How many columns there are for so many policies.
    pub(super) const fn count(policies: usize) -> usize {
        Self::SUPPORT + 3 * policies
    }

    /// The first of a policy's three: success, cost, net value.
    pub(super) const fn policy(policy: usize) -> usize {
        Self::SUPPORT + 3 * policy
    }
}
