//! Whether the probabilities and the tokens that each model's heads predict are what happens.

use std::collections::BTreeMap;

use serde::Serialize;

use super::frame::{Frame, ModelColumns};
use crate::evaluate::calibration::{Calibration, calibration};
use crate::evaluate::figure::Figure;
use crate::evaluate::resample::with_interval;

/// How well the probabilities of one model hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCalibration {
    /// As the router uses them.
    #[serde(flatten)]
    pub after: Calibration,
    /// As the head gives them before Platt's sigmoid; null where that cannot be told. The same as
    /// `after` where the sigmoid is none.
    pub raw: Option<Calibration>,
    /// Whether all known scores are equal, so that nothing can be told apart.
    pub one_class: bool,
}

/// Predicted and recorded output tokens of one model, where the latter are known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenTotals {
    /// Sum of the predictions.
    pub predicted: f64,
    /// Sum of what was recorded.
    pub recorded: f64,
    /// The one over the other; 1 is right.
    pub ratio: Figure,
}

/// The calibration of every model with heads.
pub(super) fn calibrations(frame: &Frame<'_>) -> BTreeMap<String, ModelCalibration> {
    let models = frame.models.iter();
    models
        .map(|model| (model.model.clone(), calibration_of(frame, model)))
        .collect()
}

fn calibration_of(frame: &Frame<'_>, model: &ModelColumns) -> ModelCalibration {
    let rows = frame.predicted_rows();
    let score = |row: usize| frame.score(model.endpoint?, row);
    let known: Vec<(usize, i32)> = (0..rows.len())
        .filter_map(|at| Some((at, score(rows[at])?)))
        .collect();
    let units: Vec<u64> = known.iter().map(|&(at, _)| frame.unit(rows[at])).collect();
    let pick = |column: &[f64]| -> Vec<f64> { known.iter().map(|&(at, _)| column[at]).collect() };
    let y: Vec<f64> = known
        .iter()
        .map(|&(_, score)| f64::from(score) / 1e6)
        .collect();
    let evidence = frame.evidence(known.len());
    let measure = |p: &[f64]| calibration(p, &y, frame.bootstrap(&units), &evidence);
    let after = measure(&pick(&model.success));
    let raw = model.raw.as_ref().map(|raw| {
        if *raw == model.success {
            after.clone()
        } else {
            measure(&pick(raw))
        }
    });
    ModelCalibration {
        one_class: y.first().is_some_and(|first| y.iter().all(|y| y == first)),
        after,
        raw,
    }
}

/// The tokens of every model with heads.
pub(super) fn tokens(frame: &Frame<'_>) -> BTreeMap<String, TokenTotals> {
    let models = frame.models.iter();
    models
        .map(|model| (model.model.clone(), tokens_of(frame, model)))
        .collect()
}

fn tokens_of(frame: &Frame<'_>, model: &ModelColumns) -> TokenTotals {
    let rows = frame.predicted_rows();
    let recorded = |row: usize| recorded_tokens(frame, model.endpoint?, row);
    let known: Vec<(u64, [f64; 2])> = (0..rows.len())
        .filter_map(|at| {
            let tokens = [model.output_tokens[at], recorded(rows[at])?];
            Some((frame.unit(rows[at]), tokens))
        })
        .collect();
    let sums = |weight: &dyn Fn(usize) -> f64| {
        let weighted = known.iter().enumerate();
        weighted.fold([0.0; 2], |[predicted, recorded], (i, (_, tokens))| {
            let weight = weight(i);
            [
                predicted + weight * tokens[0],
                recorded + weight * tokens[1],
            ]
        })
    };
    let ratio = |[predicted, recorded]: [f64; 2]| (recorded > 0.0).then(|| predicted / recorded);
    let units: Vec<u64> = known.iter().map(|&(unit, _)| unit).collect();
    let replicates = frame
        .bootstrap(&units)
        .replicates(|weights| ratio(sums(&|i| f64::from(weights[i]))));
    let all = sums(&|_| 1.0);
    let (unit, n) = ("predicted / recorded", known.len() as u64);
    let evidence = frame.evidence(known.len()) + &frame.assumed("output_tokens");
    let figure = match ratio(all) {
        None => Figure::unknown(unit, "no output tokens are recorded"),
        Some(x) => with_interval(Figure::known(x, unit, n).on(evidence), &replicates),
    };
    TokenTotals {
        predicted: all[0],
        recorded: all[1],
        ratio: figure,
    }
}

/// The mean output tokens of the endpoint's samples.
fn recorded_tokens(frame: &Frame<'_>, endpoint: u16, row: usize) -> Option<f64> {
    let outcomes = frame.stage.outcomes_of(row, endpoint);
    let known = outcomes.filter_map(|outcome| outcome.output_tokens);
    let (sum, count) = known.fold((0.0, 0u32), |(sum, count), tokens| {
        (sum + f64::from(tokens.0), count + 1)
    });
    (count > 0).then(|| sum / f64::from(count))
}
