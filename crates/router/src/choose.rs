//! How a policy chooses: the kinds, and their JSON form in policy and router files.

use serde_json::{Map, Value, json};

use crate::condition::{Condition, MAX_DEPTH, Quantity};
use crate::error::{Error, ErrorKind};
use crate::json::{self, Fields};
use crate::request::RequestRef;
use crate::units::{Ppm, Usd};

/// Kinds whose names are kept for later versions.
const RESERVED: [&str; 6] = ["cascade", "budget", "cache", "hedge", "bandit", "portfolio"];
const KINDS: [&str; 5] = ["always", "random", "threshold", "rules", "router"];

/// What the terms of a decision are worth: net = value * success - wrong * (1 - success) - cost
/// - second * seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trade {
    /// Worth of a right answer.
    pub value: Usd,
    /// Cost of a wrong answer that nobody catches.
    pub wrong: Usd,
    /// Worth of a second of waiting.
    pub second: Usd,
}

impl Trade {
    /// The trade of a request: its own values, else these.
    #[must_use]
    pub fn of(self, request: &RequestRef<'_>) -> Self {
        Self {
            value: request.value_usd.unwrap_or(self.value),
            wrong: request.wrong_usd.unwrap_or(self.wrong),
            second: request.second_usd.unwrap_or(self.second),
        }
    }
}

/// A choice among targets: names in the files, endpoints once loaded.
#[derive(Debug, Clone, PartialEq)]
pub enum Choose<T> {
    /// Always the same.
    Always(T),
    /// At random, with shares that add up to a million.
    Random(Vec<(T, Ppm)>),
    /// By one number of the request.
    Threshold(Box<Threshold<T>>),
    /// The first rule whose condition holds.
    Rules {
        /// In order of precedence.
        rules: Vec<Rule<T>>,
        /// Where none holds.
        otherwise: Box<Choose<T>>,
    },
    /// The endpoint with the greatest predicted net value.
    Router(Trade),
}

/// A choice by one number: one branch above a limit, another at or below it or where the number
/// is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold<T> {
    /// The number.
    pub quantity: Quantity,
    /// The limit.
    pub above: f64,
    /// Above it.
    pub to: Choose<T>,
    /// Else.
    pub otherwise: Choose<T>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule<T> {
    /// When it applies.
    pub when: Condition,
    /// What it chooses.
    pub to: Choose<T>,
}

impl<T> Choose<T> {
    /// The same choice with every target replaced.
    ///
    /// # Errors
    /// The first error of `map`, with the place of its target.
    pub fn map_targets<U>(
        &self,
        map: &mut impl FnMut(&T) -> Result<U, Error>,
    ) -> Result<Choose<U>, Error> {
        Ok(match self {
            Self::Always(to) => Choose::Always(map(to).map_err(|error| error.within("to"))?),
            Self::Random(weights) => Choose::Random(
                weights
                    .iter()
                    .map(|(to, ppm)| Ok((map(to)?, *ppm)))
                    .collect::<Result<_, Error>>()
                    .map_err(|error| error.within("weights"))?,
            ),
            Self::Threshold(threshold) => Choose::Threshold(Box::new(Threshold {
                quantity: threshold.quantity,
                above: threshold.above,
                to: threshold.to.map_branch("to", map)?,
                otherwise: threshold.otherwise.map_branch("else", map)?,
            })),
            Self::Rules { rules, otherwise } => Choose::Rules {
                rules: rules
                    .iter()
                    .enumerate()
                    .map(|(i, rule)| {
                        let to = rule
                            .to
                            .map_branch("to", map)
                            .map_err(|error| error.within(format_args!("rule[{i}]")))?;
                        Ok(Rule {
                            when: rule.when.clone(),
                            to,
                        })
                    })
                    .collect::<Result<_, Error>>()?,
                otherwise: Box::new(otherwise.map_branch("else", map)?),
            },
            Self::Router(trade) => Choose::Router(*trade),
        })
    }

    /// [`Self::map_targets`] for a branch, which may be a bare name.
    fn map_branch<U>(
        &self,
        place: &str,
        map: &mut impl FnMut(&T) -> Result<U, Error>,
    ) -> Result<Choose<U>, Error> {
        match self {
            Self::Always(to) => map(to).map(Choose::Always),
            nested => nested.map_targets(map),
        }
        .map_err(|error| error.within(place))
    }

    /// Every target, in the order of the file.
    pub fn targets(&self, visit: &mut impl FnMut(&T)) {
        match self {
            Self::Always(to) => visit(to),
            Self::Random(weights) => weights.iter().for_each(|(to, _)| visit(to)),
            Self::Threshold(threshold) => {
                threshold.to.targets(visit);
                threshold.otherwise.targets(visit);
            }
            Self::Rules { rules, otherwise } => {
                rules.iter().for_each(|rule| rule.to.targets(visit));
                otherwise.targets(visit);
            }
            Self::Router(_) => {}
        }
    }

    /// Every learned choice's trade, for reading or for setting another.
    pub fn trades(&mut self, visit: &mut impl FnMut(&mut Trade)) {
        match self {
            Self::Always(_) | Self::Random(_) => {}
            Self::Threshold(threshold) => {
                threshold.to.trades(visit);
                threshold.otherwise.trades(visit);
            }
            Self::Rules { rules, otherwise } => {
                rules.iter_mut().for_each(|rule| rule.to.trades(visit));
                otherwise.trades(visit);
            }
            Self::Router(trade) => visit(trade),
        }
    }

    /// Every choice that is no threshold and no list of rules, in the order of the file.
    pub(crate) fn leaves<'c>(&'c self, visit: &mut impl FnMut(&'c Self)) {
        match self {
            Self::Threshold(threshold) => {
                threshold.to.leaves(visit);
                threshold.otherwise.leaves(visit);
            }
            Self::Rules { rules, otherwise } => {
                rules.iter().for_each(|rule| rule.to.leaves(visit));
                otherwise.leaves(visit);
            }
            leaf => visit(leaf),
        }
    }

    /// Whether a learned choice stands anywhere in it.
    #[must_use]
    pub fn is_learned(&self) -> bool {
        match self {
            Self::Always(_) | Self::Random(_) => false,
            Self::Threshold(threshold) => {
                threshold.to.is_learned() || threshold.otherwise.is_learned()
            }
            Self::Rules { rules, otherwise } => {
                otherwise.is_learned() || rules.iter().any(|rule| rule.to.is_learned())
            }
            Self::Router(_) => true,
        }
    }
}

impl Choose<String> {
    /// Read the JSON form of a choice, targets by name.
    ///
    /// # Errors
    /// Where a field is missing, unknown or impossible, with its place.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_value(json::parse(text)?, 0)
    }

    pub(crate) fn from_value(value: Value, depth: usize) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::value(format!(
                "choices are nested more than {MAX_DEPTH} deep"
            )));
        }
        let branch = |value: Value| match value {
            Value::String(name) => Ok(Self::Always(name)),
            nested => Self::from_value(nested, depth + 1),
        };
        let mut fields = Fields::new(value)?;
        let kind = fields.required("kind", json::string)?;
        let choose = match kind.as_str() {
            "always" => Self::Always(fields.required("to", json::string)?),
            "random" => Self::Random(fields.required("weights", weights)?),
            "threshold" => Self::Threshold(Box::new(Threshold {
                quantity: fields
                    .required("feature", |value| Quantity::by_name(&json::string(value)?))?,
                above: fields.required("above", json::number)?,
                to: fields.required("to", branch)?,
                otherwise: fields.required("else", branch)?,
            })),
            "rules" => Self::Rules {
                rules: fields.list("rule", |value| Rule::from_value(value, depth))?,
                otherwise: Box::new(fields.required("else", branch)?),
            },
            "router" => Self::Router(Trade {
                value: fields.required("value_usd", json::usd)?,
                wrong: fields.optional("wrong_usd", json::usd)?.unwrap_or_default(),
                second: fields
                    .optional("second_usd", json::usd)?
                    .unwrap_or_default(),
            }),
            other => return Err(unknown_kind(other)),
        };
        fields.finish()?;
        Ok(choose)
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Always(to) => json!({ "kind": "always", "to": to }),
            Self::Random(weights) => {
                let shares: Map<String, Value> = weights
                    .iter()
                    .map(|(to, ppm)| (to.clone(), json!(f64::from(ppm.0) / 1e6)))
                    .collect();
                json!({ "kind": "random", "weights": shares })
            }
            Self::Threshold(threshold) => json!({
                "kind": "threshold", "feature": threshold.quantity.name(), "above": threshold.above,
                "to": threshold.to.to_branch(), "else": threshold.otherwise.to_branch(),
            }),
            Self::Rules { rules, otherwise } => {
                let rules: Vec<Value> = rules
                    .iter()
                    .map(|rule| json!({ "when": rule.when.to_value(), "to": rule.to.to_branch() }))
                    .collect();
                json!({ "kind": "rules", "rule": rules, "else": otherwise.to_branch() })
            }
            Self::Router(trade) => json!({
                "kind": "router", "value_usd": trade.value.to_f64(),
                "wrong_usd": trade.wrong.to_f64(), "second_usd": trade.second.to_f64(),
            }),
        }
    }

    fn to_branch(&self) -> Value {
        match self {
            Self::Always(to) => Value::String(to.clone()),
            nested => nested.to_value(),
        }
    }
}

impl Rule<String> {
    fn from_value(value: Value, depth: usize) -> Result<Self, Error> {
        let mut fields = Fields::new(value)?;
        let rule = Self {
            when: fields.required("when", |value| Condition::from_value(value, 0))?,
            to: fields.required("to", |value| match value {
                Value::String(name) => Ok(Choose::Always(name)),
                nested => Choose::from_value(nested, depth + 1),
            })?,
        };
        fields.finish()?;
        Ok(rule)
    }
}

/// Shares by name, in order of the names; they must add up to one, exactly, in parts per million.
fn weights(value: Value) -> Result<Vec<(String, Ppm)>, Error> {
    let Value::Object(map) = value else {
        return Err(json::expected("shares by name", &value));
    };
    let mut shares = Vec::with_capacity(map.len());
    let mut total = 0u64;
    for (name, value) in map {
        let share = json::number(value).map_err(|error| error.within(&name))?;
        let ppm = share * 1e6;
        if !(0.0..=1e6).contains(&ppm) || (ppm - ppm.round()).abs() > 1e-3 {
            return Err(Error::value(format!(
                "{share} is not a share in [0, 1] with at most six decimal places"
            ))
            .within(&name));
        }
        total += ppm.round() as u64;
        shares.push((name, Ppm(ppm.round() as u32)));
    }
    if total == u64::from(Ppm::ONE.0) {
        Ok(shares)
    } else {
        Err(Error::value(format!(
            "the shares add up to {}, not to 1",
            total as f64 / 1e6
        )))
    }
}

fn unknown_kind(kind: &str) -> Error {
    let message = if RESERVED.contains(&kind) {
        format!("the kind `{kind}` is reserved for a later version")
    } else {
        match json::nearest(kind, &KINDS) {
            Some(near) => format!("there is no kind `{kind}`; did you mean `{near}`?"),
            None => format!("there is no kind `{kind}`; known: {}", KINDS.join(", ")),
        }
    };
    Error::new(ErrorKind::Version, message).within("kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_survives_its_json_form() {
        for text in [
            r#"{"kind":"always","to":"driver"}"#,
            r#"{"kind":"random","weights":{"a":0.95,"b":0.05}}"#,
            r#"{"above":900.0,"else":"driver","feature":"prompt_bytes","kind":"threshold","to":"specialist"}"#,
            r#"{"else":{"kind":"router","second_usd":0.0005,"value_usd":2.0,"wrong_usd":0.0},"kind":"rules","rule":[{"to":"a","when":{"all":[{"task":["math"]},{"not":{"needs":["tools"]}},{"any":[{"prompt_any":["prove that"]},{"input_tokens":{"min":5.0}}]}]}}]}"#,
        ] {
            let choose = Choose::from_json(text).unwrap();
            assert_eq!(choose.to_value().to_string(), text);
            assert_eq!(
                Choose::from_json(&choose.to_value().to_string()).unwrap(),
                choose
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, says) in [
            (
                r#"{"kind":"allways","to":"x"}"#,
                "kind: there is no kind `allways`; did you mean `always`?",
            ),
            (
                r#"{"kind":"cascade"}"#,
                "kind: the kind `cascade` is reserved for a later version",
            ),
            (
                r#"{"kind":"always","too":"x"}"#,
                "to: this field is missing",
            ),
            (
                r#"{"kind":"always","to":"x","too":"y"}"#,
                "too: unknown field; did you mean `to`?",
            ),
            (
                r#"{"kind":"random","weights":{"a":0.5,"b":0.6}}"#,
                "weights: the shares add up to 1.1, not to 1",
            ),
            (
                r#"{"kind":"random","weights":{"a":-0.5,"b":1.5}}"#,
                "weights.a: -0.5 is not a share in [0, 1] with at most six decimal places",
            ),
            (
                r#"{"kind":"threshold","feature":"prompt_byte","above":1,"to":"a","else":"b"}"#,
                "feature: there is no quantity `prompt_byte`; did you mean `prompt_bytes`?",
            ),
            (
                r#"{"kind":"rules","rule":[{"when":{"tasks":["x"]},"to":"a"}],"else":"b"}"#,
                "rule[0].when.tasks: unknown condition; did you mean `task`?",
            ),
            (
                r#"{"kind":"rules","rule":[{"when":{"turn":{"min":3,"max":2}},"to":"a"}],"else":"b"}"#,
                "rule[0].when.turn: min 3 is above max 2",
            ),
            (
                r#"{"kind":"rules","rule":[{"when":{"prompt_any":["..."]},"to":"a"}],"else":"b"}"#,
                "rule[0].when.prompt_any[0]: `...` has no word",
            ),
        ] {
            assert_eq!(Choose::from_json(text).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!(
            "{}\"a\"{}",
            r#"{"kind":"rules","else":"#.repeat(100),
            "}".repeat(100)
        );
        assert!(
            Choose::from_json(&deep)
                .unwrap_err()
                .to_string()
                .contains("nested more than")
        );
    }
}
