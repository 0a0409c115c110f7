//! A figure of one policy less that of another, request by request.

use crate::evaluate::{Bootstrap, Figure, with_interval};
use crate::replay::Decisions;
use crate::stats::{standard_error, units_to_tell};

/// What a figure differs by on each request, in expectation.
pub(super) struct Differences {
    /// 0 where a request is left out.
    values: Vec<f64>,
    /// Whether a request counts: both are known.
    known: Vec<bool>,
}

impl Differences {
    /// Of the second policy less the first, where `of` says what an endpoint's answer comes to.
    pub(super) fn new(
        from: &Decisions,
        to: &Decisions,
        of: impl Fn(u16, usize) -> Option<f64>,
    ) -> Self {
        let expected = |decisions: &Decisions, row: usize| {
            let masses = decisions.get(row).masses.iter();
            masses
                .map(|&(endpoint, share)| Some(of(endpoint, row)? * f64::from(share.0) / 1e6))
                .sum::<Option<f64>>()
        };
        let difference = |row: usize| {
            // Where both choose alike there is no difference, known or not.
            if from.get(row).masses == to.get(row).masses {
                return Some(0.0);
            }
            Some(expected(to, row)? - expected(from, row)?)
        };
        let all: Vec<Option<f64>> = (0..from.len()).map(difference).collect();
        Self {
            values: all.iter().map(|it| it.unwrap_or(0.0)).collect(),
            known: all.iter().map(Option::is_some).collect(),
        }
    }

    /// How many requests count.
    pub(super) fn count(&self) -> u64 {
        self.known.iter().filter(|known| **known).count() as u64
    }

    /// The sum of the values and of the requests that count.
    pub(super) fn sums(&self, weight: impl Fn(usize) -> f64) -> (f64, f64) {
        let rows = (0..self.values.len()).filter(|&row| self.known[row]);
        rows.fold((0.0, 0.0), |(sum, count), row| {
            let weight = weight(row);
            (sum + weight * self.values[row], count + weight)
        })
    }

    /// The mean for so many requests, and how many requests would tell a true difference of this
    /// size.
    pub(super) fn figure(
        &self,
        per: f64,
        unit: &'static str,
        bootstrap: Bootstrap<'_>,
    ) -> (Figure, Option<u64>) {
        let mean = |(sum, count): (f64, f64)| (count > 0.0).then(|| per * sum / count);
        let Some(x) = mean(self.sums(|_| 1.0)) else {
            let figure = Figure::unknown(unit, "the trace tells it of no request");
            return (figure, None);
        };
        let drawn = bootstrap.replicates(|weights| mean(self.sums(|row| f64::from(weights[row]))));
        let (n, all) = (self.count(), self.values.len());
        let evidence = if n == all as u64 {
            "full, paired".to_owned()
        } else {
            format!("{n} of {all} requests, paired")
        };
        let known: Vec<f64> = drawn.iter().copied().flatten().collect();
        let to_tell = standard_error(&known).and_then(|error| units_to_tell(x, n, error));
        let figure = Figure::known(x, unit, n).on(evidence);
        (with_interval(figure, &drawn), to_tell)
    }
}
