//! From sums to figures under given prices, worths and assumptions: linear in the sums, so that one
//! pass over the requests serves every world.

use std::collections::BTreeMap;

use super::resample::Buckets;
use super::sums::{Columns, column, known};

/// What multiplies the sums.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Terms {
    /// v, e and w in USD, of requests that bring none.
    pub(super) trade: Option<[f64; 3]>,
    /// Whether the latency must be known for a net value.
    pub(super) waits: bool,
    /// For each endpoint, picodollars a token of each of its rates: fresh, cached, output.
    pub(super) rates: Vec<Vec<[f64; 3]>>,
    /// For each endpoint, its output tokens as a factor.
    pub(super) tokens: Vec<f64>,
    /// For each endpoint, what a wrong answer scores, and how much more a right one does.
    pub(super) scores: Vec<(f64, f64)>,
}

/// Scales of the sums.
const PPM: f64 = 1e-6;
const MILLIONTHS_PPM: f64 = 1e-12;
const PICOS_PPM: f64 = 1e-18;
const MICRO_PICOS_PPM: f64 = 1e-24;

/// The figures that are sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    Success,
    /// USD.
    Cost,
    /// USD.
    Net,
    /// ms.
    Wait,
    /// Answers whose latency is known.
    Timed,
}

const SUMS: usize = 5;

impl Terms {
    /// Which requests count for a figure.
    pub(super) fn needs(&self, sum: Sum) -> u16 {
        let value = if self.trade.is_none() {
            known::VALUE
        } else {
            0
        };
        let latency = if self.waits { known::LATENCY } else { 0 };
        match sum {
            Sum::Success => known::SUCCESS,
            Sum::Cost => known::COST,
            Sum::Net => known::SUCCESS | known::COST | value | latency,
            Sum::Wait | Sum::Timed => 0,
        }
    }

    /// What multiplies each column of an endpoint, for each figure.
    fn factors(&self, endpoint: usize, width: usize) -> [Vec<f64>; SUMS] {
        let mut factors = [(); SUMS].map(|()| vec![0.0; width]);
        let [success, cost, net, wait, timed] = &mut factors;
        let (wrong_score, gain) = self.scores[endpoint];
        let tokens = self.tokens[endpoint];
        success[column::MASS] = wrong_score * PPM;
        success[column::SCORE] = gain * MILLIONTHS_PPM;
        cost[column::BILL] = PICOS_PPM;
        for (rate, prices) in self.rates[endpoint].iter().enumerate() {
            for (part, picos) in prices.iter().enumerate() {
                let times = if part == 2 { tokens } else { 1.0 };
                cost[column::TOKENS + 3 * rate + part] = picos * times * MICRO_PICOS_PPM;
            }
        }
        wait[column::FIRST] = PPM;
        wait[column::REST] = tokens * PPM;
        timed[column::TIMED] = PPM;

        let [v, e, w] = self.trade.unwrap_or_default();
        net[column::MASS] = (v * wrong_score - e * (1.0 - wrong_score)) * PPM;
        net[column::SCORE] = (v + e) * gain * MILLIONTHS_PPM;
        net[column::FIRST] = -w * PPM / 1e3;
        net[column::REST] = -w * tokens * PPM / 1e3;
        // Requests that bring a worth of their own have it in the place of the common one.
        let own = column::OWN_VALUE;
        net[own] = -v * wrong_score * PPM;
        net[own + 1] = -v * gain * MILLIONTHS_PPM;
        net[own + 2] = wrong_score * PICOS_PPM;
        net[own + 3] = gain * MICRO_PICOS_PPM;
        let own = column::OWN_WRONG;
        net[own] = e * (1.0 - wrong_score) * PPM;
        net[own + 1] = -e * gain * MILLIONTHS_PPM;
        net[own + 2] = -(1.0 - wrong_score) * PICOS_PPM;
        net[own + 3] = gain * MICRO_PICOS_PPM;
        let own = column::OWN_SECOND;
        net[own] = w * PPM / 1e3;
        net[own + 1] = w * tokens * PPM / 1e3;
        net[own + 2] = -PICOS_PPM / 1e3;
        net[own + 3] = -tokens * PICOS_PPM / 1e3;
        net.iter_mut()
            .zip(cost)
            .for_each(|(net, cost)| *net -= *cost);
        factors
    }
}

/// The sums of one group: of each the whole, then what it is resampled from or its resamples; empty
/// for 0.
#[derive(Debug, Clone, Default)]
struct Group {
    requests: Vec<f64>,
    unanswered: Vec<f64>,
    sums: [Vec<f64>; SUMS],
    /// Mass by endpoint.
    share: BTreeMap<usize, Vec<f64>>,
}

/// The sums of a policy by group.
#[derive(Debug, Clone, Default)]
pub(super) struct Forms(BTreeMap<u16, Group>);

impl Forms {
    pub(super) fn of(columns: &Columns, terms: &Terms) -> Self {
        let mut forms = Self::default();
        for slot in &columns.slots {
            let group = forms.0.entry(slot.group).or_default();
            let factors = terms.factors(slot.endpoint, slot.columns.len());
            for (sum, factors) in group.sums.iter_mut().zip(&factors) {
                for (column, &factor) in slot.columns.iter().zip(factors) {
                    add(sum, column, factor);
                }
            }
            let share = group.share.entry(slot.endpoint).or_default();
            add(share, &slot.columns[column::MASS], PPM);
        }
        for (group, column) in &columns.requests {
            add(
                &mut forms.0.entry(*group).or_default().requests,
                column,
                1.0,
            );
        }
        for (group, column) in &columns.unanswered {
            let group = forms.0.entry(*group).or_default();
            add(&mut group.unanswered, column, PPM);
        }
        forms
    }

    /// What requests of a group that go to other endpoints change: success, cost, net value and
    /// waiting, and mass by endpoint.
    pub(super) fn changed(
        group: u16,
        [success, cost, net, wait]: [Vec<f64>; 4],
        share: BTreeMap<usize, Vec<f64>>,
    ) -> Self {
        let group_sums = Group {
            sums: [success, cost, net, wait, Vec::new()],
            share,
            ..Group::default()
        };
        Self([(group, group_sums)].into())
    }

    fn vectors(&mut self) -> impl Iterator<Item = &mut Vec<f64>> {
        self.0.values_mut().flat_map(|group| {
            let plain = [&mut group.requests, &mut group.unanswered];
            plain
                .into_iter()
                .chain(&mut group.sums)
                .chain(group.share.values_mut())
        })
    }

    /// Buckets to resamples.
    pub(super) fn resampled(mut self, buckets: &Buckets, threads: usize) -> Self {
        // What is wholly 0 stays so.
        self.vectors()
            .filter(|vector| vector.iter().all(|&x| x == 0.0))
            .for_each(Vec::clear);
        let mut all: Vec<&mut Vec<f64>> = self.vectors().collect();
        all.retain(|vector| !vector.is_empty());
        let columns: Vec<&[f64]> = all.iter().map(|vector| vector.as_slice()).collect();
        let drawn = buckets.resampled(&columns, threads);
        all.into_iter()
            .zip(drawn)
            .for_each(|(vector, drawn)| *vector = drawn);
        self
    }

    /// The sums of both.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        for (key, theirs) in &other.0 {
            let group = self.0.entry(*key).or_default();
            add(&mut group.requests, &theirs.requests, 1.0);
            add(&mut group.unanswered, &theirs.unanswered, 1.0);
            let sums = group.sums.iter_mut().zip(&theirs.sums);
            sums.for_each(|(sum, theirs)| add(sum, theirs, 1.0));
            for (endpoint, theirs) in &theirs.share {
                add(group.share.entry(*endpoint).or_default(), theirs, 1.0);
            }
        }
        self
    }

    /// Endpoints that a policy uses.
    pub(super) fn endpoints(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self
            .0
            .values()
            .flat_map(|group| &group.share)
            .filter(|(_, mass)| mass.first().is_some_and(|&mass| mass > 0.5 * PPM))
            .map(|(&endpoint, _)| endpoint)
            .collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    /// The mean of a figure a request (of a latency: an answer), the whole first, then in each
    /// replicate; and the requests that it rests on.
    pub(super) fn mean(&self, sum: Sum, terms: &Terms, mix: &Mix) -> Mean {
        let sums = |group: &Group| group.sums[sum as usize].clone();
        if sum == Sum::Wait {
            let timed = |group: &Group| group.sums[Sum::Timed as usize].clone();
            let (above, _) = self.weighted(0, mix, &sums);
            let (below, n) = self.weighted(0, mix, &timed);
            let series = above.into_iter().zip(below).map(|(above, below)| {
                let (above, below) = above.zip(below)?;
                (below > 0.0).then(|| above / below)
            });
            return Mean {
                series: series.collect(),
                n,
            };
        }
        let (series, n) = self.weighted(terms.needs(sum), mix, &sums);
        Mean { series, n }
    }

    /// The share of requests that nobody answers.
    pub(super) fn unanswered(&self, mix: &Mix) -> Mean {
        let (series, n) = self.weighted(0, mix, &|group| group.unanswered.clone());
        Mean { series, n }
    }

    /// The share of requests that an endpoint takes.
    pub(super) fn share(&self, endpoint: usize, mix: &Mix) -> Mean {
        let mass = |group: &Group| group.share.get(&endpoint).cloned().unwrap_or_default();
        let (series, n) = self.weighted(0, mix, &mass);
        Mean { series, n }
    }

    /// The mean over the requests of the groups that have what is needed, each segment at its
    /// share.
    fn weighted(
        &self,
        needs: u16,
        mix: &Mix,
        of: &dyn Fn(&Group) -> Vec<f64>,
    ) -> (Vec<Option<f64>>, u64) {
        let mut series = vec![Some(0.0); mix.length];
        let mut n = 0.0;
        for (segment, share) in mix.shares.iter().enumerate() {
            let segment = u16::try_from(segment).unwrap_or(u16::MAX);
            let (mut sum, mut count) = (vec![0.0; mix.length], vec![0.0; mix.length]);
            let groups = self
                .0
                .iter()
                .filter(|(key, _)| **key / known::COUNT == segment && **key & needs == needs);
            for (_, group) in groups {
                add(&mut sum, &of(group), 1.0);
                add(&mut count, &group.requests, 1.0);
            }
            n += count[0];
            if *share == 0.0 {
                continue;
            }
            let means = sum.into_iter().zip(count);
            for (series, (sum, count)) in series.iter_mut().zip(means) {
                let mean = (count > 0.5).then(|| share * sum / count);
                *series = series.zip(mean).map(|(held, mean)| held + mean);
            }
        }
        (series, n as u64)
    }
}

/// A mean over requests: the whole first, then each replicate; none where no request counts.
#[derive(Debug, Clone)]
pub(super) struct Mean {
    pub(super) series: Vec<Option<f64>>,
    pub(super) n: u64,
}

impl Mean {
    /// The same with every number changed.
    pub(super) fn mapped(mut self, change: impl Fn(f64) -> f64) -> Self {
        let known = self.series.iter_mut().flatten();
        known.for_each(|x| *x = change(*x));
        self
    }
}

/// Which share of the requests each segment has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mix {
    /// By segment; one for all where nothing is re-weighted.
    pub(super) shares: Vec<f64>,
    /// The whole and the replicates.
    pub(super) length: usize,
}

fn add(sum: &mut Vec<f64>, column: &[f64], factor: f64) {
    if column.is_empty() || factor == 0.0 {
        return;
    }
    if sum.is_empty() {
        sum.resize(column.len(), 0.0);
    }
    sum.iter_mut()
        .zip(column)
        .for_each(|(sum, x)| *sum += factor * x);
}
