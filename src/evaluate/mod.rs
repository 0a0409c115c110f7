//! From decisions and outcomes to figures that somebody can act on.
//!
//! Owns metrics, floors and hindsight, comparisons and what a trace can answer. Does not know how
//! a policy decides, nor any file. Start at [`replay_report`].

mod answers;
mod calibration;
mod compare;
mod curve;
mod drift;
mod figure;
mod floors;
mod heldout;
mod inspect;
mod path;
mod replay_report;
mod resample;
mod router_eval;
mod spread;
mod summary;

pub use answers::Answer;
pub use calibration::{
    Bin, CALIBRATION_BINS, Calibration, GainCalibration, calibration, gain_calibration,
};
pub use compare::{Comparison, Verdict};
pub use curve::{CurveMetrics, CurvePoint, PairCosts, PairRows, curve_metrics, gap};
pub use drift::{
    Alarm, AlarmKind, ClusteredMean, DRIFT_LIMITS, DriftInput, DriftLimits, DriftReport,
    DriftVerdict, FeatureBins, Incoming, NewTask, RateShift, RateTest, Reference, ReferenceError,
    Scored, Shift, State, TrainingRate, drift,
};
pub use figure::Figure;
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
