//! Figures of the policies in a world, from their sums.

use super::base::Base;
use super::error::ScenarioError;
use super::forms::{Forms, Mean, Sum};
use super::scene::Scene;
use super::world::{Draws, WorldPolicy};
use crate::evaluate::{Figure, with_interval};

/// Days in a month, on average.
pub const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

const NO_REQUEST: &str = "there is no request";
const NO_SUCCESS: &str = "no request has a known outcome for every policy";
const NO_COST: &str = "no request has a known cost for every policy: the trace has neither bills nor tokens with a price row";
const NO_VALUE: &str = "no value of a right answer is given: --value USD, or value=USD";
const NO_NET: &str =
    "no request has a known success, cost and, where waiting has a price, latency for every policy";
const NO_LATENCY: &str =
    "latency is neither recorded nor predictable (no output tokens, or no speed in the catalog)";
const NO_TRAFFIC: &str =
    "the number of requests a day is unknown: --requests-per-day N, or requests_per_day=N";

impl Base<'_> {
    /// The figures of one policy.
    pub(super) fn policy(
        &self,
        scene: &Scene<'_>,
        name: &str,
        forms: &Forms,
        notes: &mut Vec<String>,
    ) -> Result<WorldPolicy, ScenarioError> {
        let (terms, mix) = (&scene.terms, &scene.mix);
        let fixed: f64 = forms
            .endpoints()
            .into_iter()
            .map(|endpoint| scene.resolved.fixed[endpoint])
            .sum();
        let per_month = scene.resolved.requests_per_day.map(|n| n * DAYS_PER_MONTH);
        let spread = spread(fixed, per_month, scene.fixed_is_set, notes)?;
        let success = forms.mean(Sum::Success, terms, mix);
        let cost = forms.mean(Sum::Cost, terms, mix).mapped(|x| x + spread);
        let net = forms.mean(Sum::Net, terms, mix).mapped(|x| x - spread);
        let wait = forms.mean(Sum::Wait, terms, mix);
        let why_net = match terms.trade {
            None => NO_VALUE,
            Some(_) => NO_NET,
        };
        let monthly = |mean: &Mean, why: &str| match per_month {
            None => Figure::unknown("USD / month", NO_TRAFFIC),
            Some(n) => self.figure(scene, &mean.clone().mapped(|x| x * n), "USD / month", why),
        };
        let share = forms.endpoints().into_iter().map(|endpoint| {
            let id = scene.table.stage.endpoints()[endpoint].id.clone();
            let share = forms.share(endpoint, mix);
            (id, self.figure(scene, &share, "share", NO_REQUEST))
        });
        Ok(WorldPolicy {
            name: name.to_owned(),
            success: self.figure(scene, &success, "share", NO_SUCCESS),
            cost_usd_per_request: self.figure(scene, &cost, "USD", NO_COST),
            net_usd_per_request: self.figure(scene, &net, "USD", why_net),
            latency_ms_mean: self.figure(scene, &wait, "ms", NO_LATENCY),
            unanswered: self.figure(scene, &forms.unanswered(mix), "share", NO_REQUEST),
            share: share.collect(),
            fixed_usd_per_month: fixed,
            cost_usd_per_month: monthly(&cost, NO_COST),
            net_usd_per_month: monthly(&net, why_net),
            draws: Draws {
                success: draws(success),
                cost: draws(cost),
                net: draws(net),
            },
        })
    }

    fn figure(&self, scene: &Scene<'_>, mean: &Mean, unit: &'static str, why: &str) -> Figure {
        let Some(x) = mean.series.first().copied().flatten() else {
            return Figure::unknown(unit, why);
        };
        let all = self.trace.len() as u64;
        let mut evidence = match mean.n {
            n if n == all => "full".to_owned(),
            n if unit == "ms" => format!("{n} answers"),
            n => format!("{n} of {all} requests"),
        };
        if !scene.assumptions.is_empty() {
            evidence.push_str(", under assumptions");
        }
        let figure = Figure::known(x, unit, mean.n).on(evidence);
        with_interval(figure, &mean.series[1..])
    }
}

/// What fixed costs come to a request.
fn spread(
    fixed: f64,
    per_month: Option<f64>,
    is_set: bool,
    notes: &mut Vec<String>,
) -> Result<f64, ScenarioError> {
    match per_month {
        _ if fixed == 0.0 => Ok(0.0),
        Some(per_month) => Ok(fixed / per_month),
        None if is_set => Err(ScenarioError::value(
            "fixed",
            "fixed costs are spread over the requests of a month, and nobody knows how many these are; set requests_per_day=N, or give --requests-per-day N",
        )),
        None => {
            notes.push("fixed costs of the catalog are left out of the cost a request, since nobody knows how many requests a day there are: --requests-per-day N".to_owned());
            Ok(0.0)
        }
    }
}

fn draws(mean: Mean) -> Vec<Option<f64>> {
    mean.series.into_iter().skip(1).collect()
}
