//! What can be said to `export`.

use std::path::PathBuf;

use clap::Args;

use super::args::{CatalogArgs, RoleArgs, TradeArgs};
use crate::export::Target;

/// `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// A router file, or a policy, which is compiled as `compile` does it
    #[arg(value_name = "FILE")]
    pub(super) router: PathBuf,
    /// The gateway: litellm, envoy, onnx, vllm-sr
    #[arg(long, value_name = "TARGET")]
    pub(super) to: Target,
    /// The folder to write; one that is there already must be empty or an earlier export
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: PathBuf,
    /// Where the target cannot express the policy, say what the nearest one that it can loses on these recorded requests, and export that; repeatable
    #[arg(long, value_name = "TRACE")]
    pub(super) approximate: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) trade: TradeArgs,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
}
