//! Figures of the policies in a world, from their sums.

use std::collections::BTreeMap;

use super::base::{Base, Scene};
use super::error::ScenarioError;
use super::forms::{Forms, Mean, Sum};
use super::world::{Draws, Mode, World, WorldPolicy};
use crate::evaluate::{Figure, with_interval};

/// Days in a month, on average.
pub const DAYS_PER_MONTH: f64 = 365.25 / 12.0;

impl Base<'_> {
    pub(super) fn world(
        &self,
        scene: &Scene<'_>,
        mode: Mode,
        forms: &[Forms],
        mut notes: Vec<String>,
    ) -> Result<World, ScenarioError> {
        let mut policies = Vec::new();
        for (held, forms) in self.policies.iter().zip(forms) {
            policies.push(self.policy(scene, &held.name, forms, &mut notes)?);
        }
        notes.dedup();
        Ok(World {
            mode,
            policies,
            assumptions: scene.assumptions.clone(),
            notes,
        })
    }

    fn policy(
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
        let fixed_per_request = match per_month {
            Some(per_month) => fixed / per_month,
            None if fixed > 0.0 && scene.fixed_is_set => {
                let message = "fixed costs are spread over the requests of a month, and nobody knows how many these are; set requests_per_day=N or give --requests-per-day N";
                return Err(ScenarioError::value("fixed", message));
            }
            None => {
                if fixed > 0.0 {
                    notes.push("fixed costs of the catalog are left out of the cost a request, since nobody knows how many requests a day there are: --requests-per-day N".to_owned());
                }
                0.0
            }
        };
        let more = |mut mean: Mean, more: f64| {
            let known = mean.series.iter_mut().flatten();
            known.for_each(|x| *x += more);
            mean
        };
        let success = forms.mean(Sum::Success, terms, mix);
        let cost = more(forms.mean(Sum::Cost, terms, mix), fixed_per_request);
        let net = more(forms.mean(Sum::Net, terms, mix), -fixed_per_request);
        let monthly = |mean: &Mean, why: &str| match per_month {
            None => Figure::unknown(
                "USD / month",
                "the number of requests a day is unknown: requests_per_day",
            ),
            Some(n) => {
                let mut mean = mean.clone();
                mean.series.iter_mut().flatten().for_each(|x| *x *= n);
                self.figure(scene, &mean, "USD / month", why)
            }
        };
        let why_net = if terms.trade.is_none() {
            "no value of a right answer is given: value=USD"
        } else {
            "no request has a known success, cost and, where waiting has a price, latency for every policy"
        };
        let why_cost = "no request has a known cost for every policy: the trace has neither bills nor tokens with a price row";
        let share: BTreeMap<String, Figure> = forms
            .endpoints()
            .into_iter()
            .map(|endpoint| {
                let id = scene.table.stage.endpoints()[endpoint].id.clone();
                let share = forms.share(endpoint, mix);
                (
                    id,
                    self.figure(scene, &share, "share", "there is no request"),
                )
            })
            .collect();
        Ok(WorldPolicy {
            name: name.to_owned(),
            success: self.figure(
                scene,
                &success,
                "share",
                "no request has a known outcome for every policy",
            ),
            cost_usd_per_request: self.figure(scene, &cost, "USD", why_cost),
            net_usd_per_request: self.figure(scene, &net, "USD", why_net),
            latency_ms_mean: self.figure(
                scene,
                &forms.mean(Sum::Wait, terms, mix),
                "ms",
                "latency is neither recorded nor predictable (no output tokens, or no speed in the catalog)",
            ),
            unanswered: self.figure(scene, &forms.unanswered(mix), "share", "there is no request"),
            share,
            fixed_usd_per_month: fixed,
            cost_usd_per_month: monthly(&cost, why_cost),
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

fn draws(mean: Mean) -> Vec<Option<f64>> {
    mean.series.into_iter().skip(1).collect()
}
