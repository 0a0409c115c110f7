//! Platt scaling of the success head's scores, kept only where it helps.

/// Newton steps at most; a fit of two numbers takes about six.
const MAX_STEPS: usize = 50;
/// Added to the curvature, so that scores that are all alike make no singular system.
const RIDGE: f64 = 1e-9;

/// Scores with their labels, each with its fold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    /// The uncalibrated out-of-fold score.
    pub(super) z: f64,
    /// How right the answer was, from 0 to 1.
    pub(super) label: f64,
    /// The fold that it was held out in.
    pub(super) fold: usize,
}

/// A calibration that helps: for the router, and for judging it on rows that it was not fitted on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lines {
    /// Slope and offset fitted on all rows.
    pub(super) whole: [f64; 2],
    /// By fold, those fitted on the rows of all others.
    pub(super) without: Vec<[f64; 2]>,
}

/// Slope and offset for these out-of-fold scores, if fits on all folds but one predict the left-out
/// one better (by log loss) than the raw scores.
///
/// The gate is needed because a fit always looks good on the rows that it was fitted on.
pub(super) fn gated(scores: &[Scored], folds: usize) -> Option<Lines> {
    let (mut raw, mut calibrated) = (0.0, 0.0);
    let mut without = Vec::with_capacity(folds);
    for fold in 0..folds {
        let (own, others): (Vec<_>, Vec<_>) = scores.iter().partition(|scored| scored.fold == fold);
        let line = fit(&others);
        raw += log_loss(&own, [1.0, 0.0]);
        calibrated += log_loss(&own, line);
        without.push(line);
    }
    (calibrated < raw).then(|| Lines {
        whole: fit(scores),
        without,
    })
}

/// Slope and offset that minimise the log loss against Platt's targets, `(n+ + 1) / (n+ + 2)` for
/// right and `1 / (n- + 2)` for wrong answers (Platt 1999), a mixture of them for graded ones, by Newton's method with halved steps
/// (as Lin, Lin and Weng 2007, "A note on Platt's probabilistic outputs", advise). A negative
/// slope would turn the ranking around on the word of noise: then the slope is 0 and the offset
/// the overall rate.
fn fit(scores: &[Scored]) -> [f64; 2] {
    let n = scores.len() as f64;
    let positives = scores.iter().map(|scored| scored.label).sum::<f64>();
    let negatives = n - positives;
    let high = (positives + 1.0) / (positives + 2.0);
    let low = 1.0 / (negatives + 2.0);
    let target = |scored: &Scored| low + scored.label * (high - low);
    let loss = |line: [f64; 2]| -> f64 {
        scores
            .iter()
            .map(|scored| cross_entropy(target(scored), line[0] * scored.z + line[1]))
            .sum()
    };
    let mut line = [1.0, 0.0];
    let mut best = loss(line);
    for _ in 0..MAX_STEPS {
        let (mut g, mut h) = ([0.0; 2], [RIDGE, 0.0, RIDGE]);
        for scored in scores {
            let p = sigmoid(line[0] * scored.z + line[1]);
            let (residual, curvature) = (p - target(scored), p * (1.0 - p));
            g[0] += residual * scored.z;
            g[1] += residual;
            h[0] += curvature * scored.z * scored.z;
            h[1] += curvature * scored.z;
            h[2] += curvature;
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        let step = [
            (h[2] * g[0] - h[1] * g[1]) / determinant,
            (h[0] * g[1] - h[1] * g[0]) / determinant,
        ];
        let halved = (0..30).map(|halvings| 0.5_f64.powi(halvings));
        let tried = halved.map(|size| [line[0] - size * step[0], line[1] - size * step[1]]);
        let Some((next, found)) = tried
            .map(|next| (next, loss(next)))
            .find(|(_, found)| *found < best - 1e-12 * n)
        else {
            break;
        };
        (line, best) = (next, found);
    }
    if line[0] >= 0.0 {
        line
    } else {
        let sum = positives * high + negatives * low;
        [0.0, libm::log(sum / (n - sum))]
    }
}

fn log_loss(scores: &[Scored], line: [f64; 2]) -> f64 {
    scores
        .iter()
        .map(|scored| cross_entropy(scored.label, line[0] * scored.z + line[1]))
        .sum()
}

/// `-t ln p - (1 - t) ln (1 - p)` where `p` is the sigmoid of `x`.
pub(super) fn cross_entropy(t: f64, x: f64) -> f64 {
    libm::log1p(libm::exp(-x.abs())) + x.max(0.0) - t * x
}

/// The probability that these log-odds stand for.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats;

    /// Scores in [-2, 2], right with the probability of `a z + b`.
    fn drawn(n: u32, a: f64, b: f64) -> Vec<Scored> {
        (0..n)
            .map(|i| {
                let z = 4.0 * stats::uniform(1, "z", &i.to_le_bytes()) - 2.0;
                let u = stats::uniform(1, "u", &i.to_le_bytes());
                Scored {
                    z,
                    label: f64::from(u8::from(u < sigmoid(a * z + b))),
                    fold: i as usize % 5,
                }
            })
            .collect()
    }

    #[test]
    fn a_known_distortion_is_found() {
        let lines = gated(&drawn(20_000, 0.5, 0.7), 5).unwrap();
        let [a, b] = lines.whole;
        assert!(lines.without.iter().all(|line| (line[0] - a).abs() < 0.05));
        assert!((a - 0.5).abs() < 0.05 && (b - 0.7).abs() < 0.05, "{a} {b}");
    }

    #[test]
    fn the_fit_is_where_the_gradient_vanishes() {
        let scores = drawn(500, 2.0, -1.0);
        let [a, b] = fit(&scores);
        let positives = scores.iter().map(|s| s.label).sum::<f64>();
        let (high, low) = (
            (positives + 1.0) / (positives + 2.0),
            1.0 / (500.0 - positives + 2.0),
        );
        let residual = |s: &Scored| sigmoid(a * s.z + b) - if s.label > 0.5 { high } else { low };
        let offset: f64 = scores.iter().map(residual).sum();
        let slope: f64 = scores.iter().map(|s| residual(s) * s.z).sum();
        assert!(
            offset.abs() < 1e-3 && slope.abs() < 1e-3,
            "{offset} {slope}"
        );
    }

    #[test]
    fn calibration_that_does_not_help_unseen_rows_is_dropped() {
        let good: Vec<_> = (0..40)
            .map(|i| gated(&drawn(60 + i, 1.0, 0.0), 5))
            .collect();
        let raw = good.iter().filter(|line| line.is_none()).count();
        assert!(raw > 20, "{raw} of 40 kept raw");
    }

    #[test]
    fn scores_that_mislead_are_flattened_and_never_turned_around() {
        let [a, b] = gated(&drawn(2000, -1.0, 1.0), 5).unwrap().whole;
        assert_eq!(a, 0.0);
        assert!((0.4..1.2).contains(&b), "{b}");
    }

    #[test]
    fn degenerate_scores_stay_finite() {
        let same = |right: bool| Scored {
            z: 3.0,
            label: f64::from(u8::from(right)),
            fold: 0,
        };
        for scores in [
            vec![],
            vec![same(true)],
            vec![same(true), same(false)],
            vec![same(true); 9],
        ] {
            let line = fit(&scores);
            assert!(line.iter().all(|x| x.is_finite() && x.abs() < 1e6));
            let lines = gated(&scores, 5);
            assert!(lines.is_none_or(|lines| lines.whole.iter().all(|x| x.is_finite())));
        }
    }
}
