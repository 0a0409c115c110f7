//! What a chunk or a whole answer says of itself: tokens, ends, errors.
//!
//! Reads both OpenAI's and DeepSeek's names. What is not said stays unknown.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The tokens of an answer as its upstream counted them. Unknown is `None`, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Of the input, cached ones included.
    pub(super) input: Option<u32>,
    /// Those of the input that were cached.
    pub(super) cached: Option<u32>,
    /// Of the output, reasoning included.
    pub(super) output: Option<u32>,
    /// Those of the output that were reasoning.
    pub(super) reasoning: Option<u32>,
}

impl Usage {
    /// Read a `usage` object; what is no whole number is unknown.
    fn read(raw: &RawValue) -> Self {
        let Ok(fields) = serde_json::from_str::<Map<String, Value>>(raw.get()) else {
            return Self::default();
        };
        let of = |name: &str| count(fields.get(name));
        let within = |name: &str, part: &str| count(fields.get(name)?.get(part));
        Self {
            input: of("prompt_tokens"),
            cached: within("prompt_tokens_details", "cached_tokens")
                .or_else(|| of("prompt_cache_hit_tokens")),
            output: of("completion_tokens"),
            reasoning: within("completion_tokens_details", "reasoning_tokens"),
        }
    }
}

fn count(value: Option<&Value>) -> Option<u32> {
    u32::try_from(value?.as_u64()?).ok()
}

/// A chunk of a stream, or a whole answer, as far as the proxy cares.
#[derive(Debug, Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// One choice of a chunk or an answer.
#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

impl Choice<'_> {
    /// Whether it says more of the answer than who speaks or that it ends.
    fn goes_on(&self) -> bool {
        let delta = self.delta.map(|raw| serde_json::from_str(raw.get()));
        let Some(Ok(delta)) = delta else {
            return false;
        };
        let delta: Map<String, Value> = delta;
        delta.iter().any(|(name, value)| match value {
            Value::Null => false,
            Value::String(text) => name != "role" && !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        })
    }
}

impl<'a> Said<'a> {
    /// Read one JSON object.
    ///
    /// # Errors
    /// Where it is none.
    pub(super) fn read(data: &'a [u8]) -> Result<Self, serde_json::Error> {
        if data.trim_ascii_start().starts_with(b"[") {
            // The derived reader would take the items of a list for the fields.
            return Err(serde::de::Error::custom("a list is none"));
        }
        serde_json::from_slice(data)
    }

    /// The error that it is.
    pub(super) fn error(&self) -> Option<&'a RawValue> {
        self.error
    }

    /// Whether it says anything of usage, be it `null` no longer.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.map(Usage::read)
    }

    /// Whether it has usage and no choices: what a client gets only if it asked for it.
    pub(super) fn is_usage_alone(&self) -> bool {
        self.usage.is_some() && self.choices.is_none_or(is_empty_list)
    }
}

fn is_empty_list(raw: &RawValue) -> bool {
    let inner = raw.get().strip_prefix('[');
    inner.is_some_and(|inner| inner.trim_start() == "]")
}

/// What is known of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The last usage that was told; its output is unknown again where more of the answer came
    /// after it.
    pub(super) usage: Option<Usage>,
    /// The answer's id.
    pub(super) id: Option<String>,
    /// The model as the upstream calls it.
    pub(super) model: Option<String>,
    /// Why choices ended, in the order in which they did, each reason once.
    pub(super) finish_reasons: Vec<String>,
    open: BTreeSet<u32>,
}

/// How many choices are watched at once; a request for more is not one of this interface.
const MAX_CHOICES: usize = 1024;

impl Heard {
    /// Take in a chunk or a whole answer.
    pub(super) fn hear(&mut self, said: &Said<'_>) {
        let told = said.usage();
        if told.is_some() {
            self.usage = told;
        }
        let text = |raw: &RawValue| serde_json::from_str(raw.get()).ok();
        if self.id.is_none() {
            self.id = said.id.and_then(text);
        }
        if self.model.is_none() {
            self.model = said.model.and_then(text);
        }
        let Some(Ok(choices)) = (said.choices).map(|raw| serde_json::from_str(raw.get())) else {
            return;
        };
        let choices: Vec<Choice<'_>> = choices;
        if let (None, Some(early)) = (told, &mut self.usage)
            && choices.iter().any(Choice::goes_on)
        {
            (early.output, early.reasoning) = (None, None);
        }
        for Choice {
            index,
            finish_reason,
            ..
        } in choices
        {
            match finish_reason {
                None if self.open.len() < MAX_CHOICES => drop(self.open.insert(index)),
                None => {}
                Some(reason) => {
                    self.open.remove(&index);
                    if self.finish_reasons.len() < 8
                        && !self.finish_reasons.iter().any(|known| *known == reason)
                    {
                        self.finish_reasons.push(reason.into_owned());
                    }
                }
            }
        }
    }

    /// Whether every choice that began has said why it ended.
    pub(super) fn is_whole(&self) -> bool {
        self.open.is_empty() && !self.finish_reasons.is_empty()
    }

    /// How an answer that came to its end went.
    pub(super) fn status(&self) -> &'static str {
        match self.finish_reasons.iter().any(|reason| reason == "length") {
            true => "truncated",
            false => "ok",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Usage {
        Said::read(text.as_bytes()).unwrap().usage().unwrap()
    }

    #[test]
    fn both_makers_names_are_read_and_what_is_not_said_is_unknown() {
        let openai = usage(
            r#"{"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,
            "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":3}}}"#,
        );
        let all = Usage {
            input: Some(9),
            cached: Some(4),
            output: Some(5),
            reasoning: Some(3),
        };
        assert_eq!(openai, all);
        let deepseek = usage(
            r#"{"usage":{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":4,
            "prompt_cache_miss_tokens":5,"completion_tokens_details":{"reasoning_tokens":3}}}"#,
        );
        assert_eq!(deepseek, all);
        let odd = r#"{"usage":{"prompt_tokens":-1,"completion_tokens":"5","prompt_tokens_details":null,"completion_tokens_details":[]}}"#;
        assert_eq!(usage(odd), Usage::default());
        assert_eq!(usage(r#"{"usage":[]}"#), Usage::default());
        assert!(Said::read(br#"{"usage":null}"#).unwrap().usage().is_none());
        for malformed in ["", "{", "[]", "7", "{\"usage\":}", "[DONE]"] {
            assert!(Said::read(malformed.as_bytes()).is_err(), "{malformed}");
        }
    }

    #[test]
    fn a_count_that_came_before_more_of_the_answer_is_not_the_last() {
        let usage = |of: u32| format!(r#""usage":{{"prompt_tokens":9,"completion_tokens":{of}}}"#);
        let word = r#""choices":[{"index":0,"delta":{"role":"assistant","content":"w"}}]"#;
        let call = r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]"#;
        let last = r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]"#;
        let bare = r#""choices":[{"index":0}]"#;
        for (chunks, output) in [
            (vec![usage(1)], Some(1)),
            (vec![usage(1), word.into()], None),
            (vec![format!("{word},{}", usage(1)), call.into()], None),
            (
                vec![format!("{word},{}", usage(1)), last.into(), bare.into()],
                Some(1),
            ),
            (
                vec![
                    format!("{word},{}", usage(1)),
                    format!("{word},{}", usage(2)),
                ],
                Some(2),
            ),
            (vec![usage(1), word.into(), last.into(), usage(3)], Some(3)),
            (vec![usage(1), word.into(), last.into()], None),
        ] {
            let mut heard = Heard::default();
            for chunk in &chunks {
                heard.hear(&Said::read(format!("{{{chunk}}}").as_bytes()).unwrap());
            }
            let found = heard.usage.unwrap();
            assert_eq!((found.input, found.output), (Some(9), output), "{chunks:?}");
        }
    }

    #[test]
    fn a_usage_chunk_is_told_from_others() {
        for (text, alone) in [
            (r#"{"choices":[],"usage":{}}"#, true),
            (r#"{"choices":[ ],"usage":{}}"#, true),
            (r#"{"usage":{}}"#, true),
            (r#"{"choices":[],"usage":null}"#, false),
            (r#"{"choices":[{"index":0,"delta":{}}],"usage":{}}"#, false),
        ] {
            assert_eq!(
                Said::read(text.as_bytes()).unwrap().is_usage_alone(),
                alone,
                "{text}"
            );
        }
    }

    #[test]
    fn an_answer_is_whole_once_every_choice_has_ended() {
        let mut heard = Heard::default();
        assert!(!heard.is_whole());
        let mut hear = |text: &str| {
            heard.hear(&Said::read(text.as_bytes()).unwrap());
            heard.is_whole()
        };
        assert!(!hear(
            r#"{"id":"c-1","model":"m","choices":[{"index":0},{"index":1,"finish_reason":null}]}"#
        ));
        assert!(!hear(
            r#"{"id":"c-2","choices":[{"index":0,"finish_reason":"stop"}]}"#
        ));
        assert!(hear(
            r#"{"choices":[{"index":1,"finish_reason":"length"}]}"#
        ));
        assert!(hear(r#"{"choices":[],"usage":{"completion_tokens":2}}"#));
        assert_eq!(heard.status(), "truncated");
        assert_eq!(heard.finish_reasons, ["stop", "length"]);
        assert_eq!(
            (heard.id.as_deref(), heard.model.as_deref()),
            (Some("c-1"), Some("m"))
        );
        assert_eq!(heard.usage.unwrap().output, Some(2));
    }
}
