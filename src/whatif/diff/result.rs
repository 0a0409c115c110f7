//! What a comparison on a trace comes to; its JSON form is described in `docs/formats.md`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluate::{Figure, TradeSummary, Verdict};
use crate::trace::Trace;

/// Two policies, `a` and `b`, on the same requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrafficDiff {
    /// The requests.
    pub trace: TraceText,
    /// The worth of an answer that was charged.
    pub trade: Option<TradeSummary>,
    /// The seed.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// The share of requests that go elsewhere.
    pub moved: Figure,
    /// What that comes to.
    pub figures: Vec<DiffFigure>,
    /// From where to where, the greatest share first.
    pub routes: Vec<Route>,
    /// Task by task, those that move most first.
    pub tasks: Vec<TaskMoves>,
    /// The requests whose move costs or gains most.
    pub tops: Tops,
    /// Requests that nobody answers any more, or that somebody answers now.
    pub unanswered: Unanswered,
    /// What a reader should know before he believes any of it.
    pub warnings: Vec<String>,
}

/// Which requests were compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceText {
    /// How many.
    pub requests: u64,
    /// The fingerprint of these.
    pub fingerprint: String,
    /// Requests left out because one of the routers may have learned from their prompt group.
    pub dropped_training_rows: u64,
    /// How the rows were made up, where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<String>,
}

impl TraceText {
    pub(super) fn new(trace: &Trace, dropped: u64) -> Self {
        Self {
            requests: trace.len() as u64,
            fingerprint: trace.fingerprint().to_string(),
            dropped_training_rows: dropped,
            synthetic: trace.header().synthetic.clone(),
        }
    }
}

/// One figure of both, and what it differs by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffFigure {
    /// Its name.
    pub figure: &'static str,
    /// Of the first policy, over the requests on which both are known.
    pub a: Figure,
    /// Of the second, over the same.
    pub b: Figure,
    /// The second less the first, for each request: the mean of the moved ones times their share.
    pub difference: Figure,
    /// The second less the first, for each moved request.
    pub per_moved: Figure,
    /// What the heads expect of `difference`; null where nothing predicts it.
    pub predicted: Option<Figure>,
    /// Whether the second policy is better, by the whole interval.
    pub verdict: Verdict,
    /// How many requests would tell a true difference of this size, at 80% power.
    pub requests_to_tell: Option<u64>,
}

/// Differences of four figures: net value, success, cost, latency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moves<T> {
    /// USD.
    pub net_usd: T,
    /// Share of right answers.
    pub success: T,
    /// USD.
    pub cost_usd: T,
    /// Milliseconds until the answer is complete.
    pub latency_ms: T,
}

impl<T> Moves<T> {
    pub(super) fn of(mut figure: impl FnMut(usize) -> T) -> Self {
        Self {
            net_usd: figure(0),
            success: figure(1),
            cost_usd: figure(2),
            latency_ms: figure(3),
        }
    }
}

/// Requests that go from one endpoint to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    /// The endpoint of the first policy; null: nobody answered.
    pub from: Option<String>,
    /// The endpoint of the second; null: nobody answers.
    pub to: Option<String>,
    /// How many requests, in expectation.
    pub requests: f64,
    /// Of all requests.
    pub share: Figure,
    /// How many of each task.
    pub tasks: BTreeMap<String, f64>,
    /// What each moved request differs by, as recorded.
    pub recorded: Moves<Figure>,
    /// What the heads expect it to differ by; no intervals.
    pub predicted: Moves<Option<f64>>,
}

/// What happens to the requests of one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskMoves {
    /// The task.
    pub task: String,
    /// How many requests it has.
    pub requests: u64,
    /// The share of them that moves.
    pub moved: Figure,
    /// What each request of the task differs by, moved or not, as recorded.
    pub recorded: Moves<Figure>,
    /// What the heads expect it to differ by; no intervals.
    pub predicted: Moves<Option<f64>>,
}

/// By what requests are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RankedBy {
    /// The recorded net value.
    RecordedNet,
    /// The net value that the heads predict: most moves are not recorded on both sides.
    PredictedNet,
    /// The recorded cost: nothing says what an answer is worth.
    RecordedCost,
    /// The predicted cost.
    PredictedCost,
}

impl RankedBy {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::RecordedNet => "recorded net value",
            Self::PredictedNet => "predicted net value",
            Self::RecordedCost => "recorded cost",
            Self::PredictedCost => "predicted cost",
        }
    }
}

/// The requests whose move matters most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tops {
    /// By what; null where nothing tells one move from another.
    pub ranked_by: Option<RankedBy>,
    /// Moved requests of which that is not known.
    pub left_out: u64,
    /// Those that lose most, the greatest loss first.
    pub costs: Vec<MovedRequest>,
    /// Those that gain most, the greatest gain first.
    pub gains: Vec<MovedRequest>,
}

/// One request that moves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MovedRequest {
    /// Its id.
    pub id: String,
    /// Its task.
    pub task: String,
    /// The endpoint of the first policy.
    pub from: Option<String>,
    /// The endpoint of the second.
    pub to: Option<String>,
    /// How much of it moves.
    pub mass: f64,
    /// What the whole request differs by, as recorded.
    pub recorded: Moves<Option<f64>>,
    /// What the heads expect it to differ by.
    pub predicted: Moves<Option<f64>>,
}

/// Requests for which no endpoint is eligible.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unanswered {
    /// Under the first policy, in expectation.
    pub a: f64,
    /// Under the second.
    pub b: f64,
    /// Answered by the first and not by the second.
    pub lost: f64,
    /// Answered by the second and not by the first.
    pub won: f64,
    /// The first of those that are lost.
    pub lost_ids: Vec<String>,
}
