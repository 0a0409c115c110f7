//! Two router files against each other, part by part.
//!
//! Works on the files' own JSON, so that a field which a later version adds cannot be overlooked.
//! Knows no trace: which requests move is `whatif`'s. Start at [`diff`].

use serde::Serialize;
use serde_json::{Map, Value, json};
use weighbridge_router::{Error, Router};

mod figures;
mod parts;
mod text;

pub use figures::{FigurePair, Recorded};
use parts::{groups, head_key, kind, sample, step_key, unit};
use text::{brief, is_packed, packed};

/// What differs between two router files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileDiff {
    /// Whether all that bears on a decision is the same, so that every request is decided alike.
    pub same_decisions: bool,
    /// What differs, in the order of the file.
    pub changes: Vec<Change>,
    /// Figures that both trainings recorded, cross-validated, and what the dials promise.
    pub figures: Vec<FigurePair>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The part of the file.
    pub part: Part,
    /// What it belongs to: an endpoint, a model and what is predicted, a step; empty for the whole.
    pub of: String,
    /// The field, with its place; empty where the whole thing stands in one of the files alone.
    pub field: String,
    /// The unit of both values.
    pub unit: Option<&'static str>,
    /// The value in the first file; null: there is none.
    pub a: Value,
    /// The value in the second file; null: there is none.
    pub b: Value,
}

/// A part of a router file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A model.
    Model,
    /// An endpoint: limits, abilities, speed, life.
    Endpoint,
    /// What an endpoint charges.
    Price,
    /// How to choose.
    Choose,
    /// What an answer is worth.
    Trade,
    /// What is tried where the choice is ineligible.
    Fallback,
    /// How heads see a request.
    Feature,
    /// A trained predictor.
    Head,
    /// What takes differences between models back.
    Shrink,
    /// Who is driver and who specialist.
    Role,
    /// What the heads were trained on, and how; bears on no decision by itself.
    Training,
}

impl Part {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Endpoint => "endpoint",
            Self::Price => "price",
            Self::Choose => "choice",
            Self::Trade => "trade",
            Self::Fallback => "fallback",
            Self::Feature => "feature",
            Self::Head => "head",
            Self::Shrink => "shrinking",
            Self::Role => "role",
            Self::Training => "training",
        }
    }

    /// Whether a decision can hang on it.
    #[must_use]
    pub const fn decides(self) -> bool {
        !matches!(self, Self::Role | Self::Training)
    }
}

/// Of the body's fields, those that neither decide nor say anything to a reader: golden requests are
/// invented anew from the rest.
const LEFT_OUT: [&str; 1] = ["golden"];
/// Of the provenance: what is long and follows from the rest, or is shown as figures.
const NOT_PROVENANCE: [&str; 5] = ["reference", "splits", "price_sources", "dial", "plan"];

/// Compare two routers.
///
/// # Errors
/// Where a router cannot be written as a file, which is a fault of its parts.
pub fn diff(a: &Router, b: &Router) -> Result<FileDiff, Error> {
    let (a, b) = (body(a)?, body(b)?);
    let mut changes = Changes::default();
    models(&mut changes, &a, &b);
    let nothing = Value::Null;
    for name in names(&a, &b) {
        let (a, b) = (
            a.get(&name).unwrap_or(&nothing),
            b.get(&name).unwrap_or(&nothing),
        );
        if a != b {
            part(&mut changes, &name, a, b);
        }
    }
    let provenance =
        |body: &Map<String, Value>| body.get("provenance").cloned().unwrap_or_default();
    Ok(FileDiff {
        same_decisions: !changes.0.iter().any(|it| it.part.decides()),
        figures: figures::pairs(&provenance(&a), &provenance(&b)),
        changes: changes.0,
    })
}

/// The body of a router file as JSON.
fn body(router: &Router) -> Result<Map<String, Value>, Error> {
    let bytes = router.to_bytes()?;
    let file: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match file {
        Value::Object(mut file) => match file.remove("body") {
            Some(Value::Object(body)) => Ok(body),
            _ => Ok(Map::new()),
        },
        _ => Ok(Map::new()),
    }
}

fn part(changes: &mut Changes, name: &str, a: &Value, b: &Value) {
    match name {
        "endpoints" => endpoints(changes, a, b),
        "choose" => changes.choose("", a, b),
        "features" => changes.keyed(Part::Feature, a, b, step_key),
        "heads" => changes.keyed(Part::Head, a, b, head_key),
        "fallback" => changes.push(Part::Fallback, "", "", a, b),
        "shrink" => changes.whole_or_fields(Part::Shrink, "", a, b),
        "roles" => changes.fields(Part::Role, "", "", a, b),
        "calibration" => changes.push(
            Part::Training,
            "",
            "calibration sample",
            &sample(a),
            &sample(b),
        ),
        "training" => changes.push(
            Part::Training,
            "",
            "prompt groups that are known again",
            &groups(a),
            &groups(b),
        ),
        "provenance" => changes.fields(Part::Training, "", "", a, b),
        name if LEFT_OUT.contains(&name) => {}
        // A part that this function does not know yet is better shown raw than left out.
        other => changes.push(Part::Choose, "", other, a, b),
    }
}

/// Models that only one of the files has.
fn models(changes: &mut Changes, a: &Map<String, Value>, b: &Map<String, Value>) {
    let of = |body: &Map<String, Value>| -> Vec<String> {
        let mut models = Vec::new();
        for endpoint in list(body.get("endpoints").unwrap_or(&Value::Null)) {
            let model = text_of(endpoint, "model");
            if !models.contains(&model) {
                models.push(model);
            }
        }
        models
    };
    let (a, b) = (of(a), of(b));
    for model in a.iter().chain(b.iter().filter(|it| !a.contains(it))) {
        let has = |models: &[String]| match models.contains(model) {
            true => json!(model),
            false => Value::Null,
        };
        let (in_a, in_b) = (has(&a), has(&b));
        if in_a != in_b {
            changes.push(Part::Model, model, "", &in_a, &in_b);
        }
    }
}

fn endpoints(changes: &mut Changes, a: &Value, b: &Value) {
    let order =
        |value: &Value| -> Vec<String> { list(value).iter().map(|it| text_of(it, "id")).collect() };
    let (before, after) = (order(a), order(b));
    let shared = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|id| other.contains(id)).cloned().collect()
    };
    let (left, right) = (shared(&before, &after), shared(&after, &before));
    if left != right {
        // Ties and bare model names go by the order of the file.
        changes.push(Part::Endpoint, "", "order", &json!(left), &json!(right));
    }
    for id in before
        .iter()
        .chain(after.iter().filter(|id| !before.contains(id)))
    {
        let find = |of: &Value| -> Value {
            let found = list(of).iter().find(|it| text_of(it, "id") == *id);
            found.cloned().unwrap_or_default()
        };
        let (a, b) = (find(a), find(b));
        if a.is_null() || b.is_null() {
            changes.push(Part::Endpoint, id, "", &terms(&a), &terms(&b));
            continue;
        }
        let prices = |of: &Value| of.get("prices").cloned().unwrap_or_default();
        changes.fields(
            Part::Endpoint,
            id,
            "",
            &without(&a, "prices"),
            &without(&b, "prices"),
        );
        price_rows(changes, id, &prices(&a), &prices(&b));
    }
}

/// What to say of an endpoint that only one file has: its newest prices.
fn terms(endpoint: &Value) -> Value {
    if endpoint.is_null() {
        return Value::Null;
    }
    let newest = endpoint.get("prices").map(list).and_then(<[Value]>::last);
    match newest.and_then(|row| row.get("usd_per_mtok")) {
        None => json!("without a price"),
        Some(rates) => {
            let rate = |name: &str| rates.get(name).cloned().unwrap_or_default();
            json!(format!(
                "{} in, {} cached, {} out (USD / million tokens)",
                rate("input"),
                rate("cached"),
                rate("output")
            ))
        }
    }
}

/// Price rows are told apart by the span of time in which they hold.
fn price_rows(changes: &mut Changes, id: &str, a: &Value, b: &Value) {
    let span = |row: &Value| {
        let end = |name: &str, open: &str| {
            let at = row.get(name).and_then(Value::as_str);
            at.map_or_else(
                || open.to_owned(),
                |at| at.trim_end_matches("T00:00:00Z").to_owned(),
            )
        };
        match (end("from", ""), end("until", "")) {
            (from, until) if from.is_empty() && until.is_empty() => "always".to_owned(),
            (from, until) if until.is_empty() => format!("from {from}"),
            (from, until) if from.is_empty() => format!("until {until}"),
            (from, until) => format!("{from} to {until}"),
        }
    };
    let inner = |row: &Value| without(&without(row, "from"), "until");
    let (a, b) = (list(a), list(b));
    let spans = a.iter().chain(b).map(span);
    let mut seen: Vec<String> = Vec::new();
    for span_text in spans {
        if seen.contains(&span_text) {
            continue;
        }
        let find = |rows: &[Value]| {
            let found = rows.iter().find(|row| span(row) == span_text);
            found.map(inner).unwrap_or_default()
        };
        let (a, b) = (find(a), find(b));
        for kind in ["input", "cached", "output"] {
            let rate = |row: &Value| {
                let rates = row.get("usd_per_mtok");
                rates
                    .and_then(|it| it.get(kind))
                    .cloned()
                    .unwrap_or_default()
            };
            let field = format!("{kind}, {span_text}");
            changes.push(Part::Price, id, &field, &rate(&a), &rate(&b));
        }
        // Tiers, where there are some.
        let rest = |row: &Value| match without(row, "usd_per_mtok") {
            Value::Object(fields) if fields.is_empty() => Value::Null,
            rest => rest,
        };
        changes.fields(Part::Price, id, &span_text, &rest(&a), &rest(&b));
        seen.push(span_text);
    }
}

/// What differs, as it is found.
#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    /// Two values, if they differ.
    fn push(&mut self, part: Part, of: &str, field: &str, a: &Value, b: &Value) {
        if a == b {
            return;
        }
        let (a, b) = if is_packed(a) || is_packed(b) {
            packed(a, b)
        } else {
            (brief(a), brief(b))
        };
        self.0.push(Change {
            part,
            of: of.to_owned(),
            field: field.to_owned(),
            unit: unit(part, field),
            a,
            b,
        });
    }

    /// The fields of two objects, those within objects with their path.
    fn fields(&mut self, part: Part, of: &str, path: &str, a: &Value, b: &Value) {
        let nothing = Map::new();
        // Where only one of the files was trained, field by field still reads best.
        let side = |value: &'_ Value| match (part, value) {
            (_, Value::Object(fields)) => Some(fields.clone()),
            (Part::Training, Value::Null) => Some(nothing.clone()),
            _ => None,
        };
        if a.is_null() && b.is_null() {
            return;
        }
        let (Some(left), Some(right)) = (side(a), side(b)) else {
            return self.push(part, of, path, a, b);
        };
        for name in names(&left, &right) {
            let nothing = Value::Null;
            let (a, b) = (
                left.get(&name).unwrap_or(&nothing),
                right.get(&name).unwrap_or(&nothing),
            );
            if part == Part::Training && path.is_empty() && NOT_PROVENANCE.contains(&&*name) {
                continue;
            }
            self.fields(part, of, &joined(path, &name), a, b);
        }
    }

    /// Fields where both files have the thing; else the thing as a whole.
    fn whole_or_fields(&mut self, part: Part, of: &str, a: &Value, b: &Value) {
        if a.is_null() || b.is_null() {
            self.push(part, of, "", &kind(a), &kind(b));
        } else {
            self.fields(part, of, "", a, b);
        }
    }

    /// Lists whose members have names.
    fn keyed(&mut self, part: Part, a: &Value, b: &Value, key: fn(&Value) -> String) {
        let (a, b) = (list(a), list(b));
        let keys = |of: &[Value]| -> Vec<String> { of.iter().map(key).collect() };
        let (before, after) = (keys(a), keys(b));
        for name in before
            .iter()
            .chain(after.iter().filter(|it| !before.contains(it)))
        {
            let find = |of: &[Value]| {
                let found = of.iter().find(|it| key(it) == *name);
                found.cloned().unwrap_or_default()
            };
            self.whole_or_fields(part, name, &find(a), &find(b));
        }
    }

    /// Two choices: branch by branch as long as they are of one kind.
    fn choose(&mut self, path: &str, a: &Value, b: &Value) {
        if a == b {
            return;
        }
        let same_kind = a.get("kind").is_some() && a.get("kind") == b.get("kind");
        match a.get("kind").and_then(Value::as_str).filter(|_| same_kind) {
            Some("router") => self.fields(Part::Trade, path, "", a, b),
            Some("rules") => {
                self.rules(path, a, b);
                self.branch(path, "else", a, b);
            }
            Some("threshold") => {
                self.branch(path, "to", a, b);
                self.branch(path, "else", a, b);
                let own = |of: &Value| without(&without(of, "to"), "else");
                self.fields(Part::Choose, path, "", &own(a), &own(b));
            }
            Some(_) => self.fields(Part::Choose, path, "", a, b),
            None => self.push(Part::Choose, path, "", a, b),
        }
    }

    fn branch(&mut self, path: &str, name: &str, a: &Value, b: &Value) {
        let of = |value: &Value| value.get(name).cloned().unwrap_or_default();
        self.choose(&joined(path, name), &of(a), &of(b));
    }

    /// Rules by their place: which comes first decides.
    fn rules(&mut self, path: &str, a: &Value, b: &Value) {
        let of = |value: &Value| {
            value
                .get("rule")
                .map(|it| list(it).to_vec())
                .unwrap_or_default()
        };
        let (a, b) = (of(a), of(b));
        for place in 0..a.len().max(b.len()) {
            let path = joined(path, &format!("rule[{place}]"));
            match (a.get(place), b.get(place)) {
                (Some(a), Some(b)) => {
                    let when = |rule: &Value| rule.get("when").cloned().unwrap_or_default();
                    self.push(Part::Choose, &path, "when", &when(a), &when(b));
                    self.branch(&path, "to", a, b);
                }
                (a, b) => {
                    let whole = |rule: Option<&Value>| rule.cloned().unwrap_or_default();
                    self.push(Part::Choose, &path, "", &whole(a), &whole(b));
                }
            }
        }
    }
}

fn names(a: &Map<String, Value>, b: &Map<String, Value>) -> Vec<String> {
    let more = b.keys().filter(|name| !a.contains_key(*name));
    a.keys().chain(more).cloned().collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text_of(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn without(value: &Value, name: &str) -> Value {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        object.remove(name);
    }
    value
}

fn joined(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests;
