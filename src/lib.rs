//! Which requests deserve the expensive model, and what would that cost and gain?
//!
//! The library behind the `weighbridge` command. Start at [`replay`] to replay recorded requests,
//! at [`evaluate::replay_report`] for figures, at [`learn::train`] to train a router. To decide in
//! another program, depend on `weighbridge-router` alone.
//!
//! Without the feature `tool` there is what reads traces and adds them up, and nothing else.

#![cfg_attr(
    not(feature = "tool"),
    allow(
        dead_code,
        reason = "some of what is here serves the other modules alone"
    )
)]

pub mod catalog;
#[cfg(feature = "tool")]
pub mod cli;
pub mod evaluate;
#[cfg(feature = "tool")]
pub mod export;
#[cfg(feature = "tool")]
pub mod generate;
#[cfg(feature = "tool")]
pub mod learn;
pub mod policy;
pub mod replay;
#[cfg(feature = "tool")]
pub mod report;
#[cfg(feature = "tool")]
pub mod serve;
pub mod stats;
pub mod trace;
pub mod trace_io;
#[cfg(feature = "tool")]
pub mod whatif;
