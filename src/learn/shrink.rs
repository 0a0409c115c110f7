//! How far predicted differences between models are taken back, and around which centres.

use weighbridge_router::{CalibrationModel, Shrink};

use super::labels::Labels;

/// What remains of a predicted difference. With tasks held out *inside* the training parts of the
/// study, the slope of the true gain on the predicted one is .74 within a fold and .93 over the
/// folds; one training set alone tells it no better than from .4 to 1.1, so that it is a constant.
const FACTOR: f64 = 0.85;

/// The shrinkage of these models' heads, none of a single one. A centre is the mean score of the
/// rows where all models' scores are known, else of the model's own.
pub(super) fn shrink(labels: &[Labels], rows: &[usize]) -> Option<Shrink> {
    if labels.len() < 2 {
        return None;
    }
    let known = |row: &usize| labels.iter().all(|labels| labels.score[*row].is_some());
    let common: Vec<usize> = rows.iter().copied().filter(known).collect();
    let rows = if common.is_empty() { rows } else { &common };
    Some(Shrink {
        factor: FACTOR,
        centres: labels.iter().map(|labels| centre(labels, rows)).collect(),
    })
}

/// The shrinkage of a file with one model more, whose scores on its rows are as known: the same
/// factor, and a centre for the new one.
pub(super) fn widened(shrink: Option<&Shrink>, labels: &Labels, rows: &[usize]) -> Option<Shrink> {
    let mut shrink = shrink?.clone();
    shrink.centres.push(centre(labels, rows));
    Some(shrink)
}

/// Shrink a calibration sample, whose predictions are as the heads alone make them.
pub(super) fn apply(shrink: Option<&Shrink>, models: &mut [CalibrationModel]) {
    let (Some(shrink), Some(first)) = (shrink, models.first()) else {
        return;
    };
    for row in 0..first.success.len() {
        let shared = shrink.shared(models.iter().map(|model| f64::from(model.success[row])));
        for (place, model) in models.iter_mut().enumerate() {
            let p = f64::from(model.success[row]);
            model.success[row] = shrink.of(place, p, shared) as f32;
        }
    }
}

fn centre(labels: &Labels, rows: &[usize]) -> f64 {
    let scores = || rows.iter().filter_map(|&row| labels.score[row]);
    let sum: f64 = scores().sum();
    (sum / scores().count().max(1) as f64).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(score: &[Option<f64>]) -> Labels {
        Labels {
            model: "m".into(),
            score: score.to_vec(),
            tokens: vec![None; score.len()],
        }
    }

    #[test]
    fn centres_are_of_the_rows_where_all_are_known() {
        let a = labels(&[Some(1.0), Some(0.0), Some(1.0), None]);
        let b = labels(&[Some(0.5), Some(0.25), None, Some(1.0)]);
        let both = shrink(&[a.clone(), b.clone()], &[0, 1, 2, 3]).unwrap();
        assert_eq!(both.centres, [0.5, 0.375]);
        assert_eq!(shrink(std::slice::from_ref(&a), &[0, 1]), None);
        let apart = shrink(&[a.clone(), b], &[2, 3]).unwrap();
        assert_eq!(apart.centres, [1.0, 1.0]);
        let wider = widened(Some(&both), &a, &[0, 2, 3]).unwrap();
        assert_eq!(wider.centres, [0.5, 0.375, 1.0]);
    }

    #[test]
    fn a_sample_is_shrunk_as_a_decision_is() {
        let model = |success: &[f32]| CalibrationModel {
            model: "m".into(),
            success: success.to_vec(),
            log_output_tokens: vec![0.0; success.len()],
        };
        let mut models = [model(&[0.25, 0.5]), model(&[0.875, 0.75])];
        let shrink = Shrink {
            factor: 0.8,
            centres: vec![0.5, 0.75],
        };
        apply(Some(&shrink), &mut models);
        assert!((models[1].success[0] - models[0].success[0] - 0.55).abs() < 1e-6);
        assert_eq!([models[0].success[1], models[1].success[1]], [0.5, 0.75]);
    }
}
