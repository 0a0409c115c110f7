//! Sums that merge: what any number of policies did with any part of the requests.
//!
//! All sums are whole numbers, so that they come out the same in any order, on any number of
//! threads, shards or machines: masses in parts per million, scores in millionths, money in
//! picodollars, and products of them in `i128`.

use std::ops::Range;

use sha2::{Digest, Sha256};
use weighbridge_router::Trade;

use super::cell::{ALL, CHUNK, Cell, Member, Part};
use super::charge::Charged;
use super::decisions::{Assignment, Decisions, in_parts};
use super::segments::Segments;

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

/// The sums of a set of requests, in total and by segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub(super) spec: TallySpec,
    pub(super) total: Cell,
    pub(super) segments: Vec<Vec<Cell>>,
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
        let members: Vec<Member> = rows
            .zip(known)
            .map(|(row, known)| Member { row, known })
            .collect();
        let mut part = Part {
            input,
            resampled: self.spec.replicates > 0,
            members,
        };
        self.total.update(&part);
        if self.segments.is_empty() {
            return;
        }
        let all = std::mem::take(&mut part.members);
        for (segments, cells) in input.segments.iter().zip(&mut self.segments) {
            let mut groups = vec![Vec::new(); cells.len()];
            all.iter()
                .for_each(|&member| groups[segments.of(member.row)].push(member));
            for (cell, members) in cells
                .iter_mut()
                .zip(groups)
                .filter(|(_, members)| !members.is_empty())
            {
                part.members = members;
                cell.update(&part);
            }
        }
    }
}

/// For each row, which figures are known for every policy.
fn common_support(input: TallyInput<'_>, rows: Range<usize>) -> Vec<u8> {
    let mut known = vec![ALL; rows.len()];
    for decisions in input.decisions {
        let soles: Vec<Option<u16>> = decisions.table.iter().map(Assignment::sole).collect();
        let codes = &decisions.codes[rows.clone()];
        for ((row, known), &code) in rows.clone().zip(&mut known).zip(codes) {
            if let Some(endpoint) = soles[usize::from(code)] {
                *known &= input.charged.at(endpoint, row).known;
                continue;
            }
            for &(endpoint, _) in &decisions.table[usize::from(code)].masses {
                *known &= input.charged.at(endpoint, row).known;
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::super::cell::{COST, SUCCESS};
    use super::super::worth::half_even;
    use super::*;
    use crate::catalog::Catalog;
    use crate::replay::Stage;
    use crate::trace::{Header, OutcomeRef, Row, Trace, TraceBuilder};
    use weighbridge_router::Ppm;
    use weighbridge_router::{Millis, RequestRef, Usd};

    /// Three hundred requests with outcomes of two models: now and then one has no bill, and one
    /// in a hundred costs more than doubles sum exactly.
    fn trace() -> Trace {
        let mut builder = TraceBuilder::new(Header::default());
        for i in 0..300i64 {
            let outcome = |model, right: bool, cost: i64| OutcomeRef {
                model,
                score: Some(if right { 1.0 } else { 0.25 }),
                latency_ms: Some(Millis(100)),
                cost_usd: (cost % 41 != 0).then(|| Usd::from_picos(cost * 1_234_567)),
                ..OutcomeRef::default()
            };
            let dear = if i % 100 == 7 { 9_000_000 } else { 3 * i + 1 };
            let outcomes = [
                outcome("a", i % 3 == 0, i + 1),
                outcome("b", i % 5 > 0, dear),
            ];
            let row = Row {
                id: &format!("r{i:03}"),
                request: RequestRef::default(),
                outcomes: &outcomes,
                logged: None,
                extra: None,
            };
            builder.push(&row).unwrap();
        }
        builder.finish().unwrap().0
    }

    /// Where each of three policies sends a request: one model, either, or now and then a mixture
    /// or nobody.
    fn decisions(rows: usize) -> Vec<Decisions> {
        let mixture = Assignment {
            masses: vec![(0, Ppm(250_000)), (1, Ppm(500_000))],
            unanswered: Ppm(250_000),
            fell_back: Ppm(300_000),
        };
        let mut all = ["a", "either", "mixed"].map(Decisions::new);
        for row in 0..rows {
            all[0].push(&Assignment::all_to(0));
            all[1].push(&Assignment::all_to(u16::from(row % 7 < 3)));
            match row % 4 {
                0 => all[2].push(&mixture),
                1 => all[2].push(&Assignment::unanswered()),
                _ => all[2].push(&Assignment::all_to(1)),
            }
        }
        all.into()
    }

    #[test]
    fn mixtures_next_to_point_masses_give_the_totals_of_a_naive_sum() {
        let trace = trace();
        let stage = Stage::new(&trace, &Catalog::default(), &[], None);
        let charged = Charged::new(&stage, None, 1);
        let decisions = decisions(trace.len());
        let input = TallyInput {
            charged: &charged,
            decisions: &decisions,
            units: &[],
            segments: &[],
        };
        let spec = TallySpec {
            policies: vec![String::new(); 3],
            endpoints: vec![String::new(); 2],
            ..TallySpec::default()
        };
        let tally = Tally::measure(&spec, input, 1);
        let mut parts = Tally::new(spec);
        for range in [0..1, 1..200, 200..300] {
            parts.update(input, range);
        }
        assert_eq!(parts, tally, "parts add up to the whole");

        let known = common_support(input, 0..trace.len());
        let mut costs = vec![Vec::new(); decisions.len()];
        for (policy, decisions) in decisions.iter().enumerate() {
            let (mut own, mut success, mut cost) = (0i128, 0i128, 0i128);
            let (mut share, mut spread, mut uncosted) = (vec![0; 2], 0u128, 0);
            let (mut unanswered, mut fell_back) = (0, 0);
            for (row, known) in known.iter().enumerate() {
                let assignment = decisions.get(row);
                unanswered += u64::from(assignment.unanswered.0);
                fell_back += u64::from(assignment.fell_back.0);
                let mut expected = 0;
                for &(endpoint, mass) in &assignment.masses {
                    let score = i128::from(charged.score(endpoint, row).unwrap_or(0));
                    own += score * i128::from(mass.0);
                    share[usize::from(endpoint)] += u64::from(mass.0);
                    match charged.cost(endpoint, row) {
                        Some(usd) if known & COST != 0 => {
                            expected += i128::from(usd.picos()) * i128::from(mass.0);
                        }
                        Some(_) => {}
                        None => uncosted += u64::from(mass.0),
                    }
                    if charged.cost(endpoint, row).is_some() {
                        spread += u128::from(mass.0);
                    }
                    if known & SUCCESS != 0 {
                        success += score * i128::from(mass.0);
                    }
                }
                cost += expected;
                costs[policy].push(half_even(expected, 1_000_000_000_000));
            }
            let cell = &tally.total().policies[policy];
            assert_eq!(
                (cell.own_success, cell.success, cell.cost),
                (own, success, cost)
            );
            assert_eq!((&cell.share, cell.uncosted), (&share, uncosted));
            assert_eq!((cell.unanswered, cell.fell_back), (unanswered, fell_back));
            assert_eq!(cell.cost_spread.mass(), spread);
        }
        for (a, left) in costs.iter().enumerate() {
            for (b, right) in costs.iter().enumerate() {
                let products: i128 = left.iter().zip(right).map(|(x, y)| x * y).sum();
                assert_eq!(tally.total().cost_product(a, b), products, "{a} and {b}");
            }
        }
    }
}
