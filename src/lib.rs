//! Which requests deserve the expensive model, and what would that cost and gain?
//!
//! The library behind the `weighbridge` command. Start at [`replay`] to replay recorded requests,
//! at [`evaluate::replay_report`] for figures, at [`learn::train`] to train a router. To decide in
//! another program, depend on `weighbridge-router` alone.

pub mod catalog;
pub mod cli;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod learn;
pub mod policy;
pub mod replay;
pub mod report;
pub mod serve;
pub mod stats;
pub mod trace;
pub mod trace_io;
pub mod whatif;
