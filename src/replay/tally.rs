//! Sums that merge: what any number of policies did with any part of the requests.
//!
//! All sums are whole numbers, so that they come out the same in any order, on any number of
//! threads, shards or machines: masses in parts per million, scores in millionths, money in
//! picodollars, and products of them in `i128`.

use std::ops::Range;

use sha2::{Digest, Sha256};
use weighbridge_router::{Ppm, Trade};

use super::charge::{Charge, Charged, RIGHT, half_even};
use super::decisions::{Assignment, Decisions, in_parts};
use super::replicate::Columns;
use super::segments::Segments;
use crate::stats::{Histogram, Replicates};

/// What a tally is about: two tallies merge only if these are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallySpec {
    /// The policies and floors, by name.
    pub policies: Vec<String>,
    /// The endpoints of the stage, by id.
    pub endpoints: Vec<String>,
    /// The names of each family of segments.
    pub segments: Vec<Vec<String>>,
    /// The trade that requests without their own are charged by.
    pub trade: Option<Trade>,
    /// The seed of the bootstrap.
    pub seed: u64,
    /// How many bootstrap replicates; 0 for none.
    pub replicates: usize,
}

/// Two tallies of different specifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these tallies are about different policies, endpoints, trades or seeds")]
pub struct TallyMismatch;

/// On how many requests every policy's figure is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Support {
    /// The success.
    pub success: u64,
    /// The cost.
    pub cost: u64,
    /// The net value.
    pub net: u64,
}

/// The sums of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyCell {
    /// Mass on each endpoint, ppm.
    pub share: Vec<u64>,
    /// Mass that nobody answers, ppm.
    pub unanswered: u64,
    /// Mass that went down the fallback chain, ppm.
    pub fell_back: u64,
    /// Mass on endpoints whose success is unknown, ppm.
    pub unobserved: u64,
    /// Mass on endpoints whose cost is unknown, ppm.
    pub uncosted: u64,
    /// Success of all requests where it is known for this policy: millionths times ppm.
    pub own_success: i128,
    /// Success on the common support: millionths times ppm.
    pub success: i128,
    /// Cost on the common support: picodollars times ppm.
    pub cost: i128,
    /// Net value on the common support: picodollars times ppm.
    pub net: i128,
    /// Latency in ms, mass in ppm, where known.
    pub latency: Histogram,
    /// Cost of an answer in nanodollars, mass in ppm, where known.
    pub cost_spread: Histogram,
    /// Mass by what it rests on, ppm: the index is a set of [`Fact`](super::Fact)s.
    facts: Vec<u64>,
}

/// The sums of one group of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// How many requests.
    pub requests: u64,
    /// How many of them count for figures that compare.
    pub support: Support,
    /// Each policy's sums.
    pub policies: Vec<PolicyCell>,
    /// Sums of products of two policies' expected costs, in squared micro-USD, on the common
    /// support: row after row of the upper triangle.
    cost_products: Vec<i128>,
    replicates: Replicates,
}

/// The sums of a set of requests, in total and by segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    spec: TallySpec,
    total: Cell,
    segments: Vec<Vec<Cell>>,
}

/// What a tally reads: columns over the same requests.
#[derive(Debug, Clone, Copy)]
pub struct TallyInput<'a> {
    /// What each endpoint made of each request.
    pub charged: &'a Charged,
    /// What each policy chose.
    pub decisions: &'a [Decisions],
    /// The unit of resampling of each request.
    pub units: &'a [u64],
    /// The families of segments.
    pub segments: &'a [Segments],
}

const SUCCESS: u8 = 1;
const COST: u8 = 2;
const NET: u8 = 4;
const ALL: u8 = SUCCESS | COST | NET;
/// Rows that are worked on at a time, so that their columns stay in the cache.
const CHUNK: usize = 4096;

impl Tally {
    /// No requests yet.
    #[must_use]
    pub fn new(spec: TallySpec) -> Self {
        let cell = Cell::new(&spec);
        let segments = spec
            .segments
            .iter()
            .map(|labels| vec![cell.clone(); labels.len()])
            .collect();
        Self {
            spec,
            total: cell,
            segments,
        }
    }

    /// The sums of all requests, by several threads.
    #[must_use]
    pub fn measure(spec: &TallySpec, input: TallyInput<'_>, threads: usize) -> Self {
        let parts = in_parts(input.charged.rows(), threads, |range| {
            let mut part = Self::new(spec.clone());
            part.update(input, range);
            part
        });
        parts
            .into_iter()
            .fold(Self::new(spec.clone()), |mut whole, part| {
                whole.add(&part);
                whole
            })
    }

    /// What it is about.
    #[must_use]
    pub fn spec(&self) -> &TallySpec {
        &self.spec
    }

    /// A hash of what it is about, for those who store tallies.
    #[must_use]
    pub fn spec_hash(&self) -> [u8; 32] {
        Sha256::digest(format!("{:?}", self.spec)).into()
    }

    /// The sums of all requests.
    #[must_use]
    pub fn total(&self) -> &Cell {
        &self.total
    }

    /// The sums of each segment of a family.
    #[must_use]
    pub fn segments(&self, family: usize) -> &[Cell] {
        &self.segments[family]
    }

    /// Add the requests of a range.
    pub fn update(&mut self, input: TallyInput<'_>, range: Range<usize>) {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + CHUNK);
            self.update_chunk(input, start..end);
            start = end;
        }
    }

    /// Add the sums of other requests.
    ///
    /// # Errors
    /// Where the two are not about the same.
    pub fn merge(&mut self, other: &Self) -> Result<(), TallyMismatch> {
        if self.spec != other.spec {
            return Err(TallyMismatch);
        }
        self.add(other);
        Ok(())
    }

    fn add(&mut self, other: &Self) {
        self.total.merge(&other.total);
        let pairs = self
            .segments
            .iter_mut()
            .flatten()
            .zip(other.segments.iter().flatten());
        pairs.for_each(|(cell, other)| cell.merge(other));
    }

    fn update_chunk(&mut self, input: TallyInput<'_>, rows: Range<usize>) {
        let known = common_support(input, rows.clone());
        let mut part = Part {
            input,
            known: &known,
            start: rows.start,
            resampled: self.spec.replicates > 0,
            rows: Vec::new(),
        };
        part.rows.extend(rows.clone());
        self.total.update(&part);
        for (segments, cells) in input.segments.iter().zip(&mut self.segments) {
            let mut members = vec![Vec::new(); cells.len()];
            rows.clone()
                .for_each(|row| members[segments.of(row)].push(row));
            for (cell, rows) in cells
                .iter_mut()
                .zip(members)
                .filter(|(_, rows)| !rows.is_empty())
            {
                part.rows = rows;
                cell.update(&part);
            }
        }
    }
}

/// Requests of a chunk that belong to one cell.
struct Part<'a> {
    input: TallyInput<'a>,
    /// For each row of the chunk, which figures every policy knows.
    known: &'a [u8],
    /// The first row of the chunk.
    start: usize,
    /// Whether sums are repeated by the bootstrap.
    resampled: bool,
    rows: Vec<usize>,
}

impl Part<'_> {
    fn known(&self, row: usize) -> u8 {
        self.known[row - self.start]
    }
}

/// For each row, which figures are known for every policy.
fn common_support(input: TallyInput<'_>, rows: Range<usize>) -> Vec<u8> {
    let mut known = vec![ALL; rows.len()];
    for decisions in input.decisions {
        let codes = &decisions.codes[rows.clone()];
        for ((row, known), &code) in rows.clone().zip(&mut known).zip(codes) {
            for &(endpoint, _) in &decisions.table[usize::from(code)].masses {
                *known &= input.charged.columns[usize::from(endpoint)][row].known;
            }
        }
    }
    known
}

impl Cell {
    fn new(spec: &TallySpec) -> Self {
        let policies = spec.policies.len();
        let columns = if spec.replicates == 0 {
            0
        } else {
            Columns::count(policies)
        };
        Self {
            requests: 0,
            support: Support::default(),
            policies: vec![PolicyCell::new(spec.endpoints.len()); policies],
            cost_products: vec![0; policies * (policies + 1) / 2],
            replicates: Replicates::new(columns, spec.replicates),
        }
    }

    /// The sum of products of two policies' expected costs, squared micro-USD, over the common
    /// support.
    #[must_use]
    pub fn cost_product(&self, a: usize, b: usize) -> i128 {
        let (a, b) = (a.min(b), a.max(b));
        let policies = self.policies.len();
        self.cost_products[a * policies - a * (a + 1) / 2 + b]
    }

    /// The bootstrap's repeats of the support: how many requests count for success, cost and net.
    #[must_use]
    pub fn replicate_support(&self) -> [&[i128]; 3] {
        [0, 1, 2].map(|column| self.replicates.sums(column))
    }

    /// The bootstrap's repeats of a policy's success, cost and net value, in the units of its sums.
    #[must_use]
    pub fn replicate_sums(&self, policy: usize) -> [&[i128]; 3] {
        [0, 1, 2].map(|figure| self.replicates.sums(Columns::policy(policy) + figure))
    }

    fn update(&mut self, part: &Part<'_>) {
        self.requests += part.rows.len() as u64;
        let support = [SUCCESS, COST, NET].map(|bit| {
            part.rows
                .iter()
                .filter(|&&row| part.known(row) & bit != 0)
                .count() as u64
        });
        self.support.success += support[0];
        self.support.cost += support[1];
        self.support.net += support[2];
        let mut micros = vec![0i64; self.policies.len() * part.rows.len()];
        let mut sums = Vec::new();
        let by_policy = micros
            .chunks_exact_mut(part.rows.len())
            .zip(&mut self.policies)
            .zip(part.input.decisions);
        for ((micros, cell), decisions) in by_policy {
            let soles: Vec<Option<u16>> = decisions.table.iter().map(Assignment::sole).collect();
            for (&row, micros) in part.rows.iter().zip(micros) {
                let (code, known) = (usize::from(decisions.codes[row]), part.known(row));
                let counted = match soles[code] {
                    Some(endpoint) => {
                        let charge = &part.input.charged.columns[usize::from(endpoint)][row];
                        *micros = if known & COST == 0 {
                            0
                        } else {
                            charge.cost_micros
                        };
                        let assignment = &decisions.table[code];
                        cell.fell_back += u64::from(assignment.fell_back.0);
                        cell.share[usize::from(endpoint)] += u64::from(Ppm::ONE.0);
                        cell.observe(charge, Ppm::ONE, known)
                    }
                    None => {
                        let counted =
                            cell.add(part.input.charged, &decisions.table[code], row, known);
                        // Picodollar-ppm to micro-USD.
                        *micros = i64::try_from(half_even(counted[1], 1_000_000_000_000))
                            .unwrap_or(i64::MAX);
                        counted
                    }
                };
                if part.resampled {
                    sums.push(counted);
                }
            }
        }
        self.add_products(&micros, part.rows.len());
        if part.resampled {
            self.add_replicates(part, &sums);
        }
    }

    /// `micros`: each policy's expected costs, policy after policy.
    fn add_products(&mut self, micros: &[i64], rows: usize) {
        // Below that, the products of a chunk add up within 64 bits.
        let small = micros.iter().all(|&x| x < 1 << 24);
        let columns: Vec<&[i64]> = micros.chunks_exact(rows).collect();
        let mut place = 0;
        for (a, left) in columns.iter().enumerate() {
            for right in &columns[a..] {
                let pairs = left.iter().zip(*right);
                self.cost_products[place] += if small {
                    i128::from(pairs.map(|(&x, &y)| x * y).sum::<i64>())
                } else {
                    pairs
                        .map(|(&x, &y)| i128::from(x) * i128::from(y))
                        .sum::<i128>()
                };
                place += 1;
            }
        }
    }

    /// `sums`: success, cost and net value of each request under each policy, policy after policy.
    fn add_replicates(&mut self, part: &Part<'_>, sums: &[[i128; 3]]) {
        let units: Vec<u64> = part.rows.iter().map(|&row| part.input.units[row]).collect();
        let supports = [SUCCESS, COST, NET].map(|bit| {
            part.rows
                .iter()
                .map(|&row| i128::from(part.known(row) & bit != 0))
                .collect::<Vec<i128>>()
        });
        let figures = sums
            .chunks_exact(part.rows.len())
            .flat_map(|policy| [0, 1, 2].map(|figure| (policy, figure)));
        let columns: Vec<Vec<i128>> = supports
            .into_iter()
            .chain(figures.map(|(policy, figure)| policy.iter().map(|sums| sums[figure]).collect()))
            .collect();
        let columns: Vec<&[i128]> = columns.iter().map(Vec::as_slice).collect();
        self.replicates.add_block(&units, &columns);
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.support.success += other.support.success;
        self.support.cost += other.support.cost;
        self.support.net += other.support.net;
        self.policies
            .iter_mut()
            .zip(&other.policies)
            .for_each(|(cell, other)| cell.merge(other));
        self.cost_products
            .iter_mut()
            .zip(&other.cost_products)
            .for_each(|(sum, other)| *sum += other);
        self.replicates.merge(&other.replicates);
    }
}

impl PolicyCell {
    fn new(endpoints: usize) -> Self {
        Self {
            share: vec![0; endpoints],
            unanswered: 0,
            fell_back: 0,
            unobserved: 0,
            uncosted: 0,
            own_success: 0,
            success: 0,
            cost: 0,
            net: 0,
            latency: Histogram::new(),
            cost_spread: Histogram::new(),
            facts: vec![0; 1 << 8],
        }
    }

    /// The mass that rests on a fact, ppm.
    #[must_use]
    pub fn resting_on(&self, fact: super::Fact) -> u64 {
        self.facts
            .iter()
            .enumerate()
            .filter(|(bits, _)| bits >> fact as u8 & 1 == 1)
            .map(|(_, mass)| mass)
            .sum()
    }

    /// Add a request; returns what counts of its success, cost and net value.
    fn add(
        &mut self,
        charged: &Charged,
        assignment: &Assignment,
        row: usize,
        known: u8,
    ) -> [i128; 3] {
        self.unanswered += u64::from(assignment.unanswered.0);
        self.fell_back += u64::from(assignment.fell_back.0);
        let mut counted = [0i128; 3];
        for &(endpoint, share) in &assignment.masses {
            let endpoint = usize::from(endpoint);
            self.share[endpoint] += u64::from(share.0);
            let part = self.observe(&charged.columns[endpoint][row], share, known);
            counted
                .iter_mut()
                .zip(part)
                .for_each(|(sum, part)| *sum += part);
        }
        counted
    }

    /// Add one endpoint's part of a request, of whose figures those count that `known` says;
    /// returns share times success, cost and net value as they count.
    fn observe(&mut self, charge: &Charge, share: Ppm, known: u8) -> [i128; 3] {
        let mass = u64::from(share.0);
        self.facts[usize::from(charge.facts.bits())] += mass;
        let times = |value: i64, counts: u8| {
            if counts == 0 {
                0
            } else {
                i128::from(value) * i128::from(share.0)
            }
        };
        self.own_success += times(i64::from(charge.score), charge.known & SUCCESS);
        if charge.known & SUCCESS == 0 {
            self.unobserved += mass;
        }
        if charge.known & COST == 0 {
            self.uncosted += mass;
        } else {
            self.cost_spread.add_to(charge.cost_bucket, mass);
        }
        if charge.latency_ms != u32::MAX {
            self.latency.add_to(charge.latency_bucket, mass);
        }
        // What counts is known: it is known for every policy.
        let counted = [
            times(i64::from(charge.score), known & SUCCESS),
            times(charge.cost, known & COST),
            times(charge.net, known & NET),
        ];
        self.success += counted[0];
        self.cost += counted[1];
        self.net += counted[2];
        counted
    }

    fn merge(&mut self, other: &Self) {
        let masses = self.share.iter_mut().chain(&mut self.facts);
        masses
            .zip(other.share.iter().chain(&other.facts))
            .for_each(|(mass, other)| *mass += other);
        self.unanswered += other.unanswered;
        self.fell_back += other.fell_back;
        self.unobserved += other.unobserved;
        self.uncosted += other.uncosted;
        self.own_success += other.own_success;
        self.success += other.success;
        self.cost += other.cost;
        self.net += other.net;
        self.latency.merge(&other.latency);
        self.cost_spread.merge(&other.cost_spread);
    }
}

/// The mass of all requests of a cell, and the success that they would have were all right.
impl Cell {
    /// Bounds of a policy's success over all requests: every unobserved answer wrong, and right.
    /// Between 0 and 1; `None` without requests.
    #[must_use]
    pub fn success_bounds(&self, policy: usize) -> Option<(f64, f64)> {
        let policy = &self.policies[policy];
        let whole = i128::from(self.requests) * i128::from(Ppm::ONE.0) * i128::from(RIGHT);
        let unobserved = i128::from(policy.unobserved) * i128::from(RIGHT);
        let share = |sum: i128| sum as f64 / whole as f64;
        (whole > 0).then(|| {
            (
                share(policy.own_success),
                share(policy.own_success + unobserved),
            )
        })
    }
}
