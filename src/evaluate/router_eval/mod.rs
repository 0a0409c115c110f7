//! Trained routers on requests that they never saw: do they know which of them deserve the
//! specialist, are their probabilities and tokens what happens, and what are they worth?
//!
//! Predictions and decisions come from the routers themselves, as deployed, and outcomes from the
//! charged stage. One file is one [`Fold`]; a cross-validation is several, each row measured on the
//! router that was trained without it. Ranking and calibration do not look at eligibility: they are
//! about models, not about who may answer; net value does. Start at [`evaluate_folds`].

mod file_splits;
mod frame;
mod ground;
mod growth;
mod models;
mod net;
mod policies;
mod ranking;
mod segment_sums;
mod segments;
mod splits;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use weighbridge_router::{Router, Trade, Usd};

use super::calibration::Bin;
use super::compare::Comparison;
use super::curve::CurveMetrics;
use super::figure::Figure;
use super::heldout::HeldOut;
use crate::replay::{Charged, Decisions, SegmentKey, Stage};

pub use file_splits::evaluate_file;
pub use growth::{Growth, GrowthFigures, GrowthStep, LearningCurve, learning_curve};
pub use models::{ModelCalibration, TokenTotals};
pub use net::{Clustered, NetAtValue, NetVerdict};
pub use policies::{PolicyKind, PolicyNet};
pub use ranking::RankingFloors;
pub use segments::{Pays, SegmentReturn, SegmentSummary};
pub use splits::{Split, SplitFigures, Splits, side_by_side};

use frame::Frame;
use ground::Ground;

/// A router and the requests, rows of the trace, that it may be measured on. A row is in at most
/// one fold of an evaluation.
#[derive(Debug, Clone)]
pub struct Fold<'a> {
    /// Decides and predicts for these rows.
    pub router: &'a Router,
    /// The rows.
    pub rows: Vec<usize>,
}

/// How routers are evaluated.
#[derive(Debug, Clone, Default)]
pub struct EvalOptions {
    /// The seed of folds and bootstrap.
    pub seed: u64,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: usize,
    /// Threads; they change no byte.
    pub threads: usize,
    /// The values of a right answer at which net value is measured; `None` for nine around the
    /// value at which the specialist pays on average.
    pub values: Option<Vec<Usd>>,
    /// By what requests are grouped, for what deserves the specialist.
    pub by: Vec<SegmentKey>,
    /// What further rule policies choose, for every row of the trace.
    pub rules: Vec<Decisions>,
    /// Whether whole tasks are resampled, as claims about tasks that are new need, instead of
    /// sessions and prompt groups.
    pub resample_tasks: bool,
}

/// An evaluation; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RouterEvaluation {
    /// `weighbridge.eval/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// The endpoint in the driver's role; null where nobody has it.
    pub driver: Option<String>,
    /// The endpoint in the specialist's role; null where nobody has it.
    pub specialist: Option<String>,
    /// The seed.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// Requests that the ranking figures rest on.
    pub n: u64,
    /// Requests with a prompt that were measured.
    pub requests: u64,
    /// Different tasks among them.
    pub tasks: u64,
    /// Routers that they were measured on.
    pub folds: usize,
    /// Requests dropped because the router may have learned from their prompt group.
    pub dropped_training_rows: u64,
    /// Further requests left out because they have no prompt to predict from.
    pub without_prompt: u64,
    /// Further requests left out of the ranking because the score of either role is unknown.
    pub without_outcome: u64,
    /// Success of the specialist less that of the driver.
    pub gap: Figure,
    /// The figures of the ranking by predicted gain.
    #[serde(flatten)]
    pub ranking: CurveMetrics,
    /// The router's ranking against its floors, on the same rows and resamples.
    pub ranking_comparisons: Vec<Comparison>,
    /// Slope of the observed on the predicted gain: 1 where dollar thresholds can be trusted.
    pub gain_slope: Figure,
    /// Predicted against observed gain.
    pub gain_bins: Vec<Bin>,
    /// Model and how its probabilities hold, before and after calibration.
    pub calibration: BTreeMap<String, ModelCalibration>,
    /// Model and how its predicted output tokens hold.
    pub tokens: BTreeMap<String, TokenTotals>,
    /// The ranking figures for what a router must beat, and for what nobody can.
    pub floors: RankingFloors,
    /// Net value at the file's own trade; null where the file has none (nothing in it is learned), or
    /// no endpoint of the portfolio has a net value.
    pub net: Option<NetVerdict>,
    /// Net value at other values of a right answer, re-decided at each.
    pub values: Vec<NetAtValue>,
    /// Groups of requests and what the specialist would return on them, best first.
    pub segments: Vec<SegmentReturn>,
    /// For each grouping, what deserves the specialist at the file's trade.
    pub segment_summaries: Vec<SegmentSummary>,
    /// Other splits of the same traffic, side by side, where they were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub splits: Option<Splits>,
    /// What a reader should know before he believes any of it.
    pub warnings: Vec<String>,
}

/// Why a router cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The router predicts nothing for a role.
    #[error(
        "the router has no heads for `{model}`, the {role}'s model, but for {known}; choose roles \
         that it was trained for"
    )]
    NoHeads {
        /// The role.
        role: &'static str,
        /// Its model.
        model: String,
        /// The models that it has heads for.
        known: String,
    },
    /// The routers of two folds are about different models.
    #[error(
        "fold {fold} has no heads for `{model}`, which the first one has; train all folds for the \
         same models"
    )]
    FoldsDiffer {
        /// The fold, from 0.
        fold: usize,
        /// The model.
        model: String,
    },
}

/// Fewer rows than that are worth a warning.
const FEW: u64 = 300;

/// Evaluate `router` on the requests of `held_out`; see [`evaluate_folds`].
///
/// # Errors
/// Where the router has no heads for the model of either role.
pub fn evaluate_router(
    stage: &Stage<'_>,
    charged: &Charged,
    router: &Router,
    pair: Option<[u16; 2]>,
    held_out: &HeldOut,
    options: &EvalOptions,
) -> Result<RouterEvaluation, EvalError> {
    let fold = Fold {
        router,
        rows: held_out.rows.clone(),
    };
    let evaluation = evaluate_folds(stage, charged, &[fold], pair, options)?;
    Ok(RouterEvaluation {
        dropped_training_rows: held_out.dropped,
        ..evaluation
    })
}

/// Evaluate the routers of `folds`, each on its own rows, as one.
///
/// `pair` has the places in the stage of driver and specialist; without it there are no ranking
/// figures, which are about two roles. Every endpoint of the routers must be on the stage.
///
/// # Errors
/// Where a router has no heads for the model of either role, or not those of the first router.
pub fn evaluate_folds(
    stage: &Stage<'_>,
    charged: &Charged,
    folds: &[Fold<'_>],
    pair: Option<[u16; 2]>,
    options: &EvalOptions,
) -> Result<RouterEvaluation, EvalError> {
    let frame = Frame::new(stage, charged, folds, options)?;
    let pair = pair.filter(|_| !folds.is_empty());
    let roles = pair.map(|pair| frame.roles(pair)).transpose()?;
    let ranking = ranking::measure(&frame, roles);
    let ground = Ground::new(&frame, trade_of(folds));
    let pair = pair.or_else(|| ground.cheapest_and_best());
    let (segments, segment_summaries) = segments::measure(&frame, &ground, pair);
    let id = |role: usize| roles.map(|roles| stage.endpoints()[roles[role].place()].id.clone());
    let mut evaluation = RouterEvaluation {
        format: "weighbridge.eval/1",
        version: env!("CARGO_PKG_VERSION"),
        driver: id(0),
        specialist: id(1),
        seed: options.seed,
        replicates: options.replicates,
        n: ranking.n,
        requests: frame.predicted() as u64,
        tasks: frame.tasks(),
        folds: folds.len(),
        dropped_training_rows: 0,
        without_prompt: (frame.rows().len() - frame.predicted()) as u64,
        without_outcome: roles.map_or(0, |_| frame.predicted() as u64 - ranking.n),
        gap: ranking.gap,
        ranking: ranking.router,
        ranking_comparisons: ranking.comparisons,
        gain_slope: ranking.gain.slope,
        gain_bins: ranking.gain.bins,
        calibration: models::calibrations(&frame),
        tokens: models::tokens(&frame),
        floors: ranking.floors,
        net: net::verdict(&frame, &ground),
        values: net::sweep(&frame, &ground, pair),
        segments,
        segment_summaries,
        splits: None,
        warnings: Vec::new(),
    };
    evaluation.warnings = warnings(&evaluation, &ground);
    Ok(evaluation)
}

/// The trade of the routers; where nothing is learned, an answer is worth nothing.
fn trade_of(folds: &[Fold<'_>]) -> Trade {
    let first = folds.first().and_then(|fold| fold.router.trade());
    first.unwrap_or_default()
}

fn warnings(evaluation: &RouterEvaluation, ground: &Ground<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let requests = evaluation.requests;
    if requests < FEW {
        warnings.push(format!(
            "{requests} requests are few: intervals are wide and percentile intervals too narrow"
        ));
    }
    let classes = evaluation
        .calibration
        .iter()
        .filter(|(_, held)| held.one_class);
    for (model, held) in classes {
        warnings.push(format!(
            "`{model}` is either right or wrong on all {} requests; nothing can be ranked on that",
            held.after.n
        ));
    }
    warnings.extend(ground.why_no_net().filter(|_| requests > 0));
    if let Some(net) = evaluation.net.as_ref().filter(|net| net.at.unobserved > 0) {
        warnings.push(format!(
            "{} of {} requests are left out of net values: a choice has no outcome or no cost there",
            net.at.unobserved,
            net.at.unobserved + net.at.n
        ));
    }
    warnings
}
