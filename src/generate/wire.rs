//! The shapes of a scenario file, unchecked. `docs/scenario.md` says what the fields mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// The format that this version reads.
pub(super) const FORMAT: &str = "weighbridge.scenario/1";

/// What is read first; other fields are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct FormatWire {
    pub(super) format: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioWire {
    #[serde(rename = "format")]
    _format: String,
    pub(super) name: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) requests_per_day: f64,
    pub(super) hours: Vec<f64>,
    pub(super) weekend: f64,
    pub(super) visible: f64,
    pub(super) token_difficulty: f64,
    pub(super) failures: FailuresWire,
    pub(super) tenants: BTreeMap<String, f64>,
    pub(super) models: BTreeMap<String, ModelWire>,
    #[serde(default)]
    pub(super) slots: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) class: Vec<Spanned<ClassWire>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailuresWire {
    pub(super) share: f64,
    pub(super) common: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelWire {
    pub(super) model: String,
    pub(super) endpoint: String,
    #[serde(default)]
    pub(super) can: Vec<String>,
    #[serde(default)]
    pub(super) channels: Vec<String>,
    pub(super) context_tokens: u32,
    pub(super) max_output_tokens: u32,
    pub(super) ttft_ms: LawWire,
    pub(super) tokens_per_second: LawWire,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassWire {
    pub(super) name: String,
    pub(super) share: f64,
    #[serde(default)]
    pub(super) tasks: BTreeMap<String, f64>,
    #[serde(default)]
    pub(super) channels: BTreeMap<String, f64>,
    #[serde(default)]
    pub(super) needs: Vec<String>,
    pub(super) turns: TurnsWire,
    pub(super) input: InputWire,
    pub(super) text: TextWire,
    pub(super) results: BTreeMap<String, ResultWire>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TurnsWire {
    pub(super) min: u32,
    pub(super) mean: f64,
    pub(super) pause_seconds: LawWire,
    #[serde(default)]
    pub(super) repeat: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputWire {
    pub(super) mean: f64,
    pub(super) sigma: f64,
    pub(super) max: u32,
    #[serde(default)]
    pub(super) added: f64,
    pub(super) cached_first: f64,
    pub(super) cached_later: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextWire {
    pub(super) openers: Vec<String>,
    #[serde(default)]
    pub(super) follow_ups: Vec<String>,
    pub(super) easy: Vec<String>,
    pub(super) hard: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultWire {
    pub(super) success: f64,
    pub(super) fall: f64,
    pub(super) output_tokens: LawWire,
    pub(super) reasoning: f64,
}

/// A lognormal law by its mean and the standard deviation of its logarithm.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LawWire {
    pub(super) mean: f64,
    pub(super) sigma: f64,
}
