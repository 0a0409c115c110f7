//! The shapes of a catalog file, read field by field; each value is checked here for itself,
//! and in `check` against the others.

use weighbridge_router::{Millis, Rates, Tier, Timestamp, Tokens, Usd};

use super::document::{Document, Fields, Node, Place};
use super::error::TomlError;

/// The format that is read. Version 1: the first.
pub(super) const FORMAT: &str = "weighbridge.catalog/1";

/// Fields of a price row that later versions will know.
const RESERVED: [(&str, &str); 2] = [
    ("hours_utc", "prices by hour of the day"),
    ("batch", "batch prices"),
];

pub(super) struct FileWire {
    pub(super) models: Vec<ModelWire>,
    pub(super) endpoints: Vec<EndpointWire>,
}

pub(super) struct ModelWire {
    pub(super) place: Place,
    pub(super) id: String,
    pub(super) aliases: Vec<(String, Place)>,
    pub(super) context_tokens: Option<Tokens>,
    pub(super) max_output_tokens: Option<Tokens>,
    pub(super) source: Option<String>,
}

pub(super) struct EndpointWire {
    pub(super) place: Place,
    pub(super) id: String,
    pub(super) model: (String, Place),
    pub(super) channels: Vec<String>,
    pub(super) regions: Vec<String>,
    pub(super) can: Vec<String>,
    pub(super) context_tokens: Option<Tokens>,
    pub(super) max_output_tokens: Option<Tokens>,
    pub(super) ttft_ms: Option<Millis>,
    pub(super) tokens_per_second: Option<f64>,
    pub(super) fixed_usd_per_month: Option<Usd>,
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) source: Option<String>,
    pub(super) prices: Vec<PriceWire>,
}

pub(super) struct PriceWire {
    pub(super) place: Place,
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) rates: Rates,
    pub(super) tiers: Vec<(Tier, Place)>,
    pub(super) source: String,
    pub(super) note: Option<String>,
}

impl FileWire {
    pub(super) fn read(file: &str, text: &str) -> Result<Self, TomlError> {
        let document = Document::new(file, text);
        let table = document.parse(text)?;
        let mut fields = document.open(&table, FORMAT)?;
        let wire = Self {
            models: fields.list("model", ModelWire::read)?,
            endpoints: fields.list("endpoint", EndpointWire::read)?,
        };
        fields.finish()?;
        Ok(wire)
    }
}

impl ModelWire {
    fn read(node: &Node<'_>) -> Result<Self, TomlError> {
        let mut fields = node.table()?;
        let id = fields.required("id")?;
        let wire = Self {
            place: id.place(),
            id: id.text()?,
            aliases: fields.list("aliases", |alias| Ok((alias.text()?, alias.place())))?,
            context_tokens: fields.optional("context_tokens", Node::tokens)?,
            max_output_tokens: fields.optional("max_output_tokens", Node::tokens)?,
            source: fields.optional("source", Node::text)?,
        };
        fields.finish()?;
        Ok(wire)
    }
}

impl EndpointWire {
    fn read(node: &Node<'_>) -> Result<Self, TomlError> {
        let mut fields = node.table()?;
        let id = fields.required("id")?;
        let model = fields.required("model")?;
        let wire = Self {
            place: id.place(),
            id: id.text()?,
            model: (model.text()?, model.place()),
            channels: fields.list("channels", Node::text)?,
            regions: fields.list("regions", Node::text)?,
            can: fields.list("can", Node::text)?,
            context_tokens: fields.optional("context_tokens", Node::tokens)?,
            max_output_tokens: fields.optional("max_output_tokens", Node::tokens)?,
            ttft_ms: fields.optional("ttft_ms", |node| node.whole().map(Millis))?,
            tokens_per_second: fields.optional("tokens_per_second", Node::positive)?,
            fixed_usd_per_month: fields.optional("fixed_usd_per_month", Node::usd)?,
            from: fields.optional("from", Node::time)?,
            until: fields.optional("until", Node::time)?,
            source: fields.optional("source", Node::text)?,
            prices: fields.list("price", PriceWire::read)?,
        };
        fields.finish()?;
        window(&fields, wire.from, wire.until)?;
        Ok(wire)
    }
}

impl PriceWire {
    fn read(node: &Node<'_>) -> Result<Self, TomlError> {
        let mut fields = node.table()?;
        for (name, what) in RESERVED {
            if let Some(node) = fields.take(name) {
                let message =
                    format!("reserved: {what} come with a later version; take this field out");
                return Err(node.fault(message));
            }
        }
        let wire = Self {
            place: node.place(),
            from: fields.optional("from", Node::time)?,
            until: fields.optional("until", Node::time)?,
            rates: fields.required("usd_per_mtok")?.rates()?,
            tiers: fields.list("tiers", tier)?,
            source: fields.required("source")?.text()?,
            note: fields.optional("note", Node::text)?,
        };
        fields.finish()?;
        window(&fields, wire.from, wire.until)?;
        Ok(wire)
    }
}

fn tier(node: &Node<'_>) -> Result<(Tier, Place), TomlError> {
    let mut fields = node.table()?;
    let tier = Tier {
        above_input_tokens: fields.required("above_input_tokens")?.tokens()?,
        rates: fields.required("usd_per_mtok")?.rates()?,
    };
    fields.finish()?;
    Ok((tier, node.place()))
}

fn window(
    fields: &Fields<'_>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<(), TomlError> {
    match (from, until) {
        (Some(from), Some(until)) if until <= from => {
            let message = format!(
                "ends at {until}, not after it begins at {from}; `until` is the first moment after the end"
            );
            Err(fields.fault("until", message))
        }
        _ => Ok(()),
    }
}
