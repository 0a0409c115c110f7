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

#[cfg(test)]
mod tests {
    use crate::catalog::{Catalog, SourceFile};

    const MODEL: &str = "format = \"weighbridge.catalog/1\"\n[[model]]\nid = \"m\"\n";
    const ENDPOINT: &str = "[[endpoint]]\nid = \"m@p\"\nmodel = \"m\"\n";
    const PRICE: &str =
        "[[endpoint.price]]\nsource = \"s\"\nusd_per_mtok = { input = 1, output = 2 }\n";

    fn refusal(text: &str) -> String {
        Catalog::parse("own.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named_with_line_field_and_mend() {
        for (text, says) in [
            (
                "[[model]]\nid = \"m\"\n",
                "own.toml:1: format: this field is missing; begin the file with `format = \"weighbridge.catalog/1\"`",
            ),
            (
                "\nformat = \"weighbridge.catalog/2\"\n",
                "own.toml:2: format: `weighbridge.catalog/2` is another version than `weighbridge.catalog/1`, which this program reads; use a newer program",
            ),
            (
                "format = \"weighbridge.policy/1\"\n",
                "own.toml:1: format: `weighbridge.policy/1` is not `weighbridge.catalog/1`; this is another kind of file",
            ),
            (
                "format = \"weighbridge.catalog/1\"\n\n[[model]\n",
                "own.toml:3: not valid TOML: ",
            ),
            (
                "format = 1\nformat = 2\n",
                "own.toml:2: not valid TOML: duplicate key",
            ),
        ] {
            assert!(refusal(text).starts_with(says), "{}", refusal(text));
        }
        for (rest, says) in [
            (
                "[[modell]]\n",
                "own.toml:4: modell: unknown field; did you mean `model`?",
            ),
            (
                "contxt_tokens = 5\n",
                "own.toml:4: model[0].contxt_tokens: unknown field; did you mean `context_tokens`?",
            ),
            (
                "context_tokens = -5\n",
                "own.toml:4: model[0].context_tokens: must be a whole number from 0 to 4294967294, not -5",
            ),
            (
                "context_tokens = \"many\"\n",
                "own.toml:4: model[0].context_tokens: must be a whole number from 0 to 4294967294, not \"many\"",
            ),
            (
                "[[model]]\n\nid = \"m\"\n",
                "own.toml:6: model[1].id: the name `m` stands twice, first at own.toml:3; take one out",
            ),
            (
                "aliases = [\n\"n\",\n\"m\",\n]\n",
                "own.toml:6: model[0].aliases[1]: the name `m` stands twice, first at own.toml:3; take one out",
            ),
            (
                "[[model]]\naliases = []\n",
                "own.toml:4: model[1].id: this field is missing",
            ),
            (
                "[[model]]\nid = \"\"\n",
                "own.toml:5: model[1].id: must not be empty",
            ),
        ] {
            assert_eq!(refusal(&format!("{MODEL}{rest}")), says);
        }
    }

    #[test]
    fn what_is_wrong_in_an_endpoint_is_named_with_line_field_and_mend() {
        for (rest, says) in [
            (
                "[[model]]\nid = \"large\"\n[[endpoint]]\nid = \"lagre@p\"\nmodel = \"lagre\"\n",
                "own.toml:11: endpoint[1].model: there is no model `lagre`; did you mean `large`?",
            ),
            (
                "[[endpoint]]\nid = \"n@p\"\nmodel = \"other\"\n",
                "own.toml:9: endpoint[1].model: there is no model `other`; add a [[model]] of that id",
            ),
            (
                "[[endpoint]]\nid = \"m-p\"\nmodel = \"m\"\n",
                "own.toml:8: endpoint[1].id: `m-p` must be the model and its provider: `m@...`",
            ),
            (
                "[[endpoint]]\nid = \"m@p\"\nmodel = \"m\"\n",
                "own.toml:8: endpoint[1].id: the name `m@p` stands twice, first at own.toml:5; take one out",
            ),
            (
                "from = \"2025-02-30\"\n",
                "own.toml:7: endpoint[0].from: `2025-02-30` is not a time; write it like 2025-12-02T09:14:03Z or 2025-12-02",
            ),
            (
                "from = 2025-02-03T10:00:00\n",
                "own.toml:7: endpoint[0].from: `2025-02-03T10:00:00` is not a time; write it like 2025-12-02T09:14:03Z or 2025-12-02",
            ),
            (
                "from = 2025-02-03\nuntil = 2025-02-03\n",
                "own.toml:8: endpoint[0].until: ends at 2025-02-03T00:00:00Z, not after it begins at 2025-02-03T00:00:00Z; `until` is the first moment after the end",
            ),
            (
                "tokens_per_second = 0\n",
                "own.toml:7: endpoint[0].tokens_per_second: must be a number above 0, not 0",
            ),
            (
                "tokens_per_second = nan\n",
                "own.toml:7: endpoint[0].tokens_per_second: must be a number above 0, not nan",
            ),
            (
                "fixed_usd_per_month = -1\n",
                "own.toml:7: endpoint[0].fixed_usd_per_month: -1 USD must not be negative",
            ),
            (
                "can = \"tools\"\n",
                "own.toml:7: endpoint[0].can: must be a list, not \"tools\"",
            ),
        ] {
            assert_eq!(refusal(&format!("{MODEL}{ENDPOINT}{rest}")), says);
        }
    }

    #[test]
    fn what_is_wrong_in_a_price_is_named_with_line_field_and_mend() {
        for (rest, says) in [
            (
                "[[endpoint.price]]\nusd_per_mtok = { input = -0.5, output = 1 }\n",
                "own.toml:8: endpoint[0].price[0].usd_per_mtok.input: -0.5 is not a price",
            ),
            (
                "[[endpoint.price]]\nusd_per_mtok = { input = 0.1234567, output = 1 }\n",
                "own.toml:8: endpoint[0].price[0].usd_per_mtok.input: 0.1234567 USD per million tokens is finer than a picodollar a token; give at most six decimal places",
            ),
            (
                "[[endpoint.price]]\nusd_per_mtok = { input = inf, output = 1 }\n",
                "own.toml:8: endpoint[0].price[0].usd_per_mtok.input: must be a price in USD per million tokens, not inf",
            ),
            (
                "[[endpoint.price]]\nusd_per_mtok = { input = 1e-30, output = 1 }\n",
                "own.toml:8: endpoint[0].price[0].usd_per_mtok.input: 1e-30 USD per million tokens is finer than a picodollar a token; give at most six decimal places",
            ),
            (
                "[[endpoint.price]]\nusd_per_mtok = { input = 1, output = 9_000_000 }\n",
                "own.toml:8: endpoint[0].price[0].usd_per_mtok.output: 9000000.0 USD per million tokens is more than a price can be, 1073.741824",
            ),
            (
                "[[endpoint.price]]\nusd_per_mtok = { input = 1, outptu = 1 }\n",
                "own.toml:8: endpoint[0].price[0].usd_per_mtok.output: this field is missing",
            ),
            (
                "[[endpoint.price]]\nusd_per_mtok = { input = 1, output = 1 }\n",
                "own.toml:7: endpoint[0].price[0].source: this field is missing",
            ),
            (
                "[[endpoint.price]]\nhours_utc = [1, 2]\n",
                "own.toml:8: endpoint[0].price[0].hours_utc: reserved: prices by hour of the day come with a later version; take this field out",
            ),
            (
                "[[endpoint.price]]\nbatch = 0.5\n",
                "own.toml:8: endpoint[0].price[0].batch: reserved: batch prices come with a later version; take this field out",
            ),
        ] {
            assert_eq!(refusal(&format!("{MODEL}{ENDPOINT}{rest}")), says);
        }
        for (first, second, says) in [
            (
                "",
                "",
                "own.toml:10: endpoint[0].price[1]: overlaps the price row at line 7, which has no end; end that row where this one begins",
            ),
            (
                "until = 2026-01-02\n",
                "from = 2026-01-01\n",
                "own.toml:11: endpoint[0].price[1]: overlaps the price row at line 7, which ends at 2026-01-02T00:00:00Z; end that row where this one begins",
            ),
        ] {
            assert_eq!(
                refusal(&format!("{MODEL}{ENDPOINT}{PRICE}{first}{PRICE}{second}")),
                says
            );
        }
        let tiers = "tiers = [\n{ above_input_tokens = 5, usd_per_mtok = { input = 1, output = 1 } },\n{ above_input_tokens = 5, usd_per_mtok = { input = 1, output = 1 } },\n]\n";
        assert_eq!(
            refusal(&format!("{MODEL}{ENDPOINT}{PRICE}{tiers}")),
            "own.toml:12: endpoint[0].price[0].tiers[1]: tiers must stand in order of `above_input_tokens`, smallest first, each once"
        );
    }

    #[test]
    fn prices_are_read_as_they_are_written() {
        let prices = "[[endpoint.price]]\nsource = \"s\"\nusd_per_mtok = { input = 1_000.5, cached = 2.8e-2, output = +1_0 }\n";
        let catalog = Catalog::parse("own.toml", &format!("{MODEL}{ENDPOINT}{prices}")).unwrap();
        let rates = catalog.endpoint("m@p").unwrap().endpoint.prices[0].rates;
        let picos = [rates.input, rates.cached, rates.output].map(|usd| usd.picos());
        assert_eq!(picos, [1_000_500_000, 28_000, 10_000_000]);
    }

    #[test]
    fn rows_may_stand_in_any_order_and_meet_exactly() {
        let text =
            format!("{MODEL}{ENDPOINT}{PRICE}from = 2026-01-01\n{PRICE}until = 2026-01-01\n");
        let catalog = Catalog::parse("own.toml", &text).unwrap();
        let rows = &catalog.endpoint("m@p").unwrap().endpoint.prices;
        assert_eq!(rows[0].from, None);
        assert_eq!(rows[1].from, rows[0].until);
    }

    #[test]
    fn a_name_of_the_catalog_below_cannot_be_taken() {
        let text =
            "format = \"weighbridge.catalog/1\"\n[[model]]\nid = \"mine\"\naliases = [\"o3\"]\n";
        let file = SourceFile {
            name: "own.toml",
            text,
        };
        assert_eq!(
            Catalog::builtin()
                .overlaid(&[file])
                .unwrap_err()
                .to_string(),
            "own.toml:4: model[0].aliases[0]: the name `o3` already means another model of the catalog; choose another"
        );
    }
}
