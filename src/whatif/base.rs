//! What every world starts from: a trace, a catalog and policies, with heads scored, decisions made
//! and sums added up once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use weighbridge_router::{Choose, Prediction, Probability, Router, Timestamp, Trade, Usd};

use super::error::ScenarioError;
use super::expected::{Expected, unclipped};
use super::forms::{Forms, Mix, Terms};
use super::name::{LifeEnd, Name, PricePart};
use super::recompile::{StageRates, recompile};
use super::resample::Buckets;
use super::resolve::{Meaning, Resolved};
use super::setting::{Amount, Op, Setting};
use super::table::{Key, Table};
use super::world::{Mode, World};
use crate::catalog::Catalog;
use crate::evaluate::TraceSummary;
use crate::policy::Goal;
use crate::replay::{
    Adjust, Decisions, Kept, Places, Predicted, Stage, decide_keeping, decide_kept,
    decide_repriced, unit_keys,
};
use crate::trace::Trace;

/// What holds in every world unless it is set.
#[derive(Debug, Clone, Default)]
pub struct BaseOptions {
    /// The worth of an answer for requests that bring none.
    pub trade: Option<Trade>,
    /// Role and model or endpoint, where known.
    pub roles: BTreeMap<String, String>,
    /// The date whose prices hold for requests without a time.
    pub as_of: Option<Timestamp>,
    /// The moment whose prices hold where dials are solved anew.
    pub at: Option<Timestamp>,
    /// How many requests a day there are, where known.
    pub requests_per_day: Option<f64>,
    /// Ids of endpoints of the catalog that no policy knows yet: policies that are re-decided may
    /// choose them where they know their model.
    pub added: Vec<String>,
    /// The seed of the bootstrap.
    pub seed: u64,
    /// Bootstrap replicates behind each interval; 0 for none.
    pub replicates: usize,
    /// Threads; they change no byte.
    pub threads: usize,
}

/// A trace, a catalog and policies, worked out once; see [`Base::at`].
pub struct Base<'a> {
    pub(super) trace: &'a Trace,
    pub(super) catalog: Catalog,
    pub(super) policies: Vec<Held>,
    pub(super) options: BaseOptions,
    pub(super) buckets: Buckets,
    pub(super) added: Vec<String>,
    /// What each frozen policy chooses.
    pub(super) decisions: Vec<Decisions>,
    /// The routers that name the endpoints of every stage.
    routers: Vec<Router>,
    /// What the heads of each family of policies predict.
    families: Vec<Predicted>,
    /// The stage of the world as it is.
    stage: Stage<'a>,
    has_deadlines: bool,
    tables: Mutex<Vec<Arc<Table<'a>>>>,
    expected: Mutex<BTreeMap<usize, Arc<Expected>>>,
}

/// A policy as it ships.
pub(super) struct Held {
    pub(super) name: String,
    pub(super) router: Router,
    /// What its learned choices are set by, in the order in which they are visited.
    pub(super) goals: Vec<Goal>,
    /// Its family: policies of the same features and heads.
    family: usize,
    /// Which of its learned choices each request comes to.
    places: Places,
}

/// Tables that are kept.
const MOST_TABLES: usize = 4;

impl<'a> Base<'a> {
    /// Score the heads, decide, and add up.
    #[must_use]
    pub fn new(
        trace: &'a Trace,
        catalog: &Catalog,
        policies: &[(String, Router)],
        options: BaseOptions,
    ) -> Self {
        let mut routers: Vec<Router> = policies.iter().map(|(_, router)| router.clone()).collect();
        routers.extend(added(catalog, &options.added));
        let stage = Stage::new(trace, catalog, &routers, options.as_of);
        let mut families = Vec::new();
        let mut made: Vec<Option<(Decisions, Places, usize)>> = vec![None; policies.len()];
        for members in alike(policies) {
            let named: Vec<(String, &Router)> = members
                .iter()
                .map(|&member| (policies[member].0.clone(), &policies[member].1))
                .collect();
            let keeping = decide_keeping(&stage, &named, options.threads);
            let each = keeping.decisions.into_iter().zip(keeping.places);
            for (&member, (decisions, places)) in members.iter().zip(each) {
                made[member] = Some((decisions, places, families.len()));
            }
            families.push(keeping.predicted);
        }
        let units = if options.replicates > 0 {
            unit_keys(trace, options.seed, options.threads)
        } else {
            Vec::new()
        };
        let (mut held, mut decisions) = (Vec::new(), Vec::new());
        for ((name, router), made) in policies.iter().zip(made.into_iter().flatten()) {
            let (decided, places, family) = made;
            decisions.push(decided);
            held.push(Held {
                name: name.clone(),
                router: router.clone(),
                goals: goals(router),
                family,
                places,
            });
        }
        let mut rows = 0..trace.len();
        Self {
            trace,
            catalog: catalog.clone(),
            policies: held,
            buckets: Buckets::new(&units, trace.len(), options.seed, options.replicates),
            added: options.added.clone(),
            options,
            decisions,
            routers,
            families,
            stage,
            has_deadlines: rows.any(|row| trace.request(row).deadline_ms.is_some()),
            tables: Mutex::default(),
            expected: Mutex::default(),
        }
    }

    /// The names of the policies, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|held| held.name.as_str())
    }

    /// What the policies come to where these settings hold, applied one after the other.
    ///
    /// The resamples are the same in every world, so that differences between worlds, modes and
    /// policies are paired.
    ///
    /// # Errors
    /// A name that means nothing here, a value that it cannot take, prices that are changed where
    /// only recorded bills are known, or a policy that cannot be compiled for the world.
    pub fn at(&self, settings: &[Setting], mode: Mode) -> Result<World, ScenarioError> {
        let scene = self.scene(settings)?;
        let threads = self.options.threads;
        match mode {
            Mode::Frozen => self.decided(&scene, mode, &Decided::alike(self), threads),
            Mode::Redecided => {
                let decided = self.redecided(std::slice::from_ref(&scene))?;
                self.decided(&scene, mode, &decided[0], threads)
            }
        }
    }

    /// [`Self::at`] in both modes, frozen first.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub fn both(&self, settings: &[Setting]) -> Result<[World; 2], ScenarioError> {
        Ok([
            self.at(settings, Mode::Frozen)?,
            self.at(settings, Mode::Redecided)?,
        ])
    }

    /// [`Self::at`] in both modes, frozen first, for many worlds at once: requests are gone through
    /// for many of them together.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub fn all(&self, worlds: &[Vec<Setting>]) -> Result<Vec<[World; 2]>, ScenarioError> {
        let mut all = Vec::with_capacity(worlds.len());
        for batch in worlds.chunks(BATCH) {
            let scenes: Vec<Scene<'a>> = batch
                .iter()
                .map(|settings| self.scene(settings))
                .collect::<Result<_, _>>()?;
            let decided = self.redecided(&scenes)?;
            let threads = self.options.threads;
            // Either the worlds are spread over the threads, or the work of the only one.
            let inner = if scenes.len() > 1 { 1 } else { threads };
            let both = |at: usize| {
                let (scene, decided) = (&scenes[at], &decided[at]);
                Ok([
                    self.decided(scene, Mode::Frozen, &Decided::alike(self), inner)?,
                    self.decided(scene, Mode::Redecided, decided, inner)?,
                ])
            };
            let worlds: Result<Vec<[World; 2]>, ScenarioError> =
                spread(scenes.len(), threads, both).into_iter().collect();
            all.extend(worlds?);
        }
        Ok(all)
    }

    fn decided(
        &self,
        scene: &Scene<'a>,
        mode: Mode,
        decided: &Decided,
        threads: usize,
    ) -> Result<World, ScenarioError> {
        let decisions = decided.decisions.iter().enumerate();
        let forms: Vec<Forms> = decisions
            .map(|(policy, decisions)| {
                let terms = (&scene.terms, threads);
                scene.table.forms(self, policy, decisions.as_ref(), terms)
            })
            .collect();
        let mut notes = scene.notes.clone();
        notes.extend(decided.notes.iter().cloned());
        self.world(scene, mode, &forms, notes)
    }

    /// What was replayed.
    pub(super) fn summary(&self) -> TraceSummary {
        let table = self.table(Key::of_nothing(self.stage.endpoints().len()));
        let compared = table.compared();
        TraceSummary {
            requests: self.trace.len() as u64,
            outcomes: self.trace.outcome_count() as u64,
            fingerprint: self.trace.fingerprint().to_string(),
            dropped_training_rows: 0,
            compared,
            synthetic: self.trace.header().synthetic.clone(),
            source: self.trace.header().source.clone(),
        }
    }

    /// The world of these settings, before anybody decides in it.
    fn scene(&self, settings: &[Setting]) -> Result<Scene<'a>, ScenarioError> {
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
            own: resolved.own,
            waits: resolved.trade.is_some_and(|[.., second]| second > 0.0)
                || (table.own_second > 0 && resolved.own[2] != (0.0, 0.0)),
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
    fn table(&self, key: Key) -> Arc<Table<'a>> {
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

    /// What each policy chooses when it is compiled for each world.
    fn redecided(&self, scenes: &[Scene<'a>]) -> Result<Vec<Decided>, ScenarioError> {
        let mut all: Vec<Decided> = scenes.iter().map(|_| Decided::alike(self)).collect();
        for policy in 0..self.policies.len() {
            let mut repriced = Vec::new();
            for (at, scene) in scenes.iter().enumerate() {
                let parts = (&*scene.table, &scene.terms.rates);
                let recompiled = recompile(self, policy, &scene.resolved, parts)?;
                all[at].notes.extend(recompiled.notes);
                match recompiled.router {
                    None => {}
                    Some(router) if recompiled.repriced && scene.keeps_deadlines(self) => {
                        repriced.push((at, router));
                    }
                    Some(router) => {
                        let decisions = self.decided_anew(policy, scene, &router);
                        all[at].decisions[policy] = Some(decisions);
                    }
                }
            }
            // Those with the same assumptions decide on the same predictions.
            let assumed = |at: usize| {
                let resolved = &scenes[at].resolved;
                (&resolved.tokens, &resolved.scores)
            };
            for group in repriced.chunk_by(|a, b| assumed(a.0) == assumed(b.0)) {
                let decisions = self.repriced(policy, &scenes[group[0].0], group);
                for ((at, _), decisions) in group.iter().zip(decisions) {
                    all[*at].decisions[policy] = Some(decisions);
                }
            }
        }
        Ok(all)
    }

    /// What a policy chooses by another router of the same features and heads.
    fn decided_anew(&self, policy: usize, scene: &Scene<'a>, router: &Router) -> Decisions {
        let stage = &scene.table.stage;
        let adjust = adjustment(stage, router, &scene.resolved);
        let adjust: Option<Adjust<'_>> = adjust.as_deref().map(|it| it as Adjust<'_>);
        let kept = [Kept { router, adjust }];
        let predicted = &self.families[self.policies[policy].family];
        let decided = decide_kept(stage, &kept, predicted, self.options.threads);
        decided
            .into_iter()
            .next()
            .unwrap_or_else(|| Decisions::new(""))
    }

    /// What a policy chooses by routers that differ from it in prices and trade alone, under the
    /// assumptions of one of their worlds.
    fn repriced(
        &self,
        policy: usize,
        scene: &Scene<'a>,
        routers: &[(usize, Router)],
    ) -> Vec<Decisions> {
        let stage = &scene.table.stage;
        let held = &self.policies[policy];
        let adjust = adjustment(stage, &held.router, &scene.resolved);
        let adjust: Option<Adjust<'_>> = adjust.as_deref().map(|it| it as Adjust<'_>);
        let frozen = (&held.router, &self.decisions[policy], &held.places);
        let routers: Vec<&Router> = routers.iter().map(|(_, router)| router).collect();
        let predicted = &self.families[held.family];
        decide_repriced(
            stage,
            frozen,
            (&routers, adjust),
            predicted,
            self.options.threads,
        )
    }
}

/// Worlds that are decided in together.
const BATCH: usize = 16;

/// What each policy chooses in a world; none where it chooses as the frozen one.
struct Decided {
    decisions: Vec<Option<Decisions>>,
    notes: Vec<String>,
}

impl Decided {
    fn alike(base: &Base<'_>) -> Self {
        Self {
            decisions: vec![None; base.policies.len()],
            notes: Vec::new(),
        }
    }
}

/// The results of a work for each of so many items, by several threads, in order.
fn spread<T: Send>(items: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.clamp(1, items.max(1));
    let of = |part: usize| items * part / threads..items * (part + 1) / threads;
    if threads == 1 {
        return of(0).map(work).collect();
    }
    std::thread::scope(|scope| {
        let (work, of) = (&work, &of);
        let handles: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || of(part).map(work).collect::<Vec<T>>()))
            .collect();
        let parts = handles.into_iter().map(|handle| {
            let joined: std::thread::Result<Vec<T>> = handle.join();
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        parts.flatten().collect()
    })
}

impl Scene<'_> {
    /// Whether deadlines admit what they admitted: they are held against predicted tokens.
    fn keeps_deadlines(&self, base: &Base<'_>) -> bool {
        !base.has_deadlines || self.resolved.tokens.iter().all(|&times| times == 1.0)
    }
}

/// A world before anybody decides in it.
pub(super) struct Scene<'a> {
    pub(super) resolved: Resolved,
    pub(super) table: Arc<Table<'a>>,
    pub(super) terms: Terms,
    pub(super) mix: Mix,
    pub(super) assumptions: Vec<String>,
    /// Whether a setting is of fixed costs.
    pub(super) fixed_is_set: bool,
    notes: Vec<String>,
}

type OwnedAdjust = Box<dyn Fn(usize, Prediction) -> Prediction + Sync>;

/// What the assumptions of a world make of the predictions of a router's heads.
fn adjustment(stage: &Stage<'_>, router: &Router, resolved: &Resolved) -> Option<OwnedAdjust> {
    let of_head: Vec<(f64, Vec<(Op, f64)>)> = router
        .heads()
        .iter()
        .map(|heads| {
            let mut endpoints = stage.endpoints().iter();
            let place = endpoints.position(|endpoint| endpoint.model == heads.model);
            place.map_or((1.0, Vec::new()), |place| {
                (resolved.tokens[place], resolved.scores[place].clone())
            })
        })
        .collect();
    let plain = of_head
        .iter()
        .all(|(tokens, changes)| *tokens == 1.0 && changes.is_empty());
    if plain {
        return None;
    }
    Some(Box::new(move |head, prediction| {
        let (tokens, changes) = &of_head[head];
        Prediction {
            success: Probability::clamped(unclipped(prediction.success.get(), changes)),
            output_tokens: prediction.output_tokens * tokens,
        }
    }))
}

/// Routers that name the endpoints that a scenario adds.
fn added(catalog: &Catalog, ids: &[String]) -> Option<Router> {
    let cards: Vec<_> = ids.iter().filter_map(|id| catalog.endpoint(id)).collect();
    let first = cards.first()?;
    let parts = weighbridge_router::Parts {
        choose: Some(Choose::Always(first.endpoint.id.clone())),
        endpoints: cards.iter().map(|card| card.endpoint.clone()).collect(),
        ..Default::default()
    };
    Router::try_new(parts).ok()
}

/// The policies in families of the same features and heads.
fn alike(policies: &[(String, Router)]) -> Vec<Vec<usize>> {
    let mut families: Vec<Vec<usize>> = Vec::new();
    for (place, (_, router)) in policies.iter().enumerate() {
        let parts = router.parts();
        let family = families.iter_mut().find(|family| {
            let first = policies[family[0]].1.parts();
            first.heads == parts.heads && first.steps == parts.steps
        });
        match family {
            Some(family) => family.push(place),
            None => families.push(vec![place]),
        }
    }
    families
}

/// What the learned choices of a router are set by, as its provenance tells.
fn goals(router: &Router) -> Vec<Goal> {
    let provenance: Value = serde_json::from_str(&router.parts().provenance).unwrap_or_default();
    let goal = |dial: &Value| {
        let asked = dial
            .get("asked")
            .and_then(Value::as_f64)
            .unwrap_or_default();
        let usd = Usd::try_from_f64(asked).unwrap_or_default();
        match dial.get("dial").and_then(Value::as_str) {
            Some("share") => Goal::Share(asked),
            Some("spend_usd_per_day") => Goal::SpendPerDay(usd),
            Some("min_success") => Goal::MinSuccess(asked),
            _ => Goal::Value(usd),
        }
    };
    match provenance.get("dial") {
        Some(Value::Array(dials)) => dials.iter().map(goal).collect(),
        Some(dial) => vec![goal(dial)],
        None => Vec::new(),
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
        let shares: Vec<String> = set.iter().map(f64::to_string).collect();
        if left < -1e-9 || (left > 1e-9 && others == 0.0) {
            let message = format!(
                "the shares {} do not leave the other requests a share of 1 less them",
                shares.join(" + ")
            );
            return Err(ScenarioError::value("share", message));
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
    let sets_value =
        |setting: &Setting| setting.op == Op::Set && matches!(setting.name, Name::Value);
    if table.own_value > 0 && settings.iter().any(sets_value) {
        notes.push(format!(
            "{} of {requests} requests bring a value of their own, which stays",
            table.own_value
        ));
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
