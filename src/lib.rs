//! Which requests deserve the expensive model, and what would that cost and gain?

pub mod catalog;
pub mod learn;
pub mod replay;
pub mod report;
pub mod serve;
pub mod stats;
pub mod trace;
pub mod trace_io;
