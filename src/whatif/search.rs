//! The policies at hand as contenders: every fixed choice, the policies as they are given, and
//! those with a learned choice over their trade.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_router::{Choose, Router, Trade, Usd};

use super::always::always;
use super::options::{PlanError, PlanOptions};
use crate::catalog::Catalog;
use crate::evaluate::{PolicyFigures, ReplayOptions, replay_report};
use crate::policy::{Goal, Roles, SolveOptions, telling_values};
use crate::replay::{Charged, Decisions, Stage, decide_family};
use crate::trace::Trace;

/// Values of a right answer that are tried for each learned policy, and then around the best.
const FIRST: usize = 24;
const SECOND: usize = 12;
/// Values of a router without a calibration sample: powers of ten and their halves, in USD.
const BLIND: [&str; 13] = [
    "0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30", "100",
];
/// Routers that are held at a time; each is a few megabytes.
const BATCH: usize = 16;
/// A policy takes part if the trace tells at least this share of its answers and costs.
const TOLD: f64 = 0.5;

/// What sort of policy a contender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Always the same endpoint, where it may take the request.
    Fixed,
    /// Rules, thresholds, random shares.
    Rules,
    /// A trained router chooses, everywhere or somewhere.
    Learned,
}

/// A policy of the search.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Its place among the bases.
    pub(super) base: usize,
    /// The trade that its learned choices get.
    pub(super) trade: Option<Trade>,
}

/// A contender and how it did on the part of the trace that is chosen on.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) contender: Contender,
    /// Share of requests that another model than the driver takes.
    pub(super) share: f64,
    /// The models that take any.
    pub(super) models: BTreeSet<String>,
    pub(super) success: f64,
    /// USD a request.
    pub(super) cost: f64,
    /// USD a request; none without a value.
    pub(super) net: Option<f64>,
}

/// The search over one part of a trace.
pub(super) struct Search<'a> {
    catalog: &'a Catalog,
    options: &'a PlanOptions,
    /// Given policies first, then the fixed choices.
    pub(super) bases: Vec<(String, Router)>,
    pub(super) measured: Vec<Measured>,
    /// What was left out, and why.
    pub(super) warnings: Vec<String>,
}

impl<'a> Search<'a> {
    /// Measure every contender on the part of the trace.
    ///
    /// # Errors
    /// Where the trace tells the answers of none.
    pub(super) fn over(
        part: &Trace,
        catalog: &'a Catalog,
        policies: &[(String, Router)],
        options: &'a PlanOptions,
    ) -> Result<Self, PlanError> {
        let mut search = Self {
            catalog,
            options,
            bases: policies.to_vec(),
            measured: Vec::new(),
            warnings: Vec::new(),
        };
        search.bases.extend(policies.iter().flat_map(without_each));
        search.bases.extend(fixed(part, catalog, &options.roles));
        let routers: Vec<Router> = search.bases.iter().map(|(_, it)| it.clone()).collect();
        let stage = options.stage(part, catalog, &routers);
        let charged = Charged::new(&stage, options.charge(), options.threads);
        let bases = 0..search.bases.len();
        let mut first: Vec<Contender> = bases.flat_map(|base| search.contenders(base)).collect();
        // Of those that choose alike the first is kept, and that should be the plainest.
        first.sort_by_key(|contender| contender.kind);
        let mut decided = Vec::new();
        search.decide(&stage, &charged, first, &mut decided);
        search.measure(&stage, &charged, &decided);
        let second = search.nearby();
        if !second.is_empty() {
            search.decide(&stage, &charged, second, &mut decided);
            search.measure(&stage, &charged, &decided);
        }
        if search.measured.is_empty() {
            return Err(PlanError::NothingTold);
        }
        Ok(search)
    }

    /// The router of a contender.
    pub(super) fn router(&self, contender: &Contender) -> Router {
        let router = self.bases[contender.base].1.clone();
        match contender.trade {
            Some(trade) => router.with_trade(trade),
            None => router,
        }
    }

    /// The model that has the role `driver`.
    pub(super) fn driver(&self) -> Option<String> {
        driver(self.catalog, &self.options.roles)
    }

    /// The contenders of one base: itself, or a learned one at many values.
    fn contenders(&self, base: usize) -> Vec<Contender> {
        let (name, router) = &self.bases[base];
        let Some(held) = sole_trade(router) else {
            return vec![Contender {
                name: name.clone(),
                kind: kind(router),
                base,
                trade: None,
            }];
        };
        let mut values = telling_values(router, self.trade(held), &self.prices(), None, FIRST);
        if values.is_empty() {
            values = BLIND
                .iter()
                .filter_map(|text| Usd::parse(text).ok())
                .collect();
        }
        values.push(held.value);
        if let Goal::Value(value) = self.options.goal {
            values.push(value);
        }
        values.sort_unstable();
        values.dedup();
        self.at_values(base, values)
    }

    fn at_values(&self, base: usize, values: Vec<Usd>) -> Vec<Contender> {
        let (name, router) = &self.bases[base];
        let held = router.trade().unwrap_or_default();
        let contender = |value: Usd| Contender {
            name: format!("{name} at ${value}"),
            kind: Kind::Learned,
            base,
            trade: Some(Trade {
                value,
                ..self.trade(held)
            }),
        };
        values.into_iter().map(contender).collect()
    }

    /// More values around the best of the learned contenders.
    fn nearby(&self) -> Vec<Contender> {
        let learned = |measured: &&Measured| measured.contender.kind == Kind::Learned;
        let Some(best) = best(self.measured.iter().filter(learned), self.options) else {
            return Vec::new();
        };
        let Some(trade) = best.contender.trade else {
            return Vec::new();
        };
        let base = best.contender.base;
        let same = self.measured.iter().filter(|it| it.contender.base == base);
        let values = same.filter_map(|it| Some(it.contender.trade?.value));
        let low = values.clone().filter(|value| *value < trade.value).max();
        let high = values.clone().filter(|value| *value > trade.value).min();
        let between = (low.unwrap_or(trade.value), high.unwrap_or(trade.value));
        let known: Vec<Usd> = values.collect();
        let mut fresh = telling_values(
            &self.bases[base].1,
            trade,
            &self.prices(),
            Some(between),
            SECOND,
        );
        fresh.retain(|value| !known.contains(value));
        self.at_values(base, fresh)
    }

    /// A held trade under the modifiers of the call.
    fn trade(&self, held: Trade) -> Trade {
        Trade {
            wrong: self.options.wrong.unwrap_or(held.wrong),
            second: self.options.second.unwrap_or(held.second),
            ..held
        }
    }

    fn prices(&self) -> SolveOptions {
        SolveOptions {
            at: self.options.at,
            ..SolveOptions::default()
        }
    }

    /// Let contenders decide, and keep those whose answers the trace tells and that choose
    /// otherwise than those before them.
    fn decide(
        &mut self,
        stage: &Stage<'_>,
        charged: &Charged,
        contenders: Vec<Contender>,
        kept: &mut Vec<(Contender, Decisions)>,
    ) {
        let families = contenders.chunk_by(|a, b| a.base == b.base);
        for batch in families.flat_map(|family| family.chunks(BATCH)) {
            let routers: Vec<Router> = batch.iter().map(|it| self.router(it)).collect();
            let named: Vec<(String, &Router)> = batch
                .iter()
                .zip(&routers)
                .map(|(contender, router)| (contender.name.clone(), router))
                .collect();
            let decisions = decide_family(stage, &named, self.options.threads);
            for (contender, decisions) in batch.iter().zip(decisions) {
                if told(charged, &decisions) < TOLD {
                    self.leave_out(contender.base);
                } else if !kept.iter().any(|(_, held)| held.same_choices(&decisions)) {
                    kept.push((contender.clone(), decisions));
                }
            }
        }
    }

    fn leave_out(&mut self, base: usize) {
        let warning = format!(
            "{}: left out, since the trace tells fewer than half of its answers and costs",
            self.bases[base].0
        );
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Figures of all that have decided, on the requests where all of them are known.
    fn measure(
        &mut self,
        stage: &Stage<'_>,
        charged: &Charged,
        decided: &[(Contender, Decisions)],
    ) {
        let decisions = decided.iter().map(|(_, it)| it.clone()).collect();
        let options = ReplayOptions {
            replicates: 0,
            ..self.options.replay()
        };
        let report = replay_report(stage, charged, decisions, &options);
        let driver = self.driver();
        let figures = decided.iter().zip(&report.policies);
        self.measured = figures
            .filter_map(|((contender, _), figures)| {
                Measured::new(contender.clone(), figures, stage, driver.as_deref())
            })
            .collect();
    }
}

impl Measured {
    fn new(
        contender: Contender,
        figures: &PolicyFigures,
        stage: &Stage<'_>,
        driver: Option<&str>,
    ) -> Option<Self> {
        let mut models: BTreeMap<&str, f64> = BTreeMap::new();
        for (id, share) in &figures.share {
            let mut endpoints = stage.endpoints().iter();
            if let Some(endpoint) = endpoints.find(|endpoint| endpoint.id == *id) {
                *models.entry(&endpoint.model).or_default() += share;
            }
        }
        models.retain(|_, share| *share > 0.0);
        let others = models.iter().filter(|(model, _)| Some(**model) != driver);
        Some(Self {
            share: others.map(|(_, share)| share).sum(),
            models: models.keys().map(|model| (*model).to_owned()).collect(),
            success: figures.success.x?,
            cost: figures.cost_usd_per_request.x?,
            net: figures.net_usd_per_request.x,
            contender,
        })
    }

    /// How good it is for the goal, greater is better; none where it misses the goal.
    pub(super) fn merit(&self, options: &PlanOptions) -> Option<(f64, f64)> {
        let by_success = (self.success, -self.cost);
        match options.goal {
            Goal::Value(_) => self.net.map(|net| (net, -self.cost)),
            Goal::Share(share) => (self.share <= share).then_some(by_success),
            Goal::SpendPerDay(usd) => {
                let spend = self.cost * options.requests_per_day.unwrap_or_default();
                (spend <= usd.to_f64()).then_some(by_success)
            }
            Goal::MinSuccess(least) => {
                (self.success >= least).then_some((-self.cost, self.success))
            }
        }
    }

    /// How near it comes to the goal, greater is nearer.
    pub(super) fn nearness(&self, options: &PlanOptions) -> f64 {
        match options.goal {
            Goal::Value(_) => self.net.unwrap_or(f64::NEG_INFINITY),
            Goal::Share(_) => -self.share,
            Goal::SpendPerDay(_) => -self.cost,
            Goal::MinSuccess(_) => self.success,
        }
    }
}

/// The best of those that attain the goal; the first of equals.
pub(super) fn best<'m>(
    measured: impl Iterator<Item = &'m Measured>,
    options: &PlanOptions,
) -> Option<&'m Measured> {
    let merits = measured.filter_map(|it| Some((it, it.merit(options)?)));
    let found = merits.reduce(|held, next| if next.1 > held.1 { next } else { held });
    found.map(|(it, _)| it)
}

/// The model that has the role `driver`, by the catalog's name.
fn driver(catalog: &Catalog, roles: &Roles) -> Option<String> {
    let name = roles.flags.get("driver").or(roles.trace.get("driver"))?;
    let card = catalog.endpoint(name).map(|card| &card.endpoint.model);
    let model = || catalog.model(name).map(|model| &model.id);
    Some(card.or_else(model).unwrap_or(name).clone())
}

fn kind(router: &Router) -> Kind {
    match &router.parts().choose {
        Some(Choose::Always(_)) => Kind::Fixed,
        Some(choose) if choose.is_learned() => Kind::Learned,
        _ => Kind::Rules,
    }
}

/// The trade of all learned choices; none where there is none, or where they differ, so that one
/// trade for all would be another policy.
fn sole_trade(router: &Router) -> Option<Trade> {
    let mut trades = Vec::new();
    let mut choose = router.parts().choose.clone()?;
    choose.trades(&mut |trade| trades.push(*trade));
    let first = *trades.first()?;
    trades.iter().all(|trade| *trade == first).then_some(first)
}

/// A learned policy of three models or more, once without each: what the portfolio would come to
/// if that one were retired. Where a rule or the fallback names the model there is none.
fn without_each((name, router): &(String, Router)) -> Vec<(String, Router)> {
    let parts = router.parts();
    if sole_trade(router).is_none() || parts.heads.len() < 3 {
        return Vec::new();
    }
    let without = |model: &String| {
        let mut left = parts.clone();
        let gone = |name: &String| {
            let mut endpoints = parts.endpoints.iter().filter(|it| it.model == *model);
            name == model || endpoints.any(|it| it.id == *name)
        };
        left.endpoints.retain(|it| it.model != *model);
        if let Some(shrink) = &mut left.shrink {
            // Centres stand in the order of the heads.
            let mut heads = parts.heads.iter();
            shrink
                .centres
                .retain(|_| heads.next().is_none_or(|it| it.model != *model));
        }
        left.heads.retain(|it| it.model != *model);
        left.calibration.models.retain(|it| it.model != *model);
        left.roles.retain(|(_, name)| !gone(name));
        left.fallback.retain(|name| !gone(name));
        Some((
            format!("{name} without {model}"),
            Router::try_new(left).ok()?,
        ))
    };
    let heads = parts.heads.iter();
    heads.filter_map(|heads| without(&heads.model)).collect()
}

/// A policy for each endpoint that sells a model that the trace has answers of, the driver as its
/// fallback.
fn fixed(part: &Trace, catalog: &Catalog, roles: &Roles) -> Vec<(String, Router)> {
    let stage = Stage::new(part, catalog, &[], None);
    let driver_else = driver(catalog, roles).is_some();
    let recorded: Vec<String> = stage
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.card.is_none())
        .map(|endpoint| endpoint.id.clone())
        .collect();
    let mut ids: Vec<&str> = stage.endpoints().iter().map(|it| it.id.as_str()).collect();
    for endpoint in stage.endpoints() {
        // Other providers of the same weights, whose answers would be the same.
        let sold = catalog.endpoints_of(&endpoint.model);
        for id in sold.map(|card| card.endpoint.id.as_str()) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let policy = |id: &&str| always(id, driver_else, catalog, roles, &recorded);
    ids.iter().filter_map(policy).collect()
}

/// The share of requests whose success and cost the trace tells.
fn told(charged: &Charged, decisions: &Decisions) -> f64 {
    let known = |row: &usize| {
        decisions.get(*row).masses.iter().all(|&(endpoint, _)| {
            charged.score(endpoint, *row).is_some() && charged.cost(endpoint, *row).is_some()
        })
    };
    let count = (0..decisions.len()).filter(known).count();
    count as f64 / decisions.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bundled router with a third model that is predicted as the first.
    fn three() -> Router {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/models/engineering.router.json"
        );
        let mut parts = Router::load(path).unwrap().parts().clone();
        let mut heads = parts.heads[0].clone();
        let mut endpoint = parts.endpoints[0].clone();
        heads.model = "third".to_owned();
        endpoint.model = "third".to_owned();
        endpoint.id = "third@p".to_owned();
        parts.heads.push(heads);
        if let Some(shrink) = &mut parts.shrink {
            shrink.centres.push(shrink.centres[0]);
        }
        parts.endpoints.push(endpoint);
        Router::try_new(parts).unwrap()
    }

    #[test]
    fn a_router_of_three_models_is_tried_without_each_and_one_of_two_is_not() {
        let router = three();
        let models: Vec<&str> = router.parts().heads.iter().map(|it| &*it.model).collect();
        let without = without_each(&("r".to_owned(), router.clone()));
        assert_eq!(without.len(), 3);
        for ((name, left), gone) in without.iter().zip(models) {
            assert_eq!(*name, format!("r without {gone}"));
            assert_eq!(left.parts().heads.len(), 2);
            assert!(left.endpoints().iter().all(|it| it.model != gone));
        }
        assert!(without_each(&without[2]).is_empty());
    }
}
