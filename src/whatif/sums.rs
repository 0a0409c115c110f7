//! Sums over requests from which any price, worth, number of tokens or affine score can be worked
//! out: a policy's requests by group and endpoint, in whole numbers by bucket of the bootstrap.

use weighbridge_router::{Ppm, RequestRef, Usd};

use super::resample::Buckets;
use crate::replay::Observation;

/// What is summed for an endpoint; masses are in ppm, scores in millionths, tokens in millionths of
/// a token, money in picodollars, times in ms.
pub(super) mod column {
    pub(crate) const MASS: usize = 0;
    pub(crate) const SCORE: usize = 1;
    pub(crate) const BILL: usize = 2;
    /// Until the first token.
    pub(crate) const FIRST: usize = 3;
    /// From the first token to the last.
    pub(crate) const REST: usize = 4;
    /// Mass whose latency is known.
    pub(crate) const TIMED: usize = 5;
    /// Of requests that bring their own value: mass and score, and both times the value.
    pub(crate) const OWN_VALUE: usize = 6;
    /// The same for the cost of a wrong answer.
    pub(crate) const OWN_WRONG: usize = 10;
    /// The same for the worth of a second: the two times, and both times the worth.
    pub(crate) const OWN_SECOND: usize = 14;
    /// Mass that is paid by a recorded bill.
    pub(crate) const BILLED: usize = 18;
    /// From here on three columns a price row and tier: fresh input, cached input, output.
    pub(crate) const TOKENS: usize = 19;
}

/// For figures that compare, requests count where every policy's are known: bits of a group.
pub(super) mod known {
    pub(crate) const SUCCESS: u16 = 1;
    pub(crate) const COST: u16 = 2;
    pub(crate) const LATENCY: u16 = 4;
    /// The request brings its own value.
    pub(crate) const VALUE: u16 = 8;
    /// Groups of one segment.
    pub(crate) const COUNT: u16 = 16;
}

/// Columns of the endpoints of a stage.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// For each endpoint, for each price row, the place of its first tier among its rates.
    pub(super) rates: Vec<Vec<usize>>,
    /// For each endpoint, how many columns it has.
    pub(super) widths: Vec<usize>,
    pub(super) buckets: usize,
}

impl Shape {
    /// The place of an observation's rates among the endpoint's.
    fn rates_of(&self, endpoint: u16, rates: (u16, u16)) -> usize {
        self.rates[usize::from(endpoint)][usize::from(rates.0)] + usize::from(rates.1)
    }
}

/// One policy's sums.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    endpoints: usize,
    /// By group and endpoint: bucket after bucket the columns; none where nothing was added.
    slots: Vec<Option<Vec<i128>>>,
    /// By group: requests, and mass that nobody answers, by bucket.
    requests: Vec<Option<Vec<i128>>>,
    unanswered: Vec<Option<Vec<i128>>>,
}

/// What a request brings of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Own {
    pub(super) value: Option<i64>,
    pub(super) wrong: Option<i64>,
    pub(super) second: Option<i64>,
}

impl Own {
    pub(super) fn of(request: &RequestRef<'_>) -> Self {
        Self {
            value: request.value_usd.map(Usd::picos),
            wrong: request.wrong_usd.map(Usd::picos),
            second: request.second_usd.map(Usd::picos),
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.value.is_some() || self.wrong.is_some() || self.second.is_some()
    }
}

/// Where a sum goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) group: u16,
    pub(super) bucket: usize,
    /// 1 to add, -1 to take away.
    pub(super) sign: i128,
}

impl Sums {
    pub(super) fn new(shape: &Shape, groups: usize) -> Self {
        let endpoints = shape.widths.len();
        Self {
            endpoints,
            slots: vec![None; groups * endpoints],
            requests: vec![None; groups],
            unanswered: vec![None; groups],
        }
    }

    /// Count a request.
    pub(super) fn add_request(&mut self, shape: &Shape, at: At) {
        let slot =
            self.requests[usize::from(at.group)].get_or_insert_with(|| vec![0; shape.buckets]);
        slot[at.bucket] += at.sign;
    }

    /// Add mass that nobody answers.
    pub(super) fn add_unanswered(&mut self, shape: &Shape, at: At, mass: Ppm) {
        let slot =
            self.unanswered[usize::from(at.group)].get_or_insert_with(|| vec![0; shape.buckets]);
        slot[at.bucket] += at.sign * i128::from(mass.0);
    }

    /// Add what an endpoint made of a request that it takes with that mass.
    pub(super) fn add(
        &mut self,
        shape: &Shape,
        at: At,
        (endpoint, mass): (u16, Ppm),
        seen: &Observation,
        own: Own,
    ) {
        let width = shape.widths[usize::from(endpoint)];
        let place = usize::from(at.group) * self.endpoints + usize::from(endpoint);
        let slot = self.slots[place].get_or_insert_with(|| vec![0; shape.buckets * width]);
        let sums = &mut slot[at.bucket * width..(at.bucket + 1) * width];
        let mass = at.sign * i128::from(mass.0);
        let score = i128::from(seen.score.unwrap_or(0)) * mass;
        let (first, rest) = seen.latency_ms.unwrap_or_default();
        let (first, rest) = (i128::from(first) * mass, i128::from(rest) * mass);
        sums[column::MASS] += mass;
        sums[column::SCORE] += score;
        if seen.bill != 0 {
            sums[column::BILL] += i128::from(seen.bill) * mass;
        }
        if seen.latency_ms.is_some() {
            sums[column::FIRST] += first;
            sums[column::REST] += rest;
            sums[column::TIMED] += mass;
        }
        match seen.rates {
            Some(rates) => {
                let tokens = column::TOKENS + 3 * shape.rates_of(endpoint, rates);
                for (sum, tokens) in sums[tokens..tokens + 3].iter_mut().zip(seen.tokens) {
                    *sum += i128::from(tokens) * mass;
                }
            }
            None if seen.cost_known => sums[column::BILLED] += mass,
            None => {}
        }
        if own.is_any() {
            let mut add = |column: usize, own: Option<i64>, a: i128, b: i128| {
                if let Some(own) = own.map(i128::from) {
                    let parts = [a, b, own * a, own * b];
                    let sums = sums[column..column + 4].iter_mut().zip(parts);
                    sums.for_each(|(sum, part)| *sum += part);
                }
            };
            add(column::OWN_VALUE, own.value, mass, score);
            add(column::OWN_WRONG, own.wrong, mass, score);
            add(column::OWN_SECOND, own.second, first, rest);
        }
    }

    /// Add the sums of other requests of the same shape.
    pub(super) fn merge(&mut self, other: Self) {
        let own = self.slots.iter_mut().chain(&mut self.requests);
        let own = own.chain(&mut self.unanswered);
        let theirs = other.slots.into_iter().chain(other.requests);
        for (own, theirs) in own.zip(theirs.chain(other.unanswered)) {
            match (own.as_mut(), theirs) {
                (_, None) => {}
                (None, theirs) => *own = theirs,
                (Some(own), Some(theirs)) => {
                    let sums = own.iter_mut().zip(theirs);
                    sums.for_each(|(sum, other)| *sum += other);
                }
            }
        }
    }

    /// The same as columns of doubles: of each the exact sum, then a value a bucket.
    pub(super) fn columns(&self, shape: &Shape) -> Columns {
        let plain = |slots: &[Option<Vec<i128>>]| {
            let columns = slots.iter().enumerate().filter_map(|(group, slot)| {
                let sums = slot.as_ref()?;
                Some((u16::try_from(group).ok()?, column(sums, 1, 0)))
            });
            columns.collect::<Vec<(u16, Vec<f64>)>>()
        };
        let slots = self.slots.iter().enumerate().filter_map(|(place, slot)| {
            let sums = slot.as_ref()?;
            let (group, endpoint) = (place / self.endpoints, place % self.endpoints);
            let width = shape.widths[endpoint];
            Some(Slot {
                group: u16::try_from(group).ok()?,
                endpoint,
                columns: (0..width).map(|at| column(sums, width, at)).collect(),
            })
        });
        Columns {
            slots: slots.collect(),
            requests: plain(&self.requests),
            unanswered: plain(&self.unanswered),
        }
    }
}

/// One column of interleaved ones; empty where it is wholly 0.
fn column(sums: &[i128], width: usize, at: usize) -> Vec<f64> {
    let values = || sums.iter().skip(at).step_by(width);
    if values().all(|&x| x == 0) {
        return Vec::new();
    }
    let total: i128 = values().sum();
    std::iter::once(total)
        .chain(values().copied())
        .map(|x| x as f64)
        .collect()
}

/// One policy's sums as columns: of each the whole sum, and then what it is resampled from or its
/// resamples.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    pub(super) slots: Vec<Slot>,
    pub(super) requests: Vec<(u16, Vec<f64>)>,
    pub(super) unanswered: Vec<(u16, Vec<f64>)>,
}

/// The columns of one group and endpoint.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) group: u16,
    pub(super) endpoint: usize,
    pub(super) columns: Vec<Vec<f64>>,
}

impl Columns {
    /// Buckets to resamples.
    pub(super) fn resampled(mut self, buckets: &Buckets, threads: usize) -> Self {
        let mut all: Vec<&mut Vec<f64>> = Vec::new();
        let slots = self.slots.iter_mut().flat_map(|slot| &mut slot.columns);
        all.extend(slots);
        all.extend(self.requests.iter_mut().map(|(_, column)| column));
        all.extend(self.unanswered.iter_mut().map(|(_, column)| column));
        all.retain(|column| !column.is_empty());
        let columns: Vec<&[f64]> = all.iter().map(|column| column.as_slice()).collect();
        let drawn = buckets.resampled(&columns, threads);
        all.into_iter()
            .zip(drawn)
            .for_each(|(column, drawn)| *column = drawn);
        self
    }
}
