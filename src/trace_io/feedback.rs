//! Feedback: what became known of an answer after its line was recorded.
//!
//! Owns the format `weighbridge.feedback/1`: a header and a line a report, in files beside the
//! segments of a recording. What becomes of it when the recording is read is in `given`.

use std::io::{self, Write};

use serde_json::Value;
use weighbridge_router::{Millis, Timestamp, Tokens, Usd};

use super::line::{Kind, fault_of_object, not_json, without_position};
use super::wire::{At, FEEDBACK_FORMAT, FeedbackWire, Money, Text};
use crate::trace::{OutcomeRef, Row, RowFault};

/// One report about the answer to a request. What it does not say stays as it was recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Feedback {
    /// The request.
    pub id: String,
    /// When it was given.
    pub at: Option<Timestamp>,
    /// Whose answer is meant; none: the one that the client got.
    pub endpoint: Option<String>,
    /// `ok`, `truncated`, `error`, `timeout`, `refused`, or the reporter's own word.
    pub status: Option<String>,
    /// How right the answer is, in [0, 1].
    pub score: Option<f64>,
    /// Of the input, cached ones included.
    pub input_tokens: Option<Tokens>,
    /// Those of the input that were cached.
    pub cached_tokens: Option<Tokens>,
    /// Of the output, reasoning included.
    pub output_tokens: Option<Tokens>,
    /// Those of the output that were reasoning.
    pub reasoning_tokens: Option<Tokens>,
    /// Time to the first token.
    pub ttft_ms: Option<Millis>,
    /// Time until the answer was complete.
    pub latency_ms: Option<Millis>,
    /// What it was billed.
    pub cost_usd: Option<Usd>,
}

const KINDS: &[(&str, Kind)] = &[
    ("id", Kind::Text),
    ("at", Kind::Time),
    ("endpoint", Kind::Text),
    ("status", Kind::Text),
    ("score", Kind::Number),
    ("input_tokens", Kind::Whole),
    ("cached_tokens", Kind::Whole),
    ("output_tokens", Kind::Whole),
    ("reasoning_tokens", Kind::Whole),
    ("ttft_ms", Kind::Whole),
    ("latency_ms", Kind::Whole),
    ("cost_usd", Kind::Money),
];

/// The first line of a file of feedback, with its line feed.
pub(super) fn header_line() -> Vec<u8> {
    format!("{{\"format\":\"{FEEDBACK_FORMAT}\"}}\n").into_bytes()
}

impl Feedback {
    /// Read one report. Where `strict`, a field that is not known is refused, so that a misspelt
    /// one is noticed; else it is passed over.
    ///
    /// # Errors
    /// Where the text is no JSON object, a field is wrong, or nothing is said about the answer.
    pub fn from_json(text: &str, strict: bool) -> Result<Self, RowFault> {
        let wire: FeedbackWire<'_> =
            serde_json::from_str(text).map_err(|error| diagnose(text, &error))?;
        if let (true, Some((name, _))) = (strict, wire.extra.0.first()) {
            let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            let message = format!("unknown field; known here: {}", known.join(", "));
            return Err(RowFault::new(name.as_ref(), message));
        }
        let owned = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned());
        let feedback = Self {
            id: owned(wire.id).ok_or_else(|| RowFault::new("id", "this field is missing"))?,
            at: wire.at.map(|at| at.0),
            endpoint: owned(wire.endpoint),
            status: owned(wire.status),
            score: wire.score,
            input_tokens: wire.input_tokens.map(Tokens),
            cached_tokens: wire.cached_tokens.map(Tokens),
            output_tokens: wire.output_tokens.map(Tokens),
            reasoning_tokens: wire.reasoning_tokens.map(Tokens),
            ttft_ms: wire.ttft_ms.map(Millis),
            latency_ms: wire.latency_ms.map(Millis),
            cost_usd: wire.cost_usd.map(|money| money.0),
        };
        feedback.check()?;
        Ok(feedback)
    }

    /// What a trace would refuse is refused here already.
    fn check(&self) -> Result<(), RowFault> {
        if self.endpoint.as_deref() == Some("") {
            return Err(RowFault::new("endpoint", "must not be empty"));
        }
        let mut outcome = OutcomeRef {
            model: "any",
            ..OutcomeRef::default()
        };
        self.lay_over(&mut outcome);
        if outcome
            == (OutcomeRef {
                model: "any",
                ..OutcomeRef::default()
            })
        {
            let message = "nothing is said about the answer; give a `score`, `status`, tokens, times or `cost_usd`";
            return Err(RowFault::new("", message));
        }
        let row = Row {
            id: &self.id,
            request: weighbridge_router::RequestRef::default(),
            outcomes: &[outcome],
            logged: None,
            extra: None,
        };
        row.check().map_err(|fault| {
            let field = fault.field.strip_prefix("outcomes[0].");
            RowFault::new(field.unwrap_or(&fault.field), fault.message)
        })
    }

    /// Say of an outcome what this says.
    pub(super) fn lay_over<'a>(&'a self, outcome: &mut OutcomeRef<'a>) {
        fn over<T: Copy>(held: &mut Option<T>, given: Option<T>) {
            *held = given.or(*held);
        }
        over(&mut outcome.status, self.status.as_deref());
        over(&mut outcome.score, self.score);
        over(&mut outcome.input_tokens, self.input_tokens);
        over(&mut outcome.cached_tokens, self.cached_tokens);
        over(&mut outcome.output_tokens, self.output_tokens);
        over(&mut outcome.reasoning_tokens, self.reasoning_tokens);
        over(&mut outcome.ttft_ms, self.ttft_ms);
        over(&mut outcome.latency_ms, self.latency_ms);
        over(&mut outcome.cost_usd, self.cost_usd);
    }

    /// As a line of a file of feedback.
    ///
    /// # Errors
    /// Where the output fails.
    pub fn write_line(&self, out: &mut dyn Write) -> io::Result<()> {
        let text = |text: &'_ Option<String>| text.clone().map(|text| Text(text.into()));
        let tokens = |tokens: Option<Tokens>| tokens.map(|tokens| tokens.0);
        let wire = FeedbackWire {
            id: Some(Text::borrowed(&self.id)),
            at: self.at.map(At),
            endpoint: text(&self.endpoint),
            status: text(&self.status),
            score: self.score,
            input_tokens: tokens(self.input_tokens),
            cached_tokens: tokens(self.cached_tokens),
            output_tokens: tokens(self.output_tokens),
            reasoning_tokens: tokens(self.reasoning_tokens),
            ttft_ms: self.ttft_ms.map(|ms| ms.0),
            latency_ms: self.latency_ms.map(|ms| ms.0),
            cost_usd: self.cost_usd.map(Money),
            ..FeedbackWire::default()
        };
        serde_json::to_writer(&mut *out, &wire)?;
        out.write_all(b"\n")
    }
}

/// Why a report could not be read, with the field where there is one.
fn diagnose(text: &str, error: &serde_json::Error) -> RowFault {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(broken) => return RowFault::new("", not_json(&broken)),
    };
    match fault_of_object("", &value, KINDS) {
        Some(fault) => RowFault::new(fault.field.trim_start_matches('.'), fault.message),
        None => RowFault::new("", without_position(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_kind_by_which_its_faults_are_told() {
        let kinds: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        let mut fields = FeedbackWire::FIELDS.to_vec();
        fields.sort_unstable();
        let mut sorted = kinds;
        sorted.sort_unstable();
        assert_eq!(sorted, fields);
    }

    #[test]
    fn a_report_is_written_as_it_is_read() {
        let text = r#"{"id":"r-1","at":"2025-12-02T09:20:00Z","endpoint":"m@x","status":"ok","score":0.25,"input_tokens":9,"cached_tokens":4,"output_tokens":7,"reasoning_tokens":2,"ttft_ms":3,"latency_ms":5,"cost_usd":0.000000000001}"#;
        let report = Feedback::from_json(text, true).unwrap();
        let mut written = Vec::new();
        report.write_line(&mut written).unwrap();
        assert_eq!(String::from_utf8(written).unwrap().trim_end(), text);
    }
}
