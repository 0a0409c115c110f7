//! The share of requests that a policy sends to some of the endpoints, with its interval.

use crate::evaluate::{Bootstrap, Figure, with_interval};
use crate::replay::{Decisions, Stage, StageEndpoint};

/// The expected share of requests that another model than the driver takes.
pub(super) fn not_on_driver(
    stage: &Stage<'_>,
    decisions: &Decisions,
    driver: Option<&str>,
    bootstrap: Bootstrap<'_>,
) -> Figure {
    let Some(driver) = driver else {
        return Figure::unknown("share", "nobody has the role `driver`");
    };
    share_of(stage, decisions, |it| it.model != driver, bootstrap)
}

/// The expected share of requests that these endpoints take.
pub(super) fn share_of(
    stage: &Stage<'_>,
    decisions: &Decisions,
    takes: impl Fn(&StageEndpoint) -> bool,
    bootstrap: Bootstrap<'_>,
) -> Figure {
    let taking: Vec<bool> = stage.endpoints().iter().map(takes).collect();
    let share = |row: usize| {
        let masses = decisions.get(row).masses.iter();
        let taken = masses.filter(|(endpoint, _)| taking[usize::from(*endpoint)]);
        taken
            .map(|(_, share)| f64::from(share.0) / 1e6)
            .sum::<f64>()
    };
    let shares: Vec<f64> = (0..decisions.len()).map(share).collect();
    let mean = |weight: &dyn Fn(usize) -> f64| {
        let rows = shares.iter().enumerate();
        let (sum, count) = rows.fold((0.0, 0.0), |(sum, count), (row, share)| {
            (sum + weight(row) * share, count + weight(row))
        });
        (count > 0.0).then(|| sum / count)
    };
    let drawn = bootstrap.replicates(|weights| mean(&|row| f64::from(weights[row])));
    match mean(&|_| 1.0) {
        None => Figure::unknown("share", "there is no request"),
        Some(x) => with_interval(
            Figure::known(x, "share", shares.len() as u64).on("full"),
            &drawn,
        ),
    }
}
