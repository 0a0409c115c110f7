//! How far the counts of two samples lie apart: the population stability index.

use serde::Serialize;

use super::State;
use crate::evaluate::figure::Figure;
use crate::stats::chi_squared_upper;

/// Where a shift is an alarm.
pub(super) const ALARM: f64 = 0.25;
/// From where on a shift is worth watching.
pub(super) const WATCH: f64 = 0.1;

/// How one figure of the requests has moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shift {
    /// `feature`, `task` or `input_tokens`.
    pub of: &'static str,
    /// The feature, or as `of`.
    pub name: String,
    /// The group of the feature.
    pub group: Option<&'static str>,
    /// Bins that either sample has.
    pub bins: u64,
    /// The index.
    pub psi: Figure,
    /// What the index stays below with probability 95%, over all that is compared here, where
    /// nothing has moved.
    pub noise: Option<f64>,
    /// What it comes to.
    pub state: State,
}

/// The counts of one figure in training and now.
pub(super) struct Counts {
    pub(super) of: &'static str,
    pub(super) name: String,
    pub(super) group: Option<&'static str>,
    pub(super) trained: Vec<u64>,
    pub(super) new: Vec<u64>,
    /// How many independent requests either is worth.
    pub(super) effective: [f64; 2],
    /// Why these counts cannot be compared; none where they can.
    pub(super) why: Option<String>,
}

/// The shifts of all of these, greatest first; what cannot be told stands last.
///
/// With shares e of training and a of now in each bin, the index is the sum of (a - e) ln(a / e)
/// (Siddiqi 2006, "Credit Risk Scorecards"): the divergence of Kullback and Leibler both ways.
/// Half a request is added to each bin, so that an empty one stays finite. Where nothing has moved
/// it is distributed as (1 / n + 1 / m) chi-squared with a degree of freedom less than bins
/// (Yurdakul and Naranjo 2020); that quantile is taken at 5% over all counts (Bonferroni), and n
/// and m are worth as many requests as are independent.
pub(super) fn shifts(all: Vec<Counts>, few: bool) -> Vec<Shift> {
    let moving = |counts: &Counts| counts.why.is_none() && bins(counts) > 1;
    let family = all.iter().filter(|counts| moving(counts)).count().max(1);
    let mut shifts: Vec<Shift> = all
        .into_iter()
        .map(|counts| counts.shift(family, few))
        .collect();
    let key = |shift: &Shift| shift.psi.x.unwrap_or(-1.0);
    shifts.sort_by(|a, b| key(b).total_cmp(&key(a)));
    shifts
}

/// Bins that have a request in either sample.
fn bins(counts: &Counts) -> usize {
    let pairs = counts.trained.iter().zip(&counts.new);
    pairs.filter(|(a, b)| **a + **b > 0).count()
}

impl Counts {
    fn shift(self, family: usize, few: bool) -> Shift {
        let bins = bins(&self);
        let [n, m] = self.effective;
        let noise = chi_squared_upper(0.05 / family as f64, bins.saturating_sub(1))
            .filter(|_| n > 0.0 && m > 0.0)
            .map(|quantile| quantile * (1.0 / n + 1.0 / m));
        let requests = self.new.iter().sum();
        let psi = match self.why {
            Some(why) => Figure::unknown("PSI", why),
            None => Figure::known(psi(&self.trained, &self.new), "PSI", requests)
                .on("the training's bins"),
        };
        let beyond = |x: f64| bins < 2 || noise.is_some_and(|noise| x > noise);
        let state = match psi.x {
            _ if few => State::CannotTell,
            None => State::CannotTell,
            Some(x) if x > ALARM && beyond(x) => State::Alarm,
            Some(x) if x > WATCH && beyond(x) => State::Watch,
            Some(_) => State::Same,
        };
        Shift {
            of: self.of,
            name: self.name,
            group: self.group,
            bins: bins as u64,
            noise: psi.x.and(noise),
            psi,
            state,
        }
    }
}

/// The index of the counts of two samples by bin.
fn psi(trained: &[u64], new: &[u64]) -> f64 {
    let used = |&(a, b): &(&u64, &u64)| *a + *b > 0;
    let pairs: Vec<(f64, f64)> = (trained.iter().zip(new))
        .filter(used)
        .map(|(a, b)| (*a as f64 + 0.5, *b as f64 + 0.5))
        .collect();
    let total = pairs
        .iter()
        .fold([0.0, 0.0], |sum, pair| [sum[0] + pair.0, sum[1] + pair.1]);
    let term = |(trained, new): &(f64, f64)| {
        let (e, a) = (trained / total[0], new / total[1]);
        (a - e) * libm::log(a / e)
    };
    pairs.iter().map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(trained: &[u64], new: &[u64]) -> Counts {
        Counts {
            of: "feature",
            name: "x".into(),
            group: None,
            trained: trained.to_vec(),
            new: new.to_vec(),
            effective: [trained, new].map(|counts| counts.iter().sum::<u64>() as f64),
            why: None,
        }
    }

    #[test]
    fn the_index_is_that_of_its_definition_and_bins_that_nobody_uses_do_not_count() {
        // (.6 - .5) ln(.6 / .5) + (.4 - .5) ln(.4 / .5), with half a request added to each.
        let [e, a]: [[f64; 2]; 2] = [[500.5 / 1001.0; 2], [600.5 / 1001.0, 400.5 / 1001.0]];
        let wanted: f64 = (0..2).map(|k| (a[k] - e[k]) * (a[k] / e[k]).ln()).sum();
        let found = psi(&[500, 0, 500], &[600, 0, 400]);
        assert!((found - wanted).abs() < 1e-12 && (found - 0.0405).abs() < 1e-3);
        assert_eq!(psi(&[10, 20], &[10, 20]), 0.0);
        assert_eq!(psi(&[], &[]), 0.0);
        assert!(psi(&[1000, 0], &[0, 50]).is_finite());
    }

    #[test]
    fn a_great_index_of_few_requests_is_noise_and_the_same_of_many_an_alarm() {
        let state = |scale: u64| {
            let new = [30, 10, 10].map(|count: u64| count * scale / 10);
            let of = |count: u64| count * scale;
            let found = shifts(vec![counts(&[of(10), of(20), of(20)], &new)], false);
            (found[0].psi.x.unwrap(), found[0].state)
        };
        let (few, many) = (state(2), state(40));
        assert!(few.0 > ALARM && few.1 == State::Same, "{few:?}");
        assert!(many.0 > ALARM && many.1 == State::Alarm, "{many:?}");
    }

    #[test]
    fn counts_that_cannot_be_compared_stand_last_and_raise_no_alarm() {
        let broken = Counts {
            why: Some("no".into()),
            ..counts(&[1, 0], &[0, 1000])
        };
        let found = shifts(vec![broken, counts(&[50, 50], &[50, 50])], false);
        assert_eq!(found[1].state, State::CannotTell);
        assert!(found[1].psi.x.is_none() && found[0].state == State::Same);
    }
}
