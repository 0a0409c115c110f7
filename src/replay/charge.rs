//! What each endpoint made of each request, priced: one set of columns an endpoint.
//!
//! Everything that a figure needs from an outcome is worked out here once, whatever the number of
//! policies: score in millionths, cost and net value in picodollars, latency, the buckets of the
//! histograms, and what each of them rests on.

use weighbridge_router::{RequestRef, Timestamp, Trade, Usage, Usd};

use super::decisions::GRAIN;
use super::stage::{Stage, StageEndpoint, TimeSource, Told};
use super::worth::{RIGHT, Worth, half_even};
use crate::stats::bucket;
use crate::trace::OutcomeNumbers;

/// One thing that a figure may rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fact {
    /// There is an outcome of this endpoint or of its model.
    Observed,
    /// The request may go to this endpoint, as its card says.
    Eligible,
    /// The cost is tokens times a price row.
    Priced,
    /// The cost is a recorded bill.
    Billed,
    /// Input tokens were estimated from the prompt.
    InputEstimated,
    /// The latency was predicted from the endpoint's card.
    LatencyPredicted,
    /// The recorded bill and the price row differ.
    BillDiffers,
    /// Success comes from another endpoint of the same model.
    OtherEndpoint,
}

/// A set of [`Fact`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts(u8);

impl Facts {
    /// Whether the fact holds.
    #[must_use]
    pub const fn has(self, fact: Fact) -> bool {
        self.0 >> fact as u8 & 1 == 1
    }

    fn set(&mut self, fact: Fact) {
        self.0 |= 1 << fact as u8;
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }
}

/// What one endpoint made of one request, as the tally reads it: all that belongs to one outcome
/// side by side, since whoever asks for one of these asks for nearly all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    /// Picodollars; `UNKNOWN` where unknown.
    pub(super) cost: i64,
    /// Picodollars; `UNKNOWN` where unknown.
    pub(super) net: i64,
    /// Micro-USD, half-even; 0 where unknown.
    pub(super) cost_micros: i64,
    /// Millionths; negative where unknown.
    pub(super) score: i32,
    /// `u32::MAX` where unknown.
    pub(super) latency_ms: u32,
    pub(super) latency_bucket: u16,
    pub(super) cost_bucket: u16,
    pub(super) facts: Facts,
    /// Which of score, cost and net value are known: bits 1, 2 and 4.
    pub(super) known: u8,
}

pub(super) const UNKNOWN: i64 = i64::MIN;
pub(super) const UNKNOWN_SCORE: i32 = -1;
/// Costs are put into buckets of nanodollars, fine enough for a request of one token.
pub(super) const PICOS_PER_COST_UNIT: i64 = 1_000;

/// What each endpoint of a stage made of each request.
#[derive(Debug)]
pub struct Charged {
    /// Blocks of [`GRAIN`] requests; in each, request after request a charge an endpoint. So parts
    /// are put together without a copy.
    blocks: Vec<Vec<Charge>>,
    endpoints: usize,
    report: ChargeReport,
    rows: usize,
}

/// What was noticed while charging, to be said aloud.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChargeReport {
    /// Outcomes whose recorded bill differs from tokens times price by more than a hundredth.
    pub bills_differ: u64,
    /// Outcomes with tokens, but no bill and no price row in force: how many, by endpoint.
    pub without_price: Vec<(String, u64)>,
    /// Requests without a time of their own.
    pub without_time: u64,
}

impl Charged {
    /// Charge every outcome of the stage. `trade` holds for requests that bring none of their own.
    #[must_use]
    pub fn new(stage: &Stage<'_>, trade: Option<Trade>, threads: usize) -> Self {
        super::run(stage, &[], trade, threads).0
    }

    /// The charges of several parts of the requests, put together in their order.
    pub(super) fn join(stage: &Stage<'_>, parts: Vec<Charger<'_>>) -> Self {
        let mut whole = Charger::new(stage, None);
        for part in parts {
            whole.bills_differ += part.bills_differ;
            whole.without_time += part.without_time;
            let unpriced = whole.unpriced.iter_mut().zip(part.unpriced);
            unpriced.for_each(|(sum, count)| *sum += count);
            whole.blocks.extend(part.blocks);
        }
        Self {
            report: whole.report(),
            blocks: whole.blocks,
            endpoints: stage.endpoints().len(),
            rows: stage.trace().len(),
        }
    }

    /// What an endpoint made of a request.
    pub(super) fn at(&self, endpoint: u16, row: usize) -> &Charge {
        let first = row % GRAIN * self.endpoints;
        &self.blocks[row / GRAIN][first + usize::from(endpoint)]
    }

    /// How many requests.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What was noticed.
    #[must_use]
    pub fn report(&self) -> &ChargeReport {
        &self.report
    }

    /// The score of an endpoint's answer to a request, in millionths.
    #[must_use]
    pub fn score(&self, endpoint: u16, row: usize) -> Option<i32> {
        let score = self.at(endpoint, row).score;
        (score != UNKNOWN_SCORE).then_some(score)
    }

    /// What an endpoint's answer to a request costs.
    #[must_use]
    pub fn cost(&self, endpoint: u16, row: usize) -> Option<Usd> {
        known(self.at(endpoint, row).cost)
    }

    /// What an endpoint's answer to a request is worth, costs taken off.
    #[must_use]
    pub fn net(&self, endpoint: u16, row: usize) -> Option<Usd> {
        known(self.at(endpoint, row).net)
    }

    /// What an endpoint's answer to a request would be worth, costs taken off, were an answer worth
    /// that.
    #[must_use]
    pub fn net_at(&self, endpoint: u16, row: usize, worth: Worth) -> Option<Usd> {
        let (score, cost) = self.score(endpoint, row).zip(self.cost(endpoint, row))?;
        let net = worth.net(score, cost.picos(), self.latency_ms(endpoint, row));
        net.map(Usd::from_picos)
    }

    /// How long an endpoint's answer takes, in ms, recorded or predicted.
    #[must_use]
    pub fn latency_ms(&self, endpoint: u16, row: usize) -> Option<u32> {
        let ms = self.at(endpoint, row).latency_ms;
        (ms != u32::MAX).then_some(ms)
    }

    /// What these rest on.
    #[must_use]
    pub fn facts(&self, endpoint: u16, row: usize) -> Facts {
        self.at(endpoint, row).facts
    }
}

/// Charges of a part of the requests, as they are made.
pub(super) struct Charger<'a> {
    stage: &'a Stage<'a>,
    trade: Option<Trade>,
    /// As in [`Charged`]: every part starts with a block.
    blocks: Vec<Vec<Charge>>,
    /// Outcomes whose price is missing, by endpoint.
    unpriced: Vec<u64>,
    bills_differ: u64,
    without_time: u64,
}

impl<'a> Charger<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, trade: Option<Trade>) -> Self {
        Self {
            stage,
            trade,
            blocks: Vec::new(),
            unpriced: vec![0; stage.endpoints().len()],
            bills_differ: 0,
            without_time: 0,
        }
    }

    /// Charge the next request.
    pub(super) fn charge(&mut self, row: usize, request: &RequestRef<'_>) {
        let pass_at = self.stage.trace().header().pass_at;
        let worth = Worth::of(request, self.trade);
        self.without_time += u64::from(self.stage.trace().at(row).is_none());
        let endpoints = self.stage.endpoints().len();
        if row.is_multiple_of(GRAIN) {
            let rows = GRAIN.min(self.stage.trace().len() - row);
            self.blocks.push(Vec::with_capacity(rows * endpoints));
        }
        let block = self
            .blocks
            .last_mut()
            .expect("a part starts at a multiple of the grain");
        for j in 0..endpoints {
            let finding = Finding::of(self.stage, row, j, request, pass_at);
            self.unpriced[j] += u64::from(finding.price_missing);
            self.bills_differ += u64::from(finding.facts.has(Fact::BillDiffers));
            block.push(finding.charge(worth));
        }
    }

    fn report(&self) -> ChargeReport {
        let endpoints = self.stage.endpoints().iter().zip(&self.unpriced);
        ChargeReport {
            bills_differ: self.bills_differ,
            without_price: endpoints
                .filter(|&(_, &count)| count > 0)
                .map(|(endpoint, &count)| (endpoint.id.clone(), count))
                .collect(),
            without_time: self.without_time,
        }
    }
}

/// The tokens that are paid for, where the output's are known.
pub(super) fn usage_of(request: &RequestRef<'_>, outcome: &OutcomeNumbers) -> Option<Usage> {
    let input = outcome
        .input_tokens
        .or(request.input_tokens_or_estimate())?;
    Some(Usage {
        input,
        cached: outcome.cached_tokens.unwrap_or_default(),
        output: outcome.output_tokens?,
    })
}

fn known(picos: i64) -> Option<Usd> {
    (picos != UNKNOWN).then(|| Usd::from_picos(picos))
}

/// Picodollars as micro-USD, rounded half-even.
fn micros(picos: i64) -> i64 {
    let (quotient, rest) = (picos.div_euclid(1_000_000), picos.rem_euclid(1_000_000));
    quotient + i64::from(rest > 500_000 || (rest == 500_000 && quotient % 2 != 0))
}

/// What one endpoint made of one request, as it is found out.
#[derive(Debug, Default)]
struct Finding {
    score: Option<i32>,
    cost: Option<i64>,
    latency_ms: Option<u32>,
    facts: Facts,
    price_missing: bool,
}

/// Sums over the samples of one endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Samples {
    pub(super) sum: i128,
    pub(super) count: i128,
}

impl Samples {
    pub(super) fn add(&mut self, value: Option<i64>) {
        if let Some(value) = value {
            self.sum += i128::from(value);
            self.count += 1;
        }
    }

    /// The mean of the known, rounded half-even.
    pub(super) fn mean(&self) -> Option<i64> {
        match self.count {
            0 => None,
            1 => i64::try_from(self.sum).ok(),
            count => i64::try_from(half_even(self.sum, count)).ok(),
        }
    }
}

impl Finding {
    fn of(
        stage: &Stage<'_>,
        row: usize,
        endpoint: usize,
        request: &RequestRef<'_>,
        pass_at: Option<f64>,
    ) -> Self {
        let card = &stage.endpoints()[endpoint];
        let mut charge = Self::default();
        if card
            .card
            .as_ref()
            .is_none_or(|card| card.admits(request).is_ok())
        {
            charge.facts.set(Fact::Eligible);
        }
        // A stage has fewer endpoints than `u16` counts.
        let place = u16::try_from(endpoint).unwrap_or(u16::MAX);
        let card_facts = charge.facts;
        let mut best = Told::Nothing;
        let (mut score, mut cost, mut latency) =
            (Samples::default(), Samples::default(), Samples::default());
        for k in stage.trace().outcomes(row) {
            let told = stage.tells_of(k, place);
            if told == Told::Nothing || told < best {
                continue;
            }
            if told > best {
                // What lesser outcomes told does not count.
                best = told;
                (score, cost, latency) = Default::default();
                charge = Self {
                    facts: card_facts,
                    ..Self::default()
                };
                charge.facts.set(Fact::Observed);
                if told == Told::Model {
                    charge.facts.set(Fact::OtherEndpoint);
                }
            }
            let outcome = stage.trace().outcome_numbers(k);
            score.add(outcome.success.map(|score| millionths(score, pass_at)));
            cost.add(charge.cost_of(card, request, &outcome, told));
            latency.add(charge.latency_of(card, &outcome, told));
        }
        charge.score = score.mean().and_then(|score| i32::try_from(score).ok());
        charge.cost = cost.mean();
        charge.latency_ms = latency.mean().and_then(|ms| u32::try_from(ms).ok());
        charge
    }

    /// Tokens times price where both are known, else the recorded bill.
    fn cost_of(
        &mut self,
        endpoint: &StageEndpoint,
        request: &RequestRef<'_>,
        outcome: &OutcomeNumbers,
        told: Told,
    ) -> Option<i64> {
        let bill = outcome
            .cost_usd
            .filter(|_| told == Told::Endpoint)
            .map(Usd::picos);
        let row = endpoint
            .card
            .as_ref()
            .and_then(|card| card.price_at(request.at));
        let estimated = outcome.input_tokens.or(request.input_tokens).is_none();
        let usage = usage_of(request, outcome);
        let priced = row.zip(usage).map(|(row, usage)| row.cost(usage).picos());
        if priced.is_some() {
            self.facts.set(Fact::Priced);
            if estimated {
                self.facts.set(Fact::InputEstimated);
            }
        } else if bill.is_some() {
            self.facts.set(Fact::Billed);
        } else {
            self.price_missing |= usage.is_some();
        }
        if let (Some(priced), Some(bill)) = (priced, bill)
            && (priced - bill).abs() > bill.abs() / 100
        {
            self.facts.set(Fact::BillDiffers);
        }
        priced.or(bill)
    }

    /// As recorded, else the card's time to the first token and the output at the card's speed.
    fn latency_of(
        &mut self,
        endpoint: &StageEndpoint,
        outcome: &OutcomeNumbers,
        told: Told,
    ) -> Option<i64> {
        if let Some(ms) = outcome.latency_ms.filter(|_| told == Told::Endpoint) {
            return Some(i64::from(ms.0));
        }
        let seconds = endpoint
            .card
            .as_ref()?
            .seconds(f64::from(outcome.output_tokens?.0))?;
        self.facts.set(Fact::LatencyPredicted);
        // A prediction of more than 49 days is cut there.
        Some(rounded((seconds * 1000.0).min(f64::from(u32::MAX - 1))))
    }
}

impl Finding {
    fn charge(&self, worth: Option<Worth>) -> Charge {
        let net = worth
            .zip(self.score)
            .zip(self.cost)
            .and_then(|((worth, score), cost)| worth.net(score, cost, self.latency_ms));
        let known = [self.score.is_some(), self.cost.is_some(), net.is_some()];
        let cost = self.cost.unwrap_or(0);
        Charge {
            cost: self.cost.unwrap_or(UNKNOWN),
            net: net.unwrap_or(UNKNOWN),
            cost_micros: micros(cost),
            score: self.score.unwrap_or(UNKNOWN_SCORE),
            latency_ms: self.latency_ms.unwrap_or(u32::MAX),
            latency_bucket: bucket(self.latency_ms.map_or(0, u64::from)),
            cost_bucket: bucket((cost / PICOS_PER_COST_UNIT).unsigned_abs()),
            facts: self.facts,
            known: known
                .iter()
                .enumerate()
                .map(|(bit, &known)| u8::from(known) << bit)
                .sum(),
        }
    }
}

/// A number above zero and within 32 bits, rounded half up; `f64::round` is a call on baseline
/// x86-64.
pub(super) fn rounded(x: f64) -> i64 {
    let whole = x as i64;
    whole + i64::from(x - whole as f64 >= 0.5)
}

/// A score in millionths, half-even; right or wrong by the pass mark where there is one.
pub(super) fn millionths(score: f64, pass_at: Option<f64>) -> i64 {
    match pass_at {
        Some(mark) => i64::from(score >= mark) * RIGHT,
        // Nearly all answers are right or wrong, and rounding is a call on baseline x86-64.
        None if score == 1.0 => RIGHT,
        None if score == 0.0 => 0,
        None => (score * 1e6).round_ties_even() as i64,
    }
}

/// The moment that stands for requests without one, in words.
impl std::fmt::Display for TimeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |f: &mut std::fmt::Formatter<'_>, at: &Timestamp, why| {
            write!(f, "prices as of {at} ({why})")
        };
        match self {
            Self::AsOf(moment) => at(f, moment, "--as-of"),
            Self::PricesAt(moment) => at(f, moment, "the trace's prices_at"),
            Self::Moved(moment) => at(f, moment, "every request moved there"),
            Self::Newest => f.write_str("the newest price rows"),
        }
    }
}
