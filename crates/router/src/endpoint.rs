//! Endpoints: what they cost, what they can, and whether a request may go there.

use crate::request::RequestRef;
use crate::time::Timestamp;
use crate::units::{Millis, Tokens, Usd};

/// A model as one provider sells it on one channel: what a policy chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// `model@provider`.
    pub id: String,
    /// The model behind it.
    pub model: String,
    /// The channels that it serves; empty: all.
    pub channels: Vec<String>,
    /// The regions that it serves; empty: all.
    pub regions: Vec<String>,
    /// The abilities that it has.
    pub can: Vec<String>,
    /// The most tokens of input and output together.
    pub context_tokens: Option<Tokens>,
    /// The first moment of its life.
    pub from: Option<Timestamp>,
    /// The first moment after its life.
    pub until: Option<Timestamp>,
    /// What it charges, in order of time; empty: no price is known.
    pub prices: Vec<PriceRow>,
    /// Time to the first token.
    pub ttft_ms: Option<Millis>,
    /// Output speed.
    pub tokens_per_second: Option<f64>,
    /// Known from a trace alone: no card, so that nothing makes it ineligible.
    pub recorded_only: bool,
}

/// What an endpoint charges during one span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRow {
    /// First moment; unknown: always.
    pub from: Option<Timestamp>,
    /// First moment after it; unknown: until further notice.
    pub until: Option<Timestamp>,
    /// The prices.
    pub rates: Rates,
    /// Other prices for the whole request above a size of its input, smallest size first.
    pub tiers: Vec<Tier>,
}

/// Prices for requests with more input than a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// The limit.
    pub above_input_tokens: Tokens,
    /// The prices above it.
    pub rates: Rates,
}

/// Prices of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// A token of input.
    pub input: Usd,
    /// A token of input that the provider had in its cache.
    pub cached: Usd,
    /// A token of output.
    pub output: Usd,
}

/// The tokens that are paid for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input, cached or not.
    pub input: Tokens,
    /// The part of the input that was cached.
    pub cached: Tokens,
    /// All output, reasoning included.
    pub output: Tokens,
}

impl Rates {
    /// Input at the price of uncached tokens and predicted output, in USD.
    #[inline]
    pub(crate) fn predicted_cost(&self, input_tokens: f64, output_tokens: f64) -> f64 {
        let picos =
            input_tokens * self.input.picos() as f64 + output_tokens * self.output.picos() as f64;
        picos / 1e12
    }
}

impl PriceRow {
    /// The prices for a request with so much input.
    #[must_use]
    #[inline]
    pub fn rates(&self, input: Tokens) -> &Rates {
        self.rates_of(self.tier(input))
    }

    /// The tier of so much input: 0 below all of them.
    #[inline]
    pub(crate) fn tier(&self, input: Tokens) -> usize {
        let mut tiers = self.tiers.iter();
        tiers
            .rposition(|tier| input > tier.above_input_tokens)
            .map_or(0, |place| place + 1)
    }

    /// The prices of a tier.
    #[inline]
    pub(crate) fn rates_of(&self, tier: usize) -> &Rates {
        match tier.checked_sub(1) {
            None => &self.rates,
            Some(place) => &self.tiers[place].rates,
        }
    }

    /// What a usage costs, exactly. Cached tokens beyond the input count as the input.
    #[must_use]
    #[inline]
    pub fn cost(&self, usage: Usage) -> Usd {
        let rates = self.rates(usage.input);
        let cached = usage.cached.min(usage.input);
        let fresh = usage.input.0 - cached.0;
        let part = |tokens: u32, rate: Usd| i128::from(tokens) * i128::from(rate.picos());
        let picos = part(fresh, rates.input)
            + part(cached.0, rates.cached)
            + part(usage.output.0, rates.output);
        Usd::from_picos(i64::try_from(picos).unwrap_or(i64::MAX))
    }
}

/// Whether `at` lies in [from, until).
#[must_use]
#[inline]
pub fn within(at: Timestamp, from: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until)
}

/// Why a request may not go to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ineligible {
    /// The request needs an ability that the endpoint lacks.
    Needs,
    /// The endpoint does not serve the request's channel.
    Channel,
    /// The endpoint does not serve the request's region.
    Region,
    /// Input and requested output exceed the context.
    Context,
    /// The endpoint does not exist at that time.
    Window,
    /// No price is in force at that time.
    Price,
    /// The answer would come too late.
    Deadline,
    /// A second of waiting has a price, and the endpoint's speed is unknown.
    Speed,
    /// A learned choice needs a prompt, and there is none.
    Unpredictable,
    /// It is not among the endpoints that can be reached; see [`Router::among`](crate::Router::among).
    Unreachable,
}

impl Ineligible {
    /// The reason in a few words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Needs => "lacks an ability that the request needs",
            Self::Channel => "does not serve this channel",
            Self::Region => "does not serve this region",
            Self::Context => "context too small",
            Self::Window => "not available at this time",
            Self::Price => "no price in force at this time",
            Self::Deadline => "too slow for the deadline",
            Self::Speed => "speed unknown while waiting has a price",
            Self::Unpredictable => "no prompt to predict from",
            Self::Unreachable => "cannot be reached from here",
        }
    }
}

impl Endpoint {
    /// An endpoint that is known from a trace alone.
    #[must_use]
    pub fn recorded_only(name: &str) -> Self {
        Self {
            id: name.to_owned(),
            model: name.to_owned(),
            channels: Vec::new(),
            regions: Vec::new(),
            can: Vec::new(),
            context_tokens: None,
            from: None,
            until: None,
            prices: Vec::new(),
            ttft_ms: None,
            tokens_per_second: None,
            recorded_only: true,
        }
    }

    /// The price row in force: at that time, or the newest where no time is known.
    #[must_use]
    #[inline]
    pub fn price_at(&self, at: Option<Timestamp>) -> Option<&PriceRow> {
        self.price_place(at).map(|place| &self.prices[place])
    }

    /// The place of that row.
    #[inline]
    pub(crate) fn price_place(&self, at: Option<Timestamp>) -> Option<usize> {
        match at {
            Some(at) => {
                let mut rows = self.prices.iter();
                rows.position(|row| within(at, row.from, row.until))
            }
            None => self.prices.len().checked_sub(1),
        }
    }

    /// Whether the request may go here, as far as that can be told before any prediction.
    ///
    /// # Errors
    /// The first reason against it.
    #[inline]
    pub fn admits(&self, request: &RequestRef<'_>) -> Result<(), Ineligible> {
        if self.recorded_only {
            return Ok(());
        }
        if !request.needs.iter().all(|need| self.can.contains(need)) {
            return Err(Ineligible::Needs);
        }
        if !listed(&self.channels, request.channel) {
            return Err(Ineligible::Channel);
        }
        if !listed(&self.regions, request.region) {
            return Err(Ineligible::Region);
        }
        if let Some(context) = self.context_tokens {
            let input = request.input_tokens_or_estimate().unwrap_or_default();
            let output = request.max_output_tokens.unwrap_or_default();
            if u64::from(input.0) + u64::from(output.0) > u64::from(context.0) {
                return Err(Ineligible::Context);
            }
        }
        if request
            .at
            .is_some_and(|at| !within(at, self.from, self.until))
        {
            return Err(Ineligible::Window);
        }
        if !self.prices.is_empty() && self.price_at(request.at).is_none() {
            return Err(Ineligible::Price);
        }
        Ok(())
    }

    /// Seconds until an answer of so many output tokens is complete; `None` where the card does
    /// not tell.
    #[must_use]
    pub fn seconds(&self, output_tokens: f64) -> Option<f64> {
        Some(f64::from(self.ttft_ms?.0) / 1000.0 + output_tokens / self.tokens_per_second?)
    }

    /// Input at the price of uncached tokens and predicted output, in USD; `None` where input or
    /// price is unknown. Computed in picodollars and divided once, so that every runtime gets the
    /// same double.
    #[must_use]
    pub fn predicted_cost(&self, request: &RequestRef<'_>, output_tokens: f64) -> Option<f64> {
        let input = request.input_tokens_or_estimate()?;
        let rates = self.price_at(request.at)?.rates(input);
        Some(rates.predicted_cost(f64::from(input.0), output_tokens))
    }

    /// Whether the answer comes in time, with the predicted output where there is one.
    pub(crate) fn meets(&self, deadline: Option<Millis>, output_tokens: Option<f64>) -> bool {
        let (Some(deadline), Some(ttft)) = (deadline, self.ttft_ms) else {
            return true;
        };
        let whole = output_tokens.and_then(|tokens| self.seconds(tokens));
        whole.unwrap_or(f64::from(ttft.0) / 1000.0) * 1000.0 <= f64::from(deadline.0)
    }
}

/// Whether a value is in a list; absent on either side allows.
#[inline]
fn listed(list: &[String], value: Option<&str>) -> bool {
    list.is_empty() || value.is_none_or(|value| list.iter().any(|item| item == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn rates(input: i64, cached: i64, output: i64) -> Rates {
        Rates {
            input: Usd::from_picos(input),
            cached: Usd::from_picos(cached),
            output: Usd::from_picos(output),
        }
    }

    fn v32() -> PriceRow {
        PriceRow {
            from: None,
            until: None,
            rates: rates(280_000, 28_000, 420_000),
            tiers: Vec::new(),
        }
    }

    #[test]
    fn a_usage_costs_what_the_price_sheet_says() {
        let usage = Usage {
            input: Tokens(1000),
            cached: Tokens(0),
            output: Tokens(300),
        };
        assert_eq!(v32().cost(usage).to_string(), "0.000406");
        let cached = Usage {
            cached: Tokens(563),
            ..usage
        };
        assert_eq!(v32().cost(cached).to_string(), "0.000264124");
    }

    #[test]
    fn a_tier_prices_the_whole_request_above_its_limit() {
        let tier = Tier {
            above_input_tokens: Tokens(10),
            rates: rates(2, 2, 3),
        };
        let row = PriceRow {
            rates: rates(1, 1, 1),
            tiers: vec![tier],
            ..v32()
        };
        assert_eq!(
            row.cost(Usage {
                input: Tokens(10),
                ..Usage::default()
            })
            .picos(),
            10
        );
        assert_eq!(
            row.cost(Usage {
                input: Tokens(11),
                output: Tokens(1),
                ..Usage::default()
            })
            .picos(),
            25
        );
    }

    #[test]
    fn each_limit_makes_ineligible() {
        let endpoint = Endpoint {
            recorded_only: false,
            channels: vec!["api".into()],
            regions: vec!["eu".into()],
            can: vec!["tools".into()],
            context_tokens: Some(Tokens(100)),
            until: Some(at("2025-12-15T15:59:00Z")),
            prices: vec![PriceRow {
                from: Some(at("2025-12-01")),
                ..v32()
            }],
            ..Endpoint::recorded_only("m@p")
        };
        let (tools, vision) = (["tools".to_owned()], ["vision".to_owned()]);
        let fine = RequestRef {
            needs: &tools,
            channel: Some("api"),
            at: Some(at("2025-12-15T15:58:59Z")),
            ..RequestRef::default()
        };
        assert_eq!(endpoint.admits(&fine), Ok(()));
        assert_eq!(endpoint.admits(&RequestRef::default()), Ok(()));
        for (request, reason) in [
            (
                RequestRef {
                    needs: &vision,
                    ..fine
                },
                Ineligible::Needs,
            ),
            (
                RequestRef {
                    channel: Some("app"),
                    ..fine
                },
                Ineligible::Channel,
            ),
            (
                RequestRef {
                    region: Some("us"),
                    ..fine
                },
                Ineligible::Region,
            ),
            (
                RequestRef {
                    input_tokens: Some(Tokens(50)),
                    max_output_tokens: Some(Tokens(51)),
                    ..fine
                },
                Ineligible::Context,
            ),
            (
                RequestRef {
                    at: Some(at("2025-12-15T15:59:00Z")),
                    ..fine
                },
                Ineligible::Window,
            ),
            (
                RequestRef {
                    at: Some(at("2025-11-30T23:59:59Z")),
                    ..fine
                },
                Ineligible::Price,
            ),
        ] {
            assert_eq!(endpoint.admits(&request), Err(reason));
        }
    }
}
