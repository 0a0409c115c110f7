//! The sums of one group of requests: what a tally adds up, policy by policy.

use weighbridge_router::Ppm;

use super::charge::{Charge, Charged};
use super::decisions::{Assignment, Decisions};
use super::replicate::Columns;
use super::tally::{TallyInput, TallySpec};
use super::worth::{RIGHT, half_even};
use crate::stats::{Histogram, Replicates};

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
    pub(super) facts: Vec<u64>,
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
    pub(super) cost_products: Vec<i128>,
    pub(super) replicates: Replicates,
}

pub(super) const SUCCESS: u8 = 1;
pub(super) const COST: u8 = 2;
pub(super) const NET: u8 = 4;
pub(super) const ALL: u8 = SUCCESS | COST | NET;
/// Rows that are worked on at a time, so that their columns stay in the cache.
pub(super) const CHUNK: usize = 4096;
/// Up to that, a chunk's sum of products of costs is a whole number that a double holds exactly,
/// and doubles are what baseline x86-64 multiplies fastest.
const SMALL_MICROS: u64 = 1 << 20;
const _: () = assert!(CHUNK as u64 * SMALL_MICROS * SMALL_MICROS < 1 << f64::MANTISSA_DIGITS);

/// A request of a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) row: usize,
    /// Which figures every policy knows.
    pub(super) known: u8,
}

/// Requests of a chunk that belong to one cell.
pub(super) struct Part<'a> {
    pub(super) input: TallyInput<'a>,
    /// Whether sums are repeated by the bootstrap.
    pub(super) resampled: bool,
    pub(super) members: Vec<Member>,
}

impl Cell {
    pub(super) fn new(spec: &TallySpec) -> Self {
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

    pub(super) fn update(&mut self, part: &Part<'_>) {
        self.requests += part.members.len() as u64;
        let support = [SUCCESS, COST, NET].map(|bit| {
            part.members
                .iter()
                .filter(|member| member.known & bit != 0)
                .count() as u64
        });
        self.support.success += support[0];
        self.support.cost += support[1];
        self.support.net += support[2];
        let mut micros = vec![0i64; self.policies.len() * part.members.len()];
        let mut sums = Vec::new();
        let by_policy = micros
            .chunks_exact_mut(part.members.len())
            .zip(&mut self.policies)
            .zip(part.input.decisions);
        for ((micros, cell), decisions) in by_policy {
            cell.update(part, decisions, micros, &mut sums);
        }
        self.add_products(&micros, part.members.len());
        if part.resampled {
            self.add_replicates(part, &sums);
        }
    }

    /// `micros`: each policy's expected costs, policy after policy.
    fn add_products(&mut self, micros: &[i64], rows: usize) {
        let small = micros.iter().all(|x| x.unsigned_abs() <= SMALL_MICROS);
        if small {
            let doubles: Vec<f64> = micros.iter().map(|&x| x as f64).collect();
            self.add_products_of(&doubles, rows, small_product);
        } else {
            self.add_products_of(micros, rows, |left, right| {
                let pairs = left.iter().zip(right);
                pairs.map(|(&x, &y)| i128::from(x) * i128::from(y)).sum()
            });
        }
    }

    fn add_products_of<T>(
        &mut self,
        micros: &[T],
        rows: usize,
        product: impl Fn(&[T], &[T]) -> i128,
    ) {
        let columns: Vec<&[T]> = micros.chunks_exact(rows).collect();
        let pairs = columns
            .iter()
            .enumerate()
            .flat_map(|(a, left)| columns[a..].iter().map(move |right| (left, right)));
        for (sum, (left, right)) in self.cost_products.iter_mut().zip(pairs) {
            *sum += product(left, right);
        }
    }

    /// `sums`: success, cost and net value of each request under each policy, policy after policy.
    fn add_replicates(&mut self, part: &Part<'_>, sums: &[[i128; 3]]) {
        let members = part.members.iter();
        let units: Vec<u64> = members
            .clone()
            .map(|member| part.input.units[member.row])
            .collect();
        let supports = [SUCCESS, COST, NET].map(|bit| {
            let counts = members.clone().map(|member| member.known & bit != 0);
            counts.map(i128::from).collect::<Vec<i128>>()
        });
        let figures = sums
            .chunks_exact(part.members.len())
            .flat_map(|policy| [0, 1, 2].map(|figure| (policy, figure)));
        let columns: Vec<Vec<i128>> = supports
            .into_iter()
            .chain(figures.map(|(policy, figure)| policy.iter().map(|sums| sums[figure]).collect()))
            .collect();
        let columns: Vec<&[i128]> = columns.iter().map(Vec::as_slice).collect();
        self.replicates.add_block(&units, &columns);
    }

    pub(super) fn merge(&mut self, other: &Self) {
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

    /// Add the requests of a part. `micros` receives the expected cost of each in micro-USD, and
    /// `sums`, where the bootstrap needs them, what counts of its success, cost and net value.
    fn update(
        &mut self,
        part: &Part<'_>,
        decisions: &Decisions,
        micros: &mut [i64],
        sums: &mut Vec<[i128; 3]>,
    ) {
        let charged = part.input.charged;
        let soles: Vec<Option<u16>> = decisions.table.iter().map(Assignment::sole).collect();
        let mut requests = vec![0u64; decisions.table.len()];
        let mut whole = WholeSums::default();
        for (&Member { row, known }, micros) in part.members.iter().zip(micros) {
            let code = usize::from(decisions.codes[row]);
            requests[code] += 1;
            if let Some(endpoint) = soles[code] {
                let charge = charged.at(endpoint, row);
                *micros = if known & COST == 0 {
                    0
                } else {
                    charge.cost_micros
                };
                self.spread(charge, u64::from(Ppm::ONE.0));
                whole.add(charge, known);
                if part.resampled {
                    sums.push(charge.counted(Ppm::ONE, known));
                }
            } else {
                let counted = self.add_mixture(charged, &decisions.table[code], row, known);
                // Picodollar-ppm to micro-USD.
                *micros =
                    i64::try_from(half_even(counted[1], 1_000_000_000_000)).unwrap_or(i64::MAX);
                if part.resampled {
                    sums.push(counted);
                }
            }
        }
        self.flush(&whole);
        for (assignment, requests) in decisions.table.iter().zip(requests) {
            self.unanswered += requests * u64::from(assignment.unanswered.0);
            self.fell_back += requests * u64::from(assignment.fell_back.0);
            for &(endpoint, share) in &assignment.masses {
                self.share[usize::from(endpoint)] += requests * u64::from(share.0);
            }
        }
    }

    /// Add a request that several endpoints may take; returns what counts of its success, cost and
    /// net value.
    fn add_mixture(
        &mut self,
        charged: &Charged,
        assignment: &Assignment,
        row: usize,
        known: u8,
    ) -> [i128; 3] {
        let mut counted = [0i128; 3];
        for &(endpoint, share) in &assignment.masses {
            let charge = charged.at(endpoint, row);
            let mass = u64::from(share.0);
            self.spread(charge, mass);
            if charge.known & SUCCESS == 0 {
                self.unobserved += mass;
            } else {
                self.own_success += i128::from(charge.score) * i128::from(mass);
            }
            if charge.known & COST == 0 {
                self.uncosted += mass;
            }
            let part = charge.counted(share, known);
            counted
                .iter_mut()
                .zip(part)
                .for_each(|(sum, part)| *sum += part);
        }
        self.success += counted[0];
        self.cost += counted[1];
        self.net += counted[2];
        counted
    }

    /// Put an answer's mass where its latency, its cost and what they rest on say.
    fn spread(&mut self, charge: &Charge, mass: u64) {
        self.facts[usize::from(charge.facts.bits())] += mass;
        if charge.known & COST != 0 {
            self.cost_spread.add_to(charge.cost_bucket, mass);
        }
        if charge.latency_ms != u32::MAX {
            self.latency.add_to(charge.latency_bucket, mass);
        }
    }

    fn flush(&mut self, whole: &WholeSums) {
        let one = u64::from(Ppm::ONE.0);
        self.unobserved += whole.unobserved * one;
        self.uncosted += whole.uncosted * one;
        let one = i128::from(one);
        self.own_success += i128::from(whole.own_success) * one;
        self.success += i128::from(whole.success) * one;
        self.cost += whole.cost * one;
        self.net += whole.net * one;
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

/// Sums over requests of a chunk that one endpoint takes as a whole, before they are turned into
/// masses: nearly all requests are of that sort, and these sums stay in registers.
#[derive(Debug, Default)]
struct WholeSums {
    unobserved: u64,
    uncosted: u64,
    /// Millionths; a chunk of scores is far from the limit.
    own_success: i64,
    success: i64,
    cost: i128,
    net: i128,
}

impl WholeSums {
    fn add(&mut self, charge: &Charge, known: u8) {
        let if_bit = |bits: u8, bit: u8, value: i64| if bits & bit == 0 { 0 } else { value };
        let score = i64::from(charge.score);
        self.unobserved += u64::from(charge.known & SUCCESS == 0);
        self.uncosted += u64::from(charge.known & COST == 0);
        self.own_success += if_bit(charge.known, SUCCESS, score);
        // What counts is known: it is known for every policy.
        self.success += if_bit(known, SUCCESS, score);
        self.cost += i128::from(if_bit(known, COST, charge.cost));
        self.net += i128::from(if_bit(known, NET, charge.net));
    }
}

impl Charge {
    /// Share times success, cost and net value as they count: those that `known` says.
    fn counted(&self, share: Ppm, known: u8) -> [i128; 3] {
        let times = |value: i64, counts: u8| {
            if counts == 0 {
                0
            } else {
                i128::from(value) * i128::from(share.0)
            }
        };
        [
            times(i64::from(self.score), known & SUCCESS),
            times(self.cost, known & COST),
            times(self.net, known & NET),
        ]
    }
}

/// The sum of products of whole numbers of at most [`SMALL_MICROS`], exact in any order.
fn small_product(left: &[f64], right: &[f64]) -> i128 {
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (left, right) in left.iter().zip(right) {
        for ((sum, x), y) in sums.iter_mut().zip(left).zip(right) {
            *sum += x * y;
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(x, y)| x * y);
    rest.chain(sums).sum::<f64>() as i128
}

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
