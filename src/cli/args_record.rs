//! What `serve` can be told about recording, exploring, shadows and canaries.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use weighbridge_router::Ppm;

use super::args_serve::seconds;
use crate::serve::{Prompts, RecordOptions};

/// What is recorded, and what else decides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recording")]
pub(super) struct RecordArgs {
    /// Record every decision and outcome into this folder, as a trace: `replay DIR`, `train DIR`
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
    /// What is recorded of prompts
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHAT",
        requires = "record"
    )]
    prompts: PromptsArg,
    /// Begin a new file after so many megabytes
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536), requires = "record")]
    segment_mb: u32,
    /// Begin a new file after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds, requires = "record")]
    segment_seconds: Duration,
    /// Deal this share of the requests out evenly among the endpoints that are eligible for each
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(super) explore: Ppm,
    /// A second router file or policy: what it would choose is recorded, and changes nothing
    #[arg(long, value_name = "FILE", requires = "record")]
    pub(super) shadow: Option<PathBuf>,
    /// A second router file or policy that decides a share of the requests
    #[arg(long, value_name = "FILE", requires = "canary_share")]
    pub(super) canary: Option<PathBuf>,
    /// The share of sessions (of requests, where they have none) that the canary decides
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "canary")]
    pub(super) canary_share: Option<Ppm>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum PromptsArg {
    /// Their text
    #[default]
    Keep,
    /// The SHA-256 of the prompt group: equal ones stay known as equal
    Hash,
    /// Nothing
    Drop,
}

impl RecordArgs {
    /// How to record, where that is asked for.
    pub(super) fn options(&self) -> Option<RecordOptions> {
        Some(RecordOptions {
            folder: self.record.clone()?,
            prompts: match self.prompts {
                PromptsArg::Keep => Prompts::Keep,
                PromptsArg::Hash => Prompts::Hash,
                PromptsArg::Drop => Prompts::Drop,
            },
            segment_bytes: u64::from(self.segment_mb) << 20,
            segment_age: self.segment_seconds.max(Duration::from_secs(1)),
        })
    }
}

/// A share as whole parts per million.
fn share(text: &str) -> Result<Ppm, String> {
    let number = text.parse().ok();
    let ppm = number
        .filter(|share: &f64| (0.0..=1.0).contains(share))
        .map(|share| share * 1e6)
        .filter(|ppm| (ppm - ppm.round()).abs() < 1e-6)
        .ok_or("must be a number from 0 to 1 with at most six decimal places")?;
    // From 0 to a million.
    Ok(Ppm(ppm.round() as u32))
}
