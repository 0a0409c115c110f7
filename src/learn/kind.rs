//! Which kind of head, and which calibration, earns more on rows that it was not fitted on.
//!
//! Only the linear head alone and the mean of it and the trees stand to choice, so that a linfa
//! head always ships. They are compared by what the router's rule would earn with their
//! out-of-fold probabilities, each model at its mean cost, at nine values of a right answer: those
//! at which 10%, 20%, ... 90% of the rows would leave the cheapest model for the dearest. A net
//! value over its value of an answer is success less cost in answers, so that all nine count alike.
//! Where costs do not tell the models apart, the log loss decides.
//!
//! Platt scaling must lower the log loss of a model, and all models' together must not lower what
//! is earned: sigmoids that are fitted apart can each be right on the mean and yet disturb the
//! difference that a router ranks by.

use super::fit::Job;
use super::heads::{HeadKind, OutOfFold};
use super::platt::{self, Lines, Scored, cross_entropy, sigmoid};

/// The candidate that earns more; the first at a tie, none where there is none.
pub(super) fn choose(job: &Job<'_>, candidates: Vec<OutOfFold>) -> Option<OutOfFold> {
    if candidates.len() < 2 {
        return candidates.into_iter().next();
    }
    let mean = candidates.iter().find(|held| held.kind == HeadKind::Mean);
    let values = mean.map_or_else(Vec::new, |mean| values(job, mean));
    let merit = |candidate: &OutOfFold| match &values[..] {
        [] => -log_loss(job, candidate),
        values => earned(job, values, &|model, place| {
            candidate.log_odds[model][place]
        }),
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

/// The calibration of each model, none for those whose raw probabilities are to ship.
pub(super) fn calibration(job: &Job<'_>, chosen: &OutOfFold) -> Vec<Option<Lines>> {
    let lines: Vec<Option<Lines>> = (chosen.log_odds.iter().enumerate())
        .map(|(model, log_odds)| {
            let rows = log_odds.iter().zip(job.folds).enumerate();
            let scored: Vec<Scored> = rows
                .filter_map(|(place, (&z, &fold))| {
                    let label = job.score(model, place)?;
                    Some(Scored { z, label, fold })
                })
                .collect();
            platt::gated(&scored, job.options.folds)
        })
        .collect();
    let values = values(job, chosen);
    let raw = |model: usize, place: usize| chosen.log_odds[model][place];
    let calibrated = |model: usize, place: usize| match &lines[model] {
        None => raw(model, place),
        Some(lines) => {
            let [slope, offset] = lines.without[job.folds[place]];
            slope * raw(model, place) + offset
        }
    };
    if earned(job, &values, &calibrated) >= earned(job, &values, &raw) {
        lines
    } else {
        vec![None; lines.len()]
    }
}

/// The values of a right answer to compare at; none where costs do not differ.
fn values(job: &Job<'_>, candidate: &OutOfFold) -> Vec<f64> {
    let costs = job.options.costs;
    let order = |a: &usize, b: &usize| costs[*a].total_cmp(&costs[*b]);
    let models = || 0..costs.len();
    let (Some(low), Some(high)) = (models().min_by(order), models().max_by(order)) else {
        return Vec::new();
    };
    let extra = costs[high] - costs[low];
    let mut gains: Vec<f64> = (candidate.log_odds[high].iter())
        .zip(&candidate.log_odds[low])
        .map(|(high, low)| sigmoid(*high) - sigmoid(*low))
        .collect();
    gains.sort_unstable_by(|a, b| b.total_cmp(a));
    (1..10)
        .filter_map(|tenth| gains.get(tenth * gains.len() / 10))
        .filter(|gain| extra > 0.0 && **gain > 1e-6)
        .map(|gain| extra / gain)
        .collect()
}

/// Success less cost over the value of an answer, added up over the values and the rows where all
/// models' scores are known.
fn earned(job: &Job<'_>, values: &[f64], log_odds: &dyn Fn(usize, usize) -> f64) -> f64 {
    let costs = job.options.costs;
    let mut sum = 0.0;
    for place in 0..job.folds.len() {
        let models = 0..job.models();
        let scores: Option<Vec<f64>> = models.clone().map(|m| job.score(m, place)).collect();
        let Some(scores) = scores else { continue };
        let said: Vec<f64> = models.map(|m| sigmoid(log_odds(m, place))).collect();
        for value in values {
            let worth = |m: usize| said[m] - costs[m] / value;
            let best =
                (1..said.len()).fold(0, |best, m| if worth(m) > worth(best) { m } else { best });
            sum += scores[best] - costs[best] / value;
        }
    }
    sum
}

fn log_loss(job: &Job<'_>, candidate: &OutOfFold) -> f64 {
    let mut sum = 0.0;
    for (model, log_odds) in candidate.log_odds.iter().enumerate() {
        for (place, z) in log_odds.iter().enumerate() {
            if let Some(y) = job.score(model, place) {
                sum += cross_entropy(y, *z);
            }
        }
    }
    sum
}
