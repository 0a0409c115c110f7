//! What a router file keeps of its training, for `weighbridge inspect --against`.

use serde_json::Value;

use super::fit::TrainingSet;
use crate::evaluate::Reference;

/// The training rows as bins, counts and rates, without text: the field `reference` of a router's
/// provenance. `places` are those of the calibration sample among the rows.
pub(super) fn reference(set: &TrainingSet<'_>, places: &[usize]) -> Value {
    let sample: Vec<usize> = places.iter().map(|&at| set.rows[at]).collect();
    let scores = set.labels.iter().map(|labels| {
        let scores = set.rows.iter().map(|&row| labels.score[row]);
        (labels.model.as_str(), scores.collect())
    });
    let models: Vec<(&str, Vec<Option<f64>>)> = scores.collect();
    Reference::measure(set.trace, &set.rows, &sample, &models).to_json()
}
