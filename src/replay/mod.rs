//! Recorded requests against policies: what each would have chosen, and what that would have cost
//! and gained.
//!
//! Four steps, each a file. `stage`: the endpoints that matter and the moment of each request.
//! `charge`: what each endpoint made of each request, priced. `decisions`: what each router
//! chooses; `run` takes both in one pass. `tally`: both together, as exact sums that merge. The `ledger` reads the first three
//! row by row. Knows no files, no terminal and no clock; floors and hindsight come from `evaluate`
//! as further decisions. `observe`: the parts of a charge before any price, for whoever changes prices.

mod cell;
mod charge;
mod decisions;
mod ledger;
mod observe;
mod predicted;
mod replicate;
mod run;
mod segments;
mod stage;
mod tally;
mod tally_bytes;
mod worth;

pub use cell::{Cell, PolicyCell, Support};
pub use charge::{ChargeReport, Charged, Fact, Facts};
pub(crate) use decisions::in_parts;
pub use decisions::{Assignment, Decisions};
pub use ledger::{Ledger, LedgerRow};
pub use observe::Observation;
pub use predicted::{
    Adjust, Keeping, Kept, Places, Predicted, decide_keeping, decide_kept, decide_repriced,
};
pub use replicate::unit_keys;
pub use run::{decide, decide_family, run};
pub use segments::{SegmentKey, Segments};
pub use stage::{Stage, StageEndpoint, TimeSource};
pub use tally::{Tally, TallyInput, TallyMismatch, TallySpec};
pub use worth::{Worth, half_even};
