//! What can be said to `train`.

use std::path::PathBuf;

use clap::Args;

use super::args::{CatalogArgs, ReadArgs, RoleArgs, Shown};
use super::dial::DialArgs;
use crate::learn::{FeatureGroups, HeadKind};

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// Traces, read as one
    #[arg(required = true, value_name = "TRACE")]
    pub(super) traces: Vec<PathBuf>,
    /// The router file to write
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["split", "to"])]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) dial: DialArgs,
    /// Share of prompt groups that are kept from training, to measure on
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    pub(super) holdout: f64,
    /// What the split into training and held-out groups is keyed by
    #[arg(long, value_name = "TEXT", default_value = "weighbridge")]
    pub(super) salt: String,
    /// From which graded score an answer counts as right
    #[arg(long, value_name = "SCORE")]
    pub(super) pass_at: Option<f64>,
    /// Feature groups that the heads see: names alone, or `-name` to leave one out of all
    #[arg(
        long,
        value_name = "GROUPS",
        default_value = "all",
        allow_hyphen_values = true
    )]
    pub(super) features: FeatureGroups,
    /// What predicts success: auto, logistic, mean (of logistic and trees) or trees
    #[arg(long, value_name = "KIND", default_value = "auto")]
    pub(super) model: HeadKind,
    /// The models to choose among, the driver first; else driver and specialist
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) models: Vec<String>,
    /// Train on shares of the rows as well, and say whether more rows are worth recording
    #[arg(long, conflicts_with = "split")]
    pub(super) learning_curve: bool,
    /// Write the file though no gain over the best simple policy is shown on unseen rows
    #[arg(long)]
    pub(super) allow_no_gain: bool,
    /// Let the router decide however few rows it learned from
    #[arg(long)]
    pub(super) no_guard: bool,
    /// Train heads for this model alone, and add them to the router file of --to
    #[arg(long, value_name = "MODEL", requires = "to", conflicts_with_all = ["models", "split"])]
    pub(super) add: Option<String>,
    /// The router file that --add adds to; written anew, or to -o
    #[arg(long, value_name = "FILE", requires = "add")]
    pub(super) to: Option<PathBuf>,
    /// Train on the splits of this file instead (protocol,seed,fold,id,part) and write predictions
    #[arg(
        long,
        value_name = "FILE",
        requires = "predictions",
        conflicts_with = "output"
    )]
    pub(super) split: Option<PathBuf>,
    /// Where the predictions on the splits go (protocol,seed,fold,id,p_strong,p_weak)
    #[arg(long, value_name = "FILE", requires = "split")]
    pub(super) predictions: Option<PathBuf>,
    #[command(flatten)]
    pub(super) catalog: CatalogArgs,
    #[command(flatten)]
    pub(super) roles: RoleArgs,
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Shown,
}
