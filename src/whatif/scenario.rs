//! Scenario files: settings as tables, and endpoints that nobody offers yet.

use toml::de::DeValue;
use weighbridge_router::{PriceRow, Rates, Tokens, Usd};

use super::attention::{Attention, Curve, price_row};
use super::error::ScenarioError;
use super::name::Name;
use super::setting::{Amount, Op, Sweep};
use crate::catalog::{Card, Catalog, Document, Fields, Node, PriceSource, TomlError, nearest};

/// The format that is read. Version 1: the first.
const FORMAT: &str = "weighbridge.world/1";

/// A scenario file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// What it is about.
    pub description: Option<String>,
    /// Its settings: v, e and w first, then as their names sort.
    pub settings: Vec<Sweep>,
    /// The endpoints that it adds.
    endpoints: Vec<NewEndpoint>,
}

/// An endpoint that is like another one but for what is said of it.
#[derive(Debug, Clone, PartialEq)]
struct NewEndpoint {
    id: String,
    like: String,
    price: Option<PriceRow>,
    ttft_ms: Option<u32>,
    tokens_per_second: Option<f64>,
    fixed_per_month: Option<Usd>,
    place: crate::catalog::Place,
}

impl Scenario {
    /// Read a scenario file.
    ///
    /// # Errors
    /// The first fault, with file, line and field.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let document = Document::new(file, text);
        let table = document.parse(text)?;
        let mut fields = document.open(&table, FORMAT)?;
        let mut scenario = Self {
            description: fields.optional("description", Node::text)?,
            ..Self::default()
        };
        let settings = &mut scenario.settings;
        for name in ["value", "wrong", "second", "requests_per_day"] {
            if let Some(node) = fields.take(name) {
                settings.push(sweep(name, &node)?);
            }
        }
        for name in ["tokens", "success", "fixed"] {
            for (of, node) in inner(fields.take(name).as_ref())? {
                settings.push(sweep(&format!("{name}.\"{of}\""), &node)?);
            }
        }
        for (name, outer_first) in [("price", true), ("available", true), ("share", false)] {
            for (outer, node) in inner(fields.take(name).as_ref())? {
                for (last, node) in node.table()?.all() {
                    let text = if outer_first {
                        format!("{name}.\"{outer}\".{last}")
                    } else {
                        format!("{name}.{outer}.\"{last}\"")
                    };
                    settings.push(sweep(&text, &node)?);
                }
            }
        }
        scenario.endpoints = fields.list("endpoint", new_endpoint)?;
        fields.finish()?;
        Ok(scenario)
    }

    /// The ids of the endpoints that it adds.
    #[must_use]
    pub fn added(&self) -> Vec<String> {
        let ids = self.endpoints.iter().map(|endpoint| endpoint.id.clone());
        ids.collect()
    }

    /// The catalog with the endpoints that it adds.
    ///
    /// # Errors
    /// Where the endpoint that one is like is not in the catalog, or its name is taken.
    pub fn catalog(&self, catalog: &Catalog) -> Result<Catalog, ScenarioError> {
        self.endpoints
            .iter()
            .try_fold(catalog.clone(), |catalog, endpoint| {
                let card = endpoint.card(&catalog)?;
                Ok(catalog.with_endpoint(card))
            })
    }
}

impl NewEndpoint {
    fn card(&self, catalog: &Catalog) -> Result<Card, TomlError> {
        let Some(like) = catalog.endpoint(&self.like) else {
            let ids = catalog.cards().iter().map(|card| card.endpoint.id.as_str());
            let hint = nearest(&self.like, ids)
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let message = format!("there is no endpoint `{}` in the catalog{hint}", self.like);
            return Err(self.place.fault(message));
        };
        let model = &like.endpoint.model;
        let provider = self.id.strip_prefix(&format!("{model}@"));
        if provider.is_none_or(str::is_empty) || catalog.resolve(&self.id).is_some() {
            let message = format!(
                "`{}` must be a new name of the form `{model}@provider`",
                self.id
            );
            return Err(self.place.fault(message));
        }
        let mut card = like.clone();
        let endpoint = &mut card.endpoint;
        endpoint.id.clone_from(&self.id);
        // It is offered for as long as the scenario looks.
        (endpoint.from, endpoint.until) = (None, None);
        let row = self.price.clone().or(endpoint.prices.last().cloned());
        endpoint.prices = row
            .map(|row| PriceRow {
                from: None,
                until: None,
                ..row
            })
            .into_iter()
            .collect();
        endpoint.ttft_ms = self
            .ttft_ms
            .map(weighbridge_router::Millis)
            .or(endpoint.ttft_ms);
        endpoint.tokens_per_second = self.tokens_per_second.or(endpoint.tokens_per_second);
        card.fixed_per_month = self.fixed_per_month.or(card.fixed_per_month);
        card.source = Some(format!("{}:{}", self.place.file, self.place.line));
        card.price_sources = endpoint_sources(&card, &self.place.file);
        Ok(card)
    }
}

fn endpoint_sources(card: &Card, file: &str) -> Vec<PriceSource> {
    let rows = card.endpoint.prices.iter();
    rows.map(|_| PriceSource {
        source: file.to_owned(),
        note: None,
    })
    .collect()
}

/// The fields of a table that may be absent.
fn inner<'a>(node: Option<&Node<'a>>) -> Result<Vec<(&'a str, Node<'a>)>, TomlError> {
    node.map_or(Ok(Vec::new()), |node| Ok(node.table()?.all()))
}

/// A setting of a file: a number or date (it is that), a list of them, or a text: an operation and
/// what a flag would have behind it.
fn sweep(name: &str, node: &Node<'_>) -> Result<Sweep, ScenarioError> {
    let fault = |error: ScenarioError| ScenarioError::from(node.fault(error.to_string()));
    let name = Name::parse(name).map_err(fault)?;
    let (op, text) = match node.value() {
        DeValue::String(text) => {
            let text = text.trim();
            let operations = [("*=", Op::Scale), ("+=", Op::Add), ("=", Op::Set)];
            let found = operations.into_iter().find_map(|(sign, op)| {
                let rest = text.strip_prefix(sign)?;
                Some((op, rest.trim().to_owned()))
            });
            found.unwrap_or_else(|| (Op::Set, text.to_owned()))
        }
        _ => {
            let items = node.items().unwrap_or_else(|_| vec![node.clone()]);
            let values: Result<Vec<Amount>, TomlError> = items.iter().map(amount).collect();
            let values = values?;
            let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
            (Op::Set, texts.join(","))
        }
    };
    Sweep::new(name, op, &text).map_err(fault)
}

fn amount(node: &Node<'_>) -> Result<Amount, TomlError> {
    if matches!(node.value(), DeValue::Datetime(_)) {
        return node.time().map(Amount::Time);
    }
    let number = node.number()?.as_f64();
    let wanted = || node.fault("must be a finite number");
    number.map(Amount::Number).ok_or_else(wanted)
}

fn new_endpoint(node: &Node<'_>) -> Result<NewEndpoint, TomlError> {
    let mut fields = node.table()?;
    let id = fields.required("id")?;
    let plain = fields.optional("usd_per_mtok", Node::rates)?;
    let own = fields.optional("self_hosted", self_hosted)?;
    if plain.is_some() && own.is_some() {
        return Err(fields.fault(
            "self_hosted",
            "stands in the place of usd_per_mtok; give one",
        ));
    }
    let price = own.or(plain.map(|rates| PriceRow {
        from: None,
        until: None,
        rates,
        tiers: Vec::new(),
    }));
    let endpoint = NewEndpoint {
        id: id.text()?,
        place: id.place(),
        like: fields.required("like")?.text()?,
        price,
        ttft_ms: fields.optional("ttft_ms", Node::whole)?,
        tokens_per_second: fields.optional("tokens_per_second", Node::positive)?,
        fixed_per_month: fields.optional("fixed_usd_per_month", Node::usd)?,
    };
    fields.finish()?;
    Ok(endpoint)
}

fn self_hosted(node: &Node<'_>) -> Result<PriceRow, TomlError> {
    let mut fields = node.table()?;
    let named = fields.required("attention")?;
    let name = named.text()?;
    let known = Attention::NAMES.iter().find(|(known, _)| *known == name);
    let Some(&(_, attention)) = known else {
        let names = Attention::NAMES.map(|(name, _)| name);
        return Err(named.fault(format!("known: {}", names.join(", "))));
    };
    let near = pair(&mut fields, "usd_per_mtok")?;
    let far = pair(&mut fields, "dense_usd_per_mtok_at_128k")?;
    let typical = fields.required("typical_output_tokens")?.tokens()?;
    let curve = |which: usize| {
        Curve::new(near[which], far[which], attention)
            .map_err(|message| fields.fault("dense_usd_per_mtok_at_128k", message))
    };
    let row = price_row(curve(0)?, curve(1)?, Tokens(typical.0));
    let mut tiers = row.tiers.iter();
    let dear = |rates: &Rates| rates.input.max(rates.output) > Rates::MAX;
    if dear(&row.rates) || tiers.any(|tier| dear(&tier.rates)) {
        let message =
            "makes a long prompt dearer than a price can be, 1073.741824 USD per million tokens";
        return Err(fields.fault("dense_usd_per_mtok_at_128k", message));
    }
    fields.finish()?;
    Ok(row)
}

/// Input and output, a token.
fn pair(fields: &mut Fields<'_>, name: &'static str) -> Result<[Usd; 2], TomlError> {
    let mut inner = fields.required(name)?.table()?;
    let pair = [
        inner.required("input")?.price()?,
        inner.required("output")?.price()?,
    ];
    inner.finish()?;
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
format = "weighbridge.world/1"
description = "dearer, and a second provider"
value = 2
second = "0..0.01:lin3"
[price."deepseek-v3.2-speciale@deepseek"]
output = "*=2"
[share.task]
math = [0.1, 0.2]
[available."deepseek-v3.2-speciale@deepseek"]
until = 2025-12-10
[tokens]
"deepseek-v3.2-speciale" = "*= 2.5"
[[endpoint]]
id = "deepseek-v3.2-speciale@ours"
like = "deepseek-v3.2-speciale@deepseek"
fixed_usd_per_month = 9000
[endpoint.self_hosted]
attention = "sparse-50"
usd_per_mtok = { input = 0.05, output = 0.2 }
dense_usd_per_mtok_at_128k = { input = 0.7, output = 2.2 }
typical_output_tokens = 8000
"#;

    #[test]
    fn a_file_says_what_flags_say_and_adds_endpoints() {
        let scenario = Scenario::parse("s.toml", FILE).unwrap();
        let texts: Vec<String> = scenario
            .settings
            .iter()
            .map(|sweep| sweep.at(sweep.values[0]).to_string())
            .collect();
        assert_eq!(
            texts,
            [
                "value=2",
                "second=0",
                "tokens.deepseek-v3.2-speciale*=2.5",
                "price.deepseek-v3.2-speciale@deepseek.output*=2",
                "available.deepseek-v3.2-speciale@deepseek.until=2025-12-10T00:00:00Z",
                "share.task.math=0.1",
            ]
        );
        assert_eq!(scenario.settings[1].values.len(), 3);
        let catalog = scenario.catalog(&Catalog::builtin()).unwrap();
        let card = catalog.endpoint("deepseek-v3.2-speciale@ours").unwrap();
        assert_eq!(card.endpoint.until, None);
        assert_eq!(card.endpoint.prices[0].tiers.len(), 31);
        assert_eq!(card.fixed_per_month, Some(Usd::parse("9000").unwrap()));
    }

    #[test]
    fn a_fault_is_named_by_line_and_field() {
        for (from, to, says) in [
            ("value = 2", "valeu = 2", "did you mean `value`?"),
            ("output = \"*=2\"", "outptu = 2", "did you mean `output`?"),
            ("\"*= 2.5\"", "\"*= x\"", "s.toml:13: tokens"),
            (
                "like = ",
                "usd_per_mtok = { input = 0.2800009, output = 1 }\nlike = ",
                "s.toml:16: endpoint[0].usd_per_mtok.input: 0.2800009 USD per million tokens is finer",
            ),
            (
                "input = 0.05, output = 0.2",
                "input = 1e-30, output = 0.2",
                "s.toml:20: endpoint[0].self_hosted.usd_per_mtok.input: 1e-30 USD per million tokens is finer",
            ),
            (
                "input = 0.05, output = 0.2",
                "input = 0.05, output = 9_000_000",
                "output: 9000000.0 USD per million tokens is more than a price can be",
            ),
            (
                "sparse-50\"\nusd_per_mtok = { input = 0.05, output = 0.2 }\ndense_usd_per_mtok_at_128k = { input = 0.7, output = 2.2 }",
                "dense\"\nusd_per_mtok = { input = 0.05, output = 0.2 }\ndense_usd_per_mtok_at_128k = { input = 0.7, output = 1073 }",
                "s.toml:21: endpoint[0].self_hosted.dense_usd_per_mtok_at_128k: makes a long prompt dearer",
            ),
            (
                "sparse-50",
                "sparse-60",
                "known: dense, sparse-50, sparse-70",
            ),
            (
                "math = [0.1, 0.2]",
                "math = true",
                "must be a finite number",
            ),
        ] {
            let error = Scenario::parse("s.toml", &FILE.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        for (from, to, says) in [
            (
                "like = \"deepseek-v3.2-speciale@deepseek\"",
                "like = \"deepseek-v3.2-speciale@deepsek\"",
                "did you mean",
            ),
            (
                "id = \"deepseek-v3.2-speciale@ours\"",
                "id = \"ours\"",
                "must be a new name",
            ),
        ] {
            let scenario = Scenario::parse("s.toml", &FILE.replace(from, to)).unwrap();
            let error = scenario.catalog(&Catalog::builtin()).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
