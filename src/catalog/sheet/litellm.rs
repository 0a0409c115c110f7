//! LiteLLM's price sheet: a JSON object with an object a model, prices in USD per token.
//!
//! What is carried over: prices of input, cached input and output by the token, those above sizes
//! of the input, limits, tools and vision, the date of retirement as a note. What a catalog has no
//! place for (cache writes, batch and priority prices, tools, images, sound) is not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use weighbridge_router::{Rates, Tokens, Usd, printable};

use super::error::{SheetError, short};
use super::json::{Entries, line_of};
use super::money::per_token;
use super::offer::{Offer, Pick, Prices, Sheet, Wish, leave_out};

/// The entry that documents the others.
const DOCUMENTATION: &str = "sample_spec";
/// Modes whose input and output are text.
const MODES: [&str; 3] = ["chat", "completion", "responses"];
const INPUT: &str = "input_cost_per_token";
const CACHED: &str = "cache_read_input_token_cost";
const OUTPUT: &str = "output_cost_per_token";

pub(super) fn read(file: &str, text: &str, pick: &Pick) -> Result<Sheet, SheetError> {
    let fault = |line, message: String| SheetError::Fault {
        file: file.to_owned(),
        line,
        field: String::new(),
        message,
    };
    if text.trim().is_empty() {
        let message = "empty; it must be a JSON object with an entry a model";
        return Err(fault(None, message.to_owned()));
    }
    let entries: Entries<'_> = serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&position).unwrap_or(&message);
        let column = error.column();
        fault(
            Some(error.line()),
            format!("not a LiteLLM price sheet, at column {column}: {message}"),
        )
    })?;
    let mut rows = Vec::new();
    for (key, value) in entries.0.iter().filter(|(key, _)| key != DOCUMENTATION) {
        let row = Row::new(file, text, key, value)?;
        let provider = row.text("litellm_provider")?.unwrap_or_default();
        rows.push((row, provider));
    }
    let names: Vec<(&str, &str)> = rows
        .iter()
        .map(|(row, provider)| (row.key, provider.as_str()))
        .collect();
    let wishes = pick.wishes(&names)?;
    let mut sheet = Sheet::default();
    for ((row, provider), wish) in rows.iter().zip(wishes) {
        if wish == Wish::No {
            continue;
        }
        match row.offer(provider, wish == Wish::ByName)? {
            Ok(offer) => sheet.offers.push(offer),
            Err(reason) => leave_out(&mut sheet.left_out, reason),
        }
    }
    Ok(sheet)
}

/// One entry.
struct Row<'a> {
    file: &'a str,
    sheet: &'a str,
    key: &'a str,
    fields: Entries<'a>,
}

/// A price as far as the sheet tells, and how many of its parts were rounded.
#[derive(Clone, Copy, Default)]
struct Known {
    input: Option<Usd>,
    cached: Option<Usd>,
    output: Option<Usd>,
    rounded: u64,
}

impl Known {
    fn set(&mut self, field: &str, price: Option<(Usd, bool)>) {
        let part = match field {
            INPUT => &mut self.input,
            CACHED => &mut self.cached,
            _ => &mut self.output,
        };
        *part = price.map(|(usd, _)| usd);
        self.rounded += u64::from(price.is_some_and(|(_, exact)| !exact));
    }

    fn whole(&self) -> Option<Prices> {
        Some(Prices {
            input: self.input?,
            cached: self.cached,
            output: self.output?,
        })
    }
}

/// Prices, those above sizes of the input, and how many were rounded.
type Priced = (Prices, Vec<(Tokens, Prices)>, u64);

impl<'a> Row<'a> {
    fn new(
        file: &'a str,
        sheet: &'a str,
        key: &'a str,
        value: &'a RawValue,
    ) -> Result<Self, SheetError> {
        let mut row = Self {
            file,
            sheet,
            key,
            fields: Entries::default(),
        };
        row.fields = serde_json::from_str(value.get())
            .map_err(|_| row.fault("", value, "must be an object, each field once"))?;
        Ok(row)
    }

    fn fault(&self, field: &str, value: &RawValue, message: impl Into<String>) -> SheetError {
        let key = printable(self.key);
        SheetError::Fault {
            file: self.file.to_owned(),
            line: Some(line_of(self.sheet, value)),
            field: match field {
                "" => key.into_owned(),
                field => format!("{key}.{field}"),
            },
            message: message.into(),
        }
    }

    /// The value of a field of a type that JSON has.
    fn value<T: Deserialize<'a>>(&self, field: &str, what: &str) -> Result<Option<T>, SheetError> {
        let Some(raw) = self.fields.get(field) else {
            return Ok(None);
        };
        let value = serde_json::from_str(raw.get());
        value.map(Some).map_err(|_| {
            let message = format!("must be {what}, not {}", short(raw.get()));
            self.fault(field, raw, message)
        })
    }

    fn text(&self, field: &str) -> Result<Option<String>, SheetError> {
        self.value(field, "a text")
    }

    /// A price, and whether it was a whole number of picodollars.
    fn price(&self, field: &str, raw: &RawValue) -> Result<(Usd, bool), SheetError> {
        // A text in quotes is no number to the reader of decimals.
        let price = per_token(raw.get(), 0).filter(|price| price.usd >= Usd::ZERO);
        let price = price.ok_or_else(|| {
            let message = format!(
                "must be a price, USD per token from 0 to 9, not {}",
                short(raw.get())
            );
            self.fault(field, raw, message)
        })?;
        Ok((price.usd, price.exact))
    }

    fn maybe_price(
        &self,
        fields: &Entries<'a>,
        name: &str,
    ) -> Result<Option<(Usd, bool)>, SheetError> {
        fields
            .get(name)
            .map(|raw| self.price(name, raw))
            .transpose()
    }

    fn tokens(&self, field: &str) -> Result<Option<Tokens>, SheetError> {
        let Some(raw) = self.fields.get(field) else {
            return Ok(None);
        };
        self.count(field, raw).map(Some)
    }

    /// A count of tokens; `256000.0` is one too.
    fn count(&self, field: &str, raw: &RawValue) -> Result<Tokens, SheetError> {
        let number = raw.get().parse::<f64>().ok();
        let whole = number.filter(|n| n.fract() == 0.0 && (0.0..4_294_967_295.0).contains(n));
        let whole = whole.ok_or_else(|| {
            let message = format!("must be a whole number of tokens, not {}", short(raw.get()));
            self.fault(field, raw, message)
        })?;
        Ok(Tokens(whole as u32))
    }

    /// The row as an endpoint, or why it can be none.
    fn offer(&self, provider: &str, named: bool) -> Result<Result<Offer, String>, SheetError> {
        let Some(mode) = self.text("mode")? else {
            return Ok(Err("no mode given".into()));
        };
        if !MODES.contains(&mode.as_str()) {
            return Ok(Err(format!("mode {}", short(&mode))));
        }
        if let Some(reason) = self.not_text_by_token()? {
            return Ok(Err(reason.into()));
        }
        let Some((prices, tiers, rounded)) = self.priced()? else {
            return Ok(Err("no price by the token".into()));
        };
        let free = |prices: &Prices| prices.input == Usd::ZERO && prices.output == Usd::ZERO;
        if !named && free(&prices) && tiers.iter().all(|(_, prices)| free(prices)) {
            return Ok(Err(
                "price 0: free, local, by subscription, or not known".into()
            ));
        }
        let dear = |prices: &Prices| {
            let cached = prices.cached.unwrap_or_default();
            prices.input.max(prices.output).max(cached) > Rates::MAX
        };
        if dear(&prices) || tiers.iter().any(|(_, prices)| dear(prices)) {
            return Ok(Err(
                "dearer than a price can be, 1073.741824 USD per million tokens".into(),
            ));
        }
        if provider.is_empty() {
            return Ok(Err("no provider given".into()));
        }
        let mut can = Vec::new();
        for (field, ability) in [
            ("supports_function_calling", "tools"),
            ("supports_vision", "vision"),
        ] {
            if self.value(field, "true or false")? == Some(true) {
                can.push(ability);
            }
        }
        Ok(Ok(Offer {
            key: self.key.to_owned(),
            provider: provider.to_owned(),
            named,
            prices,
            tiers,
            rounded,
            context_tokens: self.tokens("max_input_tokens")?,
            max_output_tokens: self.tokens("max_output_tokens")?,
            can,
            source: format!("LiteLLM price sheet, row {}", self.key),
            note: self.note(&prices)?,
        }))
    }

    /// Why the tokens of text are not all that is paid for.
    fn not_text_by_token(&self) -> Result<Option<&'static str>, SheetError> {
        let modalities: Option<Vec<String>> =
            self.value("supported_output_modalities", "a list of texts")?;
        if modalities.is_some_and(|list| !list.iter().any(|modality| modality == "text")) {
            return Ok(Some("puts out no text"));
        }
        let request = self.maybe_price(&self.fields, "input_cost_per_request")?;
        Ok(request
            .filter(|(usd, _)| *usd > Usd::ZERO)
            .map(|_| "priced by the request too"))
    }

    /// `None` where input or output have no price by the token.
    fn priced(&self) -> Result<Option<Priced>, SheetError> {
        let mut base = Known::default();
        for field in [INPUT, CACHED, OUTPUT] {
            base.set(field, self.maybe_price(&self.fields, field)?);
        }
        let mut above = self.above()?;
        if base.input.is_none() && base.output.is_none() {
            above = self.ranges()?;
            match above.remove(&Tokens(0)) {
                Some(first) => base = first,
                None => return Ok(None),
            }
        }
        let Some(prices) = base.whole() else {
            return Ok(None);
        };
        let mut rounded = base.rounded;
        let tiers = above.into_iter().map(|(size, known)| {
            rounded += known.rounded;
            // What a size does not change stays as it is; only its cache has no price then.
            let prices = Prices {
                input: known.input.unwrap_or(prices.input),
                cached: known.cached,
                output: known.output.unwrap_or(prices.output),
            };
            (size, prices)
        });
        let tiers = tiers.collect();
        Ok(Some((prices, tiers, rounded)))
    }

    /// Prices of fields such as `input_cost_per_token_above_200k_tokens`, by size.
    fn above(&self) -> Result<BTreeMap<Tokens, Known>, SheetError> {
        let mut sizes: BTreeMap<Tokens, Known> = BTreeMap::new();
        for (name, _) in &self.fields.0 {
            for field in [INPUT, CACHED, OUTPUT] {
                let size = name
                    .strip_prefix(field)
                    .and_then(|rest| rest.strip_prefix("_above_"))
                    .and_then(|rest| rest.strip_suffix("_tokens"))
                    .and_then(size);
                if let Some(size) = size {
                    let price = self.maybe_price(&self.fields, name)?;
                    sizes.entry(size).or_default().set(field, price);
                }
            }
        }
        sizes.retain(|_, known| {
            known.input.is_some() || known.cached.is_some() || known.output.is_some()
        });
        Ok(sizes)
    }

    /// Prices of `tiered_pricing`, by the start of their range.
    fn ranges(&self) -> Result<BTreeMap<Tokens, Known>, SheetError> {
        let tiers: Option<Vec<Entries<'a>>> = self.value("tiered_pricing", "a list of objects")?;
        let mut sizes = BTreeMap::new();
        for tier in tiers.unwrap_or_default() {
            let Some(range) = tier.get("range") else {
                continue;
            };
            let ends: Vec<&RawValue> = serde_json::from_str(range.get()).unwrap_or_default();
            let Some(start) = ends.first() else {
                return Err(self.fault("tiered_pricing.range", range, "must be two sizes"));
            };
            let mut known = Known::default();
            for field in [INPUT, CACHED, OUTPUT] {
                known.set(field, self.maybe_price(&tier, field)?);
            }
            sizes.insert(self.count("tiered_pricing.range", start)?, known);
        }
        Ok(sizes)
    }

    /// What a reader of the price should know.
    fn note(&self, prices: &Prices) -> Result<Option<String>, SheetError> {
        let mut notes = Vec::new();
        if let Some(date) = self.text("deprecation_date")? {
            notes.push(format!("the sheet lists it as retired on {}", short(&date)));
        }
        let reasoning = self.maybe_price(&self.fields, "output_cost_per_reasoning_token")?;
        if reasoning.is_some_and(|(usd, _)| usd != prices.output) {
            notes.push("the sheet has another price for reasoning tokens".to_owned());
        }
        if self.fields.get("off_peak_pricing").is_some() {
            notes.push("the sheet has other prices at some hours".to_owned());
        }
        Ok((!notes.is_empty()).then(|| notes.join("; ")))
    }
}

/// `200k` or `200000`.
fn size(text: &str) -> Option<Tokens> {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1000),
        None => (text, 1),
    };
    let number: u32 = digits.parse().ok()?;
    number.checked_mul(factor).map(Tokens)
}
