//! Reading JSON objects field by field: every fault is named with its place, and a field that
//! nobody asked for is an error.
//!
//! Written by hand and not derived, since a derived reader can say neither where a value stood
//! nor what was meant, and since the runtime then needs no procedural macros.

use std::fmt;

use serde_core::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;
use crate::units::Usd;

/// Parse a text that must be one JSON value, nested at most 127 deep, in which no object has a key
/// twice: a parser that keeps the first and one that keeps the last would decide differently.
pub(crate) fn parse(text: &str) -> Result<Value, Error> {
    let read = serde_json::from_str::<Strict>(text);
    read.map(|Strict(value)| value)
        .map_err(|error| match repeated_key(&error) {
            Some(fault) => fault,
            None => Error::value(format!("not valid JSON: {error}")),
        })
}

fn repeated_key(error: &serde_json::Error) -> Option<Error> {
    // All that JSON can say is a value, so that only a key can be what it must not be.
    error.is_data().then(|| {
        let message = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        Error::value(message.strip_suffix(&position).unwrap_or(&message))
    })
}

/// Whether a text is one JSON value in which no object has a key twice.
///
/// # Errors
/// Where it is not.
pub fn check_json(text: &str) -> Result<(), Error> {
    parse(text).map(drop)
}

/// The same of a text that is known to be JSON, and may have numbers that no double holds: what
/// follows one of these is not looked at.
///
/// # Errors
/// Where an object has a key twice.
pub fn check_keys(text: &str) -> Result<(), Error> {
    let read = serde_json::from_str::<Strict>(text);
    read.err()
        .as_ref()
        .and_then(repeated_key)
        .map_or(Ok(()), Err)
}

/// A value whose objects have each key once. What serde_json makes of a text by itself keeps the
/// last of several silently.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            match values.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(fields.next_value::<Strict>()?.0);
                }
                Entry::Occupied(held) => {
                    return Err(A::Error::custom(format_args!(
                        "the field `{}` stands twice in one object",
                        held.key()
                    )));
                }
            }
        }
        Ok(Value::Object(values))
    }
}

/// An object whose fields are taken one after the other.
pub(crate) struct Fields {
    rest: Map<String, Value>,
    asked: Vec<&'static str>,
}

impl Fields {
    pub(crate) fn new(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(rest) => Ok(Self {
                rest,
                asked: Vec::new(),
            }),
            other => Err(expected("an object", &other)),
        }
    }

    /// The field's value; `None` if it is absent or null.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.asked.push(name);
        self.rest.remove(name).filter(|value| !value.is_null())
    }

    /// The field, read by `read`, with the field's name added to its errors.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.take(name)
            .map(read)
            .transpose()
            .map_err(|error| error.within(name))
    }

    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.optional(name, read)?
            .ok_or_else(|| Error::value("this field is missing").within(name))
    }

    /// A list whose items are read by `read`; empty if absent.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        read: impl FnMut(Value) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        Ok(self
            .optional(name, |value| items(value, read))?
            .unwrap_or_default())
    }

    /// A field by a name that is not fixed.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name)
    }

    /// Whether there is a field of that name, null or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.rest.contains_key(name)
    }

    /// The first field that nobody has asked for.
    pub(crate) fn unknown(&self) -> Option<&str> {
        self.rest.keys().next().map(String::as_str)
    }

    /// Refuse what nobody has asked for.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.unknown() {
            None => Ok(()),
            Some(name) => {
                let hint = nearest(name, &self.asked).map_or_else(
                    || format!("known here: {}", self.asked.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                Err(Error::new(ErrorKind::Version, format!("unknown field; {hint}")).within(name))
            }
        }
    }
}

/// The items of a list, each with its number added to its errors.
pub(crate) fn items<T>(
    value: Value,
    mut read: impl FnMut(Value) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    match value {
        Value::Array(values) => values
            .into_iter()
            .enumerate()
            .map(|(i, value)| read(value).map_err(|error| error.within(format_args!("[{i}]"))))
            .collect(),
        other => Err(expected("a list", &other)),
    }
}

pub(crate) fn string(value: Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(expected("a text", &other)),
    }
}

pub(crate) fn strings(value: Value) -> Result<Vec<String>, Error> {
    items(value, string)
}

pub(crate) fn boolean(value: Value) -> Result<bool, Error> {
    value
        .as_bool()
        .ok_or_else(|| expected("true or false", &value))
}

/// The greatest number of 32 bits is none: in the columns of a trace it stands for the unknown.
pub(crate) fn whole(value: Value) -> Result<u32, Error> {
    value
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|&n| n < u32::MAX)
        .ok_or_else(|| expected("a whole number from 0 to 4294967294", &value))
}

pub(crate) fn number(value: Value) -> Result<f64, Error> {
    value
        .as_f64()
        .filter(|x| x.is_finite())
        .ok_or_else(|| expected("a number", &value))
}

/// A 32-bit number: the nearest to what is written.
pub(crate) fn single(value: Value) -> Result<f32, Error> {
    let x = number(value)? as f32;
    if x.is_finite() {
        Ok(x)
    } else {
        Err(Error::value("must be a finite 32-bit number"))
    }
}

/// An amount of money that cannot be negative.
pub(crate) fn usd(value: Value) -> Result<Usd, Error> {
    let usd = Usd::try_from_f64(number(value)?)?;
    if usd < Usd::ZERO {
        Err(Error::value(format!("{usd} USD must not be negative")))
    } else {
        Ok(usd)
    }
}

pub(crate) fn time(value: Value) -> Result<Timestamp, Error> {
    Timestamp::parse(&string(value)?)
}

/// "must be X, not Y".
pub(crate) fn expected(what: &str, found: &Value) -> Error {
    let mut shown = found.to_string();
    if shown.len() > 40 {
        let cut = (0..=37)
            .rev()
            .find(|&at| shown.is_char_boundary(at))
            .unwrap_or(0);
        shown.truncate(cut);
        shown.push_str("...");
    }
    Error::value(format!("must be {what}, not {shown}"))
}

/// The known name that is at most two edits away.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|&candidate| (edits(name.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|&(distance, candidate)| distance <= 2 && distance < candidate.len())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_found_however_it_is_written() {
        for text in [
            r#"{"a":1,"b":{"c":1,"a":2,"c":2}}"#,
            r#"{"c":1,"\u0063" : 2}"#,
            r#"[{"x":"\"","c":1,"c":[]}]"#,
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(error, "the field `c` stands twice in one object");
        }
        for text in [
            r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#,
            r#"{"a":"b","b":"b: {\"a\":1}"}"#,
            r#"["a","a"]"#,
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn values_are_those_that_serde_json_makes() {
        let text = r#"[null,true,-3,18446744073709551615,0.1,1e-400,-0.0,"\ud83d\ude00",{"b":{},"a":[[]]}]"#;
        let ours = parse(text).unwrap();
        assert_eq!(ours, serde_json::from_str::<Value>(text).unwrap());
        // A key that means something to serde_json alone is a key like others.
        let text = r#"{"$serde_json::private::RawValue":"[1]"}"#;
        assert!(parse(text).unwrap().is_object());
        assert!(check_keys("{\"a\":1e999}").is_ok() && check_keys(r#"[{"a":1,"a":1e9}]"#).is_err());
        let deep = |depth| parse(&("[".repeat(depth) + &"]".repeat(depth)));
        assert!(deep(127).is_ok() && deep(128).is_err());
        let error = parse("{\"a\":1e999}").unwrap_err().to_string();
        assert!(
            error.starts_with("not valid JSON: number out of range"),
            "{error}"
        );
    }
}
