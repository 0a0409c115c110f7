//! Requests that a re-decided policy sends elsewhere: what that changes in the sums of the frozen
//! one.
//!
//! A sweep moves many requests, and all but few from one endpoint to another whose outcomes are
//! both known. Those are valued under the terms of the world at once; the rest goes through the
//! general sums.

use std::collections::BTreeMap;

use super::base::Base;
use super::forms::{Forms, Terms};
use super::sums::{At, Columns, Own, Sums, known};
use super::table::{Seen, Table};
use crate::replay::{Decisions, Observation, in_parts};

/// Endpoints whose observations are kept, since most requests go to these.
const MOST_KEPT: usize = 4;

/// The observations of a few endpoints, request after request.
pub(super) struct Observed {
    /// For each endpoint of the stage, its place among the kept.
    place_of: Vec<Option<usize>>,
    kept: usize,
    seen: Vec<Observation>,
    /// Whether a request brings a worth of its own.
    own: Vec<bool>,
}

impl Observed {
    pub(super) fn new(table: &Table<'_>, threads: usize) -> Self {
        let mut place_of = vec![None; table.stage.endpoints().len()];
        let mut kept: Vec<u16> = Vec::new();
        let slots = table.frozen.iter().flat_map(|columns| &columns.slots);
        for slot in slots {
            if place_of[slot.endpoint].is_none() && kept.len() < MOST_KEPT {
                place_of[slot.endpoint] = Some(kept.len());
                kept.extend(u16::try_from(slot.endpoint));
            }
        }
        let parts = in_parts(table.stage.trace().len(), threads, |range| {
            let mut seen = Vec::with_capacity(range.len() * kept.len());
            let mut own = Vec::with_capacity(range.len());
            for row in range {
                let request = table.stage.request(row);
                own.push(Own::of(&request).is_any());
                seen.extend(
                    kept.iter()
                        .map(|&endpoint| table.observe(endpoint, row, &request)),
                );
            }
            (seen, own)
        });
        let (seen, own): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Self {
            place_of,
            kept: kept.len(),
            seen: seen.concat(),
            own: own.concat(),
        }
    }

    /// The place among the kept of an endpoint, and what it made of a request.
    fn of(&self, endpoint: u16, row: usize) -> Option<(usize, &Observation)> {
        let place = self.place_of[usize::from(endpoint)]?;
        Some((place, &self.seen[row * self.kept + place]))
    }
}

/// What an answer comes to in a world.
#[derive(Debug, Clone, Copy, Default)]
struct Value {
    /// Trillionths of a right answer.
    success: i64,
    /// Picodollars.
    cost: i64,
    /// Picodollars.
    net: i64,
    /// Microseconds.
    wait: i64,
}

/// The terms of a world for one endpoint.
struct Valuer<'t> {
    terms: &'t Terms,
    endpoint: usize,
    rates: &'t [usize],
}

impl Valuer<'_> {
    /// None where something is unknown.
    fn value(&self, seen: &Observation) -> Option<Value> {
        let terms = self.terms;
        let (wrong_score, gain) = terms.scores[self.endpoint];
        let success = wrong_score + gain * f64::from(seen.score?) / 1e6;
        if !seen.cost_known {
            return None;
        }
        let tokens = terms.tokens[self.endpoint];
        let mut cost = seen.bill as f64;
        if let Some((row, tier)) = seen.rates {
            let place = self.rates[usize::from(row)] + usize::from(tier);
            let [fresh, cached, output] = terms.rates[self.endpoint][place];
            let [a, b, c] = seen.tokens.map(|tokens| tokens as f64 / 1e6);
            cost += a * fresh + b * cached + c * output * tokens;
        }
        let (first, rest) = seen.latency_ms.unwrap_or_default();
        let wait_ms = f64::from(first) + f64::from(rest) * tokens;
        let [v, e, w] = terms.trade.unwrap_or_default();
        let worth = v * success - e * (1.0 - success) - w * wait_ms / 1e3;
        let whole = |x: f64| x.round_ties_even() as i64;
        let cost = whole(cost);
        Some(Value {
            success: whole(success * 1e12),
            cost,
            net: whole(worth * 1e12) - cost,
            wait: whole(wait_ms * 1e3),
        })
    }
}

/// Changes of the sums of one group, bucket after bucket.
#[derive(Debug, Clone)]
struct Quick {
    /// Success, cost, net value and waiting, as in [`Value`].
    sums: Vec<[i128; 4]>,
    /// Requests of each kept endpoint.
    share: Vec<[i64; MOST_KEPT]>,
}

/// What a part of the requests changes.
#[derive(Default)]
struct Part {
    quick: BTreeMap<u16, Quick>,
    general: Option<Sums>,
}

impl<'a> Table<'a> {
    /// The sums of a policy that decides otherwise than it did, less those of the frozen one, by
    /// bucket; none where it decides alike.
    pub(super) fn moved(
        &self,
        base: &Base<'a>,
        policy: usize,
        decisions: &Decisions,
        (terms, threads): (&Terms, usize),
    ) -> Option<Forms> {
        let frozen = &base.decisions[policy];
        let differs = frozen.differs(decisions);
        let valuers: Vec<Valuer<'_>> = (0..self.stage.endpoints().len())
            .map(|endpoint| Valuer {
                terms,
                endpoint,
                rates: &self.shape.rates[endpoint],
            })
            .collect();
        let observed = self.observed(base.options.threads);
        let parts = in_parts(base.trace.len(), threads, |range| {
            let mut part = Part::default();
            let mut seen = Seen::new(&self.stage);
            for row in range.filter(|&row| differs(row)) {
                let ends = (frozen.sole(row), decisions.sole(row));
                let quick = match ends {
                    (Some(from), Some(to)) if !observed.own[row] => {
                        self.quick(observed, &valuers, [from, to], row)
                    }
                    _ => None,
                };
                match quick {
                    Some(change) => part.add(self.groups[row], base, row, change),
                    None => {
                        let sums = part.general.get_or_insert_with(|| self.no_sums());
                        self.move_one(base, sums, [frozen, decisions], row, &mut seen);
                    }
                }
            }
            part
        });
        let whole = parts.into_iter().reduce(Part::plus)?;
        if whole.quick.is_empty() && whole.general.is_none() {
            return None;
        }
        let general = whole.general.map_or_else(Forms::default, |sums| {
            let columns: Columns = sums.columns(&self.shape);
            Forms::of(&columns, terms)
        });
        let quick = whole
            .quick
            .into_iter()
            .fold(general, |forms, (group, quick)| {
                forms.plus(&quick.forms(group, observed))
            });
        Some(quick)
    }

    /// What it changes that a request goes to another endpoint: none where something is unknown, or
    /// was not known before.
    fn quick(
        &self,
        observed: &Observed,
        valuers: &[Valuer<'_>],
        ends: [u16; 2],
        row: usize,
    ) -> Option<([usize; 2], [Value; 2])> {
        if !self.key.life.is_empty() {
            return None;
        }
        let [(from, old), (to, new)] = [observed.of(ends[0], row)?, observed.of(ends[1], row)?];
        if old.latency_ms.is_some() != new.latency_ms.is_some() {
            return None;
        }
        let value = |end: usize, seen| valuers[usize::from(ends[end])].value(seen);
        Some(([from, to], [value(0, old)?, value(1, new)?]))
    }

    /// A request that goes another way, in the general sums.
    fn move_one(
        &self,
        base: &Base<'a>,
        sums: &mut Sums,
        [frozen, decisions]: [&Decisions; 2],
        row: usize,
        seen: &mut Seen,
    ) {
        let request = self.stage.request(row);
        let own = Own::of(&request);
        seen.clear();
        let group = self.groups[row];
        let bucket = base.buckets.of(row);
        let from = At {
            group,
            bucket,
            sign: -1,
        };
        let known = self.known(seen, decisions, row, &request);
        // The segment's part of the group stays.
        let to = At {
            group: group & (known | !(known::COUNT - 1)),
            bucket,
            sign: 1,
        };
        self.add(sums, from, (frozen, row), &request, (seen, own));
        self.add(sums, to, (decisions, row), &request, (seen, own));
    }
}

impl Part {
    fn add(
        &mut self,
        group: u16,
        base: &Base<'_>,
        row: usize,
        ([from, to], [old, new]): ([usize; 2], [Value; 2]),
    ) {
        let quick = self.quick.entry(group).or_insert_with(|| Quick {
            sums: vec![[0; 4]; base.buckets.count()],
            share: vec![[0; MOST_KEPT]; base.buckets.count()],
        });
        let bucket = base.buckets.of(row);
        let changes = [
            new.success - old.success,
            new.cost - old.cost,
            new.net - old.net,
            new.wait - old.wait,
        ];
        let sums = quick.sums[bucket].iter_mut().zip(changes);
        sums.for_each(|(sum, change)| *sum += i128::from(change));
        quick.share[bucket][from] -= 1;
        quick.share[bucket][to] += 1;
    }

    fn plus(mut self, other: Self) -> Self {
        for (group, theirs) in other.quick {
            match self.quick.get_mut(&group) {
                None => {
                    self.quick.insert(group, theirs);
                }
                Some(own) => own.merge(&theirs),
            }
        }
        self.general = match (self.general, other.general) {
            (Some(mut own), Some(theirs)) => {
                own.merge(theirs);
                Some(own)
            }
            (own, theirs) => own.or(theirs),
        };
        self
    }
}

impl Quick {
    fn merge(&mut self, other: &Self) {
        let sums = self.sums.iter_mut().flatten();
        sums.zip(other.sums.iter().flatten())
            .for_each(|(sum, other)| *sum += other);
        let share = self.share.iter_mut().flatten();
        share
            .zip(other.share.iter().flatten())
            .for_each(|(sum, other)| *sum += other);
    }

    /// The same as figures: of each the exact sum, then a value a bucket.
    fn forms(&self, group: u16, observed: &Observed) -> Forms {
        let sum = |which: usize, scale: f64| {
            let values = || self.sums.iter().map(|sums| sums[which]);
            let total: i128 = values().sum();
            let all = std::iter::once(total).chain(values());
            all.map(|x| x as f64 * scale).collect::<Vec<f64>>()
        };
        let places = observed.place_of.iter().enumerate();
        let share = places.filter_map(|(endpoint, place)| {
            let place = (*place)?;
            let values = || self.share.iter().map(|share| share[place]);
            let total: i64 = values().sum();
            let all = std::iter::once(total).chain(values());
            Some((endpoint, all.map(|x| x as f64).collect()))
        });
        let sums = [sum(0, 1e-12), sum(1, 1e-12), sum(2, 1e-12), sum(3, 1e-3)];
        Forms::changed(group, sums, share.collect())
    }
}
