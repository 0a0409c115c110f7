//! The shapes of a policy file.
//!
//! The choice itself is read by the router crate, so that policy and router files have one
//! grammar: here its table becomes the JSON form, with the place of every value kept, so that
//! what the router crate finds wrong is named by the line of the policy.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use toml::de::DeValue;
use weighbridge_router::Usd;

use super::check::RouterRef;
use super::dial::{Dial, Goal};
use crate::catalog::{Document, Fields, Node, Place, TomlError};

/// The format that is read. Version 1: the first.
const FORMAT: &str = "weighbridge.policy/1";

/// The dials of a trade, of which it has one.
const DIALS: [&str; 4] = ["value_usd", "share", "spend_usd_per_day", "min_success"];

pub(super) struct PolicyWire {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) fallback: Vec<Named>,
    /// Role, what it is bound to, and where.
    pub(super) roles: Vec<(String, Named)>,
    pub(super) choose: ChooseWire,
}

/// A name that must mean something, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) place: Place,
}

pub(super) struct ChooseWire {
    pub(super) json: Value,
    /// The place of each value of the JSON form, by its path there.
    pub(super) places: BTreeMap<String, Place>,
    pub(super) targets: Vec<Named>,
    pub(super) router: Option<RouterRef>,
    /// The dial of each learned choice, in the order in which `Choose::trades` visits them, and
    /// where it stands.
    pub(super) dials: Vec<(Dial, Place)>,
}

impl PolicyWire {
    pub(super) fn read(file: &str, text: &str) -> Result<Self, TomlError> {
        let document = Document::new(file, text);
        let table = document.parse(text)?;
        let mut fields = document.open(&table, FORMAT)?;
        let wire = Self {
            name: fields.optional("name", Node::text)?,
            description: fields.optional("description", Node::text)?,
            fallback: fields.list("fallback", named)?,
            roles: fields
                .optional("roles", Node::table)?
                .map(|roles| roles.all())
                .unwrap_or_default()
                .into_iter()
                .map(|(role, node)| Ok((role.to_owned(), named(&node)?)))
                .collect::<Result<_, TomlError>>()?,
            choose: ChooseWire::read(&fields.required("choose")?)?,
        };
        fields.finish()?;
        Ok(wire)
    }
}

fn named(node: &Node<'_>) -> Result<Named, TomlError> {
    Ok(Named {
        name: node.text()?,
        place: node.place(),
    })
}

impl ChooseWire {
    fn read(node: &Node<'_>) -> Result<Self, TomlError> {
        let mut wire = Self {
            json: Value::Null,
            places: BTreeMap::new(),
            targets: Vec::new(),
            router: None,
            dials: Vec::new(),
        };
        node.table()?;
        wire.json = wire.choice(node, "")?;
        Ok(wire)
    }

    /// A value where a choice stands: a name or a table.
    fn choice(&mut self, node: &Node<'_>, path: &str) -> Result<Value, TomlError> {
        if let DeValue::String(_) = node.value() {
            self.targets.push(named(node)?);
        }
        let DeValue::Table(_) = node.value() else {
            return self.plain(node, path);
        };
        self.places.insert(path.to_owned(), node.place());
        let fields = node.table()?;
        if fields.all().iter().any(|(name, node)| {
            *name == "kind" && node.value().as_str().is_some_and(|kind| kind == "router")
        }) {
            return self.learned(fields);
        }
        let mut map = Map::new();
        let mut all = fields.all();
        // Learned choices are met in the order in which the choice visits them.
        all.sort_by_key(|(name, _)| *name == "else");
        for (name, node) in all {
            let path = inner(path, name);
            let value = match name {
                "to" | "else" => self.choice(&node, &path)?,
                "rule" => self.rules(&node, &path)?,
                "weights" => self.weights(&node, &path)?,
                _ => self.plain(&node, &path)?,
            };
            map.insert(name.to_owned(), value);
        }
        Ok(Value::Object(map))
    }

    fn rules(&mut self, node: &Node<'_>, path: &str) -> Result<Value, TomlError> {
        self.places.insert(path.to_owned(), node.place());
        let mut rules = Vec::new();
        for (i, rule) in node.items()?.iter().enumerate() {
            let path = format!("{path}[{i}]");
            self.places.insert(path.clone(), rule.place());
            let mut map = Map::new();
            for (name, node) in rule.table()?.all() {
                let path = inner(&path, name);
                let value = match name {
                    "to" => self.choice(&node, &path)?,
                    _ => self.plain(&node, &path)?,
                };
                map.insert(name.to_owned(), value);
            }
            rules.push(Value::Object(map));
        }
        Ok(Value::Array(rules))
    }

    fn weights(&mut self, node: &Node<'_>, path: &str) -> Result<Value, TomlError> {
        if let DeValue::Table(_) = node.value() {
            let targets = node.table()?.all();
            self.targets
                .extend(targets.into_iter().map(|(name, node)| Named {
                    name: name.to_owned(),
                    place: node.place(),
                }));
        }
        self.plain(node, path)
    }

    /// A learned choice: its file and its trade are the policy's own, and flat in the JSON form.
    fn learned(&mut self, mut fields: Fields<'_>) -> Result<Value, TomlError> {
        fields.take("kind");
        let file = fields.required("file")?;
        let reference = RouterRef {
            path: file.text()?,
            sha256: fields.optional("sha256", sha256)?,
        };
        if self.router.get_or_insert_with(|| reference.clone()) != &reference {
            return Err(file.fault(
                "a policy can use one router file, and another stands above; name the same one",
            ));
        }
        let trade = fields.take("trade");
        fields.finish()?;
        let Some(trade) = trade else {
            return Err(fields.fault(
                "trade",
                "a learned choice needs a dial; add [choose.trade] with `value_usd = ...`",
            ));
        };
        let (dial, place) = dial(&trade)?;
        let value = match dial.goal {
            Goal::Value(value) => value,
            // Solved for a value when the policy is compiled.
            _ => Usd::ZERO,
        };
        self.dials.push((dial, place));
        Ok(json!({
            "kind": "router", "value_usd": value.to_f64(),
            "wrong_usd": dial.wrong.to_f64(), "second_usd": dial.second.to_f64(),
        }))
    }

    /// A value that the router crate reads as it stands.
    fn plain(&mut self, node: &Node<'_>, path: &str) -> Result<Value, TomlError> {
        self.places.insert(path.to_owned(), node.place());
        Ok(match node.value() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(b) => Value::Bool(*b),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) => node.number()?,
            DeValue::Array(_) => {
                let mut items = Vec::new();
                for (i, item) in node.items()?.iter().enumerate() {
                    items.push(self.plain(item, &format!("{path}[{i}]"))?);
                }
                Value::Array(items)
            }
            DeValue::Table(_) => {
                let mut map = Map::new();
                for (name, node) in node.table()?.all() {
                    map.insert(name.to_owned(), self.plain(&node, &inner(path, name))?);
                }
                Value::Object(map)
            }
        })
    }
}

/// The one dial of a trade, with its modifiers.
fn dial(node: &Node<'_>) -> Result<(Dial, Place), TomlError> {
    let mut fields = node.table()?;
    let dials: Vec<(&str, Node<'_>)> = DIALS
        .into_iter()
        .filter_map(|dial| Some((dial, fields.take(dial)?)))
        .collect();
    let wrong = fields.optional("wrong_usd", Node::usd)?.unwrap_or_default();
    let second = fields
        .optional("second_usd", Node::usd)?
        .unwrap_or_default();
    fields.finish()?;
    let (name, node) = match dials.as_slice() {
        [one] => one,
        [] => {
            return Err(fields.fault(
                "value_usd",
                "a trade needs exactly one dial; add `value_usd = ...`",
            ));
        }
        [(first, _), (second, node), ..] => {
            return Err(node.fault(format!(
                "a trade has exactly one dial, and here are `{first}` and `{second}`; keep one"
            )));
        }
    };
    let goal = match *name {
        "value_usd" => Goal::Value(node.usd()?),
        "share" => Goal::Share(share(node)?),
        "spend_usd_per_day" => Goal::SpendPerDay(node.usd()?),
        _ => Goal::MinSuccess(share(node)?),
    };
    let dial = Dial {
        goal,
        wrong,
        second,
    };
    Ok((dial, node.place()))
}

fn share(node: &Node<'_>) -> Result<f64, TomlError> {
    let share = node.number()?.as_f64().unwrap_or(f64::NAN);
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(node.fault("must be a share from 0 to 1, like 0.05"))
    }
}

fn sha256(node: &Node<'_>) -> Result<String, TomlError> {
    let text = node.text()?;
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(node.fault("must be 64 hexadecimal digits, as in the file's first line"))
    }
}

fn inner(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}
