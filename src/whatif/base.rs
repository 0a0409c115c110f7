//! What every world starts from: a trace, a catalog and policies, with heads scored, decisions made
//! and sums added up once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use weighbridge_router::{Choose, Router, Timestamp, Trade, Usd};

use super::error::ScenarioError;
use super::expected::Expected;
use super::redecide::Decided;
use super::resample::Buckets;
use super::scene::Scene;
use super::setting::Setting;
use super::table::{Key, Table};
use super::world::{Mode, World, WorldPolicy};
use crate::catalog::Catalog;
use crate::evaluate::{ReplaySums, TraceSummary, frozen_sums};
use crate::policy::Goal;
use crate::replay::{Decisions, Places, Predicted, Stage, decide_keeping, unit_keys};
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
    pub(super) routers: Vec<Router>,
    /// What the heads of each family of policies predict.
    pub(super) families: Vec<Predicted>,
    /// The stage of the world as it is.
    pub(super) stage: Stage<'a>,
    pub(super) has_deadlines: bool,
    pub(super) tables: Mutex<Vec<Arc<Table<'a>>>>,
    pub(super) expected: Mutex<BTreeMap<usize, Arc<Expected>>>,
}

/// A policy as it ships.
pub(super) struct Held {
    pub(super) name: String,
    pub(super) router: Router,
    /// What its learned choices are set by, in the order in which they are visited.
    pub(super) goals: Vec<Goal>,
    /// Its family: policies of the same features and heads.
    pub(super) family: usize,
    /// Which of its learned choices each request comes to.
    pub(super) places: Places,
}

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
            Mode::Frozen => self.decided(&scene, (mode, None), &Decided::alike(self), threads),
            Mode::Redecided => {
                let decided = self.redecided(std::slice::from_ref(&scene))?;
                self.decided(&scene, (mode, None), &decided[0], threads)
            }
        }
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
                let alike = Decided::alike(self);
                let frozen = self.decided(scene, (Mode::Frozen, None), &alike, inner)?;
                let mode = (Mode::Redecided, Some(&frozen));
                let redecided = self.decided(scene, mode, decided, inner)?;
                Ok([frozen, redecided])
            };
            let worlds: Result<Vec<[World; 2]>, ScenarioError> =
                spread(scenes.len(), threads, both).into_iter().collect();
            all.extend(worlds?);
        }
        Ok(all)
    }

    /// The figures of a world; those of `frozen` for policies that choose alike.
    fn decided(
        &self,
        scene: &Scene<'a>,
        (mode, frozen): (Mode, Option<&World>),
        decided: &Decided,
        threads: usize,
    ) -> Result<World, ScenarioError> {
        let mut notes = scene.notes.clone();
        notes.extend(decided.notes.iter().cloned());
        let mut policies: Vec<WorldPolicy> = Vec::with_capacity(self.policies.len());
        for (at, held) in self.policies.iter().enumerate() {
            let twin = decided.twins[at].map(|twin| &policies[twin]);
            let alike = || Some(&frozen.filter(|_| decided.decisions[at].is_none())?.policies[at]);
            policies.push(match twin.or_else(alike) {
                Some(same) => WorldPolicy {
                    name: held.name.clone(),
                    ..same.clone()
                },
                None => {
                    let terms = (&scene.terms, threads);
                    let decisions = decided.decisions[at].as_ref();
                    let forms = scene.table.forms(self, at, decisions, terms);
                    self.policy(scene, &held.name, &forms, &mut notes)?
                }
            });
        }
        notes.dedup();
        Ok(World {
            mode,
            policies,
            assumptions: scene.assumptions.clone(),
            notes,
        })
    }

    /// What the shipped files add up to as things are, for a page with sliders.
    #[must_use]
    pub fn sums(&self) -> ReplaySums {
        let options = &self.options;
        frozen_sums(&self.stage, &self.decisions, options.trade, options.threads)
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
}

/// Worlds that are decided in together.
const BATCH: usize = 16;

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
