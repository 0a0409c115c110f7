//! The sums of the frozen policies on the requests of a trace: one pass, and every world of the same
//! endpoints, lives and segments is worked out from them.

use std::sync::{Arc, OnceLock};

use weighbridge_router::{Ppm, RequestRef, within};

use super::base::Base;
use super::error::ScenarioError;
use super::expected::Expected;
use super::forms::{Forms, Terms};
use super::moved::Observed;
use super::name::{LifeEnd, Name};
use super::resolve::{Resolved, ShareOf};
use super::setting::{Amount, Op, Setting};
use super::sums::{At, Columns, Own, Shape, Sums, column, known};
use crate::replay::{Decisions, Observation, Segments, Stage, in_parts};

/// What of a world the sums depend on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// Lives that are set: endpoint, end and moment.
    pub(super) life: Vec<(usize, LifeEnd, Amount)>,
    /// What is done to the scores of each endpoint, where that is not linear in them.
    pub(super) scores: Vec<Vec<(Op, f64)>>,
    /// Segments that are re-weighted.
    pub(super) shares: Vec<ShareOf>,
}

/// The sums.
pub(super) struct Table<'a> {
    pub(super) key: Key,
    pub(super) stage: Stage<'a>,
    pub(super) shape: Shape,
    observed: OnceLock<Observed>,
    /// The expected scores of endpoints whose scores are changed otherwise than linearly.
    expected: Vec<Option<Arc<Expected>>>,
    /// Each frozen policy's, resampled.
    pub(super) frozen: Vec<Columns>,
    /// The group of each request.
    pub(super) groups: Vec<u16>,
    /// Requests of each segment that is re-weighted, then of all others.
    pub(super) segments: Vec<u64>,
    /// Requests that bring some worth of their own, and that bring one of a second.
    pub(super) own: u64,
    pub(super) own_second: u64,
}

/// What a pass over a part of the requests gives.
struct Part {
    sums: Vec<Sums>,
    groups: Vec<u16>,
    segments: Vec<u64>,
    own: u64,
    own_second: u64,
}

/// Observations of one request, each made once.
pub(super) struct Seen(Vec<Option<Observation>>);

impl<'a> Table<'a> {
    pub(super) fn new(base: &Base<'a>, stage: Stage<'a>, key: Key) -> Self {
        let shape = shape(&stage, base.buckets.count());
        let expected = key.scores.iter().enumerate().map(|(endpoint, changes)| {
            let changes = !changes.is_empty();
            changes.then(|| base.expected(&stage, endpoint))
        });
        let mut table = Self {
            expected: expected.collect(),
            key,
            stage,
            shape,
            observed: OnceLock::new(),
            frozen: Vec::new(),
            groups: Vec::new(),
            segments: Vec::new(),
            own: 0,
            own_second: 0,
        };
        let segment_of = table.segments_of();
        let rows = base.trace.len();
        let parts = in_parts(rows, base.options.threads, |range| {
            let segments = segment_of.as_deref();
            table.pass(base, range, segments)
        });
        let Some(whole) = parts.into_iter().reduce(Part::plus) else {
            return table;
        };
        let columns = whole.sums.iter().map(|sums| {
            let columns = sums.columns(&table.shape);
            columns.resampled(&base.buckets, base.options.threads)
        });
        table.frozen = columns.collect();
        table.groups = whole.groups;
        table.segments = whole.segments;
        (table.own, table.own_second) = (whole.own, whole.own_second);
        table
    }

    /// The segment of each request, where some are re-weighted: its place, or one after the last.
    fn segments_of(&self) -> Option<Vec<u16>> {
        let by = self.key.shares.first()?.by;
        let segments = Segments::by(self.stage.trace(), by);
        let places: Vec<u16> = segments
            .labels()
            .iter()
            .map(|label| {
                let mut shares = self.key.shares.iter();
                let place = shares.position(|share| share.value == *label);
                u16::try_from(place.unwrap_or(self.key.shares.len())).unwrap_or(u16::MAX)
            })
            .collect();
        let rows = 0..self.stage.trace().len();
        Some(rows.map(|row| places[segments.of(row)]).collect())
    }

    /// How many segments are told apart.
    pub(super) fn segment_count(&self) -> usize {
        match self.key.shares.len() {
            0 => 1,
            n => n + 1,
        }
    }

    fn pass(
        &self,
        base: &Base<'a>,
        rows: std::ops::Range<usize>,
        segment_of: Option<&[u16]>,
    ) -> Part {
        let count = usize::from(known::COUNT) * self.segment_count();
        let policies = base.decisions.len();
        let mut part = Part {
            sums: (0..policies)
                .map(|_| Sums::new(&self.shape, count))
                .collect(),
            groups: Vec::with_capacity(rows.len()),
            segments: vec![0; self.segment_count()],
            own: 0,
            own_second: 0,
        };
        let mut seen = Seen::new(&self.stage);
        for row in rows {
            let request = self.stage.request(row);
            let own = Own::of(&request);
            part.own += u64::from(own.is_any());
            part.own_second += u64::from(own.second.is_some());
            seen.clear();
            let mut mask = known::COUNT - 1;
            if own.value.is_none() {
                mask &= !known::VALUE;
            }
            for decisions in &base.decisions {
                mask &= self.known(&mut seen, decisions, row, &request);
            }
            let segment = segment_of.map_or(0, |segments| segments[row]);
            part.segments[usize::from(segment)] += 1;
            let at = At {
                group: mask + known::COUNT * segment,
                bucket: base.buckets.of(row),
                sign: 1,
            };
            part.groups.push(at.group);
            for (sums, decisions) in part.sums.iter_mut().zip(&base.decisions) {
                self.add(sums, at, (decisions, row), &request, (&mut seen, own));
            }
        }
        part
    }

    /// Which figures of a choice are known.
    pub(super) fn known(
        &self,
        seen: &mut Seen,
        decisions: &Decisions,
        row: usize,
        request: &RequestRef<'_>,
    ) -> u16 {
        let mut mask = known::COUNT - 1;
        for &(endpoint, _) in &decisions.get(row).masses {
            if !self.open(endpoint, request) {
                continue;
            }
            let observation = seen.at(self, endpoint, row, request);
            if observation.score.is_none() {
                mask &= !known::SUCCESS;
            }
            if !observation.cost_known {
                mask &= !known::COST;
            }
            if observation.latency_ms.is_none() {
                mask &= !known::LATENCY;
            }
        }
        mask
    }

    pub(super) fn add(
        &self,
        sums: &mut Sums,
        at: At,
        (decisions, row): (&Decisions, usize),
        request: &RequestRef<'_>,
        (seen, own): (&mut Seen, Own),
    ) {
        sums.add_request(&self.shape, at);
        let assignment = decisions.get(row);
        if assignment.unanswered > Ppm(0) {
            sums.add_unanswered(&self.shape, at, assignment.unanswered);
        }
        for &(endpoint, mass) in &assignment.masses {
            if self.open(endpoint, request) {
                let observation = seen.at(self, endpoint, row, request);
                sums.add(&self.shape, at, (endpoint, mass), observation, own);
            } else {
                sums.add_unanswered(&self.shape, at, mass);
            }
        }
    }

    /// Whether an endpoint lives when a request comes; asked only of those whose life is set, since
    /// no other policy file can be wrong about it.
    fn open(&self, endpoint: u16, request: &RequestRef<'_>) -> bool {
        let endpoint = usize::from(endpoint);
        if !self.key.life.iter().any(|(set, ..)| *set == endpoint) {
            return true;
        }
        let card = self.stage.endpoints()[endpoint].card.as_ref();
        card.zip(request.at)
            .is_none_or(|(card, at)| within(at, card.from, card.until))
    }

    /// The observations of the endpoints that most requests go to, made at the first need.
    pub(super) fn observed(&self, threads: usize) -> &Observed {
        self.observed.get_or_init(|| Observed::new(self, threads))
    }

    /// Sums of nothing.
    pub(super) fn no_sums(&self) -> Sums {
        Sums::new(
            &self.shape,
            usize::from(known::COUNT) * self.segment_count(),
        )
    }

    /// What an endpoint made of a request, its score as assumed.
    pub(super) fn observe(
        &self,
        endpoint: u16,
        row: usize,
        request: &RequestRef<'_>,
    ) -> Observation {
        let mut seen = self.stage.observe(row, endpoint, request);
        let endpoint = usize::from(endpoint);
        let changes = &self.key.scores[endpoint];
        if let (false, Some(expected)) = (changes.is_empty(), &self.expected[endpoint]) {
            let changed = |score| expected.changed(score, request.task, changes);
            seen.score = seen.score.map(changed);
        }
        seen
    }

    /// Requests on which every frozen policy's success is known.
    pub(super) fn compared(&self) -> u64 {
        let told = self
            .groups
            .iter()
            .filter(|&group| group & known::SUCCESS != 0);
        told.count() as u64
    }

    /// Refuse prices that are changed where nothing is paid by them.
    pub(super) fn refuse_bills(
        &self,
        resolved: &Resolved,
        settings: &[Setting],
    ) -> Result<(), ScenarioError> {
        let of = |setting: &&Setting| matches!(setting.name, Name::Price { .. });
        let setting = settings.iter().find(of).map(ToString::to_string);
        let setting = setting.unwrap_or_default();
        for &(endpoint, ..) in &resolved.prices {
            let slots = self.frozen.iter().flat_map(|columns| &columns.slots);
            let (mut billed, mut priced) = (0.0, false);
            for slot in slots.filter(|slot| slot.endpoint == endpoint) {
                billed += slot.columns[column::BILLED].first().unwrap_or(&0.0);
                let mut tokens = slot.columns[column::TOKENS..].iter();
                priced |= tokens.any(|it| !it.is_empty());
            }
            if billed > 0.0 && !priced {
                let message = format!(
                    "the trace has only recorded bills of {}, which no price changes; it takes output tokens in the trace and a price row in the catalog",
                    self.stage.endpoints()[endpoint].id
                );
                return Err(ScenarioError::data(setting, message));
            }
        }
        let mut changed = resolved.prices.iter();
        if !resolved.prices.is_empty()
            && changed.all(|(endpoint, ..)| self.shape.rates[*endpoint].is_empty())
        {
            let message = "the catalog has no price of it that could change; add a price row";
            return Err(ScenarioError::data(setting, message));
        }
        Ok(())
    }

    /// The figures of a policy that decides so.
    pub(super) fn forms(
        &self,
        base: &Base<'a>,
        policy: usize,
        decisions: Option<&Decisions>,
        (terms, threads): (&Terms, usize),
    ) -> Forms {
        let frozen = Forms::of(&self.frozen[policy], terms);
        let moved = |decisions| self.moved(base, policy, decisions, (terms, threads));
        match decisions.and_then(moved) {
            None => frozen,
            Some(moved) => frozen.plus(&moved.resampled(&base.buckets, threads)),
        }
    }
}

impl Key {
    /// Of the world as it is.
    pub(super) fn of_nothing(endpoints: usize) -> Self {
        Self {
            life: Vec::new(),
            scores: vec![Vec::new(); endpoints],
            shares: Vec::new(),
        }
    }

    pub(super) fn of(resolved: &Resolved, scores: Vec<Vec<(Op, f64)>>) -> Self {
        let mut shares: Vec<ShareOf> = Vec::new();
        for (share, ..) in &resolved.shares {
            if !shares.contains(share) {
                shares.push(share.clone());
            }
        }
        Self {
            life: resolved.life.clone(),
            scores,
            shares,
        }
    }
}

impl Seen {
    pub(super) fn new(stage: &Stage<'_>) -> Self {
        Self(vec![None; stage.endpoints().len()])
    }

    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(|seen| *seen = None);
    }

    fn at(
        &mut self,
        table: &Table<'_>,
        endpoint: u16,
        row: usize,
        request: &RequestRef<'_>,
    ) -> &Observation {
        self.0[usize::from(endpoint)].get_or_insert_with(|| table.observe(endpoint, row, request))
    }
}

impl Part {
    fn plus(mut self, other: Self) -> Self {
        let sums = self.sums.iter_mut().zip(other.sums);
        sums.for_each(|(sums, other)| sums.merge(other));
        self.groups.extend(other.groups);
        let segments = self.segments.iter_mut().zip(other.segments);
        segments.for_each(|(count, other)| *count += other);
        self.own += other.own;
        self.own_second += other.own_second;
        self
    }
}

fn shape(stage: &Stage<'_>, buckets: usize) -> Shape {
    let mut shape = Shape {
        rates: Vec::new(),
        widths: Vec::new(),
        buckets,
    };
    for endpoint in stage.endpoints() {
        let prices = endpoint.card.iter().flat_map(|card| &card.prices);
        let mut count = 0;
        let places = prices.map(|row| {
            let place = count;
            count += 1 + row.tiers.len();
            place
        });
        shape.rates.push(places.collect());
        shape.widths.push(column::TOKENS + 3 * count);
    }
    shape
}
