//! Means of rows that are not independent, and how many independent rows they are worth.

use std::collections::BTreeMap;

/// A mean with the standard error that allows for rows of one unit (a session, else a prompt group)
/// being alike: the root of G / (G - 1) times the sum over G units of the squared sums of their
/// deviations, over n (Liang and Zeger 1986; the factor as in Cameron and Miller 2015).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredMean {
    /// Values.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Its standard error; `None` for fewer than two units.
    pub error: Option<f64>,
}

impl ClusteredMean {
    /// The mean of values with their units; `None` without values.
    #[must_use]
    pub fn of(values: &[(u64, f64)]) -> Option<Self> {
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().map(|(_, value)| value).sum::<f64>() / n;
        let squares = unit_squares(values.iter().map(|(unit, value)| (*unit, value - mean)));
        Some(Self {
            n: values.len() as u64,
            mean,
            error: squares.map(|squares| squares.sqrt() / n),
        })
    }
}

/// G / (G - 1) times the sum over G units of the squared sums of their terms; `None` for fewer than
/// two units.
pub(super) fn unit_squares(terms: impl Iterator<Item = (u64, f64)>) -> Option<f64> {
    let mut sums: BTreeMap<u64, f64> = BTreeMap::new();
    for (unit, term) in terms {
        *sums.entry(unit).or_default() += term;
    }
    let units = sums.len() as f64;
    let squares: f64 = sums.values().map(|sum| sum * sum).sum();
    (sums.len() > 1).then(|| squares * units / (units - 1.0))
}

/// How many independent rows as many rows of these units are worth where rows of a unit are all
/// alike: n^2 over the sum of the squared sizes of the units (Kish 1965).
pub(super) fn effective(units: impl Iterator<Item = u64>) -> f64 {
    let mut sizes: BTreeMap<u64, f64> = BTreeMap::new();
    for unit in units {
        *sizes.entry(unit).or_default() += 1.0;
    }
    let n: f64 = sizes.values().sum();
    let squares: f64 = sizes.values().map(|size| size * size).sum();
    if n > 0.0 { n * n / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_unit_count_as_one_where_they_are_all_alike() {
        let alone: Vec<(u64, f64)> = (0..40).map(|i| (i, (i % 2) as f64)).collect();
        let twice: Vec<(u64, f64)> = alone.iter().flat_map(|row| [*row, *row]).collect();
        let [alone, twice] = [alone, twice].map(|rows| ClusteredMean::of(&rows).unwrap());
        assert_eq!((alone.mean, twice.n), (0.5, 80));
        assert!((alone.error.unwrap() - (40.0_f64 / 39.0 * 10.0).sqrt() / 40.0).abs() < 1e-12);
        assert!((alone.error.unwrap() - twice.error.unwrap()).abs() < 1e-12);
        assert_eq!(effective([1, 1, 2, 2].into_iter()), 2.0);
        assert_eq!(effective([].into_iter()), 0.0);
        assert_eq!(ClusteredMean::of(&[]), None);
        assert_eq!(
            ClusteredMean::of(&[(1, 0.5), (1, 0.7)]).unwrap().error,
            None
        );
    }
}
