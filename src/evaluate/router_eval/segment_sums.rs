//! What is added up over a group of requests, and over the same resamples of it.
//!
//! Owns the sums; [`segments`](super::segments) says what they mean.

use crate::stats::Replicates;

/// What is added up over a group; all but requests over the informative ones.
pub(super) const TERMS: usize = 7;
pub(super) const REQUESTS: usize = 0;
pub(super) const INFORMATIVE: usize = 1;
/// Those whose waiting is known.
pub(super) const TIMED: usize = 2;
/// Millionths.
pub(super) const GAIN: usize = 3;
/// The driver's cost, picodollars.
pub(super) const DRIVER: usize = 4;
/// The specialist's cost, picodollars.
pub(super) const SPECIALIST: usize = 5;
/// Milliseconds that the specialist takes longer.
pub(super) const WAITING: usize = 6;

/// One group.
pub(super) struct Group {
    pub(super) name: String,
    /// Places among the measured rows.
    pub(super) members: Vec<usize>,
    pub(super) sums: [i128; TERMS],
    pub(super) replicates: Replicates,
}

impl Group {
    /// The sums, and those of each resample.
    pub(super) fn all_sums(&self) -> Vec<[f64; TERMS]> {
        let own = self.sums.map(|sum| sum as f64);
        let count = self.replicates.sums(0).len();
        let resamples =
            (0..count).map(|k| std::array::from_fn(|term| self.replicates.sums(term)[k] as f64));
        std::iter::once(own).chain(resamples).collect()
    }
}

/// Seconds that the specialist adds to a request.
pub(super) fn waiting(sums: &[f64; TERMS]) -> Option<f64> {
    (sums[TIMED] > 0.0).then(|| sums[WAITING] / 1000.0 / sums[TIMED])
}

/// The sums of groups together, and those of each resample.
pub(super) fn sum_of(groups: Vec<&Group>) -> Vec<[f64; TERMS]> {
    let mut groups = groups.into_iter().map(Group::all_sums);
    let first = groups.next().unwrap_or_else(|| vec![[0.0; TERMS]]);
    groups.fold(first, |mut whole, all| {
        for (whole, sums) in whole.iter_mut().zip(all) {
            whole
                .iter_mut()
                .zip(sums)
                .for_each(|(whole, sum)| *whole += sum);
        }
        whole
    })
}
