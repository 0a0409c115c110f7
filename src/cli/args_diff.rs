//! The arguments of `diff`.

use std::path::PathBuf;

use clap::Args;

use super::args::{BasisArgs, ShowArgs, TradeArgs};

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// What runs today: a router file or a policy
    #[arg(value_name = "A")]
    pub(super) a: PathBuf,
    /// What is to run: a router file or a policy
    #[arg(value_name = "B")]
    pub(super) b: PathBuf,
    /// Traces, read as one: which requests move, and at what cost; `-` is standard input
    #[arg(value_name = "TRACE")]
    pub(super) traces: Vec<PathBuf>,
    /// Exit with 1 where they decide otherwise: on a request of the trace, or without one in any part
    /// of the files that bears on a decision
    #[arg(long)]
    pub(super) exit_code: bool,
    /// List so many requests whose move costs most, and as many whose move gains most
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(super) top: u32,
    /// What is charged where requests bring no value [default: the trade that the routers decide by]
    #[command(flatten)]
    pub(super) trade: TradeArgs,
    /// Bootstrap replicates behind each interval; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(super) replicates: u32,
    #[command(flatten)]
    pub(super) basis: BasisArgs,
    #[command(flatten)]
    pub(super) show: ShowArgs,
}
