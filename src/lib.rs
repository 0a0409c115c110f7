//! Which requests deserve the expensive model, and what would that cost and gain?

pub mod catalog;
pub mod cli;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod policy;
pub mod replay;
pub mod report;
pub mod serve;
pub mod stats;
pub mod trace;
pub mod trace_io;
