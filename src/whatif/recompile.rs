//! A policy compiled anew for a world: its prices and lives, its trade, its dials.

use weighbridge_router::{Choose, Endpoint, Parts, PriceRow, Rates, Router, Trade, Usd};

use super::base::Base;
use super::error::ScenarioError;
use super::expected::unclipped;
use super::resolve::Resolved;
use super::table::Table;
use crate::policy::{Dial, Goal, SolveOptions, solve};
use crate::replay::Stage;

/// A policy compiled anew.
pub(super) struct Recompiled {
    /// None where it decides as it did.
    pub(super) router: Option<Router>,
    /// Whether it differs from the frozen router in prices and trade alone.
    pub(super) repriced: bool,
    pub(super) notes: Vec<String>,
}

/// Picodollars a token of each rate of each endpoint of a stage.
pub(super) type StageRates = Vec<Vec<[f64; 3]>>;

/// Compile a policy anew.
pub(super) fn recompile(
    base: &Base<'_>,
    policy: usize,
    resolved: &Resolved,
    (table, rates): (&Table<'_>, &StageRates),
) -> Result<Recompiled, ScenarioError> {
    let held = &base.policies[policy];
    let parts = held.router.parts();
    let learned = parts.choose.as_ref().is_some_and(Choose::is_learned);
    let mut endpoints: Vec<Endpoint> = parts
        .endpoints
        .iter()
        .map(|endpoint| card(&table.stage, endpoint, rates))
        .collect();
    add_new(base, &table.stage, &mut endpoints, rates);
    let mut recompiled = Recompiled {
        router: None,
        repriced: same_doors(&endpoints, &parts.endpoints),
        notes: Vec::new(),
    };
    if !learned {
        if !recompiled.repriced {
            let parts = Parts {
                endpoints,
                ..parts.clone()
            };
            recompiled.router = Some(checked(&held.name, parts)?);
        }
        return Ok(recompiled);
    }
    let mut fresh = Parts {
        endpoints,
        ..parts.clone()
    };
    adjust_sample(&mut fresh, &table.stage, resolved);
    let router = checked(&held.name, fresh)?;
    let (router, notes) = with_trades(base, policy, router, resolved)?;
    recompiled.notes = notes;
    let same = router.parts().endpoints == parts.endpoints
        && router.parts().choose == parts.choose
        && !assumes(parts, &table.stage, resolved);
    recompiled.router = (!same).then_some(router);
    Ok(recompiled)
}

fn checked(name: &str, parts: Parts) -> Result<Router, ScenarioError> {
    Router::try_new(parts).map_err(|error| ScenarioError::Recompile {
        policy: name.to_owned(),
        message: error.to_string(),
    })
}

/// The card of an endpoint in the world; one that the catalog does not have stays as it is.
fn card(stage: &Stage<'_>, endpoint: &Endpoint, rates: &StageRates) -> Endpoint {
    let place = stage.find(&endpoint.id).map(usize::from);
    let card = place.and_then(|place| {
        let card = stage.endpoints()[place].card.as_ref()?;
        Some((card, &rates[place]))
    });
    card.map_or_else(|| endpoint.clone(), |(card, rates)| priced(card, rates))
}

fn priced(card: &Endpoint, rates: &[[f64; 3]]) -> Endpoint {
    let mut card = card.clone();
    let all = card.prices.iter_mut().flat_map(|row: &mut PriceRow| {
        std::iter::once(&mut row.rates).chain(row.tiers.iter_mut().map(|tier| &mut tier.rates))
    });
    for (rates, &[input, cached, output]) in all.zip(rates) {
        // Rates are whole numbers of picodollars, and far within the range.
        let usd = |picos: f64| Usd::from_picos(picos as i64);
        *rates = Rates {
            input: usd(input),
            cached: usd(cached),
            output: usd(output),
        };
    }
    card
}

/// Endpoints that the scenario adds go to every policy that knows their model.
fn add_new(base: &Base<'_>, stage: &Stage<'_>, endpoints: &mut Vec<Endpoint>, rates: &StageRates) {
    for id in &base.added {
        let Some(place) = stage.find(id).map(usize::from) else {
            continue;
        };
        let added = &stage.endpoints()[place];
        let known = endpoints.iter().any(|held| held.model == added.model);
        let twice = endpoints.iter().any(|held| held.id == *id);
        if let (Some(card), true, false) = (&added.card, known, twice) {
            endpoints.push(priced(card, &rates[place]));
        }
    }
}

/// Whether two lists of endpoints admit the same requests: they differ in prices alone.
fn same_doors(a: &[Endpoint], b: &[Endpoint]) -> bool {
    let free = Rates {
        input: Usd::ZERO,
        cached: Usd::ZERO,
        output: Usd::ZERO,
    };
    let plain = |endpoint: &Endpoint| {
        let mut endpoint = endpoint.clone();
        for row in &mut endpoint.prices {
            row.rates = free;
            row.tiers.iter_mut().for_each(|tier| tier.rates = free);
        }
        endpoint
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| plain(a) == plain(b))
}

/// The place in the stage of some endpoint of a model.
fn place_of(stage: &Stage<'_>, model: &str) -> Option<usize> {
    let mut endpoints = stage.endpoints().iter();
    endpoints.position(|endpoint| endpoint.model == model)
}

/// Whether the heads predict otherwise in the world.
fn assumes(parts: &Parts, stage: &Stage<'_>, resolved: &Resolved) -> bool {
    let mut heads = parts.heads.iter();
    heads.any(|heads| {
        let place = place_of(stage, &heads.model);
        place.is_some_and(|place| {
            resolved.tokens[place] != 1.0 || !resolved.scores[place].is_empty()
        })
    })
}

/// The calibration sample under the assumptions of the world, for dials that are solved on it.
fn adjust_sample(parts: &mut Parts, stage: &Stage<'_>, resolved: &Resolved) {
    for sample in &mut parts.calibration.models {
        let Some(place) = place_of(stage, &sample.model) else {
            continue;
        };
        let more = libm::log(resolved.tokens[place]);
        for tokens in &mut sample.log_output_tokens {
            *tokens = (f64::from(*tokens) + more) as f32;
        }
        let changes = &resolved.scores[place];
        for success in &mut sample.success {
            *success = unclipped(f64::from(*success), changes).clamp(0.0, 1.0) as f32;
        }
    }
}

/// The router with the world's trade, its dials solved anew.
fn with_trades(
    base: &Base<'_>,
    policy: usize,
    router: Router,
    resolved: &Resolved,
) -> Result<(Router, Vec<String>), ScenarioError> {
    let held = &base.policies[policy];
    let usd = |x: f64| Usd::try_from_f64(x).unwrap_or_default();
    let world = resolved
        .trade
        .filter(|_| resolved.trade_set)
        .map(|[value, wrong, second]| Trade {
            value: usd(value),
            wrong: usd(wrong),
            second: usd(second),
        });
    let options = SolveOptions {
        requests_per_day: resolved.requests_per_day,
        at: base.options.at,
        seed: base.options.seed,
        replicates: 0,
    };
    let mut notes = Vec::new();
    let mut goals = held.goals.iter();
    let mut parts = router.parts().clone();
    if let Some(choose) = &mut parts.choose {
        choose.trades(&mut |trade| {
            let goal = goals.next().copied();
            let modifiers = world.unwrap_or(*trade);
            match goal.filter(|goal| !matches!(goal, Goal::Value(_))) {
                None => *trade = modifiers,
                Some(goal) => {
                    let dial = Dial {
                        goal,
                        wrong: modifiers.wrong,
                        second: modifiers.second,
                    };
                    match solve(&router, &dial, &options) {
                        Ok((solved, _)) => *trade = solved,
                        Err(error) => notes.push(format!(
                            "{}: its dial cannot be solved anew and stays as it is: {error}",
                            held.name
                        )),
                    }
                }
            }
        });
    }
    Ok((checked(&held.name, parts)?, notes))
}
