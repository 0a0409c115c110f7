//! The names of what a scenario may set.
//!
//! In a name the first and the last dot delimit, so that models and endpoints may have dots of their
//! own; quotes keep anything together. Whether a name means something on the trace at hand is asked
//! in `resolve`.

use std::borrow::Cow;
use std::fmt;

use super::error::ScenarioError;
use crate::catalog::nearest;
use crate::replay::SegmentKey;

/// What a scenario may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Worth of a right answer, USD.
    Value,
    /// Cost of a wrong answer that nobody catches, USD.
    Wrong,
    /// Worth of a second of waiting, USD.
    Second,
    /// How many requests a day there are.
    RequestsPerDay,
    /// A price of an endpoint (a model's name or a role: of all its endpoints), USD per million
    /// tokens.
    Price {
        /// Endpoint, model or role.
        of: String,
        /// Which of its prices.
        part: PricePart,
    },
    /// Output tokens of a model, as a factor. An assumption.
    Tokens(String),
    /// The score of a model's answers, in [0, 1]. An assumption.
    Success(String),
    /// The share of requests of one segment, in [0, 1].
    Share {
        /// The field that groups.
        by: SegmentKey,
        /// Its value.
        value: String,
    },
    /// An end of an endpoint's life.
    Available {
        /// Endpoint, model or role.
        of: String,
        /// Which end.
        end: LifeEnd,
    },
    /// What keeping an endpoint costs, USD a month.
    Fixed(String),
}

/// A price of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PricePart {
    /// Of input that no cache had.
    Input,
    /// Of input from the cache.
    Cached,
    /// Of output.
    Output,
}

/// An end of an endpoint's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeEnd {
    /// The first moment.
    From,
    /// The first moment after the last.
    Until,
}

/// How names begin, as a user sees them in an error.
const KNOWN: [&str; 10] = [
    "value",
    "wrong",
    "second",
    "requests_per_day",
    "price",
    "tokens",
    "success",
    "share",
    "available",
    "fixed",
];
const PARTS: [(&str, PricePart); 3] = [
    ("input", PricePart::Input),
    ("cached", PricePart::Cached),
    ("output", PricePart::Output),
];
const ENDS: [(&str, LifeEnd); 2] = [("from", LifeEnd::From), ("until", LifeEnd::Until)];

impl Name {
    /// Read a name.
    ///
    /// # Errors
    /// Where it begins or ends with no known word, or its middle is missing; the nearest known word
    /// is named.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let text = text.trim();
        let (first, rest) = match text.split_once('.') {
            Some((first, rest)) => (first.trim(), Some(rest)),
            None => (text, None),
        };
        let plain = |name: Self| match rest {
            None => Ok(name),
            Some(_) => Err(fault(text, format!("`{first}` stands by itself"))),
        };
        let middle = |what: &str| {
            let given = rest.map(unquoted).filter(|rest| !rest.is_empty());
            given.ok_or_else(|| fault(text, format!("write {first}.<{what}>")))
        };
        match first {
            "value" => plain(Self::Value),
            "wrong" => plain(Self::Wrong),
            "second" => plain(Self::Second),
            "requests_per_day" => plain(Self::RequestsPerDay),
            "tokens" => middle("model").map(Self::Tokens),
            "success" => middle("model").map(Self::Success),
            "fixed" => middle("endpoint").map(Self::Fixed),
            "price" => {
                let (of, part) = ends_in(text, rest, &PARTS)?;
                Ok(Self::Price { of, part })
            }
            "available" => {
                let (of, end) = ends_in(text, rest, &ENDS)?;
                Ok(Self::Available { of, end })
            }
            "share" => share(text, rest),
            _ => Err(fault(text, unknown(first, &KNOWN))),
        }
    }

    /// Its unit, for axes and tables.
    #[must_use]
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Value | Self::Wrong | Self::Second => "USD",
            Self::RequestsPerDay => "requests / day",
            Self::Price { .. } => "USD / million tokens",
            Self::Tokens(_) => "factor",
            Self::Success(_) | Self::Share { .. } => "share",
            Self::Available { .. } => "date",
            Self::Fixed(_) => "USD / month",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value => f.write_str("value"),
            Self::Wrong => f.write_str("wrong"),
            Self::Second => f.write_str("second"),
            Self::RequestsPerDay => f.write_str("requests_per_day"),
            Self::Price { of, part } => {
                write!(f, "price.{}.{}", quoted(of), word(&PARTS, *part))
            }
            Self::Tokens(of) => write!(f, "tokens.{}", quoted(of)),
            Self::Success(of) => write!(f, "success.{}", quoted(of)),
            Self::Share { by, value } => write!(f, "share.{}.{}", by.name(), quoted(value)),
            Self::Available { of, end } => {
                write!(f, "available.{}.{}", quoted(of), word(&ENDS, *end))
            }
            Self::Fixed(of) => write!(f, "fixed.{}", quoted(of)),
        }
    }
}

fn word<T: PartialEq>(words: &[(&'static str, T)], of: T) -> &'static str {
    let known = words.iter().find(|(_, it)| *it == of);
    known.map_or("", |(word, _)| word)
}

/// `<middle>.<word>`, the word one of a list.
fn ends_in<T: Copy>(
    text: &str,
    rest: Option<&str>,
    words: &[(&'static str, T)],
) -> Result<(String, T), ScenarioError> {
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let first = text.split('.').next().unwrap_or_default();
    let parts = rest.and_then(|rest| rest.rsplit_once('.'));
    let Some((middle, last)) = parts.filter(|(middle, _)| !middle.trim().is_empty()) else {
        let shape = format!("write {first}.<endpoint>.{}", names.join(" or ."));
        return Err(fault(text, shape));
    };
    match words.iter().find(|(word, _)| *word == last.trim()) {
        Some((_, it)) => Ok((unquoted(middle), *it)),
        None => Err(fault(text, unknown(last.trim(), &names))),
    }
}

/// `<field>.<value>`: the fields are known, so that the value may have dots.
fn share(text: &str, rest: Option<&str>) -> Result<Name, ScenarioError> {
    let Some((field, value)) = rest.and_then(|rest| rest.split_once('.')) else {
        return Err(fault(
            text,
            "write share.<field>.<value>, as in share.task.math",
        ));
    };
    let by = SegmentKey::NAMES.iter().find(|(name, _)| *name == field);
    let Some(&(_, by)) = by else {
        let fields: Vec<&str> = SegmentKey::NAMES.iter().map(|(name, _)| *name).collect();
        return Err(fault(text, unknown(field, &fields)));
    };
    let value = unquoted(value);
    Ok(Name::Share { by, value })
}

/// In quotes where it would not be read as it is.
fn quoted(text: &str) -> Cow<'_, str> {
    let plain = !text.contains(['=', '"', '\'']) && !text.ends_with(['*', '+']);
    if plain && text.trim() == text {
        return Cow::Borrowed(text);
    }
    let quote = if text.contains('"') { '\'' } else { '"' };
    Cow::Owned(format!("{quote}{text}{quote}"))
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner)
    });
    inner.unwrap_or(text).to_owned()
}

fn unknown(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("`{word}` is unknown; did you mean `{near}`?"),
        None => format!("`{word}` is unknown; known: {}", known.join(", ")),
    }
}

fn fault(name: &str, message: impl Into<String>) -> ScenarioError {
    ScenarioError::Name {
        name: name.to_owned(),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(of: &str, part: PricePart) -> Name {
        let of = of.to_owned();
        Name::Price { of, part }
    }

    #[test]
    fn the_first_and_the_last_dot_delimit_and_quotes_keep_together() {
        for (text, is) in [
            (
                "price.deepseek-v3.2-speciale.output",
                price("deepseek-v3.2-speciale", PricePart::Output),
            ),
            (
                "price.\"a.b@c.input\".cached",
                price("a.b@c.input", PricePart::Cached),
            ),
            ("tokens.deepseek-v3.2", Name::Tokens("deepseek-v3.2".into())),
            ("fixed.'x@y'", Name::Fixed("x@y".into())),
            (
                "share.task.v1.5",
                Name::Share {
                    by: SegmentKey::Task,
                    value: "v1.5".into(),
                },
            ),
            (" value ", Name::Value),
        ] {
            assert_eq!(Name::parse(text).unwrap(), is, "{text}");
        }
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        for (text, says) in [
            ("valeu", "did you mean `value`?"),
            ("price.a.outptu", "did you mean `output`?"),
            ("share.taks.math", "did you mean `task`?"),
            (
                "price.a",
                "write price.<endpoint>.input or .cached or .output",
            ),
            ("tokens", "write tokens.<model>"),
            ("value.a", "stands by itself"),
            ("zzz", "known: value, wrong"),
        ] {
            let error = Name::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_name_reads_back_what_it_writes() {
        for text in [
            "value",
            "price.a.b.input",
            "share.length.x",
            "available.e@p.until",
            "fixed.e",
            "tokens.\"a=b+\"",
        ] {
            assert_eq!(Name::parse(text).unwrap().to_string(), text);
        }
    }
}
