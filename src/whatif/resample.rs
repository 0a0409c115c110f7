//! The bootstrap of a what-if: a few thousand buckets of units, and the weights of each in every
//! replicate, made once, so that any sum over requests is resampled at the price of a sum over
//! buckets.
//!
//! Up to [`MOST_UNITS`] units every unit is a bucket, and the resamples are those of a replay.
//! Beyond, units share [`BUCKETS`] buckets by the bits of their keys: the random groups method, whose
//! interval has the same expected width, with a relative error of about one over the root of twice
//! the number of buckets: 2%, and the thousand replicates have more.

use std::thread;

use crate::stats::{unit_hash, weights_into};

/// So many units have a bucket each.
const MOST_UNITS: usize = 4096;
/// Buckets of more units.
const BUCKETS: usize = 1024;
/// The bits of a key that tell its bucket.
const BITS: u32 = BUCKETS.ilog2();
/// Replicates that are worked on at once, so that their sums stay in the first cache.
const TILE: usize = 64;
/// Columns that are worked on at once.
const LANES: usize = 4;

/// The bucket of each request, and the weights of the buckets.
#[derive(Debug)]
pub(super) struct Buckets {
    of_row: Vec<u16>,
    count: usize,
    replicates: usize,
    /// Tile after tile, in each bucket after bucket the weights of `TILE` replicates.
    weights: Vec<u8>,
}

impl Buckets {
    pub(super) fn new(units: &[u64], rows: usize, seed: u64, replicates: usize) -> Self {
        if replicates == 0 {
            return Self {
                of_row: vec![0; rows],
                count: 1,
                replicates,
                weights: Vec::new(),
            };
        }
        let mut keys = units.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let (of_row, keys): (Vec<u16>, Vec<u64>) = if keys.len() <= MOST_UNITS {
            let place = |unit: &u64| keys.binary_search(unit).unwrap_or_default() as u16;
            (units.iter().map(place).collect(), keys)
        } else {
            let key = |bucket: usize| unit_hash(seed, "whatif bucket", &bucket.to_le_bytes());
            let place = |unit: &u64| (unit >> (u64::BITS - BITS)) as u16;
            let of_row = units.iter().map(place).collect();
            (of_row, (0..BUCKETS).map(key).collect())
        };
        let tiles = replicates.div_ceil(TILE);
        let count = keys.len();
        let mut weights = vec![0; tiles * count * TILE];
        let mut drawn = vec![0; replicates];
        for (bucket, &key) in keys.iter().enumerate() {
            weights_into(key, &mut drawn);
            for (tile, drawn) in drawn.chunks(TILE).enumerate() {
                let at = (tile * count + bucket) * TILE;
                weights[at..at + drawn.len()].copy_from_slice(drawn);
            }
        }
        Self {
            of_row,
            count,
            replicates,
            weights,
        }
    }

    pub(super) fn of(&self, row: usize) -> usize {
        usize::from(self.of_row[row])
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Each column's sum and its sum in every replicate. A column is its exact sum, then a value a
    /// bucket; sums are taken in the order of the buckets, whatever the threads.
    pub(super) fn resampled(&self, columns: &[&[f64]], threads: usize) -> Vec<Vec<f64>> {
        let groups: Vec<&[&[f64]]> = columns.chunks(LANES).collect();
        let threads = threads.clamp(1, groups.len().max(1));
        if threads == 1 {
            return groups.iter().flat_map(|group| self.group(group)).collect();
        }
        let part = groups.len().div_ceil(threads);
        thread::scope(|scope| {
            let handles: Vec<_> = groups
                .chunks(part)
                .map(|groups| {
                    let work = || groups.iter().flat_map(|group| self.group(group));
                    scope.spawn(move || work().collect::<Vec<Vec<f64>>>())
                })
                .collect();
            let parts = handles.into_iter().map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            parts.flatten().collect()
        })
    }

    fn group(&self, columns: &[&[f64]]) -> Vec<Vec<f64>> {
        let mut sums: Vec<Vec<f64>> = columns
            .iter()
            .map(|column| {
                let mut sums = Vec::with_capacity(1 + self.replicates);
                sums.push(column[0]);
                sums
            })
            .collect();
        let none = vec![0.0; 1 + self.count];
        let values: [&[f64]; LANES] =
            std::array::from_fn(|lane| columns.get(lane).map_or(&none[1..], |column| &column[1..]));
        for tile in self.weights.chunks(self.count * TILE) {
            let drawn = add_up(tile, values);
            for (sums, drawn) in sums.iter_mut().zip(drawn) {
                let wanted = (1 + self.replicates - sums.len()).min(TILE);
                sums.extend_from_slice(&drawn[..wanted]);
            }
        }
        sums
    }
}

/// For each column and replicate of a tile, the weighted sum over the buckets.
fn add_up(tile: &[u8], values: [&[f64]; LANES]) -> [[f64; TILE]; LANES] {
    let mut sums = [[0.0; TILE]; LANES];
    let (tiles, _) = tile.as_chunks::<TILE>();
    for (bucket, weights) in tiles.iter().enumerate() {
        let values = values.map(|column| column[bucket]);
        if values == [0.0; LANES] {
            continue;
        }
        for (at, &weight) in weights.iter().enumerate() {
            let weight = f64::from(weight);
            for lane in 0..LANES {
                sums[lane][at] += weight * values[lane];
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_weights_on_any_number_of_threads() {
        let units: Vec<u64> = (0..300u64)
            .map(|i| unit_hash(1, "test", &(i / 2).to_le_bytes()))
            .collect();
        let buckets = Buckets::new(&units, units.len(), 1, 100);
        assert_eq!(buckets.count(), 150);
        let mut columns = vec![vec![0.0; 151]; 5];
        for (row, _) in units.iter().enumerate() {
            for (k, column) in columns.iter_mut().enumerate() {
                let x = ((row * 7 + k) % 11) as f64;
                column[0] += x;
                column[1 + buckets.of(row)] += x;
            }
        }
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let sums = buckets.resampled(&columns, 1);
        assert_eq!(sums, buckets.resampled(&columns, 3));
        let mut weights = vec![[0; 100]; units.len()];
        units
            .iter()
            .zip(&mut weights)
            .for_each(|(&unit, weights)| weights_into(unit, weights));
        for replicate in [0, 63, 64, 99] {
            let naive: f64 = (0..units.len())
                .map(|row| f64::from(weights[row][replicate]) * ((row * 7 + 4) % 11) as f64)
                .sum();
            assert_eq!(sums[4][1 + replicate], naive);
        }
        assert_eq!(sums[4].len(), 101);
    }

    #[test]
    fn many_units_share_buckets_and_none_without_replicates() {
        let units: Vec<u64> = (0..10_000u64)
            .map(|i| unit_hash(1, "test", &i.to_le_bytes()))
            .collect();
        assert_eq!(Buckets::new(&units, units.len(), 1, 8).count(), BUCKETS);
        let none = Buckets::new(&[], 5, 1, 0);
        assert_eq!((none.count(), none.of(4)), (1, 0));
        assert_eq!(none.resampled(&[&[3.0, 3.0]], 2), [[3.0]]);
    }
}
