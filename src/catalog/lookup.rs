//! The catalog itself: models, endpoints, and what their names mean.

use std::collections::BTreeMap;

use weighbridge_router::{Endpoint, Timestamp, Tokens, Usage, Usd};

use super::builtin;
use super::check;
use super::error::TomlError;
use super::wire::FileWire;

/// Models and the endpoints that sell them, in order: files by name, then position in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    pub(super) models: Vec<Model>,
    pub(super) cards: Vec<Card>,
    pub(super) names: BTreeMap<String, Name>,
}

/// Weights with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name.
    pub id: String,
    /// Other names for it, as traces use them.
    pub aliases: Vec<String>,
    /// The most tokens of input and output together.
    pub context_tokens: Option<Tokens>,
    /// The most tokens of one answer.
    pub max_output_tokens: Option<Tokens>,
    /// Where the limits come from.
    pub source: Option<String>,
}

/// What is known of an endpoint: what deciding reads, and what people want to see beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The part that router files carry. Its context is the model's where it has none itself.
    pub endpoint: Endpoint,
    /// The most tokens of one answer; the model's where the endpoint has none itself.
    pub max_output_tokens: Option<Tokens>,
    /// What keeping the endpoint costs a month, whatever goes through it.
    pub fixed_per_month: Option<Usd>,
    /// Where speeds, limits and abilities come from.
    pub source: Option<String>,
    /// Where each price row comes from, in the order of `endpoint.prices`.
    pub price_sources: Vec<PriceSource>,
}

/// Where a price row comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceSource {
    /// Who says so.
    pub source: String,
    /// What a reader should know about it.
    pub note: Option<String>,
}

/// A catalog file that somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFile<'a> {
    /// Its name, for errors and for the order.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolved<'a> {
    /// One endpoint.
    Endpoint(&'a Card),
    /// A model, and so its endpoints in order.
    Model(&'a Model),
}

/// Places in the catalog's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Model(usize),
    Endpoint(usize),
}

impl Catalog {
    /// The catalog that ships with the tool.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default()
            .overlaid(&builtin::FILES)
            .expect("the shipped files are read by a test")
    }

    /// Read one file that stands by itself.
    ///
    /// # Errors
    /// The first fault, with file, line and field.
    pub fn parse(file: &str, text: &str) -> Result<Self, TomlError> {
        Self::default().overlaid(&[SourceFile { name: file, text }])
    }

    /// The same catalog with more files: a model or endpoint that it knows is replaced as a
    /// whole and keeps its place, others follow in order of the files' names. Endpoints may
    /// belong to models of this catalog or of any of the files.
    ///
    /// # Errors
    /// The first fault, with file, line and field.
    pub fn overlaid(self, files: &[SourceFile<'_>]) -> Result<Self, TomlError> {
        let mut sorted = files.to_vec();
        sorted.sort_by_key(|file| file.name);
        let wires = sorted
            .iter()
            .map(|file| FileWire::read(file.name, file.text))
            .collect::<Result<_, _>>()?;
        check::combine(self, wires)
    }

    /// Every model, in order.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// Every endpoint, in order.
    #[must_use]
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// What a name stands for: an endpoint, a model or an alias of one.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<Resolved<'_>> {
        Some(match *self.names.get(name)? {
            Name::Model(at) => Resolved::Model(&self.models[at]),
            Name::Endpoint(at) => Resolved::Endpoint(&self.cards[at]),
        })
    }

    /// The model of that name or alias.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        match self.resolve(name)? {
            Resolved::Model(model) => Some(model),
            Resolved::Endpoint(_) => None,
        }
    }

    /// The endpoint of that id.
    #[must_use]
    pub fn endpoint(&self, id: &str) -> Option<&Card> {
        match self.resolve(id)? {
            Resolved::Endpoint(card) => Some(card),
            Resolved::Model(_) => None,
        }
    }

    /// The endpoints of the model of that name or alias, in order.
    pub fn endpoints_of(&self, model: &str) -> impl Iterator<Item = &Card> {
        let id = self.model(model).map(|model| model.id.as_str());
        self.cards
            .iter()
            .filter(move |card| id == Some(card.endpoint.model.as_str()))
    }

    /// What an endpoint charges for a usage at a time, or by its newest price row where no time
    /// is known; `None` where there is no such endpoint or no price row in force.
    #[must_use]
    pub fn price(&self, endpoint: &str, usage: Usage, at: Option<Timestamp>) -> Option<Usd> {
        let row = self.endpoint(endpoint)?.endpoint.price_at(at)?;
        Some(row.cost(usage))
    }

    /// The same catalog with one endpoint more, after all others; one of the same id is replaced.
    #[must_use]
    pub fn with_endpoint(mut self, card: Card) -> Self {
        let id = card.endpoint.id.clone();
        match self.cards.iter_mut().find(|held| held.endpoint.id == id) {
            Some(held) => *held = card,
            None => {
                self.names.insert(id, Name::Endpoint(self.cards.len()));
                self.cards.push(card);
            }
        }
        self
    }

    /// The same catalog with other ends of an endpoint's life, which `set` changes. A price row
    /// that began or ended with the old life, or before the new one does, goes along.
    #[must_use]
    pub fn with_life(
        mut self,
        id: &str,
        set: impl FnOnce(&mut Option<Timestamp>, &mut Option<Timestamp>),
    ) -> Self {
        let mut cards = self.cards.iter_mut();
        if let Some(card) = cards.find(|card| card.endpoint.id == id) {
            let endpoint = &mut card.endpoint;
            set(&mut endpoint.from, &mut endpoint.until);
            let (from, until) = (endpoint.from, endpoint.until);
            if let Some(first) = endpoint.prices.first_mut() {
                first.from = first.from.zip(from).map(|(row, life)| row.min(life));
            }
            if let Some(last) = endpoint.prices.last_mut() {
                last.until = last.until.zip(until).map(|(row, life)| row.max(life));
            }
        }
        self
    }

    /// Every name that [`Self::resolve`] knows, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(input: u32, cached: u32, output: u32) -> Usage {
        Usage {
            input: Tokens(input),
            cached: Tokens(cached),
            output: Tokens(output),
        }
    }

    fn at(text: &str) -> Option<Timestamp> {
        Some(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn the_shipped_prices_give_the_known_bills() {
        let catalog = Catalog::builtin();
        let bill = |endpoint, usage, time: &str| {
            let price = catalog.price(endpoint, usage, at(time));
            price.map(|usd| usd.to_string())
        };
        let one = |usd: &str| Some(usd.to_owned());
        let usage = tokens(1000, 0, 300);
        assert_eq!(
            bill("deepseek-v3.2@deepseek", usage, "2025-12-01"),
            one("0.000406")
        );
        assert_eq!(bill("deepseek-v3.2@deepseek", usage, "2025-11-30"), None);
        let cached = tokens(1000, 563, 300);
        assert_eq!(
            bill("deepseek-v3.2@deepseek", cached, "2025-12-05"),
            one("0.000264124")
        );
        let speciale = "deepseek-v3.2-speciale@deepseek";
        let answer = tokens(0, 0, 23_000);
        assert_eq!(
            bill(speciale, answer, "2025-12-15T15:58:59Z"),
            one("0.00966")
        );
        assert_eq!(bill(speciale, answer, "2025-12-15T15:59:00Z"), None);
        let reseller = "deepseek-v3.2-speciale@openrouter";
        assert_eq!(bill(reseller, answer, "2025-12-20"), None);
        assert_eq!(bill(reseller, answer, "2026-02-01"), one("0.0276"));
        let gemini = "gemini-3-pro@google";
        assert_eq!(
            bill(gemini, tokens(200_000, 0, 0), "2025-12-05"),
            one("0.4")
        );
        assert_eq!(
            bill(gemini, tokens(200_001, 1, 1), "2025-12-05"),
            one("0.8000184")
        );
        assert_eq!(
            bill(
                "claude-opus-4-5@anthropic",
                tokens(0, 0, 1_000_000),
                "2025-12-05"
            ),
            one("25")
        );
    }

    #[test]
    fn official_endpoints_come_first_and_limits_are_inherited() {
        let catalog = Catalog::builtin();
        let first = catalog
            .endpoints_of("DeepSeek V3.2 Reasoner")
            .next()
            .unwrap();
        assert_eq!(first.endpoint.id, "deepseek-v3.2@deepseek");
        assert_eq!(first.endpoint.context_tokens, Some(Tokens(131_072)));
        assert_eq!(first.max_output_tokens, Some(Tokens(65_536)));
        let ids: Vec<&str> = catalog
            .endpoints_of("deepseek-v3.2-speciale")
            .map(|card| card.endpoint.id.as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "deepseek-v3.2-speciale@deepseek",
                "deepseek-v3.2-speciale@openrouter",
                "deepseek-v3.2-speciale@azure"
            ]
        );
        for id in ids {
            assert!(
                catalog.endpoint(id).unwrap().endpoint.can.is_empty(),
                "{id}"
            );
        }
    }

    #[test]
    fn names_mean_endpoints_models_or_nothing() {
        let catalog = Catalog::builtin();
        assert!(matches!(
            catalog.resolve("deepseek-reasoner"),
            Some(Resolved::Model(model)) if model.id == "deepseek-v3.2"
        ));
        assert!(matches!(
            catalog.resolve("o3@openai"),
            Some(Resolved::Endpoint(_))
        ));
        assert_eq!(catalog.resolve("o4"), None);
        assert_eq!(catalog.model("o3@openai"), None);
        assert_eq!(catalog.endpoints_of("o4").count(), 0);
    }

    #[test]
    fn names_that_traces_use_mean_models() {
        let catalog = Catalog::builtin();
        for (name, id) in [
            ("DeepSeek V3.2 Reasoner", "deepseek-v3.2"),
            ("deepseek/deepseek-v3.2-speciale", "deepseek-v3.2-speciale"),
            ("Claude 4.5 Opus medium (20251101)", "claude-opus-4-5"),
            ("Claude 4.5 Sonnet (20250929)", "claude-sonnet-4-5"),
            ("Gemini 3 Pro Preview (2025-11-18)", "gemini-3-pro"),
            ("GPT-5 (2025-08-07) (medium reasoning)", "gpt-5"),
            ("GPT-5 mini (2025-08-07) (medium reasoning)", "gpt-5-mini"),
            ("GPT-5.1 (2025-11-13) (medium reasoning)", "gpt-5.1"),
            ("o3 (2025-04-16)", "o3"),
            ("gpt-4-1106-preview", "gpt-4-1106-preview"),
            (
                "mistralai/Mixtral-8x7B-Instruct-v0.1",
                "mistralai/Mixtral-8x7B-Instruct-v0.1",
            ),
        ] {
            assert_eq!(
                catalog.model(name).map(|model| model.id.as_str()),
                Some(id),
                "{name}"
            );
            assert!(catalog.endpoints_of(name).next().is_some(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused_in_one_line(
            file in 0..builtin::FILES.len(),
            at in any::<prop::sample::Index>(),
            cut in 0..200usize,
            put in "[\\[\\]{}=,\"'a-z0-9.\\n-]{0,8}",
        ) {
            // The files are ASCII, so every byte is a boundary.
            let text = builtin::FILES[file].text;
            let start = at.index(text.len());
            let end = (start + cut).min(text.len());
            let damaged = format!("{}{put}{}", &text[..start], &text[end..]);
            if let Err(error) = Catalog::parse("own.toml", &damaged) {
                let text = error.to_string();
                prop_assert!(!text.contains('\n'), "{}", text);
                prop_assert!(error.line >= 1 && error.line <= damaged.lines().count() + 1, "{}", text);
            }
        }
    }

    #[test]
    fn an_overlay_replaces_by_id_and_adds_to_models_below() {
        let text = r#"
            format = "weighbridge.catalog/1"
            [[endpoint]]
            id = "o3@openai"
            model = "o3"
            [[endpoint.price]]
            usd_per_mtok = { input = 1, output = 2 }
            source = "a contract"
            [[endpoint]]
            id = "o3@house"
            model = "o3"
            fixed_usd_per_month = 900.5
        "#;
        let base = Catalog::builtin();
        let place = |catalog: &Catalog| {
            let mut cards = catalog.cards().iter();
            cards.position(|card| card.endpoint.id == "o3@openai")
        };
        let held = place(&base);
        let file = SourceFile {
            name: "own.toml",
            text,
        };
        let catalog = base.overlaid(&[file]).unwrap();
        assert_eq!(place(&catalog), held);
        assert_eq!(
            catalog.price("o3@openai", tokens(0, 0, 1), None),
            Some(Usd::from_picos(2_000_000))
        );
        let last = catalog.cards().last().unwrap();
        assert_eq!(last.endpoint.id, "o3@house");
        assert_eq!(last.fixed_per_month, Some(Usd::parse("900.5").unwrap()));
        assert_eq!(last.endpoint.context_tokens, Some(Tokens(200_000)));
    }

    #[test]
    fn the_order_of_files_is_that_of_their_names() {
        let file = |name, id| {
            (
                name,
                format!("format = \"weighbridge.catalog/1\"\n[[model]]\nid = \"{id}\"\n"),
            )
        };
        let texts = [file("b.toml", "second"), file("a.toml", "first")];
        let files = texts
            .each_ref()
            .map(|(name, text)| SourceFile { name, text });
        let catalog = Catalog::default().overlaid(&files).unwrap();
        let ids: Vec<&str> = catalog
            .models()
            .iter()
            .map(|model| model.id.as_str())
            .collect();
        assert_eq!(ids, ["first", "second"]);
    }
}
