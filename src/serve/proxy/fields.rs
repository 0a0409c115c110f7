//! JSON objects of which some fields are written anew and all else goes on byte by byte, so that no
//! number is rounded and no field that we do not know is lost.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object without one of its fields; the text as it is where it has none of them.
pub(super) fn without<'a>(object: &'a [u8], name: &str) -> Cow<'a, [u8]> {
    match serde_json::from_slice::<Fields<'_>>(object) {
        Ok(fields) if fields.get(name).is_some() => {
            Cow::Owned(fields.written(&[(name, None)]).into_bytes())
        }
        _ => Cow::Borrowed(object),
    }
}

/// The fields of an object in their order, the values as they stand.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The value of the field of that name, as it stands.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }

    /// A name that two fields have.
    pub(super) fn twice(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names
            .windows(2)
            .find(|two| two[0] == two[1])
            .map(|two| two[0])
    }

    /// The object with some fields put anew, each in its place or at the end, or left out.
    pub(super) fn written(&self, anew: &[(&str, Option<&str>)]) -> String {
        let length: usize = self
            .0
            .iter()
            .map(|(name, raw)| name.len() + raw.get().len() + 4)
            .sum();
        let mut text = String::with_capacity(length + 64);
        let mut put = |name: &str, value: &str| {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(&serde_json::to_string(name).expect("a text is always JSON"));
            text.push(':');
            text.push_str(value);
        };
        for (name, raw) in &self.0 {
            match anew.iter().find(|(known, _)| known == name) {
                Some((_, Some(value))) => put(name, value),
                Some((_, None)) => {}
                None => put(name, raw.get()),
            }
        }
        for (name, value) in anew {
            if let (Some(value), None) = (value, self.get(name)) {
                put(name, value);
            }
        }
        if text.is_empty() {
            text.push('{');
        }
        text.push('}');
        text
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor).map(Self)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            fields.push((name, map.next_value()?));
        }
        Ok(fields)
    }
}

/// A name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_taken_out_and_the_rest_stays() {
        let chunk = br#"{"a":1.0,"usage":null,"b":[ ]}"#;
        assert_eq!(&*without(chunk, "usage"), br#"{"a":1.0,"b":[ ]}"#);
        assert_eq!(&*without(br#"{"usage":{}}"#, "usage"), b"{}");
        for same in [&b"{ \"a\":1}"[..], b"7", b"{"] {
            assert!(matches!(without(same, "usage"), Cow::Borrowed(kept) if kept == same));
        }
    }
}
