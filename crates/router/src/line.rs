//! Lines: a request as every loader of a router file reads it, a decision as it prints it.

use serde_json::Value;

use crate::decide::{Decision, Scratch};
use crate::emit::{self, Object};
use crate::error::Error;
use crate::json::{self, Fields};
use crate::request::{Request, RequestRef};
use crate::router::Router;
use crate::wire;

/// What a line of input says: a request, and what it is called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestLine {
    /// Its name; none: the number of its line.
    pub id: Option<String>,
    /// What is to be decided.
    pub request: Request,
}

impl RequestLine {
    /// Read a line, whatever its form: an object with a field `request` is a line of a trace, one
    /// with `messages` the body of a chat completion, any other the request itself. In all of them
    /// `id` is the name. The Python loader's `read_line` is its twin.
    ///
    /// # Errors
    /// Where the text is no JSON object, or a field that bears on the decision is not what it must
    /// be; the error's path names the field.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let mut fields = Fields::new(json::parse(text)?)?;
        let id = fields.optional("id", name)?;
        let request = match fields.remove("request") {
            // Unknown like an absent one.
            Some(Value::Null) => Request::default(),
            Some(value) => Request::from_value(value).map_err(|error| error.within("request"))?,
            None if fields.has("messages") => Request::from_chat_fields(&mut fields)?,
            None => Request::from_fields(&mut fields)?,
        };
        Ok(Self { id, request })
    }
}

fn name(value: Value) -> Result<String, Error> {
    match json::string(value)? {
        empty if empty.is_empty() => Err(Error::value("must not be empty")),
        name => Ok(name),
    }
}

/// The decision for a request as one JSON object, without a line feed:
///
/// ```json
/// {"id":"r-1","choice":{"a@x":1000000},"unanswered_ppm":0,"fell_back_ppm":0,"predictions":[{"model":"a","success":0.75,"output_tokens":412.5}]}
/// ```
///
/// `choice` holds parts per million by endpoint, in the order of the file. `predictions` are in
/// the order of the heads, and empty where the router has none or the request no prompt.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    reason = "a checked head cannot predict what is not finite"
)]
pub fn decision_line(
    router: &Router,
    id: &str,
    request: &RequestRef<'_>,
    scratch: &mut Scratch,
) -> String {
    let mut decision = Decision::default();
    router.decide_into(request, scratch, &mut decision);
    let predictions = router.predictions(request, scratch);
    let object = Object::new().field("id", emit::text(id));
    wire::decided(object, router, &decision, predictions)
        .expect("heads are bounded, so that predictions are finite")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_request_a_chat_body_or_a_line_of_a_trace() {
        let read = |text| RequestLine::from_json(text).unwrap();
        let asks = |prompt: &str| Request {
            prompt: Some(prompt.into()),
            ..Request::default()
        };
        let bare = read(r#"{"id":"x","prompt":"a","mood":1}"#);
        assert_eq!((bare.id.as_deref(), bare.request), (Some("x"), asks("a")));
        let traced = read(r#"{"id":null,"request":{"prompt":"a"},"prompt":"b","messages":0}"#);
        assert_eq!((traced.id, traced.request), (None, asks("a")));
        let unknown = read(r#"{"request":null,"prompt":"b"}"#);
        assert_eq!((unknown.id, unknown.request), (None, Request::default()));
        let chat = read(r#"{"model":"m","messages":[{"role":"user","content":"a"}],"prompt":"b"}"#);
        assert_eq!(chat.request.prompt.as_deref(), Some("a"));
        for (text, says) in [
            (r#"{"id":""}"#, "id: must not be empty"),
            (r#"{"id":7}"#, "id: must be a text, not 7"),
            (r#"{"request":[]}"#, "request: must be an object, not []"),
            (
                r#"{"request":{"turn":4294967295}}"#,
                "request.turn: must be a whole number from 0 to 4294967294, not 4294967295",
            ),
            (r#"{"messages":null}"#, "messages: this field is missing"),
            ("7", "must be an object, not 7"),
            (
                r#"{"prompt":"a","prompt":"b"}"#,
                "the field `prompt` stands twice in one object",
            ),
        ] {
            let error = RequestLine::from_json(text).unwrap_err();
            assert_eq!(error.to_string(), says);
        }
    }
}
