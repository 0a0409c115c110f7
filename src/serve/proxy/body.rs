//! The chat body that a client sends, and what goes upstream in its place.
//!
//! Only `model` and `stream_options` are written anew; every other value goes on byte by byte, so
//! that no number is rounded and no field that we do not know is lost.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::serve::answer::Refusal;

/// A chat body, as far as the proxy must understand it.
#[derive(Debug)]
pub(in crate::serve) struct ChatBody<'a> {
    fields: Fields<'a>,
    /// What the client asks for: `auto`, an endpoint, a model or a role.
    pub(in crate::serve) model: String,
    /// Whether it wants a stream.
    pub(super) stream: bool,
    /// Whether it wants to see the usage of a stream.
    pub(super) wants_usage: bool,
}

fn must(field: &str, be: &str) -> Refusal {
    Refusal::field(field, format!("`{field}` {be}"))
}

impl<'a> ChatBody<'a> {
    /// Read a body.
    ///
    /// # Errors
    /// Where it is no JSON object, says a field twice, or a field that the proxy must understand is
    /// not what it must be.
    pub(in crate::serve) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        let fields: Fields<'a> = serde_json::from_slice(body)
            .map_err(|error| Refusal::whole(format!("the body is not a JSON object: {error}")))?;
        if let Some(twice) = fields.twice() {
            // A reader that keeps the first and one that keeps the last would differ.
            let message = format!("the field `{twice}` stands twice; leave one of them out");
            return Err(Refusal::whole(message));
        }
        let Some(model) = fields.get("model") else {
            return Err(must("model", "is missing; `auto` is routed"));
        };
        let model = serde_json::from_str(model.get())
            .map_err(|_| must("model", "must be a text; `auto` is routed"))?;
        if !(fields.get("messages")).is_some_and(|messages| messages.get().starts_with('[')) {
            return Err(must("messages", "must be a list of messages"));
        }
        let stream: Option<bool> = (fields.get("stream"))
            .map_or(Ok(None), |raw| serde_json::from_str(raw.get()))
            .map_err(|_| must("stream", "must be true or false"))?;
        let wants_usage = match fields.get("stream_options") {
            None => false,
            Some(raw) => {
                let options: Option<Fields<'_>> = serde_json::from_str(raw.get())
                    .map_err(|_| must("stream_options", "must be an object"))?;
                (options.as_ref())
                    .and_then(|options| options.get("include_usage"))
                    .is_some_and(|asked| asked.get() == "true")
            }
        };
        Ok(Self {
            model,
            stream: stream.unwrap_or(false),
            wants_usage,
            fields,
        })
    }

    /// The body for an upstream that calls the model so; a stream is asked for its usage.
    pub(super) fn for_upstream(&self, model: &str) -> Vec<u8> {
        let model = serde_json::to_string(model).expect("a text is always JSON");
        let mut options = None;
        if self.stream {
            let given = self.fields.get("stream_options");
            let given = given.and_then(|raw| serde_json::from_str::<Fields<'_>>(raw.get()).ok());
            let given = given.unwrap_or_default();
            options = Some(given.written(&[("include_usage", Some("true"))]));
        }
        let mut anew = vec![("model", Some(model.as_str()))];
        if let Some(options) = &options {
            anew.push(("stream_options", Some(options.as_str())));
        }
        self.fields.written(&anew).into_bytes()
    }
}

/// A JSON object without some of its fields; the text as it is where it has none of them.
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
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value)
    }

    fn twice(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names
            .windows(2)
            .find(|two| two[0] == two[1])
            .map(|two| two[0])
    }

    /// The object with some fields put anew, each in its place or at the end, or left out.
    fn written(&self, anew: &[(&str, Option<&str>)]) -> String {
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

    fn refused(body: &str) -> Refusal {
        ChatBody::read(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn only_the_model_and_the_wish_for_usage_are_written_anew() {
        let body = r#"{ "model" : "auto", "messages":[ {"role":"user","content":"h\u00e9"} ],
            "seed":123456789012345678901234567890, "temperature":0.10, "x_own":{"a": [1E2, null]} }"#;
        let chat = ChatBody::read(body.as_bytes()).unwrap();
        assert!(!chat.stream && !chat.wants_usage);
        assert_eq!(
            String::from_utf8(chat.for_upstream("m\"1")).unwrap(),
            r#"{"model":"m\"1","messages":[ {"role":"user","content":"h\u00e9"} ],"seed":123456789012345678901234567890,"temperature":0.10,"x_own":{"a": [1E2, null]}}"#
        );
    }

    #[test]
    fn a_stream_is_always_asked_for_its_usage() {
        for (options, wants, sent) in [
            ("", false, r#"{"include_usage":true}"#),
            (
                r#","stream_options":null"#,
                false,
                r#"{"include_usage":true}"#,
            ),
            (
                r#","stream_options":{}"#,
                false,
                r#"{"include_usage":true}"#,
            ),
            (
                r#","stream_options":{"include_usage":false,"y":1}"#,
                false,
                r#"{"include_usage":true,"y":1}"#,
            ),
            (
                r#","stream_options":{"y":1,"include_usage": true}"#,
                true,
                r#"{"y":1,"include_usage":true}"#,
            ),
        ] {
            let body = format!(r#"{{"model":"a","messages":[],"stream":true{options}}}"#);
            let chat = ChatBody::read(body.as_bytes()).unwrap();
            assert_eq!((chat.stream, chat.wants_usage), (true, wants), "{options}");
            let sent =
                format!(r#"{{"model":"b","messages":[],"stream":true,"stream_options":{sent}}}"#);
            assert_eq!(String::from_utf8(chat.for_upstream("b")).unwrap(), sent);
        }
    }

    #[test]
    fn what_cannot_be_passed_on_is_named() {
        for (body, param, says) in [
            ("", None, "the body is not a JSON object: EOF"),
            (
                "[]",
                None,
                "the body is not a JSON object: invalid type: sequence",
            ),
            ("{\"a\":\u{0}}", None, "the body is not a JSON object"),
            (r#"{"a":1,"\u0061":2}"#, None, "the field `a` stands twice"),
            ("{}", Some("model"), "`model` is missing"),
            (r#"{"model":7}"#, Some("model"), "`model` must be a text"),
            (
                r#"{"model":"a"}"#,
                Some("messages"),
                "`messages` must be a list",
            ),
            (
                r#"{"model":"a","messages":[],"stream":"yes"}"#,
                Some("stream"),
                "`stream` must be true or false",
            ),
            (
                r#"{"model":"a","messages":[],"stream_options":[]}"#,
                Some("stream_options"),
                "`stream_options` must be an object",
            ),
        ] {
            let invalid = refused(body);
            assert_eq!(invalid.param.as_deref(), param, "{body}");
            assert!(invalid.message.starts_with(says), "{}", invalid.message);
        }
        assert!(ChatBody::read(b"{\"model\":\"\xff\"}").is_err());
    }

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
