//! What one endpoint did with one request.

use weighbridge_router::{Millis, Tokens, Usd};

/// One outcome: one sample of one endpoint. What is unknown is `None`, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OutcomeRef<'a> {
    /// The model, by the name that the recorder used.
    pub model: &'a str,
    /// The endpoint, where the recorder knew it.
    pub endpoint: Option<&'a str>,
    /// Which sample of it, from 0.
    pub sample: u32,
    /// `ok`, `truncated`, `error`, `timeout`, `refused`, or the recorder's own word.
    pub status: Option<&'a str>,
    /// How right the answer is, in [0, 1].
    pub score: Option<f64>,
    /// All tokens of the input.
    pub input_tokens: Option<Tokens>,
    /// Those of them that came from a cache.
    pub cached_tokens: Option<Tokens>,
    /// All tokens of the output.
    pub output_tokens: Option<Tokens>,
    /// Those of them that were reasoning.
    pub reasoning_tokens: Option<Tokens>,
    /// Time to the first token.
    pub ttft_ms: Option<Millis>,
    /// Time until the answer was complete.
    pub latency_ms: Option<Millis>,
    /// What it was billed, where that is known.
    pub cost_usd: Option<Usd>,
    /// Fields that this version does not know, as the text of a JSON object.
    pub extra: Option<&'a str>,
}

impl OutcomeRef<'_> {
    /// The score: as graded; 0 where none was graded because the attempt failed, which its status
    /// tells (`error`, `timeout`, `refused`); else unknown.
    #[must_use]
    pub fn success(&self) -> Option<f64> {
        success(self.score, || self.status)
    }
}

/// The status is asked for only where there is no score.
pub(super) fn success<'a>(
    score: Option<f64>,
    status: impl FnOnce() -> Option<&'a str>,
) -> Option<f64> {
    score.or_else(|| matches!(status(), Some("error" | "timeout" | "refused")).then_some(0.0))
}

/// The numbers of an outcome, without its texts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OutcomeNumbers {
    /// See [`OutcomeRef::success`].
    pub success: Option<f64>,
    /// All tokens of the input.
    pub input_tokens: Option<Tokens>,
    /// Those of them that came from a cache.
    pub cached_tokens: Option<Tokens>,
    /// All tokens of the output.
    pub output_tokens: Option<Tokens>,
    /// Time to the first token.
    pub ttft_ms: Option<Millis>,
    /// Time until the answer was complete.
    pub latency_ms: Option<Millis>,
    /// What it was billed.
    pub cost_usd: Option<Usd>,
}

/// What was really chosen when the trace was recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedRef<'a> {
    /// The endpoint that served the request.
    pub endpoint: &'a str,
    /// The probability with which the policy in force chose it.
    pub propensity: Option<f64>,
    /// The name of that policy.
    pub policy: Option<&'a str>,
}
