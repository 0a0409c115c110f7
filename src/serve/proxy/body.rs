//! The chat body that a client sends, and what goes upstream in its place.
//!
//! Only `model` and `stream_options` are written anew, and `metadata` stays here, where clients tell
//! the router what is nobody else's; every other value goes on byte by byte.

use serde_json::value::RawValue;
use weighbridge_router::CHAT_HINTS;

use super::fields::Fields;
use crate::serve::answer::Refusal;

/// A chat body, as far as the proxy must understand it.
#[derive(Debug)]
pub(super) struct ChatBody<'a> {
    fields: Fields<'a>,
    /// What the client asks for: `auto`, an endpoint, a model or a role.
    pub(super) model: String,
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
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
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

    /// The body for an upstream that calls the model so; a stream is asked for its usage. Of the
    /// metadata goes along, where it is forwarded, what is no hint for the router.
    pub(super) fn for_upstream(&self, model: &str, forward_metadata: bool) -> Vec<u8> {
        let model = serde_json::to_string(model).expect("a text is always JSON");
        let mut options = None;
        if self.stream {
            let given = self.fields.get("stream_options");
            let given = given.and_then(|raw| serde_json::from_str::<Fields<'_>>(raw.get()).ok());
            let given = given.unwrap_or_default();
            options = Some(given.written(&[("include_usage", Some("true"))]));
        }
        let metadata = match forward_metadata {
            true => self.fields.get("metadata").and_then(without_hints),
            false => None,
        };
        let mut anew = vec![
            ("model", Some(model.as_str())),
            ("metadata", metadata.as_deref()),
        ];
        if let Some(options) = &options {
            anew.push(("stream_options", Some(options.as_str())));
        }
        self.fields.written(&anew).into_bytes()
    }
}

/// Metadata without what is told the router; none where nothing else is in it.
fn without_hints(metadata: &RawValue) -> Option<String> {
    let fields: Fields<'_> = serde_json::from_str(metadata.get()).ok()?;
    let left = fields.written(&CHAT_HINTS.map(|hint| (hint, None)));
    (left != "{}").then_some(left)
}

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
            String::from_utf8(chat.for_upstream("m\"1", false)).unwrap(),
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
            assert_eq!(
                String::from_utf8(chat.for_upstream("b", false)).unwrap(),
                sent
            );
        }
    }

    #[test]
    fn what_is_told_the_router_stays_here_and_the_rest_goes_on_where_that_is_wished() {
        let hints = r#""task":"math","tenant":"t","session":"s","channel":"api","region":"eu","value_usd":"2","deadline_ms":9"#;
        for (metadata, kept) in [
            (r#","metadata":null"#.to_owned(), ""),
            (r#","metadata":{}"#.to_owned(), ""),
            (format!(r#","metadata":{{{hints}}}"#), ""),
            (
                format!(r#","metadata":{{"a":"1.0",{hints},"b":"2"}}"#),
                r#","metadata":{"a":"1.0","b":"2"}"#,
            ),
        ] {
            let body = format!(r#"{{"model":"a","messages":[],"user":"u"{metadata},"x":1E2}}"#);
            let chat = ChatBody::read(body.as_bytes()).unwrap();
            for (forward, kept) in [(false, ""), (true, kept)] {
                assert_eq!(
                    String::from_utf8(chat.for_upstream("a", forward)).unwrap(),
                    format!(r#"{{"model":"a","messages":[],"user":"u"{kept},"x":1E2}}"#)
                );
            }
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
}
