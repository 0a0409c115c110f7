//! The file of claims, read field by field.

use weighbridge_router::Timestamp;

use crate::catalog::{Document, Fields, Node, Place, TomlError};

/// What the first line of the file says.
const FORMAT: &str = "weighbridge.claims/1";

/// The file as it stands.
pub(super) struct FileWire {
    pub(super) title: String,
    pub(super) traces: Vec<NamedWire>,
    pub(super) policies: Vec<NamedWire>,
    pub(super) facts: Vec<FactWire>,
    pub(super) claims: Vec<ClaimWire>,
}

/// A trace or a policy that the caller brings.
pub(super) struct NamedWire {
    pub(super) name: String,
    pub(super) what: String,
}

pub(super) struct FactWire {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) what: Option<String>,
    pub(super) source: Option<String>,
    pub(super) of: Vec<String>,
    pub(super) kind: KindWire,
}

pub(super) enum KindWire {
    Numbers {
        values: Vec<f64>,
        graded: Option<(u32, Place)>,
    },
    Prices {
        part: (String, Place),
        endpoints: Vec<String>,
        at: Option<Timestamp>,
    },
    Figures {
        figure: (String, Place),
        policies: Vec<String>,
        trace: (String, Place),
        to: Option<String>,
    },
    Unknown(String),
}

pub(super) struct ClaimWire {
    pub(super) name: String,
    pub(super) statement: String,
    pub(super) source: String,
    pub(super) readings: Vec<ReadingWire>,
}

pub(super) struct ReadingWire {
    pub(super) reading: String,
    pub(super) check: (String, Place),
    pub(super) unit: (String, Place),
    pub(super) at_least: Option<f64>,
    pub(super) at_most: Option<f64>,
    pub(super) assumes: Option<String>,
    pub(super) place: Place,
}

impl FileWire {
    pub(super) fn read(file: &str, text: &str) -> Result<Self, TomlError> {
        let document = Document::new(file, text);
        let table = document.parse(text)?;
        let mut fields = document.open(&table, FORMAT)?;
        let title = fields.required("title")?.text()?;
        let traces = named(&mut fields, "trace")?;
        let policies = named(&mut fields, "policy")?;
        let facts = match fields.take("fact") {
            None => Vec::new(),
            Some(node) => {
                let facts = node.table()?.all();
                facts.iter().map(fact).collect::<Result<_, _>>()?
            }
        };
        let claims = fields.list("claim", claim)?;
        if claims.is_empty() {
            return Err(fields.fault("claim", "there is no [[claim]]; write one down"));
        }
        fields.finish()?;
        Ok(Self {
            title,
            traces,
            policies,
            facts,
            claims,
        })
    }
}

/// `[trace.NAME]` and `[policy.NAME]`.
fn named(fields: &mut Fields<'_>, kind: &'static str) -> Result<Vec<NamedWire>, TomlError> {
    let Some(node) = fields.take(kind) else {
        return Ok(Vec::new());
    };
    let all = node.table()?.all();
    let read = all.iter().map(|(name, node)| {
        let mut fields = node.table()?;
        let what = fields.required("what")?.text()?;
        fields.finish()?;
        Ok(NamedWire {
            name: (*name).to_owned(),
            what,
        })
    });
    read.collect()
}

fn fact((name, node): &(&str, Node<'_>)) -> Result<FactWire, TomlError> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !name.chars().all(is_name) {
        return Err(
            node.fault("a fact's name is of small letters, digits and underscores, a letter first")
        );
    }
    let mut fields = node.table()?;
    let what = fields.optional("what", Node::text)?;
    let source = fields.optional("source", Node::text)?;
    let of = fields.list("of", Node::text)?;
    let kind = kind(&mut fields)?;
    fields.finish()?;
    Ok(FactWire {
        name: (*name).to_owned(),
        place: node.place(),
        what,
        source,
        of,
        kind,
    })
}

fn kind(fields: &mut Fields<'_>) -> Result<KindWire, TomlError> {
    // All are asked for first, so that an unknown field is told what there is.
    let kinds = ["x", "price", "figure", "unknown"].map(|name| (name, fields.take(name)));
    let mut given = kinds
        .iter()
        .filter_map(|(name, node)| Some((*name, node.as_ref()?)));
    let (Some((name, node)), None) = (given.next(), given.next()) else {
        return Err(fields.fault(
            "x",
            "a fact is one of `x` (a number), `price`, `figure` and `unknown`, and no two of them",
        ));
    };
    Ok(match name {
        "x" => KindWire::Numbers {
            values: one_or_more(node, number)?,
            graded: fields.optional("graded", |node| Ok((node.whole()?, node.place())))?,
        },
        "price" => KindWire::Prices {
            part: placed(node)?,
            endpoints: one_or_more(&fields.required("endpoint")?, Node::text)?,
            at: fields.optional("at", Node::time)?,
        },
        "figure" => KindWire::Figures {
            figure: placed(node)?,
            policies: one_or_more(&fields.required("policy")?, Node::text)?,
            trace: placed(&fields.required("trace")?)?,
            to: fields.optional("to", Node::text)?,
        },
        _ => KindWire::Unknown(node.text()?),
    })
}

fn claim(node: &Node<'_>) -> Result<ClaimWire, TomlError> {
    let mut fields = node.table()?;
    let claim = ClaimWire {
        name: fields.required("name")?.text()?,
        statement: fields.required("statement")?.text()?,
        source: fields.required("source")?.text()?,
        readings: fields.list("reading", reading)?,
    };
    if claim.readings.is_empty() {
        return Err(fields.fault(
            "reading",
            "a claim needs a [[claim.reading]] to be checked by",
        ));
    }
    fields.finish()?;
    Ok(claim)
}

fn reading(node: &Node<'_>) -> Result<ReadingWire, TomlError> {
    let mut fields = node.table()?;
    let reading = ReadingWire {
        reading: fields.required("reading")?.text()?,
        check: placed(&fields.required("check")?)?,
        unit: placed(&fields.required("unit")?)?,
        at_least: fields.optional("at_least", number)?,
        at_most: fields.optional("at_most", number)?,
        assumes: fields.optional("assumes", Node::text)?,
        place: node.place(),
    };
    fields.finish()?;
    Ok(reading)
}

fn placed(node: &Node<'_>) -> Result<(String, Place), TomlError> {
    Ok((node.text()?, node.place()))
}

fn number(node: &Node<'_>) -> Result<f64, TomlError> {
    // What `number` gives is finite.
    Ok(node.number()?.as_f64().unwrap_or_default())
}

/// A value, or a list of some.
fn one_or_more<'a, T>(
    node: &Node<'a>,
    read: impl Fn(&Node<'a>) -> Result<T, TomlError>,
) -> Result<Vec<T>, TomlError> {
    if node.value().as_array().is_none() {
        return Ok(vec![read(node)?]);
    }
    let items = node.items()?;
    if items.is_empty() {
        return Err(node.fault("the list is empty; give at least one"));
    }
    items.iter().map(read).collect()
}
