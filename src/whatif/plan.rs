//! The policy to ship: chosen on one half of the requests, promised on the other.

use weighbridge_router::{Router, prompt_group};

use super::margin::{Margin, margin};
use super::models::{ModelWorth, Unseen, worths};
use super::options::{PlanError, PlanOptions};
use super::result::{Difference, GoalResult, Parts, Plan, PlanVerdict, PlannedPolicy};
use super::search::Search;
use super::share::not_on_driver;
use super::shortlist::Shortlist;
use crate::catalog::Catalog;
use crate::evaluate::{Bootstrap, Figure, ReplayReport, replay_report};
use crate::policy::Goal;
use crate::replay::{Charged, Decisions, run, unit_keys};
use crate::stats::fold;
use crate::trace::Trace;

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

/// The finalists on the requests that they were not chosen on.
struct Replayed {
    report: ReplayReport,
    shares: Vec<Figure>,
    margins: [Option<Margin>; 2],
    models: Vec<ModelWorth>,
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
        let stage = options.stage(promise, catalog, &routers);
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
        let unseen = Unseen {
            stage: &stage,
            charged: &charged,
            decisions: &decisions,
            bootstrap,
        };
        Self {
            models: worths(short, &unseen, options),
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
        let (figure, _) = options.figure();
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
            date: options.date.map(|date| date.to_string()),
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
            models: self.models.clone(),
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

#[cfg(test)]
mod tests;
