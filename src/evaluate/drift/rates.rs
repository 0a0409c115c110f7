//! Whether models are as often right as in training, and as often as the router says.

use serde::Serialize;
use weighbridge_router::{Router, Scratch};

use super::mean::ClusteredMean;
use super::{Incoming, Reference, State};
use crate::evaluate::figure::Figure;
use crate::replay::{Charged, Stage, in_parts};
use crate::stats::{Z_95, holm, normal_p_value};

/// A shift of a rate below that is no alarm, however certain.
pub(super) const ALARM: f64 = 0.05;

/// What became of the rate at which one model is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateShift {
    /// The model.
    pub model: String,
    /// Mean score of the training rows.
    pub trained: Figure,
    /// Mean score now.
    pub observed: Figure,
    /// Mean probability that the router gives on the rows whose score is known.
    pub predicted: Figure,
    /// Observed less trained.
    pub shift: RateTest,
    /// Observed less predicted, on the same rows.
    pub surprise: RateTest,
}

/// A difference of two rates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateTest {
    /// The difference.
    pub difference: Figure,
    /// The probability of such a difference were there none, corrected for all that are compared
    /// (Holm).
    pub p_adjusted: Option<f64>,
    /// What it comes to.
    pub state: State,
}

/// The rates of the reference's models on the new requests; those of which fewer than `least`
/// scores are known are told nothing of.
pub(super) fn rates(
    (stage, charged): (&Stage<'_>, &Charged),
    router: &Router,
    reference: &Reference,
    incoming: &Incoming,
    (least, threads): (u64, usize),
) -> Vec<RateShift> {
    let predicted = predictions(stage, router, incoming, threads);
    let mut rates: Vec<RateShift> = (reference.models.iter())
        .map(|trained| {
            let endpoints = stage.endpoints().iter();
            let endpoint = (endpoints.clone())
                .position(|held| held.model == trained.model)
                .and_then(|at| u16::try_from(at).ok());
            let place = (router.heads().iter()).position(|held| held.model == trained.model);
            // Unit, score and probability of each row whose score is known.
            let known: Vec<(u64, f64, f64)> = (incoming.rows.iter().enumerate())
                .filter_map(|(at, &row)| {
                    let score = charged.score(endpoint?, row)?;
                    let p = predicted.get(at)?.get(place?)?;
                    Some((incoming.units[at], f64::from(score) / 1e6, *p))
                })
                .collect();
            rate(trained, &known, least)
        })
        .collect();
    judge(&mut rates);
    rates
}

/// The probabilities of all heads, a row each.
fn predictions(
    stage: &Stage<'_>,
    router: &Router,
    incoming: &Incoming,
    threads: usize,
) -> Vec<Vec<f64>> {
    let parts = in_parts(incoming.rows.len(), threads, |range| {
        let mut scratch = Scratch::default();
        let rows = incoming.rows[range].iter();
        rows.map(|&row| {
            let predictions = router.predict(&stage.request(row), &mut scratch);
            predictions.iter().map(|held| held.success.get()).collect()
        })
        .collect::<Vec<Vec<f64>>>()
    });
    parts.concat()
}

fn rate(trained: &super::TrainingRate, known: &[(u64, f64, f64)], least: u64) -> RateShift {
    let of = |value: fn(&(u64, f64, f64)) -> f64| {
        let values: Vec<(u64, f64)> = known.iter().map(|row| (row.0, value(row))).collect();
        ClusteredMean::of(&values)
    };
    let (scores, probabilities) = (of(|row| row.1), of(|row| row.2));
    let surprise = of(|row| row.1 - row.2);
    let base = ClusteredMean {
        n: trained.n,
        mean: trained.mean,
        error: trained.error,
    };
    let enough = known.len() as u64 >= least;
    // Neither the training's rate nor what the router made of it is without error.
    let shift = scores.map(|held| test(held.mean - base.mean, [held.error, base.error], held.n));
    let surprise = surprise.map(|held| test(held.mean, [held.error, base.error], held.n));
    let told = |test: Option<RateTest>| match test {
        None => RateTest::untold(Figure::unknown("share", "no request has its outcome")),
        Some(test) if enough => test,
        Some(test) => {
            let why = format!("fewer than {least} outcomes tell nothing");
            RateTest::untold(test.difference.because(why))
        }
    };
    let shown = |mean: Option<ClusteredMean>, evidence: &str| match mean {
        None => Figure::unknown("share", "no request has its outcome"),
        Some(mean) => figure(mean.mean, mean.error, mean.n).on(evidence),
    };
    RateShift {
        model: trained.model.clone(),
        trained: figure(base.mean, base.error, base.n).on("training rows"),
        observed: shown(scores, "requests with its outcome"),
        predicted: shown(probabilities, "the router, on the same requests"),
        shift: told(shift),
        surprise: told(surprise),
    }
}

/// A figure with a normal interval.
fn figure(x: f64, error: Option<f64>, n: u64) -> Figure {
    let mut figure = Figure::known(x, "share", n);
    figure.ci95 = error.map(|error| [x - Z_95 * error, x + Z_95 * error]);
    figure
}

fn test(x: f64, errors: [Option<f64>; 2], n: u64) -> RateTest {
    let error = match errors {
        [Some(a), Some(b)] => Some(libm::hypot(a, b)),
        _ => None,
    };
    RateTest {
        difference: figure(x, error, n),
        // Of a standard error of 0 the deviate is infinite, or, without a difference, no number.
        p_adjusted: error.map(|error| normal_p_value(x / error)),
        state: State::Same,
    }
}

impl RateTest {
    fn untold(difference: Figure) -> Self {
        Self {
            difference,
            p_adjusted: None,
            state: State::CannotTell,
        }
    }
}

/// Correct for all tests, and say what each comes to.
fn judge(rates: &mut [RateShift]) {
    let tests = |rates: &mut [RateShift], apply: &mut dyn FnMut(&mut RateTest)| {
        for rate in rates {
            apply(&mut rate.shift);
            apply(&mut rate.surprise);
        }
    };
    let mut raw = Vec::new();
    tests(rates, &mut |test| raw.extend(test.p_adjusted));
    let mut adjusted = holm(&raw).into_iter();
    tests(rates, &mut |test| {
        if test.state == State::CannotTell {
            return;
        }
        test.p_adjusted = test.p_adjusted.and_then(|_| adjusted.next());
        let far = test.difference.x.is_some_and(|x| x.abs() > ALARM);
        test.state = match test.p_adjusted {
            None => State::CannotTell,
            Some(p) if p < 0.05 && far => State::Alarm,
            Some(p) if p < 0.05 => State::Watch,
            Some(_) => State::Same,
        };
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::drift::TrainingRate;

    fn trained() -> TrainingRate {
        TrainingRate {
            model: "m".into(),
            n: 1000,
            mean: 0.9,
            error: Some(0.0095),
        }
    }

    /// `n` rows of which `right` in a hundred are right, all predicted at `p`.
    fn judged(n: u64, right: u64, p: f64) -> RateShift {
        let known: Vec<(u64, f64, f64)> = (0..n)
            .map(|i| (i, f64::from(u8::from(i * 37 % 100 < right)), p))
            .collect();
        let mut rates = [rate(&trained(), &known, 100)];
        judge(&mut rates);
        let [rate] = rates;
        rate
    }

    #[test]
    fn a_rate_that_moved_by_more_than_five_points_for_certain_is_an_alarm() {
        let fallen = judged(500, 70, 0.7);
        assert_eq!(
            (fallen.shift.state, fallen.surprise.state),
            (State::Alarm, State::Same)
        );
        let surprised = judged(500, 70, 0.9);
        assert_eq!(surprised.surprise.state, State::Alarm);
        assert!((surprised.surprise.difference.x.unwrap() + 0.2).abs() < 1e-12);
        let little = judged(20_000, 87, 0.9);
        assert_eq!(
            (little.shift.state, little.surprise.state),
            (State::Watch, State::Watch)
        );
        let noise = judged(100, 84, 0.9);
        assert_eq!(
            (noise.shift.state, noise.surprise.state),
            (State::Same, State::Same)
        );
    }

    #[test]
    fn few_outcomes_or_none_tell_nothing() {
        for n in [0, 99] {
            let few = judged(n, 10, 0.9);
            assert_eq!(few.shift.state, State::CannotTell);
            assert!(few.shift.difference.why.is_some() && few.shift.p_adjusted.is_none());
        }
    }
}
