//! What a plan comes to: its policies with their figures on the requests that they were not chosen
//! on.

use serde::Serialize;

use super::margin::Margin;
use super::models::ModelWorth;
use super::options::PlanOptions;
use super::search::Kind;
use crate::evaluate::{Figure, PolicyFigures};
use crate::policy::Goal;

/// A plan; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// `weighbridge.plan/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// What was asked for.
    pub goal: GoalResult,
    /// The moment to which every request was moved; null where each has its own time.
    pub date: Option<String>,
    /// Requests that the policy was chosen on, and those that the figures are of.
    pub requests: Parts,
    /// The seed.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// Policies that were tried.
    pub tried: usize,
    /// What it comes to.
    pub verdict: PlanVerdict,
    /// The policy to ship; where nothing attains the goal, the one that is nearest to it.
    pub recommended: PlannedPolicy,
    /// The best policy that routes, whether or not it is recommended.
    pub routing: Option<PlannedPolicy>,
    /// The best fixed choice.
    pub fixed: Option<PlannedPolicy>,
    /// The figure by which the two are compared, of the former less the latter.
    pub difference: Option<Difference>,
    /// Policies that no other beats in both cost and success, where it was chosen; cheapest first.
    pub front: Vec<PlannedPolicy>,
    /// What the next hundredth of the traffic would gain at the specialist.
    pub next_percent: Option<Margin>,
    /// What each model is worth: which to introduce, keep or retire.
    pub models: Vec<ModelWorth>,
    /// What a reader should know before he believes any of it.
    pub warnings: Vec<String>,
}

/// The plans of several dates, over the same requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatedPlans {
    /// `weighbridge.dated-plans/1`.
    pub format: &'static str,
    /// One a date, in order of time.
    pub plans: Vec<Plan>,
}

impl DatedPlans {
    /// Plans that differ in their date.
    #[must_use]
    pub fn new(plans: Vec<Plan>) -> Self {
        Self {
            format: "weighbridge.dated-plans/1",
            plans,
        }
    }
}

/// What was asked for, and whether the other half of the requests bears it out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoalResult {
    /// The dial.
    pub dial: &'static str,
    /// What it was set to: USD, or a share.
    pub asked: f64,
    /// Requests a day, where known.
    pub requests_per_day: Option<f64>,
    /// The figure of the recommended policy that it is about; null for a value.
    pub found: Option<Figure>,
    /// Whether that keeps the goal; null for a value.
    pub kept: Option<Kept>,
}

/// How the requests are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// Those that the policy was chosen on.
    pub chosen_on: u64,
    /// Those that all figures are of.
    pub promised_on: u64,
    /// Those left out because a router may have learned from their prompt group.
    pub dropped_training_rows: u64,
}

/// What a plan comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanVerdict {
    /// A policy that routes beats every fixed choice, by the whole interval, or alone attains the
    /// goal.
    Route,
    /// None does: ship the fixed choice.
    DoNotRoute,
    /// No policy at hand attains the goal.
    Unattainable,
}

/// Whether a goal is kept on the requests that it was not chosen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// By the whole interval.
    Kept,
    /// The interval has the goal in it.
    CannotTell,
    /// By no part of the interval.
    Missed,
}

/// A policy of the plan and its figures on the requests that it was not chosen on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedPolicy {
    /// Its name.
    pub name: String,
    /// What sort of policy it is.
    pub kind: Kind,
    /// The worth of a right answer that its learned choices are set to.
    pub value_usd: Option<f64>,
    /// Share of requests that do not go to the driver.
    pub share: Figure,
    /// Share of right answers.
    pub success: Figure,
    /// USD a request.
    pub cost_usd_per_request: Figure,
    /// USD a day.
    pub cost_usd_per_day: Figure,
    /// Value less errors, cost and waiting, a request.
    pub net_usd_per_request: Figure,
    /// Median latency.
    pub latency_ms_p50: Figure,
    /// Latency that one in twenty exceeds.
    pub latency_ms_p95: Figure,
}

/// One figure of the best policy that routes less that of the best fixed choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Its name.
    pub figure: &'static str,
    /// The difference, paired.
    pub difference: Figure,
    /// How many requests would tell a true difference of this size, at 80% power.
    pub requests_to_tell: Option<u64>,
}

impl PlannedPolicy {
    /// Its figures by their names in the plan.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, &Figure); 7] {
        [
            ("share", &self.share),
            ("success", &self.success),
            ("cost_usd_per_request", &self.cost_usd_per_request),
            ("cost_usd_per_day", &self.cost_usd_per_day),
            ("net_usd_per_request", &self.net_usd_per_request),
            ("latency_ms_p50", &self.latency_ms_p50),
            ("latency_ms_p95", &self.latency_ms_p95),
        ]
    }

    pub(super) fn new(
        figures: &PolicyFigures,
        kind: Kind,
        value_usd: Option<f64>,
        share: Figure,
        per_day: Option<f64>,
    ) -> Self {
        let cost = &figures.cost_usd_per_request;
        let cost_usd_per_day = match (per_day, cost.x) {
            (None, _) => Figure::unknown(
                "USD / day",
                "the number of requests a day is unknown: --requests-per-day N",
            ),
            (_, None) => Figure {
                unit: "USD / day",
                ..cost.clone()
            },
            (Some(n), Some(x)) => Figure {
                x: Some(x * n),
                ci95: cost.ci95.map(|ends| ends.map(|usd| usd * n)),
                unit: "USD / day",
                ..cost.clone()
            },
        };
        Self {
            name: figures.name.clone(),
            kind,
            value_usd,
            share,
            success: figures.success.clone(),
            cost_usd_per_request: cost.clone(),
            cost_usd_per_day,
            net_usd_per_request: figures.net_usd_per_request.clone(),
            latency_ms_p50: figures.latency_ms_p50.clone(),
            latency_ms_p95: figures.latency_ms_p95.clone(),
        }
    }
}

impl GoalResult {
    pub(super) fn new(recommended: &PlannedPolicy, options: &PlanOptions) -> Self {
        let (found, at_most) = match options.goal {
            Goal::Value(_) => (None, true),
            Goal::Share(_) => (Some(&recommended.share), true),
            Goal::SpendPerDay(_) => (Some(&recommended.cost_usd_per_day), true),
            Goal::MinSuccess(_) => (Some(&recommended.success), false),
        };
        let asked = options.goal.asked();
        let kept = found.and_then(|figure| {
            let [low, high] = figure.ci95.or(figure.x.map(|x| [x, x]))?;
            let keeps = |x: f64| if at_most { x <= asked } else { x >= asked };
            Some(match (keeps(low), keeps(high)) {
                (true, true) => Kept::Kept,
                (false, false) => Kept::Missed,
                _ => Kept::CannotTell,
            })
        });
        Self {
            dial: options.goal.name(),
            asked,
            requests_per_day: options.requests_per_day,
            found: found.cloned(),
            kept,
        }
    }
}
