//! What one endpoint made of one request, before any price, worth or assumption is applied: for
//! whoever asks what it would be under others.
//!
//! Multiplied out with the endpoint's own prices these are the charges of [`Charged`](super::Charged),
//! to the picodollar (a mean of several samples: to a millionth of a token).

use weighbridge_router::{Endpoint, PriceRow, RequestRef, Timestamp, Tokens, Usd};

use super::charge::{Samples, millionths, rounded, usage_of};
use super::stage::{Stage, Told};
use super::worth::half_even;
use crate::trace::OutcomeNumbers;

/// The parts of a charge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observation {
    /// Millionths of a right answer, where known.
    pub score: Option<i32>,
    /// The endpoint's price row and its tier (0: below all tiers) by which the tokens are paid;
    /// none where nothing is paid by tokens.
    pub rates: Option<(u16, u16)>,
    /// Millionths of tokens that are paid by price: input that no cache had, input from the cache,
    /// output.
    pub tokens: [i64; 3],
    /// Picodollars that are paid whatever the price: recorded bills.
    pub bill: i64,
    /// Whether tokens times price and bill are the cost; else the cost is unknown.
    pub cost_known: bool,
    /// Milliseconds to the first token, and from there to the last, where known.
    pub latency_ms: Option<(u32, u32)>,
}

/// Millionths in one.
const MILLION: i128 = 1_000_000;

impl Observation {
    /// The whole latency in ms.
    #[must_use]
    pub fn whole_latency_ms(&self) -> Option<u32> {
        self.latency_ms
            .map(|(first, rest)| first.saturating_add(rest))
    }
}

impl Stage<'_> {
    /// What an endpoint made of a request, which is this stage's at that place.
    #[must_use]
    pub fn observe(&self, row: usize, endpoint: u16, request: &RequestRef<'_>) -> Observation {
        let outcomes = self.trace().outcomes(row);
        let told = outcomes.clone().map(|k| self.tells_of(k, endpoint)).max();
        let Some(told) = told.filter(|told| *told != Told::Nothing) else {
            return Observation::default();
        };
        let card = self.endpoints()[usize::from(endpoint)].card.as_ref();
        let pass_at = self.trace().header().pass_at;
        let mut parts = Parts::default();
        for k in outcomes.filter(|&k| self.tells_of(k, endpoint) == told) {
            let outcome = self.trace().outcome_numbers(k);
            let score = outcome.success.map(|score| millionths(score, pass_at));
            parts.score.add(score);
            parts.add_cost(card, request, &outcome, told);
            parts.add_latency(card, &outcome, told);
        }
        parts.finish()
    }
}

/// Sums over the samples of one endpoint.
#[derive(Default)]
struct Parts {
    score: Samples,
    rates: Option<(u16, u16)>,
    tokens: [i128; 3],
    bill: i128,
    costs: i128,
    first: Samples,
    whole: Samples,
}

impl Parts {
    fn add_cost(
        &mut self,
        card: Option<&Endpoint>,
        request: &RequestRef<'_>,
        outcome: &OutcomeNumbers,
        told: Told,
    ) {
        let priced = row_at(card, request.at).zip(usage_of(request, outcome));
        if let Some(((place, row), usage)) = priced {
            let rates = (place, tier_of(row, usage.input));
            self.costs += 1;
            if *self.rates.get_or_insert(rates) != rates {
                // A sample in another tier than the first.
                self.bill += i128::from(row.cost(usage).picos());
                return;
            }
            let cached = usage.cached.min(usage.input);
            let parts = [usage.input.0 - cached.0, cached.0, usage.output.0];
            let sums = self.tokens.iter_mut().zip(parts);
            sums.for_each(|(sum, tokens)| *sum += i128::from(tokens));
        } else if let Some(bill) = outcome.cost_usd.filter(|_| told == Told::Endpoint) {
            self.costs += 1;
            self.bill += i128::from(Usd::picos(bill));
        }
    }

    /// As recorded; else by the endpoint's card.
    fn add_latency(&mut self, card: Option<&Endpoint>, outcome: &OutcomeNumbers, told: Told) {
        let ttft = card.and_then(|card| card.ttft_ms);
        if let Some(whole) = outcome.latency_ms.filter(|_| told == Told::Endpoint) {
            let first = outcome.ttft_ms.or(ttft).unwrap_or_default().min(whole);
            self.first.add(Some(i64::from(first.0)));
            self.whole.add(Some(i64::from(whole.0)));
            return;
        }
        let seconds = outcome
            .output_tokens
            .and_then(|tokens| card?.seconds(f64::from(tokens.0)));
        if let (Some(seconds), Some(ttft)) = (seconds, ttft) {
            let whole = rounded((seconds * 1000.0).min(f64::from(u32::MAX - 1)));
            self.first.add(Some(i64::from(ttft.0).min(whole)));
            self.whole.add(Some(whole));
        }
    }

    fn finish(self) -> Observation {
        let count = self.costs.max(1);
        let narrow = |x: i128| i64::try_from(x).unwrap_or(i64::MAX);
        let ms = |x: i64| u32::try_from(x).unwrap_or(u32::MAX - 1);
        let first = self.first.mean();
        Observation {
            score: self.score.mean().and_then(|it| i32::try_from(it).ok()),
            rates: self.rates,
            tokens: self
                .tokens
                .map(|sum| narrow(half_even(sum * MILLION, count))),
            bill: narrow(half_even(self.bill, count)),
            cost_known: self.costs > 0,
            latency_ms: first
                .zip(self.whole.mean())
                .map(|(first, whole)| (ms(first.min(whole)), ms(whole - first.min(whole)))),
        }
    }
}

/// The price row in force and its place.
fn row_at(card: Option<&Endpoint>, at: Option<Timestamp>) -> Option<(u16, &PriceRow)> {
    let card = card?;
    let row = card.price_at(at)?;
    let place = card
        .prices
        .iter()
        .position(|held| std::ptr::eq(held, row))?;
    Some((u16::try_from(place).ok()?, row))
}

/// The tier of a size of input: 0 below all of them.
fn tier_of(row: &PriceRow, input: Tokens) -> u16 {
    let below = row
        .tiers
        .partition_point(|tier| input > tier.above_input_tokens);
    u16::try_from(below).unwrap_or(u16::MAX)
}
