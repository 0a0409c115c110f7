//! A world before anybody decides in it: its settings looked up, its sums, what multiplies them.

use std::sync::{Arc, PoisonError};

use weighbridge_router::Usd;

use super::base::Base;
use super::error::ScenarioError;
use super::expected::{Expected, unclipped};
use super::forms::{Mix, Terms};
use super::name::{LifeEnd, Name, PricePart};
use super::recompile::StageRates;
use super::resolve::{Meaning, Resolved};
use super::setting::{Amount, Op, Setting};
use super::table::{Key, Table};
use crate::catalog::Catalog;
use crate::replay::Stage;

/// Tables that are kept.
const MOST_TABLES: usize = 4;

/// A world before anybody decides in it.
pub(super) struct Scene<'a> {
    pub(super) resolved: Resolved,
    pub(super) table: Arc<Table<'a>>,
    pub(super) terms: Terms,
    pub(super) mix: Mix,
    pub(super) assumptions: Vec<String>,
    /// Whether a setting is of fixed costs.
    pub(super) fixed_is_set: bool,
    pub(super) notes: Vec<String>,
}

impl<'a> Base<'a> {
    /// The world of these settings, before anybody decides in it.
    pub(super) fn scene(&self, settings: &[Setting]) -> Result<Scene<'a>, ScenarioError> {
        let stage = &self.stage;
        let meaning = Meaning {
            catalog: &self.catalog,
            trace: self.trace,
            endpoints: stage.endpoints(),
            roles: &self.options.roles,
        };
        let mut resolved =
            Resolved::new(&meaning, self.options.trade, self.options.requests_per_day);
        for setting in settings {
            resolved.set(&meaning, setting)?;
        }
        let mut assumptions = Vec::new();
        let mut linear = vec![(0.0, 1.0); resolved.scores.len()];
        let mut other = vec![Vec::new(); resolved.scores.len()];
        for (endpoint, changes) in resolved.scores.iter().enumerate() {
            if changes.is_empty() {
                continue;
            }
            let expected = self.expected(stage, endpoint);
            let model = &stage.endpoints()[endpoint].model;
            assumptions.extend(expected.told(model, changes));
            if expected.clips(changes) {
                other[endpoint].clone_from(changes);
            } else {
                let at = |score: f64| unclipped(score, changes);
                linear[endpoint] = (at(0.0), at(1.0) - at(0.0));
            }
        }
        for (endpoint, &times) in resolved.tokens.iter().enumerate() {
            if times != 1.0 {
                assumptions.push(format!(
                    "output tokens of {} are taken to be {times} times what they are, and its answers to take that much longer from the first token on",
                    stage.endpoints()[endpoint].model
                ));
            }
        }
        let table = self.table(Key::of(&resolved, other));
        let rates = self.rates(&table, &resolved, settings)?;
        let terms = Terms {
            trade: resolved.trade,
            waits: table.own_second > 0 || resolved.trade.is_some_and(|[.., second]| second > 0.0),
            rates,
            tokens: resolved.tokens.clone(),
            scores: linear,
        };
        let mix = mix(&table, &resolved, self.options.replicates)?;
        let notes = notes(&table, settings, self.trace.len());
        Ok(Scene {
            resolved,
            table,
            terms,
            mix,
            assumptions: shortened(assumptions),
            fixed_is_set: settings.iter().any(|it| matches!(it.name, Name::Fixed(_))),
            notes,
        })
    }

    fn stage_of(&self, catalog: &Catalog) -> Stage<'a> {
        Stage::new(self.trace, catalog, &self.routers, self.options.as_of)
    }

    /// The sums that a world needs, from the last few or anew.
    pub(super) fn table(&self, key: Key) -> Arc<Table<'a>> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = tables.iter().find(|table| table.key == key) {
            return Arc::clone(held);
        }
        let catalog = lived(&self.catalog, &self.stage, &key);
        let table = Arc::new(Table::new(self, self.stage_of(&catalog), key));
        // The first table is that of most worlds.
        if tables.len() == MOST_TABLES {
            tables.remove(1);
        }
        tables.push(Arc::clone(&table));
        table
    }

    /// The expected scores of an endpoint.
    pub(super) fn expected(&self, stage: &Stage<'a>, endpoint: usize) -> Arc<Expected> {
        let mut held = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held
            .entry(endpoint)
            .or_insert_with(|| Arc::new(Expected::new(stage, endpoint, self.options.threads)));
        Arc::clone(known)
    }

    /// Picodollars a token of each rate of each endpoint.
    fn rates(
        &self,
        table: &Table<'a>,
        resolved: &Resolved,
        settings: &[Setting],
    ) -> Result<StageRates, ScenarioError> {
        let endpoints = table.stage.endpoints().iter();
        let mut rates: StageRates = endpoints
            .map(|endpoint| {
                let rows = endpoint.card.iter().flat_map(|card| &card.prices);
                let all = rows.flat_map(|row| {
                    let tiers = row.tiers.iter().map(|tier| &tier.rates);
                    std::iter::once(&row.rates).chain(tiers)
                });
                let picos = |usd: Usd| usd.picos() as f64;
                all.map(|rates| [rates.input, rates.cached, rates.output].map(picos))
                    .collect()
            })
            .collect();
        for &(endpoint, part, op, by) in &resolved.prices {
            let part = match part {
                PricePart::Input => 0,
                PricePart::Cached => 1,
                PricePart::Output => 2,
            };
            for rates in &mut rates[endpoint] {
                // USD per million tokens are micro-USD, or a million picodollars, a token.
                let by = if op == Op::Scale { by } else { by * 1e6 };
                rates[part] = op.apply(rates[part], by).round_ties_even();
                if !(0.0..=9e15).contains(&rates[part]) {
                    let message = "a price must stay between 0 and 9 billion USD";
                    return Err(ScenarioError::value(shown(settings), message));
                }
            }
        }
        table.refuse_bills(resolved, settings)?;
        Ok(rates)
    }
}

/// The catalog with the lives that are set; the price rows at both ends of a life go along with it.
fn lived(catalog: &Catalog, stage: &Stage<'_>, key: &Key) -> Catalog {
    key.life
        .iter()
        .fold(catalog.clone(), |catalog, &(endpoint, end, to)| {
            let to = match to {
                Amount::Time(at) => Some(at),
                _ => None,
            };
            let id = &stage.endpoints()[endpoint].id;
            match end {
                LifeEnd::From => catalog.with_life(id, |from, _| *from = to),
                LifeEnd::Until => catalog.with_life(id, |_, until| *until = to),
            }
        })
}

/// The share of each segment.
fn mix(table: &Table<'_>, resolved: &Resolved, replicates: usize) -> Result<Mix, ScenarioError> {
    let all: u64 = table.segments.iter().sum();
    let now: Vec<f64> = table
        .segments
        .iter()
        .map(|&count| count as f64 / (all.max(1)) as f64)
        .collect();
    let mut shares = now.clone();
    for (share, op, by) in &resolved.shares {
        let name = || format!("share.{}.{}", share.by.name(), share.value);
        let place = table.key.shares.iter().position(|held| held == share);
        let place = place.unwrap_or_default();
        shares[place] = op.apply(shares[place], *by);
        if !(0.0..=1.0).contains(&shares[place]) {
            let message = format!("a share must lie in [0, 1], not {}", shares[place]);
            return Err(ScenarioError::value(name(), message));
        }
    }
    if let Some((rest, set)) = shares.split_last_mut().filter(|(_, set)| !set.is_empty()) {
        let left = 1.0 - set.iter().sum::<f64>();
        let others = now.last().copied().unwrap_or_default();
        if left < -1e-9 {
            let message = format!("they add up to {}, which is more than 1", 1.0 - left);
            return Err(ScenarioError::value("the shares", message));
        }
        if left > 1e-9 && others == 0.0 {
            let message =
                format!("no other request is there to have the remaining share of {left}");
            return Err(ScenarioError::value("the shares", message));
        }
        *rest = left.max(0.0);
    }
    Ok(Mix {
        shares,
        length: 1 + replicates,
    })
}

fn notes(table: &Table<'_>, settings: &[Setting], requests: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let is_worth = |it: &Setting| matches!(it.name, Name::Value | Name::Wrong | Name::Second);
    if table.own > 0 && settings.iter().any(is_worth) {
        notes.push(format!(
            "{} of {requests} requests bring a value, a cost of a wrong answer or a worth of a second of their own, which stays",
            table.own
        ));
    }
    if !table.key.life.is_empty() {
        notes.push(
            "where a shipped file sends a request to an endpoint that is closed by then, nobody answers it"
                .to_owned(),
        );
    }
    notes
}

fn shown(settings: &[Setting]) -> String {
    let texts: Vec<String> = settings.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

/// The endpoints of one model usually have the same to tell.
fn shortened(mut assumptions: Vec<String>) -> Vec<String> {
    assumptions.dedup();
    assumptions
}
