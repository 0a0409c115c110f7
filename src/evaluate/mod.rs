//! From decisions and outcomes to figures that somebody can act on.
//!
//! Owns metrics, floors and hindsight, comparisons and what a trace can answer. Does not know how
//! a policy decides, nor any file. Start at [`replay_report`].

mod calibration;
mod compare;
mod curve;
mod figure;
mod floors;
mod path;
mod replay_report;
mod resample;
mod summary;

pub use calibration::{
    Bin, CALIBRATION_BINS, Calibration, GainCalibration, calibration, gain_calibration,
};
pub use compare::{Comparison, Verdict};
pub use curve::{CurveMetrics, CurvePoint, PairRows, curve_metrics, gap};
pub use figure::Figure;
pub use replay_report::{
    HINDSIGHT, ReplayOptions, ReplayReport, TraceSummary, TradeSummary, replay_report,
};
pub use resample::Bootstrap;
pub use summary::{PolicyFigures, SegmentFigures};
