//! The policy to ship: chosen on one half of the requests, promised on the other.

use serde::Serialize;
use weighbridge_router::{Router, prompt_group};

use super::margin::{Margin, margin, neighbours};
use super::options::{PlanError, PlanOptions};
use super::search::{Kind, Measured, Search, best};
use super::share::not_on_driver;
use crate::catalog::Catalog;
use crate::evaluate::{Bootstrap, Figure, PolicyFigures, ReplayReport, replay_report};
use crate::policy::Goal;
use crate::replay::{Charged, Decisions, Stage, run, unit_keys};
use crate::stats::fold;
use crate::trace::Trace;

/// At most so many policies of the front are shown.
const FRONT: usize = 10;

/// A plan; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// `weighbridge.plan/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// What was asked for.
    pub goal: GoalResult,
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
    /// What a reader should know before he believes any of it.
    pub warnings: Vec<String>,
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

/// A plan, and the router to ship.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The recommended policy; none where nothing attains the goal.
    pub router: Option<Router>,
}

/// Search the policies at hand (given ones, fixed choices, learned ones over their trade) for the
/// one to ship. `trace` has no request that any of them learned from; `dropped` says how many
/// those were.
///
/// # Errors
/// An unknown number of requests a day, nobody in the role `driver` where a share is asked for, too
/// few prompt groups, or a trace that tells nothing.
pub fn plan(
    trace: &Trace,
    dropped: u64,
    catalog: &Catalog,
    policies: &[(String, Router)],
    options: &PlanOptions,
) -> Result<Planned, PlanError> {
    if matches!(options.goal, Goal::SpendPerDay(_)) && options.requests_per_day.is_none() {
        return Err(PlanError::NoTraffic);
    }
    let (chosen_on, promised_on) = halves(trace, options.seed);
    if chosen_on.is_empty() || promised_on.is_empty() {
        return Err(PlanError::TooFew);
    }
    let search = Search::over(&trace.select(&chosen_on), catalog, policies, options)?;
    if matches!(options.goal, Goal::Share(_)) && search.driver().is_none() {
        return Err(PlanError::NoDriver);
    }
    let promise = trace.select(&promised_on);
    let short = Shortlist::of(&search, options);
    let replayed = Replayed::new(&promise, catalog, &search, &short, options);
    let verdict = replayed.verdict(&short, options);
    let recommended = match (verdict, short.fixed, short.routing) {
        (PlanVerdict::Route, _, Some(routing)) => routing,
        (PlanVerdict::DoNotRoute, Some(fixed), _) => fixed,
        _ => short.nearest,
    };
    let parts = Parts {
        chosen_on: chosen_on.len() as u64,
        promised_on: promised_on.len() as u64,
        dropped_training_rows: dropped,
    };
    let router = search.router(&short.finalists[recommended].contender);
    Ok(Planned {
        plan: replayed.plan(&search, &short, (verdict, recommended), parts, options),
        router: (verdict != PlanVerdict::Unattainable).then_some(router),
    })
}

/// The places of the requests to choose on and of those to promise on, by prompt group, so that
/// near-duplicates stay together.
fn halves(trace: &Trace, seed: u64) -> (Vec<usize>, Vec<usize>) {
    (0..trace.len()).partition(|&row| {
        let half = match trace.prompt(row) {
            Some(prompt) => fold(seed, "plan", &prompt_group(prompt), 2),
            None => fold(seed, "plan", trace.id(row).as_bytes(), 2),
        };
        half == 0
    })
}

/// The policies that are replayed again, by their places among the finalists.
struct Shortlist<'s> {
    finalists: Vec<&'s Measured>,
    fixed: Option<usize>,
    routing: Option<usize>,
    /// The best of all, or where none attains the goal the nearest to it.
    nearest: usize,
    front: Vec<usize>,
    /// The pair that the next hundredth of the traffic lies between, beginning at the best fixed
    /// choice and at the best of all.
    margins: [Option<[usize; 2]>; 2],
    /// Whether any policy attains the goal.
    attained: bool,
    /// Whether the best policy that routes is better than the best fixed choice where both were
    /// chosen.
    leads: bool,
}

impl<'s> Shortlist<'s> {
    fn of(search: &'s Search<'_>, options: &PlanOptions) -> Self {
        let all = &search.measured;
        let is_fixed = |it: &&Measured| it.contender.kind == Kind::Fixed;
        let fixed = best(all.iter().filter(is_fixed), options);
        let routing = best(all.iter().filter(|it| !is_fixed(it)), options);
        let top = best(all.iter(), options);
        let near = |it: &&'s Measured| it.nearness(options);
        let nearest = all.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        let mut short = Self {
            finalists: Vec::new(),
            fixed: None,
            routing: None,
            nearest: 0,
            front: Vec::new(),
            margins: [None; 2],
            attained: top.is_some(),
            leads: match (routing, fixed) {
                (Some(routing), Some(fixed)) => routing.merit(options) > fixed.merit(options),
                (routing, _) => routing.is_some(),
            },
        };
        // The first is what the others are compared with.
        short.fixed = fixed.map(|it| short.place(it));
        short.routing = routing.map(|it| short.place(it));
        if let Some(nearest) = top.or(nearest) {
            short.nearest = short.place(nearest);
        }
        short.front = front(all).into_iter().map(|it| short.place(it)).collect();
        let (short_fixed, short_top) = (short.fixed, short.nearest);
        let mut pair = |place: usize| {
            let pair = neighbours(search, short.finalists[place])?;
            Some(pair.map(|measured| short.place(measured)))
        };
        let (fixed, top) = (short_fixed.and_then(&mut pair), pair(short_top));
        short.margins = [fixed, top];
        short
    }

    /// The place of a policy among the finalists.
    fn place(&mut self, measured: &'s Measured) -> usize {
        let held = self
            .finalists
            .iter()
            .position(|it| it.contender == measured.contender);
        held.unwrap_or_else(|| {
            self.finalists.push(measured);
            self.finalists.len() - 1
        })
    }
}

/// Those that no other beats in both cost and success, cheapest first; evenly thinned.
fn front(measured: &[Measured]) -> Vec<&Measured> {
    let mut all: Vec<&Measured> = measured.iter().collect();
    all.sort_by(|a, b| {
        a.cost
            .total_cmp(&b.cost)
            .then(b.success.total_cmp(&a.success))
    });
    let mut front: Vec<&Measured> = Vec::new();
    for it in all {
        if front.last().is_none_or(|last| it.success > last.success) {
            front.push(it);
        }
    }
    let last = front.len().saturating_sub(1);
    if last < FRONT {
        return front;
    }
    (0..FRONT).map(|i| front[last * i / (FRONT - 1)]).collect()
}

/// The finalists on the requests that they were not chosen on.
struct Replayed {
    report: ReplayReport,
    shares: Vec<Figure>,
    margins: [Option<Margin>; 2],
}

impl Replayed {
    fn new(
        promise: &Trace,
        catalog: &Catalog,
        search: &Search<'_>,
        short: &Shortlist<'_>,
        options: &PlanOptions,
    ) -> Self {
        let finalists = short.finalists.iter();
        let routers: Vec<Router> = finalists
            .clone()
            .map(|it| search.router(&it.contender))
            .collect();
        let named: Vec<(String, &Router)> = finalists
            .zip(&routers)
            .map(|(it, router)| (it.contender.name.clone(), router))
            .collect();
        let stage = Stage::new(promise, catalog, &routers, options.as_of);
        let (charged, decisions) = run(&stage, &named, options.charge(), options.threads);
        let units = unit_keys(promise, options.seed, options.threads);
        let bootstrap = Bootstrap {
            units: &units,
            replicates: options.replicates,
            threads: options.threads,
        };
        let driver = search.driver();
        let shares =
            |decided: &Decisions| not_on_driver(&stage, decided, driver.as_deref(), bootstrap);
        Self {
            shares: decisions.iter().map(shares).collect(),
            margins: short
                .margins
                .map(|pair| Some(next_percent(short, pair?, &charged, &decisions, bootstrap))),
            report: replay_report(&stage, &charged, decisions, &options.replay()),
        }
    }

    fn verdict(&self, short: &Shortlist<'_>, options: &PlanOptions) -> PlanVerdict {
        if !short.attained {
            return PlanVerdict::Unattainable;
        }
        let Some(difference) = self.difference(short, options) else {
            // Only one of the two kinds attains the goal.
            return if short.routing.is_some() {
                PlanVerdict::Route
            } else {
                PlanVerdict::DoNotRoute
            };
        };
        let better = match (difference.difference.ci95, options.goal) {
            (None, _) => false,
            (Some([_, high]), Goal::MinSuccess(_)) => high < 0.0,
            (Some([low, _]), _) => low > 0.0,
        };
        if short.leads && better {
            PlanVerdict::Route
        } else {
            PlanVerdict::DoNotRoute
        }
    }

    /// The figure that the goal is about, of the best policy that routes less the best fixed choice.
    fn difference(&self, short: &Shortlist<'_>, options: &PlanOptions) -> Option<Difference> {
        let name = |place: usize| short.finalists[place].contender.name.as_str();
        let (routing, fixed) = (name(short.routing?), name(short.fixed?));
        let figure = match options.goal {
            Goal::Value(_) => "net_usd_per_request",
            Goal::MinSuccess(_) => "cost_usd_per_request",
            Goal::Share(_) | Goal::SpendPerDay(_) => "success",
        };
        let mut comparisons = self.report.comparisons.iter();
        let found =
            comparisons.find(|it| it.a == routing && it.b == fixed && it.figure == figure)?;
        Some(Difference {
            figure,
            difference: found.difference.clone(),
            requests_to_tell: found.requests_to_tell,
        })
    }

    fn plan(
        &self,
        search: &Search<'_>,
        short: &Shortlist<'_>,
        (verdict, recommended): (PlanVerdict, usize),
        requests: Parts,
        options: &PlanOptions,
    ) -> Plan {
        let per_day = options.requests_per_day;
        let planned = |place: usize| {
            let of = &short.finalists[place].contender;
            PlannedPolicy::new(
                &self.report.policies[place],
                of.kind,
                of.trade.map(|trade| trade.value.to_f64()),
                self.shares[place].clone(),
                per_day,
            )
        };
        let ship = planned(recommended);
        let [from_fixed, from_top] = self.margins.clone();
        let next_percent = if short.fixed == Some(recommended) {
            from_fixed
        } else {
            from_top
        };
        let mut warnings = search.warnings.clone();
        warnings.extend(self.report.warnings.iter().cloned());
        Plan {
            format: "weighbridge.plan/1",
            version: env!("CARGO_PKG_VERSION"),
            goal: GoalResult::new(&ship, options),
            requests,
            seed: options.seed,
            replicates: options.replicates,
            tried: search.measured.len(),
            verdict,
            recommended: ship,
            routing: short.routing.map(planned),
            fixed: short.fixed.map(planned),
            difference: self.difference(short, options),
            front: short.front.iter().map(|&place| planned(place)).collect(),
            next_percent,
            warnings,
        }
    }
}

fn next_percent(
    short: &Shortlist<'_>,
    places: [usize; 2],
    charged: &Charged,
    decisions: &[Decisions],
    bootstrap: Bootstrap<'_>,
) -> Margin {
    let pair = places.map(|place| short.finalists[place]);
    let decided = places.map(|place| &decisions[place]);
    margin(pair, charged, decided, bootstrap)
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

    fn new(
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
    fn new(recommended: &PlannedPolicy, options: &PlanOptions) -> Self {
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

#[cfg(test)]
mod tests;
