//! The figures of a tally whose requests nobody has at hand any more: of policies alone, since
//! floors and hindsight need the outcomes.

use serde::Serialize;

use super::compare::{Comparison, compare};
use super::summary::{PolicyFigures, Reader};
use crate::replay::Tally;

/// What a tally comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TallyReport {
    /// `weighbridge.tally-report/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// Requests that count.
    pub requests: u64,
    /// Requests on which every policy's success is known.
    pub compared: u64,
    /// Requests left out because a router may have learned from their prompt group.
    pub dropped_training_rows: u64,
    /// The seed.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// The policies, in the order of the specification.
    pub policies: Vec<PolicyFigures>,
    /// Every policy but the first against the first.
    pub comparisons: Vec<Comparison>,
}

/// Work out the figures of a tally.
#[must_use]
pub fn tally_report(tally: &Tally, dropped_training_rows: u64) -> TallyReport {
    let reader = Reader {
        tally,
        cell: tally.total(),
        hindsight: None,
        assumed: &[],
        has_trade: tally.spec().trade.is_some(),
    };
    let policies = tally.spec().policies.len();
    let pairs: Vec<(usize, usize)> = (1..policies).map(|policy| (policy, 0)).collect();
    TallyReport {
        format: "weighbridge.tally-report/1",
        version: env!("CARGO_PKG_VERSION"),
        requests: tally.total().requests,
        compared: tally.total().support.success,
        dropped_training_rows,
        seed: tally.spec().seed,
        replicates: tally.spec().replicates,
        policies: (0..policies).map(|policy| reader.figures(policy)).collect(),
        comparisons: compare(&reader, &pairs),
    }
}
