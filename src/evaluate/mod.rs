//! From decisions and outcomes to figures that somebody can act on.
//!
//! Owns metrics, floors and hindsight, comparisons and what a trace can answer. Does not know how
//! a policy decides, nor any file. Start at [`replay_report`].

mod answers;
mod break_even;
mod calibration;
mod compare;
mod curve;
mod decision;
mod drift;
mod endpoints;
mod figure;
mod floors;
mod gain_curve;
mod heldout;
mod inspect;
mod path;
mod periods;
mod replay_report;
mod resample;
mod router_eval;
mod spread;
mod summary;
mod sums;
mod tally_report;
mod yardsticks;

pub use answers::Answer;
pub use break_even::BreakEven;
pub use calibration::{
    Bin, CALIBRATION_BINS, Calibration, GainCalibration, calibration, gain_calibration,
};
pub use compare::{Comparison, Verdict};
pub use curve::{CurveMetrics, CurvePoint, PairCosts, PairRows, curve_metrics, gap};
pub use decision::{Decision, DecisionVerdict};
pub use drift::{
    Alarm, AlarmKind, ClusteredMean, DRIFT_LIMITS, DriftInput, DriftLimits, DriftReport,
    DriftVerdict, FeatureBins, Incoming, NewTask, RateShift, RateTest, Reference, ReferenceError,
    Scored, Shift, State, TrainingRate, drift,
};
pub use endpoints::EndpointSummary;
pub use figure::Figure;
pub use gain_curve::{GainAtValue, SegmentGain};
pub use heldout::{HeldOut, drop_training_rows};
pub use inspect::{Coverage, Groups, Inspection, Logging, PairRates, inspect};
pub use replay_report::{
    HINDSIGHT, ReplayOptions, ReplayReport, TraceSummary, TradeSummary, replay_report,
};
pub use resample::{Bootstrap, with_interval};
pub use router_eval::{
    Clustered, EvalError, EvalOptions, Fold, Growth, GrowthFigures, GrowthStep, LearningCurve,
    ModelCalibration, NetAtValue, NetVerdict, Pays, PolicyKind, PolicyNet, RankingFloors,
    RouterEvaluation, SegmentReturn, SegmentSummary, Split, SplitFigures, Splits, TokenTotals,
    evaluate_file, evaluate_folds, evaluate_router, learning_curve, side_by_side,
};
pub use spread::Spread;
pub use summary::{PolicyFigures, SegmentFigures};
pub use sums::{EndpointSums, Period, PolicySums, ReplaySums, Spend, frozen_sums};
pub use tally_report::{TallyReport, tally_report};
