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

    /// Every name that [`Self::resolve`] knows, for suggestions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}
