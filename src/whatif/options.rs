//! What a plan is asked for, and why there may be none.

use std::collections::BTreeMap;

use weighbridge_router::{Router, Timestamp, Trade, Usd};

use crate::catalog::Catalog;
use crate::evaluate::ReplayOptions;
use crate::policy::{Goal, Roles};
use crate::replay::Stage;
use crate::trace::Trace;

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
    /// The moment to which every request is moved: what to ship then; none: each at its own time.
    pub date: Option<Timestamp>,
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

    /// The name and unit of the figure that the goal is about.
    pub(super) fn figure(&self) -> (&'static str, &'static str) {
        match self.goal {
            Goal::Value(_) => ("net_usd_per_request", "USD"),
            Goal::MinSuccess(_) => ("cost_usd_per_request", "USD"),
            Goal::Share(_) | Goal::SpendPerDay(_) => ("success", "share"),
        }
    }

    /// A trace made ready for replay, at the date that is asked about.
    pub(super) fn stage<'t>(
        &self,
        trace: &'t Trace,
        catalog: &Catalog,
        routers: &[Router],
    ) -> Stage<'t> {
        let stage = Stage::new(trace, catalog, routers, self.as_of);
        match self.date {
            Some(date) => stage.moved_to(date),
            None => stage,
        }
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
