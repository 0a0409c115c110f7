//! Offers of a sheet to the text of a catalog file whose names all fit: with each other, and with
//! the catalog that it will be laid over.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;
use weighbridge_router::{Tokens, Usd};

use super::offer::{LeftOut, Offer, Prices, leave_out, short_name};
use crate::catalog::lookup::Catalog;
use crate::catalog::wire::FORMAT;

/// A catalog file, and what is to be said of it.
#[derive(Debug, Default)]
pub(super) struct Composed {
    pub(super) text: String,
    pub(super) models: usize,
    pub(super) endpoints: usize,
    pub(super) rounded: u64,
    /// Endpoints of the catalog below that this file replaces.
    pub(super) replaced: Vec<String>,
    /// Endpoints that stand behind others of their model in the catalog below.
    pub(super) behind: Vec<String>,
}

/// A model and what sells it, in the order of the sheet.
struct Group<'a> {
    model: String,
    /// Whether the catalog below has the model, and so its names and limits.
    known: bool,
    offers: Vec<(String, &'a Offer)>,
}

/// Put offers together; those that are left out are counted.
pub(super) fn compose(
    file: &str,
    offers: &[Offer],
    below: &Catalog,
    left_out: &mut LeftOut,
) -> Composed {
    let mut composed = Composed::default();
    let groups = groups(offers, below, left_out, &mut composed);
    let aliases = aliases(&groups, below);
    let mut body = String::new();
    for group in &groups {
        if !group.known {
            composed.models += 1;
            body.push_str(&format!("\n[[model]]\nid = {}\n", quoted(&group.model)));
            if let Some(alias) = aliases.get(group.model.as_str()) {
                body.push_str(&format!("aliases = [{}]\n", quoted(alias)));
            }
        }
        for (id, offer) in &group.offers {
            composed.endpoints += 1;
            composed.rounded += offer.rounded;
            endpoint(&mut body, file, id, group, offer);
        }
    }
    let rounded = match composed.rounded {
        0 => String::new(),
        n => format!(
            "# Prices that were no whole number of picodollars a token, rounded half-even: {n}.\n"
        ),
    };
    composed.text = format!(
        "# Prices of {}, by `weighbridge catalog import`.\n{rounded}format = \"{FORMAT}\"\n{body}",
        file.escape_debug()
    );
    composed
}

fn groups<'a>(
    offers: &'a [Offer],
    below: &Catalog,
    left_out: &mut LeftOut,
    composed: &mut Composed,
) -> Vec<Group<'a>> {
    let keys: BTreeSet<&str> = offers.iter().map(|offer| offer.key.as_str()).collect();
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut taken: BTreeMap<String, &Offer> = BTreeMap::new();
    for offer in offers {
        let known = below.model(&offer.key);
        let model = known.map_or(offer.key.as_str(), |model| model.id.as_str());
        let id = format!("{model}@{}", offer.provider);
        let held = below.endpoint(&id).is_some();
        if let Some(reason) = unfit(offer, &id, below, &keys, &taken) {
            leave_out(left_out, reason);
            continue;
        }
        if held {
            composed.replaced.push(id.clone());
        } else if known.is_some() {
            composed.behind.push(id.clone());
        }
        taken.insert(id.clone(), offer);
        let place = *places.entry(model).or_insert_with(|| {
            groups.push(Group {
                model: model.to_owned(),
                known: known.is_some(),
                offers: Vec::new(),
            });
            groups.len() - 1
        });
        groups[place].offers.push((id, offer));
    }
    groups
}

/// Why an offer's endpoint would have a name that means something else already.
fn unfit(
    offer: &Offer,
    id: &str,
    below: &Catalog,
    keys: &BTreeSet<&str>,
    taken: &BTreeMap<String, &Offer>,
) -> Option<&'static str> {
    if keys.contains(id) || below.model(id).is_some() || below.endpoint(&offer.key).is_some() {
        return Some("its name is an endpoint's or a model's already");
    }
    if below.endpoint(id).is_some() && !offer.named {
        return Some("the shipped catalog has this endpoint");
    }
    let first = taken.get(id)?;
    Some(
        match (first.prices, &first.tiers) == (offer.prices, &offer.tiers) {
            true => "another name of an endpoint that is taken",
            false => "another name, at other prices, of an endpoint that is taken",
        },
    )
}

/// The name of each new model without its route, where nothing else has it.
fn aliases<'a>(groups: &'a [Group<'_>], below: &Catalog) -> BTreeMap<&'a str, &'a str> {
    let mut taken: BTreeMap<&str, u32> = BTreeMap::new();
    for group in groups {
        let ids = group.offers.iter().map(|(id, _)| id.as_str());
        let names = ids.chain([group.model.as_str()]);
        names
            .chain(short_name(&group.model))
            .for_each(|name| *taken.entry(name).or_default() += 1);
    }
    let new = groups.iter().filter(|group| !group.known);
    new.filter_map(|group| Some((group.model.as_str(), short_name(&group.model)?)))
        .filter(|(_, short)| {
            !short.is_empty() && taken.get(short) == Some(&1) && below.resolve(short).is_none()
        })
        .collect()
}

fn endpoint(body: &mut String, file: &str, id: &str, group: &Group<'_>, offer: &Offer) {
    let source = quoted(&format!("{file}, {}", offer.source));
    let (id, model) = (quoted(id), quoted(&group.model));
    body.push_str(&format!("\n[[endpoint]]\nid = {id}\nmodel = {model}\n"));
    if !offer.can.is_empty() {
        let can: Vec<String> = offer.can.iter().map(|ability| quoted(ability)).collect();
        body.push_str(&format!("can = [{}]\n", can.join(", ")));
    }
    // Where the catalog below has the model, it has its limits too, and from better sources.
    let limit = |tokens: Option<Tokens>| tokens.filter(|_| !group.known);
    let limits = [
        ("context_tokens", limit(offer.context_tokens)),
        ("max_output_tokens", limit(offer.max_output_tokens)),
    ];
    for (field, tokens) in limits {
        if let Some(tokens) = tokens {
            body.push_str(&format!("{field} = {}\n", tokens.0));
        }
    }
    if !offer.can.is_empty() || limits.iter().any(|(_, tokens)| tokens.is_some()) {
        body.push_str(&format!("source = {source}\n"));
    }
    let prices = per_mtok(&offer.prices);
    body.push_str(&format!("\n[[endpoint.price]]\nusd_per_mtok = {prices}\n"));
    if !offer.tiers.is_empty() {
        body.push_str("tiers = [\n");
        for (size, prices) in &offer.tiers {
            body.push_str(&format!(
                "  {{ above_input_tokens = {}, usd_per_mtok = {} }},\n",
                size.0,
                per_mtok(prices)
            ));
        }
        body.push_str("]\n");
    }
    body.push_str(&format!("source = {source}\n"));
    if let Some(note) = &offer.note {
        body.push_str(&format!("note = {}\n", quoted(note)));
    }
}

fn per_mtok(prices: &Prices) -> String {
    // A price that fits a catalog is at most 9 USD a token.
    let usd = |usd: Usd| Usd::from_picos(usd.picos().saturating_mul(1_000_000));
    let cached = match prices.cached {
        Some(cached) => format!("cached = {}, ", usd(cached)),
        None => String::new(),
    };
    let (input, output) = (usd(prices.input), usd(prices.output));
    format!("{{ input = {input}, {cached}output = {output} }}")
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
