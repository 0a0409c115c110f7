//! A scenario, checked: every number is in its range, every name is there.

use weighbridge_router::Tokens;

use super::arrivals::Arrivals;
use super::draw::Weighted;
use super::laws::{LogNormal, Success};
use super::text::{Slots, Texts};

/// What traffic looks like and how two models fare with it. Comes from a file
/// ([`Scenario::parse`]) or with the tool ([`Scenario::builtin`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub(super) name: String,
    pub(super) requests_per_day: f64,
    pub(super) arrivals: Arrivals,
    /// Correlation of what the text shows with the latent difficulty.
    pub(super) visible: f64,
    /// Correlation of the logarithm of the output tokens with the latent difficulty.
    pub(super) token_difficulty: f64,
    pub(super) failures: Failures,
    pub(super) tenants: Weighted<String>,
    pub(super) models: Vec<Model>,
    pub(super) slots: Slots,
    /// Weighted by sessions, so that the shares hold for requests.
    pub(super) classes: Weighted<Class>,
}

impl Scenario {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Attempts that end in an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Failures {
    /// Share of attempts, of every model.
    pub(super) share: f64,
    /// How many of them all models have at once.
    pub(super) common: f64,
}

/// A model on its endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    pub(super) role: String,
    pub(super) model: String,
    pub(super) endpoint: String,
    /// Where it can be reached; everywhere if empty.
    pub(super) channels: Vec<String>,
    pub(super) context_tokens: Tokens,
    pub(super) max_output_tokens: Tokens,
    pub(super) ttft_ms: LogNormal,
    pub(super) tokens_per_second: LogNormal,
}

/// A sort of work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Class {
    pub(super) name: String,
    /// Task labels; what is missing to 1 carries none.
    pub(super) tasks: Weighted<String>,
    /// Channels; what is missing to 1 carries none.
    pub(super) channels: Weighted<String>,
    pub(super) needs: Vec<String>,
    pub(super) turns: Turns,
    pub(super) input: Input,
    pub(super) texts: Texts,
    /// In the order of the scenario's models; `None` where the model cannot take the class.
    pub(super) results: Vec<Option<ModelResult>>,
}

/// How long sessions are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Turns {
    pub(super) min: u32,
    pub(super) mean: f64,
    /// Between an answer and the next turn.
    pub(super) pause_seconds: LogNormal,
    /// Share of later turns that ask the same once more.
    pub(super) repeat: f64,
}

/// Tokens of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Input {
    pub(super) first: LogNormal,
    pub(super) max: u32,
    /// Mean of what a later turn adds, besides the answer before and its own prompt.
    pub(super) added: f64,
    pub(super) cached_first: f64,
    pub(super) cached_later: f64,
}

/// How a model fares with a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ModelResult {
    pub(super) success: Success,
    pub(super) output_tokens: LogNormal,
    /// Mean share of the output that is reasoning.
    pub(super) reasoning: f64,
}
