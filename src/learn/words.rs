//! The word scores: what the words of a prompt alone say of one model.
//!
//! A sparse L2 logistic regression a model over hashed words. The heads see its score as one dense
//! column, which for a training row must come from a fit that did not see the row, or the column
//! would seem to know the answer: so it is fitted out of fold (Wolpert 1992, "Stacked
//! generalization"), and once on all rows for the router.

use weighbridge_router::WordScore;

use super::matrix::{Sparse, SparsePart};
use super::newton::{self, Linear, Loss};
use super::recipe::{self, WEIGHT};

/// Words are hashed into `2^BITS` columns.
pub(super) const BITS: u8 = 16;
/// The L2 penalty against a loss that is a sum over rows.
const PENALTY: f64 = 1.0;

/// The weights of words, from these rows with a label and a case weight each.
pub(super) fn fit(sparse: &Sparse, places: &[usize], labels: &[f64], cases: &[f64]) -> Linear {
    newton::fit(
        &SparsePart { sparse, places },
        Loss::Logistic,
        labels,
        cases,
        PENALTY,
    )
}

/// One model's words: the router's score, and the dense column of the training rows.
pub(super) struct Fitted {
    pub(super) score: WordScore,
    pub(super) column: Vec<f64>,
}

/// Puts the fits together: one for each fold that leaves it out, the last on all rows.
pub(super) fn assemble(model: &str, sparse: &Sparse, folds: &[usize], fits: &[Linear]) -> Fitted {
    let raw: Vec<f64> = (folds.iter().enumerate())
        .map(|(i, &fold)| sparse.score(i, &fits[fold].weights, fits[fold].bias))
        .collect();
    let n = raw.len().max(1) as f64;
    let mean = raw.iter().sum::<f64>() / n;
    let squares: f64 = raw.iter().map(|z| (z - mean).powi(2)).sum();
    let (mean, scale) = recipe::standard(mean, (squares / n).sqrt());
    let scaled = |z: &f64| {
        let scaled = (z - f64::from(mean)) * f64::from(scale);
        scaled.clamp(-4.0, 4.0) * f64::from(WEIGHT)
    };
    let whole = &fits[fits.len() - 1];
    Fitted {
        column: raw.iter().map(scaled).collect(),
        score: WordScore {
            model: model.to_owned(),
            bias: whole.bias,
            mean,
            scale,
            weights: whole.weights.iter().map(|w| *w as f32).collect(),
        },
    }
}
