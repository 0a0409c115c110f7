//! The ledger: a row for each request, policy and endpoint with mass.

use weighbridge_router::{Ppm, Usd};

use super::charge::{Charged, Facts};
use super::decisions::Decisions;

/// What a replay found, row by row; totals come from the [`Tally`](super::Tally).
#[derive(Debug)]
pub struct Ledger<'a> {
    /// What each endpoint made of each request.
    pub charged: &'a Charged,
    /// What each policy chose.
    pub decisions: &'a [Decisions],
}

/// One request under one policy at one endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LedgerRow {
    /// The request, by its place in the trace.
    pub request: usize,
    /// The policy, by its place among the decisions.
    pub policy: usize,
    /// The endpoint, by its place in the stage; `None`: nobody answers.
    pub endpoint: Option<u16>,
    /// With which probability the policy chooses it.
    pub propensity: Ppm,
    /// Its score in millionths.
    pub score: Option<i32>,
    /// Its cost.
    pub cost: Option<Usd>,
    /// Its net value.
    pub net: Option<Usd>,
    /// Its latency.
    pub latency_ms: Option<u32>,
    /// What these rest on.
    pub facts: Facts,
}

impl Ledger<'_> {
    /// The rows of one policy, in order of the trace.
    pub fn rows(&self, policy: usize) -> impl Iterator<Item = LedgerRow> {
        let decisions = &self.decisions[policy];
        (0..decisions.len()).flat_map(move |request| {
            let assignment = decisions.get(request);
            let answered = assignment
                .masses
                .iter()
                .map(move |&(endpoint, share)| self.row(request, policy, endpoint, share));
            let unanswered = (assignment.unanswered > Ppm(0)).then_some(LedgerRow {
                request,
                policy,
                endpoint: None,
                propensity: assignment.unanswered,
                score: Some(0),
                cost: Some(Usd::ZERO),
                net: Some(Usd::ZERO),
                latency_ms: None,
                facts: Facts::default(),
            });
            answered.chain(unanswered)
        })
    }

    fn row(&self, request: usize, policy: usize, endpoint: u16, propensity: Ppm) -> LedgerRow {
        LedgerRow {
            request,
            policy,
            endpoint: Some(endpoint),
            propensity,
            score: self.charged.score(endpoint, request),
            cost: self.charged.cost(endpoint, request),
            net: self.charged.net(endpoint, request),
            latency_ms: self.charged.latency_ms(endpoint, request),
            facts: self.charged.facts(endpoint, request),
        }
    }
}
