//! What the policies come to in one world.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluate::{Figure, with_interval};

/// Whether policies stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The shipped files decide, under the new circumstances.
    Frozen,
    /// Every policy is compiled anew for them.
    Redecided,
}

/// What the policies come to in one world; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct World {
    /// Whether policies stay as they are.
    pub mode: Mode,
    /// The policies, in the order of the call.
    pub policies: Vec<WorldPolicy>,
    /// What is assumed and not observed.
    pub assumptions: Vec<String>,
    /// What a reader should know before he believes any of it.
    pub notes: Vec<String>,
}

/// The figures of one policy in one world.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorldPolicy {
    /// Its name.
    pub name: String,
    /// Share of right answers.
    pub success: Figure,
    /// USD a request; fixed costs included, where requests a day are known.
    pub cost_usd_per_request: Figure,
    /// Value less errors, cost and waiting, USD a request.
    pub net_usd_per_request: Figure,
    /// Mean latency of an answer, ms.
    pub latency_ms_mean: Figure,
    /// Share of requests that nobody answers.
    pub unanswered: Figure,
    /// Endpoint and its share of the requests.
    pub share: BTreeMap<String, Figure>,
    /// Fixed costs of the endpoints that it uses, USD a month.
    pub fixed_usd_per_month: f64,
    /// USD a month of all costs.
    pub cost_usd_per_month: Figure,
    /// USD a month of net value.
    pub net_usd_per_month: Figure,
    /// The bootstrap's repeats of its figures.
    #[serde(skip)]
    pub draws: Draws,
}

/// A policy's figures in each replicate of the bootstrap: the same resamples for all policies,
/// modes and settings, so that differences are paired. None where no request was drawn that counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draws {
    /// Share of right answers.
    pub success: Vec<Option<f64>>,
    /// USD a request.
    pub cost: Vec<Option<f64>>,
    /// USD a request.
    pub net: Vec<Option<f64>>,
}

impl World {
    /// The policy of that name.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&WorldPolicy> {
        self.policies.iter().find(|policy| policy.name == name)
    }
}

impl WorldPolicy {
    /// Its figures by their names in the result.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, &Figure); 7] {
        [
            ("success", &self.success),
            ("cost_usd_per_request", &self.cost_usd_per_request),
            ("net_usd_per_request", &self.net_usd_per_request),
            ("latency_ms_mean", &self.latency_ms_mean),
            ("unanswered", &self.unanswered),
            ("cost_usd_per_month", &self.cost_usd_per_month),
            ("net_usd_per_month", &self.net_usd_per_month),
        ]
    }
}

/// A number less another one; what is as small as rounding makes it is nothing.
pub(super) fn less(a: f64, b: f64) -> f64 {
    let difference = a - b;
    if difference.abs() <= 1e-13 * (a.abs() + b.abs()) {
        0.0
    } else {
        difference
    }
}

/// A figure less another one of the same unit, paired by replicate.
#[must_use]
pub fn paired([a, b]: [&Figure; 2], [a_draws, b_draws]: [&[Option<f64>]; 2]) -> Figure {
    let Some((x, y)) = a.x.zip(b.x) else {
        let why = a.why.clone().or(b.why.clone());
        return Figure::unknown(a.unit, why.unwrap_or_default());
    };
    let differences = a_draws.iter().zip(b_draws);
    let draws: Vec<Option<f64>> = differences
        .map(|(a, b)| a.zip(*b).map(|(a, b)| less(a, b)))
        .collect();
    let figure = Figure::known(less(x, y), a.unit, a.n.min(b.n)).on("paired");
    with_interval(figure, &draws)
}
