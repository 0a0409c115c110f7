//! What leaves the house: checks of a router file before it is shipped. Targets for gateways come
//! here too. Knows nothing of traces, training or replay.

mod diff;
mod verify;

pub use diff::{Change, FigurePair, FileDiff, Part, Recorded, diff};
pub use verify::{Finding, Verification, verify};
