//! One request with all that came of it.

use weighbridge_router::{Ppm, Request};

/// A line of the trace to be.
#[derive(Debug)]
pub(in crate::serve) struct Entry {
    /// The request's id.
    pub(in crate::serve) id: String,
    /// What was known when it arrived.
    pub(in crate::serve) request: Request,
    /// The draw; none: a named model that passed through.
    pub(in crate::serve) logged: Option<Logged>,
    /// What the shadow would have drawn.
    pub(in crate::serve) shadow: Option<Logged>,
    /// What endpoints made of it, in order; the client got the last one.
    pub(in crate::serve) attempts: Vec<Attempt>,
}

/// What a file chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) struct Logged {
    /// The endpoint's id; none: unanswered.
    pub(in crate::serve) endpoint: Option<String>,
    /// The probability of that choice.
    pub(in crate::serve) propensity: Ppm,
    /// The file that decided.
    pub(in crate::serve) policy: String,
}

impl Entry {
    /// A request that named its model: nothing was decided.
    pub(in crate::serve) fn passed_through(
        id: String,
        request: Request,
        attempts: Vec<Attempt>,
    ) -> Self {
        Self {
            id,
            request,
            logged: None,
            shadow: None,
            attempts,
        }
    }
}

/// One call of an upstream. Unknown is `None`, never zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::serve) struct Attempt {
    /// The model.
    pub(in crate::serve) model: String,
    /// The endpoint's id.
    pub(in crate::serve) endpoint: String,
    /// `ok`, `truncated`, `error`, `timeout`, `refused`.
    pub(in crate::serve) status: &'static str,
    /// Of the input, cached ones included.
    pub(in crate::serve) input_tokens: Option<u32>,
    /// Those of the input that were cached.
    pub(in crate::serve) cached_tokens: Option<u32>,
    /// Of the output, reasoning included.
    pub(in crate::serve) output_tokens: Option<u32>,
    /// Those of the output that were reasoning.
    pub(in crate::serve) reasoning_tokens: Option<u32>,
    /// Milliseconds to the first chunk.
    pub(in crate::serve) ttft_ms: Option<u32>,
    /// Milliseconds to the end.
    pub(in crate::serve) latency_ms: Option<u32>,
}
