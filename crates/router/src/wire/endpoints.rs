//! Endpoints and their prices in the router file.

use serde_json::Value;

use crate::emit::{self, Object};
use crate::endpoint::{Endpoint, PriceRow, Rates, Tier};
use crate::error::Error;
use crate::json::{self, Fields};
use crate::time::Timestamp;
use crate::units::{Millis, Tokens, Usd};

pub(super) fn write(endpoint: &Endpoint) -> Result<String, Error> {
    let names = |list: &[String]| (!list.is_empty()).then(|| emit::texts(list));
    let prices: Vec<String> = endpoint
        .prices
        .iter()
        .map(write_price)
        .collect::<Result<_, _>>()?;
    let speed = endpoint.tokens_per_second.map(emit::float).transpose()?;
    Ok(Object::new()
        .field("id", emit::text(&endpoint.id))
        .field("model", emit::text(&endpoint.model))
        .some("channels", names(&endpoint.channels))
        .some("regions", names(&endpoint.regions))
        .field("can", emit::texts(&endpoint.can))
        .field(
            "context_tokens",
            emit::or_null(endpoint.context_tokens.map(|tokens| tokens.0)),
        )
        .field("from", moment(endpoint.from))
        .field("until", moment(endpoint.until))
        .field("prices", emit::list(prices))
        .field("ttft_ms", emit::or_null(endpoint.ttft_ms.map(|ms| ms.0)))
        .field("tokens_per_second", emit::or_null(speed))
        .some("recorded_only", endpoint.recorded_only.then_some(true))
        .end())
}

pub(super) fn read(value: Value) -> Result<Endpoint, Error> {
    let mut fields = Fields::new(value)?;
    let endpoint = Endpoint {
        id: fields.required("id", json::string)?,
        model: fields.required("model", json::string)?,
        channels: fields.list("channels", json::string)?,
        regions: fields.list("regions", json::string)?,
        can: fields.list("can", json::string)?,
        context_tokens: fields.optional("context_tokens", json::whole)?.map(Tokens),
        from: fields.optional("from", json::time)?,
        until: fields.optional("until", json::time)?,
        prices: fields.list("prices", read_price)?,
        ttft_ms: fields.optional("ttft_ms", json::whole)?.map(Millis),
        tokens_per_second: fields.optional("tokens_per_second", json::number)?,
        recorded_only: fields
            .optional("recorded_only", json::boolean)?
            .unwrap_or(false),
    };
    fields.finish()?;
    Ok(endpoint)
}

fn write_price(row: &PriceRow) -> Result<String, Error> {
    let tiers: Vec<String> = row.tiers.iter().map(write_tier).collect::<Result<_, _>>()?;
    Ok(Object::new()
        .field("from", moment(row.from))
        .field("until", moment(row.until))
        .field("usd_per_mtok", write_rates(&row.rates)?)
        .some("tiers", (!tiers.is_empty()).then(|| emit::list(tiers)))
        .end())
}

fn read_price(value: Value) -> Result<PriceRow, Error> {
    let mut fields = Fields::new(value)?;
    let row = PriceRow {
        from: fields.optional("from", json::time)?,
        until: fields.optional("until", json::time)?,
        rates: fields.required("usd_per_mtok", read_rates)?,
        tiers: fields.list("tiers", read_tier)?,
    };
    fields.finish()?;
    Ok(row)
}

fn write_tier(tier: &Tier) -> Result<String, Error> {
    Ok(Object::new()
        .field("above_input_tokens", tier.above_input_tokens.0)
        .field("usd_per_mtok", write_rates(&tier.rates)?)
        .end())
}

fn read_tier(value: Value) -> Result<Tier, Error> {
    let mut fields = Fields::new(value)?;
    let tier = Tier {
        above_input_tokens: fields
            .required("above_input_tokens", json::whole)
            .map(Tokens)?,
        rates: fields.required("usd_per_mtok", read_rates)?,
    };
    fields.finish()?;
    Ok(tier)
}

fn write_rates(rates: &Rates) -> Result<String, Error> {
    Ok(Object::new()
        .field("input", write_rate(rates.input)?)
        .field("cached", write_rate(rates.cached)?)
        .field("output", write_rate(rates.output)?)
        .end())
}

fn read_rates(value: Value) -> Result<Rates, Error> {
    let mut fields = Fields::new(value)?;
    let rates = Rates {
        input: fields.required("input", read_rate)?,
        cached: fields.required("cached", read_rate)?,
        output: fields.required("output", read_rate)?,
    };
    fields.finish()?;
    Ok(rates)
}

/// A picodollar a token is a micro-USD per million tokens.
fn write_rate(rate: Usd) -> Result<String, Error> {
    let usd_per_mtok = rate.picos() as f64 / 1e6;
    Rates::per_token(usd_per_mtok)?;
    emit::float(usd_per_mtok)
}

fn read_rate(value: Value) -> Result<Usd, Error> {
    Rates::per_token(json::number(value)?)
}

fn moment(at: Option<Timestamp>) -> String {
    emit::or_null(at.map(|at| emit::text(&at.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prices_are_written_as_they_are_read() {
        for usd in [0.0, 0.28, 0.028, 1e-6, 25.0, 1_073.741_824] {
            let price = read_rate(json!(usd)).unwrap();
            assert_eq!(write_rate(price).unwrap(), json!(usd).to_string());
        }
        let error = read_rate(json!("1")).unwrap_err().to_string();
        assert!(error.contains("must be a number"), "{error}");
        for picos in [-1, Rates::MAX.picos() + 1, i64::MAX] {
            assert!(write_rate(Usd::from_picos(picos)).is_err());
        }
    }
}
