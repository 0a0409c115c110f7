//! From files to a catalog: what no single value shows.

use std::collections::BTreeMap;

use weighbridge_router::{Endpoint, PriceRow, Tier};

use super::document::{Place, nearest};
use super::error::TomlError;
use super::lookup::{Card, Catalog, Model, Name, PriceSource};
use super::wire::{EndpointWire, FileWire, ModelWire, PriceWire};

/// A catalog with the models and endpoints of some files; those that it knows are replaced.
pub(super) fn combine(base: Catalog, files: Vec<FileWire>) -> Result<Catalog, TomlError> {
    let Catalog {
        mut models,
        mut cards,
        ..
    } = base;
    let mut places = BTreeMap::new();
    let mut endpoints = Vec::new();
    for file in files {
        for wire in file.models {
            note_names(&wire, &mut places)?;
            let model = Model::from(wire);
            let held = models.iter().position(|held| held.id == model.id);
            put(&mut models, held, model);
        }
        endpoints.extend(file.endpoints);
    }
    for wire in endpoints {
        once(&mut places, &wire.id, &wire.place)?;
        let card = card(wire, &models)?;
        let id = &card.endpoint.id;
        let held = cards.iter().position(|held| held.endpoint.id == *id);
        put(&mut cards, held, card);
    }
    let names = names(&models, &cards, &places)?;
    Ok(Catalog {
        models,
        cards,
        names,
    })
}

fn put<T>(list: &mut Vec<T>, held: Option<usize>, item: T) {
    match held {
        Some(at) => list[at] = item,
        None => list.push(item),
    }
}

fn note_names(wire: &ModelWire, places: &mut BTreeMap<String, Place>) -> Result<(), TomlError> {
    once(places, &wire.id, &wire.place)?;
    for (alias, place) in &wire.aliases {
        once(places, alias, place)?;
    }
    Ok(())
}

/// Refuse a name that the files use a second time.
fn once(places: &mut BTreeMap<String, Place>, name: &str, place: &Place) -> Result<(), TomlError> {
    match places.insert(name.to_owned(), place.clone()) {
        None => Ok(()),
        Some(first) => Err(place.fault(format!(
            "the name `{name}` stands twice, first at {}:{}; take one out",
            first.file, first.line
        ))),
    }
}

/// What each name means. Names of the catalog below that the files do not replace have no place
/// in the files, but then the other of two equal ones has.
fn names(
    models: &[Model],
    cards: &[Card],
    places: &BTreeMap<String, Place>,
) -> Result<BTreeMap<String, Name>, TomlError> {
    let of_models = models.iter().enumerate().flat_map(|(at, model)| {
        let all = std::iter::once(&model.id).chain(&model.aliases);
        all.map(move |name| (name, Name::Model(at)))
    });
    let of_cards = cards
        .iter()
        .enumerate()
        .map(|(at, card)| (&card.endpoint.id, Name::Endpoint(at)));
    let mut names = BTreeMap::new();
    for (name, meaning) in of_models.chain(of_cards) {
        if names.insert(name.clone(), meaning).is_some()
            && let Some(place) = places.get(name)
        {
            return Err(place.fault(format!(
                "the name `{name}` already means another model of the catalog; choose another"
            )));
        }
    }
    Ok(names)
}

impl From<ModelWire> for Model {
    fn from(wire: ModelWire) -> Self {
        Self {
            id: wire.id,
            aliases: wire.aliases.into_iter().map(|(alias, _)| alias).collect(),
            context_tokens: wire.context_tokens,
            max_output_tokens: wire.max_output_tokens,
            source: wire.source,
        }
    }
}

fn card(wire: EndpointWire, models: &[Model]) -> Result<Card, TomlError> {
    let (model_id, model_place) = &wire.model;
    let Some(model) = models.iter().find(|model| model.id == *model_id) else {
        let hint = nearest(model_id, models.iter().map(|model| model.id.as_str())).map_or_else(
            || "add a [[model]] of that id".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(model_place.fault(format!("there is no model `{model_id}`; {hint}")));
    };
    let provider = wire.id.strip_prefix(&format!("{model_id}@"));
    if provider.is_none_or(str::is_empty) {
        let message = format!(
            "`{}` must be the model and its provider: `{model_id}@...`",
            wire.id
        );
        return Err(wire.place.fault(message));
    }
    let (prices, price_sources) = price_rows(wire.prices)?;
    Ok(Card {
        endpoint: Endpoint {
            id: wire.id,
            model: model.id.clone(),
            channels: wire.channels,
            regions: wire.regions,
            can: wire.can,
            context_tokens: wire.context_tokens.or(model.context_tokens),
            from: wire.from,
            until: wire.until,
            prices,
            ttft_ms: wire.ttft_ms,
            tokens_per_second: wire.tokens_per_second,
            recorded_only: false,
        },
        max_output_tokens: wire.max_output_tokens.or(model.max_output_tokens),
        fixed_per_month: wire.fixed_usd_per_month,
        source: wire.source,
        price_sources,
    })
}

/// The rows in order of time, and the source of each.
fn price_rows(mut wires: Vec<PriceWire>) -> Result<(Vec<PriceRow>, Vec<PriceSource>), TomlError> {
    wires.sort_by_key(|wire| wire.from);
    for pair in wires.windows(2) {
        let (earlier, later) = (&pair[0], &pair[1]);
        if !matches!((earlier.until, later.from), (Some(until), Some(from)) if until <= from) {
            let ends = earlier
                .until
                .map_or("has no end".to_owned(), |until| format!("ends at {until}"));
            return Err(later.place.fault(format!(
                "overlaps the price row at line {}, which {ends}; end that row where this one begins",
                earlier.place.line
            )));
        }
    }
    let row = |wire: PriceWire| {
        let tiers = tiers(wire.tiers)?;
        let row = PriceRow {
            from: wire.from,
            until: wire.until,
            rates: wire.rates,
            tiers,
        };
        let source = PriceSource {
            source: wire.source,
            note: wire.note,
        };
        Ok((row, source))
    };
    wires.into_iter().map(row).collect()
}

fn tiers(wires: Vec<(Tier, Place)>) -> Result<Vec<Tier>, TomlError> {
    for pair in wires.windows(2) {
        let (lower, (tier, place)) = (&pair[0].0, &pair[1]);
        if tier.above_input_tokens <= lower.above_input_tokens {
            return Err(place.fault(
                "tiers must stand in order of `above_input_tokens`, smallest first, each once",
            ));
        }
    }
    Ok(wires.into_iter().map(|(tier, _)| tier).collect())
}
