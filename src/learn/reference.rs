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

/// Adds the rates of the models of another training to the reference of a provenance, where it has
/// one: what the prompts were like is still said by the first training.
pub(super) fn join(provenance: &mut Value, set: &TrainingSet<'_>) {
    let known = provenance.pointer_mut("/reference/models");
    if let Some(known) = known.and_then(Value::as_array_mut) {
        let mut fresh = reference(set, &[]);
        let fresh = fresh["models"].as_array_mut();
        known.append(fresh.unwrap_or(&mut Vec::new()));
    }
}
