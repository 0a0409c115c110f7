//! From a trace to a trained router.
//!
//! Owns the split into training and held-out prompt groups, the fit of the feature recipe and of
//! the heads, their calibration, and the predictions on given splits. Everything that it fits is
//! turned into the router's own types at once and only ever measured through them: no type of the
//! fitting library leaves this folder. It does not serve, export or print, and it opens no files.
//! Start at [`train`].

mod error;
mod fit;
mod jobs;
mod labels;
mod logistic;
mod matrix;
mod platt;
mod predictions;
mod recipe;
mod split;
mod split_file;
mod tokens;
mod train;

pub use error::LearnError;
pub use jobs::Progress;
pub use predictions::{PredictedSplit, predict_splits, write_predictions};
pub use split::is_held_out;
pub use split_file::{GivenSplit, read_splits};
pub use train::{ModelRows, TrainOptions, Trained, train};
