//! Which kind of head earns more on rows that it was not fitted on.
//!
//! Only the linear head alone and the mean of it and the trees stand to choice, so that a linfa
//! head always ships. They are compared by what the router's rule would earn with their
//! out-of-fold probabilities, each model at its mean cost, at nine values of a right answer: those
//! at which 10%, 20%, ... 90% of the rows would leave the cheapest model for the dearest. A net
//! value over its value of an answer is success less cost in answers, so that all nine count alike.
//! Where costs do not tell the models apart, the log loss decides.

use super::fit::Job;
use super::heads::{HeadKind, OutOfFold};

/// The candidate that earns more; the first at a tie, none where there is none.
pub(super) fn choose(job: &Job<'_>, candidates: Vec<OutOfFold>) -> Option<OutOfFold> {
    if candidates.len() < 2 {
        return candidates.into_iter().next();
    }
    let values = values(job, &candidates);
    let merit = |candidate: &OutOfFold| match &values[..] {
        [] => -log_loss(job, candidate),
        values => values.iter().map(|v| earned(job, candidate, *v)).sum(),
    };
    let merits: Vec<f64> = candidates.iter().map(merit).collect();
    let mut best = 0;
    for (i, merit) in merits.iter().enumerate() {
        if *merit > merits[best] {
            best = i;
        }
    }
    candidates.into_iter().nth(best)
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

/// The values of a right answer to compare at; none where costs do not differ.
fn values(job: &Job<'_>, candidates: &[OutOfFold]) -> Vec<f64> {
    let costs = job.options.costs;
    let order = |a: &usize, b: &usize| costs[*a].total_cmp(&costs[*b]);
    let models = || 0..costs.len();
    let (Some(low), Some(high)) = (models().min_by(order), models().max_by(order)) else {
        return Vec::new();
    };
    let extra = costs[high] - costs[low];
    let Some(mean) = candidates.iter().find(|held| held.kind == HeadKind::Mean) else {
        return Vec::new();
    };
    let mut gains: Vec<f64> = (mean.log_odds[high].iter().zip(&mean.log_odds[low]))
        .map(|(high, low)| probability(*high) - probability(*low))
        .collect();
    gains.sort_unstable_by(|a, b| b.total_cmp(a));
    (1..10)
        .filter_map(|tenth| gains.get(tenth * gains.len() / 10))
        .filter(|gain| extra > 0.0 && **gain > 1e-6)
        .map(|gain| extra / gain)
        .collect()
}

/// Success less cost over the value of an answer, a row, where all models' scores are known.
fn earned(job: &Job<'_>, candidate: &OutOfFold, value: f64) -> f64 {
    let costs = job.options.costs;
    let (mut sum, mut rows) = (0.0, 0.0);
    for place in 0..job.folds.len() {
        let scores: Option<Vec<f64>> = (0..job.models()).map(|m| job.score(m, place)).collect();
        let Some(scores) = scores else { continue };
        let worth = |m: &usize| probability(candidate.log_odds[*m][place]) - costs[*m] / value;
        let best =
            (1..job.models()).fold(0, |best, m| if worth(&m) > worth(&best) { m } else { best });
        sum += scores[best] - costs[best] / value;
        rows += 1.0;
    }
    if rows > 0.0 { sum / rows } else { 0.0 }
}

fn log_loss(job: &Job<'_>, candidate: &OutOfFold) -> f64 {
    let mut sum = 0.0;
    for (model, log_odds) in candidate.log_odds.iter().enumerate() {
        for (place, z) in log_odds.iter().enumerate() {
            if let Some(y) = job.score(model, place) {
                sum += libm::log1p(libm::exp(-z.abs())) + z.max(0.0) - y * z;
            }
        }
    }
    sum
}
