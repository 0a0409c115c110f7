//! What is known when a request arrives: all that a policy sees.
//!
//! Outcomes are another type, which this crate does not have.

use serde_json::Value;

use crate::error::Error;
use crate::json::{self, Fields};
use crate::time::Timestamp;
use crate::units::{Millis, Tokens, Usd};

/// A request on arrival. Every field may be unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// When it arrived. Deciding has no clock of its own.
    pub at: Option<Timestamp>,
    /// The text that the features are computed from.
    pub prompt: Option<String>,
    /// What sort of work it is, where the caller says so.
    pub task: Option<String>,
    /// Whose request it is.
    pub tenant: Option<String>,
    /// The conversation that it belongs to.
    pub session: Option<String>,
    /// Its place in the conversation, from 1.
    pub turn: Option<u32>,
    /// Where it came from: `api`, `app`, ...
    pub channel: Option<String>,
    /// Where it must be served.
    pub region: Option<String>,
    /// Abilities that it cannot do without: `tools`, `vision`, ...
    pub needs: Vec<String>,
    /// Tokens of the whole input; estimated from the prompt where unknown.
    pub input_tokens: Option<Tokens>,
    /// The most output that the caller wants.
    pub max_output_tokens: Option<Tokens>,
    /// Identities of the input's leading blocks, for prefix caches.
    pub prefix: Vec<String>,
    /// An embedding of the prompt that the caller brings.
    pub embedding: Option<Vec<f32>>,
    /// Worth of a right answer.
    pub value_usd: Option<Usd>,
    /// Cost of a wrong answer that nobody catches.
    pub wrong_usd: Option<Usd>,
    /// Worth of a second of waiting.
    pub second_usd: Option<Usd>,
    /// The longest wait that is still of use.
    pub deadline_ms: Option<Millis>,
}

/// A borrowed [`Request`]: what the decider reads, so that columns need not be copied.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of `Request`")]
pub struct RequestRef<'a> {
    pub at: Option<Timestamp>,
    pub prompt: Option<&'a str>,
    pub task: Option<&'a str>,
    pub tenant: Option<&'a str>,
    pub session: Option<&'a str>,
    pub turn: Option<u32>,
    pub channel: Option<&'a str>,
    pub region: Option<&'a str>,
    pub needs: &'a [String],
    pub input_tokens: Option<Tokens>,
    pub max_output_tokens: Option<Tokens>,
    pub prefix: &'a [String],
    pub embedding: Option<&'a [f32]>,
    pub value_usd: Option<Usd>,
    pub wrong_usd: Option<Usd>,
    pub second_usd: Option<Usd>,
    pub deadline_ms: Option<Millis>,
}

impl Request {
    /// Read the `request` object of a trace line or of `/v1/route`. Unknown fields are passed
    /// over, since a recorder may know more than a policy may use.
    ///
    /// # Errors
    /// Where the text is no JSON object or a field has a wrong type or an impossible value; the
    /// error's path names the field.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::from_value(json::parse(text)?)
    }

    pub(crate) fn from_value(value: Value) -> Result<Self, Error> {
        Self::from_fields(&mut Fields::new(value)?)
    }

    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, Error> {
        Ok(Self {
            at: fields.optional("at", json::time)?,
            prompt: fields.optional("prompt", json::string)?,
            task: fields.optional("task", json::string)?,
            tenant: fields.optional("tenant", json::string)?,
            session: fields.optional("session", json::string)?,
            turn: fields.optional("turn", json::whole)?,
            channel: fields.optional("channel", json::string)?,
            region: fields.optional("region", json::string)?,
            needs: fields.optional("needs", json::strings)?.unwrap_or_default(),
            input_tokens: fields.optional("input_tokens", json::whole)?.map(Tokens),
            max_output_tokens: fields
                .optional("max_output_tokens", json::whole)?
                .map(Tokens),
            prefix: fields
                .optional("prefix", json::strings)?
                .unwrap_or_default(),
            embedding: fields.optional("embedding", embedding)?,
            value_usd: fields.optional("value_usd", json::usd)?,
            wrong_usd: fields.optional("wrong_usd", json::usd)?,
            second_usd: fields.optional("second_usd", json::usd)?,
            deadline_ms: fields.optional("deadline_ms", json::whole)?.map(Millis),
        })
    }

    /// The borrowed form.
    #[must_use]
    pub fn as_ref(&self) -> RequestRef<'_> {
        RequestRef {
            at: self.at,
            prompt: self.prompt.as_deref(),
            task: self.task.as_deref(),
            tenant: self.tenant.as_deref(),
            session: self.session.as_deref(),
            turn: self.turn,
            channel: self.channel.as_deref(),
            region: self.region.as_deref(),
            needs: &self.needs,
            input_tokens: self.input_tokens,
            max_output_tokens: self.max_output_tokens,
            prefix: &self.prefix,
            embedding: self.embedding.as_deref(),
            value_usd: self.value_usd,
            wrong_usd: self.wrong_usd,
            second_usd: self.second_usd,
            deadline_ms: self.deadline_ms,
        }
    }
}

impl RequestRef<'_> {
    /// The input's tokens: as counted, else estimated from the prompt, else unknown.
    #[must_use]
    #[inline]
    pub fn input_tokens_or_estimate(&self) -> Option<Tokens> {
        self.input_tokens
            .or_else(|| self.prompt.map(|prompt| Tokens::estimate(prompt.len())))
    }
}

fn embedding(value: Value) -> Result<Vec<f32>, Error> {
    json::items(value, json::single)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_unknown_fields_are_passed_over() {
        let request = Request::from_json(r#"{"prompt":"hi","input_tokens":3,"value_usd":0.5,"at":"2025-12-01","mood":"fine","task":null}"#).unwrap();
        assert_eq!(request.prompt.as_deref(), Some("hi"));
        assert_eq!(request.input_tokens, Some(Tokens(3)));
        assert_eq!(request.value_usd, Some(Usd::from_picos(500_000_000_000)));
        assert_eq!(request.task, None);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (text, says) in [
            (
                r#"{"input_tokens":-3}"#,
                "input_tokens: must be a whole number from 0 to 4294967294, not -3",
            ),
            (
                r#"{"value_usd":-0.5}"#,
                "value_usd: -0.5 USD must not be negative",
            ),
            (
                r#"{"needs":["tools",1]}"#,
                "needs[1]: must be a text, not 1",
            ),
            (
                r#"{"at":"soon"}"#,
                "at: `soon` is not a time; write it like 2025-12-02T09:14:03Z or 2025-12-02",
            ),
            ("[]", "must be an object, not []"),
        ] {
            assert_eq!(Request::from_json(text).unwrap_err().to_string(), says);
        }
    }
}
