//! How a recorded figure is distributed.

use serde::Serialize;

use crate::stats::quantile_sorted;

/// The distribution of a recorded figure, in the figure's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Values.
    pub n: u64,
    /// Median (quantiles are linear between order statistics).
    pub p50: f64,
    /// What one in ten exceeds.
    pub p90: f64,
    /// What one in a hundred exceeds.
    pub p99: f64,
    /// Mean.
    pub mean: f64,
    /// Sum.
    pub sum: f64,
}

/// The spread of values, which must be numbers; `None` without any.
pub(super) fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.collect();
    // Summed in ascending order, so that the order of rows does not show.
    values.sort_unstable_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    Some(Spread {
        n: values.len() as u64,
        p50: quantile_sorted(&values, 0.5)?,
        p90: quantile_sorted(&values, 0.9)?,
        p99: quantile_sorted(&values, 0.99)?,
        mean: sum / values.len() as f64,
        sum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_what_is_there() {
        assert_eq!(spread([].into_iter()), None);
        let found = spread((0..=100).rev().map(f64::from)).unwrap();
        assert_eq!((found.p50, found.p90, found.p99), (50.0, 90.0, 99.0));
        assert_eq!((found.n, found.mean, found.sum), (101, 50.0, 5050.0));
    }
}
