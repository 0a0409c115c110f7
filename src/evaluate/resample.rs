//! The bootstrap of figures that are no ratios of sums: rankings, bins, hulls.
//!
//! Such a figure is worked out anew from the weighted rows of each replicate. Weights are made for
//! eight replicates at a time, so that memory is eight bytes a row whatever their number.

use std::thread;

use crate::stats::weights_of_eight;

use super::figure::Figure;

/// How a figure is resampled.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap<'a> {
    /// The unit of each row, as [`unit_keys`](crate::replay::unit_keys) gives them.
    pub units: &'a [u64],
    /// Replicates; 0 for no intervals.
    pub replicates: usize,
    /// Threads; they change no byte.
    pub threads: usize,
}

/// Replicates whose weights are made at once.
const TILE: usize = 8;

/// An interval needs this share of replicates that have a value.
const ENOUGH: f64 = 0.95;

impl Bootstrap<'_> {
    /// `measure` of the weights of all rows, for each replicate in order.
    #[must_use]
    pub fn replicates<T: Send>(&self, measure: impl Fn(&[u8]) -> T + Sync) -> Vec<T> {
        let tiles = self.replicates.div_ceil(TILE);
        let threads = self.threads.clamp(1, tiles.max(1));
        let of = |part: usize| tiles * part / threads..tiles * (part + 1) / threads;
        let work = |part: usize| {
            let tiles = of(part);
            tiles.flat_map(|tile| self.tile(tile, &measure)).collect()
        };
        if threads == 1 {
            return work(0);
        }
        thread::scope(|scope| {
            let work = &work;
            let handles: Vec<_> = (0..threads)
                .map(|part| scope.spawn(move || work(part)))
                .collect();
            let parts = handles.into_iter().map(|handle| {
                let joined: std::thread::Result<Vec<T>> = handle.join();
                joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            parts.flatten().collect()
        })
    }

    fn tile<T>(&self, tile: usize, measure: impl Fn(&[u8]) -> T) -> Vec<T> {
        let mut weights: [Vec<u8>; TILE] =
            std::array::from_fn(|_| Vec::with_capacity(self.units.len()));
        for &unit in self.units {
            for (column, weight) in weights.iter_mut().zip(weights_of_eight(unit, tile)) {
                column.push(weight);
            }
        }
        let wanted = (self.replicates - tile * TILE).min(TILE);
        weights[..wanted]
            .iter()
            .map(|weights| measure(weights))
            .collect()
    }
}

/// The figure with the interval of its replicates. Those without a value (a resample without the
/// gap that the figure divides by, say) are left out and counted in `why`; where they are more than
/// one in twenty, there is no interval.
#[must_use]
pub fn with_interval(figure: Figure, replicates: &[Option<f64>]) -> Figure {
    if figure.x.is_none() || replicates.is_empty() {
        return figure;
    }
    let known: Vec<f64> = replicates.iter().copied().flatten().collect();
    let (all, missing) = (replicates.len(), replicates.len() - known.len());
    if (known.len() as f64) < ENOUGH * all as f64 {
        let why = format!("no interval: {missing} of {all} resamples have no value");
        return figure.because(why);
    }
    let figure = figure.with_replicates(known);
    if missing == 0 {
        return figure;
    }
    figure.because(format!(
        "{missing} of {all} resamples have no value and are left out of the interval"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::weights_into;

    #[test]
    fn replicates_have_the_weights_of_their_units_on_any_number_of_threads() {
        let units = [3, 99, 3, 7];
        let expected = |replicate: usize| {
            units.map(|unit| {
                let mut weights = [0; 21];
                weights_into(unit, &mut weights);
                weights[replicate]
            })
        };
        for threads in [1, 2, 5] {
            let bootstrap = Bootstrap {
                units: &units,
                replicates: 21,
                threads,
            };
            let found = bootstrap.replicates(<[u8]>::to_vec);
            assert_eq!(found.len(), 21);
            for (replicate, weights) in found.iter().enumerate() {
                assert_eq!(*weights, expected(replicate));
            }
        }
    }

    #[test]
    fn replicates_without_a_value_are_counted_and_too_many_leave_no_interval() {
        let figure = |missing: usize| {
            let replicates: Vec<_> = (0..100)
                .map(|i| (i >= missing).then_some(f64::from(i as u8)))
                .collect();
            with_interval(Figure::known(50.0, "x", 9), &replicates)
        };
        assert_eq!(figure(0).why, None);
        assert!(figure(5).ci95.is_some() && figure(5).why.unwrap().starts_with("5 of 100"));
        assert!(figure(6).ci95.is_none() && figure(6).why.is_some());
    }
}
