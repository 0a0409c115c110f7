//! An OpenAI chat body as a request: what of it bears on a decision.
//!
//! What bears on the decision and has a wrong type is refused with its place; all else is passed
//! over, since it is the upstream's to judge. The Python loader's `request_of_chat` is its twin.

use serde_json::Value;

use crate::error::Error;
use crate::json::{self, Fields, expected};
use crate::request::Request;
use crate::units::{Millis, Tokens};

/// What `metadata` of a chat body may tell of the request beside the body. It is for the router:
/// whoever sends the body on takes these out.
pub const CHAT_HINTS: [&str; 7] = [
    "task",
    "tenant",
    "session",
    "channel",
    "region",
    "value_usd",
    "deadline_ms",
];

impl Request {
    /// Read the body of a chat completion as OpenAI's API has it.
    ///
    /// The prompt is the text of the last message of the role `user`; a text in parts is joined
    /// with line feeds. The input is a quarter of the bytes of all messages' texts, rounded up.
    /// `needs` has `tools` where `tools` or `functions` is a list that is not empty, and `vision`
    /// where a part is an image. `max_output_tokens` is `max_completion_tokens`, else
    /// `max_tokens`; the tenant is `user`. `metadata` may give [`CHAT_HINTS`]: the numbers as texts too,
    /// since that API has only texts there.
    ///
    /// # Errors
    /// Where the text is no JSON object, `messages` is missing, or a field that bears on the
    /// decision has a wrong type or an impossible value; the error's path names the field.
    pub fn from_chat(text: &str) -> Result<Self, Error> {
        let mut body = Fields::new(json::parse(text)?)?;
        let talk = body.required("messages", Talk::read)?;
        let mut needs = Vec::new();
        let tools = [body.take("tools"), body.take("functions")];
        if tools.iter().flatten().any(is_filled_list) {
            needs.push("tools".to_owned());
        }
        if talk.image {
            needs.push("vision".to_owned());
        }
        let completion = body.optional("max_completion_tokens", json::whole)?;
        let output = body.optional("max_tokens", json::whole)?;
        let mut request = Self {
            prompt: talk.prompt,
            needs,
            input_tokens: Some(Tokens::estimate(talk.bytes)),
            max_output_tokens: completion.or(output).map(Tokens),
            tenant: body.optional("user", json::string)?,
            ..Self::default()
        };
        body.optional("metadata", |value| request.read_metadata(value))?;
        Ok(request)
    }

    /// What a client says of the request beside the body; its own tenant wins over `user`.
    fn read_metadata(&mut self, value: Value) -> Result<(), Error> {
        let mut told = Fields::new(value)?;
        self.task = told.optional("task", json::string)?;
        if let Some(tenant) = told.optional("tenant", json::string)? {
            self.tenant = Some(tenant);
        }
        self.session = told.optional("session", json::string)?;
        self.channel = told.optional("channel", json::string)?;
        self.region = told.optional("region", json::string)?;
        self.value_usd = told.optional("value_usd", |value| json::usd(unquoted(value)))?;
        let deadline = told.optional("deadline_ms", |value| json::whole(unquoted(value)))?;
        self.deadline_ms = deadline.map(Millis);
        Ok(())
    }
}

/// A number that is written as a text, as the number; all else as it stands.
fn unquoted(value: Value) -> Value {
    let number = value
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    number.filter(Value::is_number).unwrap_or(value)
}

fn is_filled_list(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty())
}

/// What the messages say.
#[derive(Default)]
struct Talk {
    /// The last text of a user.
    prompt: Option<String>,
    /// Bytes of all texts.
    bytes: usize,
    /// Whether a part is an image.
    image: bool,
}

impl Talk {
    fn read(messages: Value) -> Result<Self, Error> {
        let mut talk = Self::default();
        json::items(messages, |message| talk.message(message))?;
        Ok(talk)
    }

    fn message(&mut self, message: Value) -> Result<(), Error> {
        let mut fields = Fields::new(message)?;
        let role = fields.required("role", json::string)?;
        // An answer that only calls tools has no content.
        let text = fields.optional("content", |content| self.content(content))?;
        let text = text.flatten();
        self.bytes += text.as_ref().map_or(0, String::len);
        if role == "user" {
            self.prompt = text;
        }
        Ok(())
    }

    /// The text of a content; none where its parts have none.
    fn content(&mut self, content: Value) -> Result<Option<String>, Error> {
        match content {
            Value::String(text) => Ok(Some(text)),
            Value::Array(_) => {
                let parts = json::items(content, |part| self.part(part))?;
                let texts: Vec<String> = parts.into_iter().flatten().collect();
                Ok((!texts.is_empty()).then(|| texts.join("\n")))
            }
            other => Err(expected("a text or a list of parts", &other)),
        }
    }

    /// The text of a part; none where it is something else, such as an image.
    fn part(&mut self, part: Value) -> Result<Option<String>, Error> {
        let mut fields = Fields::new(part)?;
        match fields.required("type", json::string)?.as_str() {
            "text" | "input_text" => fields.required("text", json::string).map(Some),
            "image_url" | "input_image" => {
                self.image = true;
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Usd;

    #[test]
    fn a_chat_body_is_read() {
        let request = Request::from_chat(
            r#"{"model":"auto","messages":[
                {"role":"system","content":"Be brief."},
                {"role":"user","content":"Hello"},
                {"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},
                {"role":"user","content":[{"type":"text","text":"What is it?"},
                    {"type":"image_url","image_url":{"url":"data:"}},{"type":"text","text":"é"}]}],
              "tools":[{"type":"function"}],"max_tokens":9,"max_completion_tokens":7,"user":"u",
              "metadata":{"task":"math","session":"s","value_usd":"0.5","deadline_ms":3000,"other":[1]}}"#,
        )
        .unwrap();
        assert_eq!(request.prompt.as_deref(), Some("What is it?\né"));
        // 9 + 5 + 0 + 14 bytes.
        assert_eq!(request.input_tokens, Some(Tokens(7)));
        assert_eq!(request.needs, ["tools", "vision"]);
        assert_eq!(request.max_output_tokens, Some(Tokens(7)));
        assert_eq!(request.tenant.as_deref(), Some("u"));
        assert_eq!(request.task.as_deref(), Some("math"));
        assert_eq!(request.value_usd, Some(Usd::from_picos(500_000_000_000)));
        assert_eq!(request.deadline_ms, Some(Millis(3000)));
    }

    #[test]
    fn every_hint_is_read_of_the_metadata() {
        let with = |name: &str, value: &str| {
            let body = format!(r#"{{"messages":[],"metadata":{{"{name}":{value}}}}}"#);
            Request::from_chat(&body)
        };
        let bare = with("other", "[1]").unwrap();
        for hint in CHAT_HINTS {
            assert_ne!(with(hint, r#""7""#).unwrap(), bare, "{hint}");
        }
    }

    #[test]
    fn what_does_not_bear_on_a_decision_is_passed_over() {
        let request = Request::from_chat(
            r#"{"messages":[{"role":"tool","content":[]},{"role":"user","content":[{"type":"audio"}]}],
              "tools":[],"functions":{},"temperature":"hot","metadata":null,"user":null,"max_tokens":null}"#,
        )
        .unwrap();
        let nothing_known = Request {
            input_tokens: Some(Tokens(0)),
            ..Request::default()
        };
        assert_eq!(request, nothing_known);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (text, says) in [
            ("{}", "messages: this field is missing"),
            (
                r#"{"messages":"hi"}"#,
                "messages: must be a list, not \"hi\"",
            ),
            (
                r#"{"messages":[{"content":"hi"}]}"#,
                "messages[0].role: this field is missing",
            ),
            (
                r#"{"messages":[{"role":"user","content":7}]}"#,
                "messages[0].content: must be a text or a list of parts, not 7",
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
                "messages[0].content[0].text: this field is missing",
            ),
            (
                r#"{"messages":[],"metadata":{"deadline_ms":"soon"}}"#,
                "metadata.deadline_ms: must be a whole number from 0 to 4294967295, not \"soon\"",
            ),
            (
                r#"{"messages":[],"metadata":{"value_usd":"-1"}}"#,
                "metadata.value_usd: -1 USD must not be negative",
            ),
        ] {
            assert_eq!(Request::from_chat(text).unwrap_err().to_string(), says);
        }
    }
}
