//! Which requests are invented: every field takes the values that the router's own parts turn on,
//! on both sides of each limit.

use crate::choose::Choose;
use crate::condition::{Condition, Field, Quantity};
use crate::endpoint::Endpoint;
use crate::features::{Embedding, Scaling, Step};
use crate::request::Request;
use crate::router::Router;
use crate::time::Timestamp;
use crate::units::{Millis, Tokens, Usd};

use super::prompts;

/// Values of one field, given out in turn.
struct Pool<T> {
    values: Vec<T>,
    next: usize,
}

/// Gives out requests.
pub(super) struct Inventor {
    prompts: Pool<String>,
    phrases: Pool<String>,
    tasks: Pool<String>,
    tenants: Pool<String>,
    channels: Pool<String>,
    regions: Pool<String>,
    needs: Pool<String>,
    inputs: Pool<u32>,
    turns: Pool<u32>,
    deadlines: Pool<u32>,
    times: Pool<Timestamp>,
    values: Pool<Usd>,
    embeddings: Pool<Vec<f32>>,
}

impl<T: Clone + PartialEq> Pool<T> {
    fn of(values: impl IntoIterator<Item = T>) -> Self {
        let mut pool = Self {
            values: Vec::new(),
            next: 0,
        };
        values.into_iter().for_each(|value| pool.add(value));
        pool
    }

    fn add(&mut self, value: T) {
        if !self.values.contains(&value) {
            self.values.push(value);
        }
    }

    /// The next value, where the field is to be filled.
    fn give(&mut self, filled: bool) -> Option<T> {
        if !filled || self.values.is_empty() {
            return None;
        }
        let value = self.values[self.next % self.values.len()].clone();
        self.next += 1;
        Some(value)
    }
}

impl Inventor {
    pub(super) fn new(router: &Router) -> Self {
        let text = |text: &str| text.to_owned();
        let mut inventor = Self {
            prompts: Pool::of(
                prompts::SAMPLES
                    .iter()
                    .map(|sample| text(sample))
                    .chain([prompts::long()]),
            ),
            phrases: Pool::of([]),
            tasks: Pool::of([]),
            tenants: Pool::of([]),
            channels: Pool::of([]),
            regions: Pool::of([]),
            needs: Pool::of([]),
            inputs: Pool::of([]),
            turns: Pool::of([]),
            deadlines: Pool::of([]),
            times: Pool::of([]),
            values: Pool::of([0, 10_000_000_000, 1_000_000_000_000].map(Usd::from_picos)),
            embeddings: Pool::of([]),
        };
        router
            .endpoints()
            .iter()
            .for_each(|endpoint| inventor.learn_endpoint(endpoint));
        if let Some(choose) = &router.parts().choose {
            inventor.learn_choice(choose);
        }
        for step in &router.parts().steps {
            match step {
                Step::Tag(tag) => {
                    let values = tag.values.iter();
                    values.for_each(|value| inventor.tasks.add(value.clone()));
                }
                Step::Embedding(Embedding(scaling)) => inventor.learn_embedding(scaling),
                // All others read the prompt alone.
                _ => {}
            }
        }
        inventor.tasks.add(text("a task that nobody knows"));
        inventor.channels.add(text("a channel that nobody knows"));
        inventor.needs.add(text("an ability that nobody has"));
        inventor.inputs.add(900);
        inventor.turns.add(3);
        inventor
    }

    /// The request of that number. Early ones have little beside a prompt, so that what they
    /// show is the choice itself; the bits of the number say which fields later ones fill.
    pub(super) fn request(&mut self, number: usize) -> Request {
        let every = |period: usize, from: usize| number >= 6 && number % period == from % period;
        let phrase = self.phrases.give(number % 3 == 1);
        let prompt = self
            .prompts
            .give(number % 16 != 15)
            .map(|prompt| match phrase {
                Some(phrase) => format!("{prompt} {phrase}."),
                None => prompt,
            });
        Request {
            at: self.times.give(number % 2 == 1),
            prompt,
            task: self.tasks.give(!number.is_multiple_of(4)),
            tenant: self.tenants.give(every(3, 0)),
            turn: self.turns.give(every(4, 1)),
            channel: self.channels.give(every(5, 1)),
            region: self.regions.give(every(6, 2)),
            needs: self.needs.give(every(6, 4)).into_iter().collect(),
            input_tokens: self.inputs.give(every(3, 1)).map(Tokens),
            max_output_tokens: every(9, 7).then_some(Tokens(200)),
            value_usd: self.values.give(every(4, 3)),
            wrong_usd: every(8, 3).then_some(Usd::from_picos(250_000_000_000)),
            second_usd: every(12, 7).then_some(Usd::from_picos(100_000_000)),
            deadline_ms: self.deadlines.give(every(7, 5)).map(Millis),
            // An embedding may be long, so few have one.
            embedding: self.embeddings.give(number % 8 == 5),
            ..Request::default()
        }
    }

    fn learn_endpoint(&mut self, endpoint: &Endpoint) {
        endpoint
            .can
            .iter()
            .for_each(|can| self.needs.add(can.clone()));
        for (pool, names) in [
            (&mut self.channels, &endpoint.channels),
            (&mut self.regions, &endpoint.regions),
        ] {
            names.iter().for_each(|name| pool.add(name.clone()));
        }
        let windows = endpoint.prices.iter().map(|row| (row.from, row.until));
        for (from, until) in windows.chain([(endpoint.from, endpoint.until)]) {
            for edge in [from, until].into_iter().flatten() {
                self.times.add(edge);
                self.times.add(Timestamp::from_millis(edge.millis() - 1));
            }
        }
        let tiers = endpoint.prices.iter().flat_map(|row| &row.tiers);
        let limits = tiers.map(|tier| tier.above_input_tokens);
        for limit in limits.chain(endpoint.context_tokens) {
            self.inputs.add(limit.0);
            self.inputs.add(limit.0.saturating_add(1));
        }
        if let Some(ttft) = endpoint.ttft_ms {
            // Just too short for anyone, then long enough for a short answer and for a long one.
            for deadline in [ttft.0.saturating_sub(1), ttft.0.saturating_add(5000)] {
                self.deadlines.add(deadline);
            }
            self.deadlines.add(600_000);
        }
    }

    /// Two embeddings that the head can tell apart, and one of a length that it does not know.
    fn learn_embedding(&mut self, scaling: &Scaling) {
        for step in [5, 7] {
            let number = |(i, (mean, scale)): (usize, (&f32, &f32))| {
                // From -1.5 to 1.5 standard deviations around the mean, in another order each.
                let deviations = (i * step % 13) as f32 / 4.0 - 1.5;
                mean + deviations / scale.max(1e-3)
            };
            let numbers = scaling.mean.iter().zip(&scaling.scale).enumerate();
            self.embeddings.add(numbers.map(number).collect());
        }
        self.embeddings.add(vec![0.5; scaling.mean.len() + 1]);
    }

    fn learn_choice(&mut self, choose: &Choose<String>) {
        match choose {
            Choose::Always(_) | Choose::Random(_) | Choose::Router(_) => {}
            Choose::Threshold(threshold) => {
                self.learn_limit(threshold.quantity, threshold.above);
                self.learn_choice(&threshold.to);
                self.learn_choice(&threshold.otherwise);
            }
            Choose::Rules { rules, otherwise } => {
                for rule in rules {
                    self.learn_condition(&rule.when);
                    self.learn_choice(&rule.to);
                }
                self.learn_choice(otherwise);
            }
        }
    }

    fn learn_condition(&mut self, condition: &Condition) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| self.learn_condition(part));
            }
            Condition::Not(part) => self.learn_condition(part),
            Condition::Member(field, names) => {
                let pool = match field {
                    Field::Task => &mut self.tasks,
                    Field::Tenant => &mut self.tenants,
                    Field::Channel => &mut self.channels,
                    Field::Region => &mut self.regions,
                    Field::Needs => &mut self.needs,
                };
                names.iter().for_each(|name| pool.add(name.clone()));
            }
            Condition::PromptAny(phrases) | Condition::PromptAll(phrases) => {
                let texts = phrases.texts().iter();
                texts.for_each(|text| self.phrases.add(text.clone()));
            }
            Condition::Range(quantity, limits) => {
                for limit in [limits.min, limits.max].into_iter().flatten() {
                    self.learn_limit(*quantity, limit);
                }
            }
        }
    }

    /// A value at the limit and one above it. Hours and features of the prompt vary by themselves.
    fn learn_limit(&mut self, quantity: Quantity, limit: f64) {
        let whole = limit.clamp(0.0, 4e9) as u32;
        let pool = match quantity {
            Quantity::InputTokens => &mut self.inputs,
            Quantity::Turn => &mut self.turns,
            Quantity::DeadlineMs => &mut self.deadlines,
            Quantity::ValueUsd => {
                let value = Usd::try_from_f64(limit.clamp(0.0, 1000.0)).unwrap_or_default();
                self.values.add(value);
                self.values
                    .add(Usd::from_picos(value.picos() + 1_000_000_000));
                return;
            }
            Quantity::PromptBytes => {
                self.prompts
                    .add("long ".repeat(whole.min(4000) as usize / 5 + 1));
                return;
            }
            Quantity::HourUtc | Quantity::Surface(_) => return,
        };
        pool.add(whole);
        pool.add(whole + 1);
    }
}
