//! What a plan is asked for, and why there may be none.

use std::collections::BTreeMap;

use weighbridge_router::{Timestamp, Trade, Usd};

use crate::evaluate::ReplayOptions;
use crate::policy::{Goal, Roles};

/// What a plan is asked for.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// What is to be attained.
    pub goal: Goal,
    /// Cost of a wrong answer that nobody catches; none: as each policy has it, and no charge.
    pub wrong: Option<Usd>,
    /// Worth of a second of waiting; none: as each policy has it, and no charge.
    pub second: Option<Usd>,
    /// How many requests a day there are.
    pub requests_per_day: Option<f64>,
    /// Who has which role.
    pub roles: Roles,
    /// The date whose prices hold for requests without a time.
    pub as_of: Option<Timestamp>,
    /// The moment whose prices tell which values of an answer are worth trying.
    pub at: Option<Timestamp>,
    /// The seed of the split and of the bootstrap.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// Threads; they change no byte.
    pub threads: usize,
}

impl PlanOptions {
    /// What is charged: a trade where a right answer has a value.
    pub(super) fn charge(&self) -> Option<Trade> {
        let Goal::Value(value) = self.goal else {
            return None;
        };
        Some(Trade {
            value,
            wrong: self.wrong.unwrap_or_default(),
            second: self.second.unwrap_or_default(),
        })
    }

    pub(super) fn replay(&self) -> ReplayOptions {
        let mut roles: BTreeMap<String, String> = self.roles.trace.clone();
        roles.extend(self.roles.flags.clone());
        ReplayOptions {
            trade: self.charge(),
            segments: Vec::new(),
            roles,
            seed: self.seed,
            replicates: self.replicates,
            threads: self.threads,
            sums: false,
        }
    }
}

/// Why there is no plan; one line with the mend in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Spending is by the day.
    #[error(
        "a budget is for a day, and neither the trace nor a router file knows how many requests a day has; give --requests-per-day N"
    )]
    NoTraffic,
    /// A share is of requests that do not go to the driver.
    #[error(
        "a share counts the requests that do not go to the driver, and nobody has that role; bind it with --driver, or in the trace's header"
    )]
    NoDriver,
    /// Both parts need requests.
    #[error(
        "the requests are of too few prompt groups to choose on one half and promise on the other; take a longer trace"
    )]
    TooFew,
    /// There is nothing to go by.
    #[error(
        "the trace tells success and cost of no policy at hand on half of the requests; `weighbridge inspect` says what is missing"
    )]
    NothingTold,
}
