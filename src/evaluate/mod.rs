//! From decisions and outcomes to figures that somebody can act on.
//!
//! Owns metrics, floors and hindsight, comparisons and what a trace can answer. Does not know how
//! a policy decides, nor any file. Start at [`replay_report`].

mod compare;
mod figure;
mod floors;
mod heldout;
mod replay_report;
mod summary;

pub use compare::{Comparison, Verdict};
pub use figure::Figure;
pub use heldout::keep_unseen;
pub use replay_report::{
    HINDSIGHT, ReplayOptions, ReplayReport, TraceSummary, TradeSummary, replay_report,
};
pub use summary::{PolicyFigures, SegmentFigures};
