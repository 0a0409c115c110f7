//! From a trace to a trained router.
//!
//! Owns the split into training and held-out prompt groups, the fit of the feature recipe and of
//! the heads, their calibration, and the predictions on given splits. Everything that it fits is
//! turned into the router's own types at once and only ever measured through them: no type of the
//! fitting library leaves this folder. It does not serve, export or print, and it opens no files.
//! Start at [`train`].

mod add;
mod assemble;
mod boost;
mod error;
mod fit;
mod folds;
mod guard;
mod heads;
mod jobs;
mod kind;
mod labels;
mod learning_curve;
mod logistic;
mod matrix;
mod newton;
mod options;
mod platt;
mod predictions;
mod recipe;
mod reference;
mod separate;
mod shrink;
mod split;
mod split_file;
mod tokens;
mod train;
mod words;

pub use add::{Added, add_model};
pub use error::LearnError;
pub use folds::{FoldRouter, SplitKind, cross_validate};
pub use guard::{Guard, Regime, fenced, other_tasks};
pub use heads::HeadKind;
pub use jobs::Progress;
pub use learning_curve::{CurveStep, learning_curve};
pub use options::TrainOptions;
pub use predictions::{PredictedSplit, predict_splits, write_predictions};
pub use recipe::FeatureGroups;
pub use separate::separate;
pub use split::is_held_out;
pub use split_file::{GivenSplit, read_splits};
pub use train::{ModelRows, Trained, train};
