//! Weights of the Poisson bootstrap: how often a unit is drawn in each replicate.
//!
//! The bootstrap resamples units with replacement; with many units a unit's count in a resample is
//! Poisson with mean 1 and nearly independent of the others (Chamandy et al., *Estimating
//! uncertainty for massive data streams*, 2012). A weight is then a function of the unit and the
//! replicate alone, so shards need no common state and all policies see the same resamples.
//!
//! A unit's key (see [`unit_hash`](super::unit_hash), where the seed enters) starts a `SplitMix64`
//! stream; each output serves four replicates, 16 bits each, lowest bits first; the weight is the
//! number of thresholds that are not above those 16 bits.

use super::keyed::splitmix;

/// Replicates whose weights are made at once, from two outputs of the stream.
pub(super) const TILE: usize = 8;

/// The cumulative distribution of Poisson(1) in 65536ths, with the tail adjusted so that mean and
/// variance are exactly 1; no weight is above 8.
const THRESHOLDS: [u16; 8] = [
    24_113, 48_212, 60_274, 64_294, 65_297, 65_497, 65_530, 65_535,
];

/// No weight is larger.
pub(super) const MAX_WEIGHT: u8 = THRESHOLDS.len() as u8;

/// The weights of one unit in replicates `0..out.len()`, each 0 to 8, mean and variance 1.
///
/// `unit_key` is [`unit_hash`](super::unit_hash) of the unit of resampling. The weight of a
/// replicate does not depend on how many are asked for. Nothing is written to an empty `out`.
pub fn weights_into(unit_key: u64, out: &mut [u8]) {
    let (whole, rest) = out.as_chunks_mut();
    let next = whole.len();
    for (index, weights) in whole.iter_mut().enumerate() {
        *weights = tile(unit_key, index).map(|weight| weight as u8);
    }
    for (out, weight) in rest.iter_mut().zip(tile(unit_key, next)) {
        *out = weight as u8;
    }
}

/// The weights of one unit in the eight replicates from `8 * index`: those that [`weights_into`]
/// gives them, without the ones before.
#[must_use]
pub fn weights_of_eight(unit_key: u64, index: usize) -> [u8; TILE] {
    tile(unit_key, index).map(|weight| weight as u8)
}

/// The weights of one unit in replicates `TILE * index..TILE * (index + 1)`.
///
/// All lanes are compared with one threshold after the other, which vectors do; and as signed
/// numbers with the top bit flipped, since baseline x86-64 compares no others.
#[inline]
pub(super) fn tile(unit_key: u64, index: usize) -> [i16; TILE] {
    let low = splitmix(unit_key, 2 * index as u64).to_le_bytes();
    let high = splitmix(unit_key, 2 * index as u64 + 1).to_le_bytes();
    let mut slices = [0i16; TILE];
    let (pairs, _) = low.as_chunks::<2>();
    let (more, _) = high.as_chunks::<2>();
    for (slice, pair) in slices.iter_mut().zip(pairs.iter().chain(more)) {
        *slice = flipped(u16::from_le_bytes(*pair));
    }
    count(slices)
}

/// For each slice, how many thresholds are at most as large; all with the top bit flipped.
#[inline]
fn count(slices: [i16; TILE]) -> [i16; TILE] {
    let mut weights = [0; TILE];
    for threshold in THRESHOLDS {
        for (weight, slice) in weights.iter_mut().zip(slices) {
            *weight += i16::from(slice >= flipped(threshold));
        }
    }
    weights
}

const fn flipped(slice: u16) -> i16 {
    (slice ^ 0x8000) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight_of(slice: u16) -> i16 {
        count([flipped(slice); TILE])[TILE - 1]
    }

    #[test]
    fn over_all_slices_mean_and_variance_are_exactly_one() {
        let moments = (0..=u16::MAX)
            .map(weight_of)
            .fold((0i64, 0i64), |(sum, squares), weight| {
                (
                    sum + i64::from(weight),
                    squares + i64::from(weight) * i64::from(weight),
                )
            });
        assert_eq!(moments, (65_536, 2 * 65_536));
        assert_eq!(weight_of(u16::MAX), i16::from(MAX_WEIGHT));
    }

    #[test]
    fn drawn_weights_have_the_moments_and_replicates_are_unrelated() {
        let rows = 40_000u64;
        let (mut sum, mut squares, mut products) = (0i64, 0i64, 0i64);
        for key in 0..rows {
            let mut weights = [0u8; 8];
            weights_into(splitmix(99, key), &mut weights);
            let [a, b] = [i64::from(weights[0]), i64::from(weights[5])];
            sum += a;
            squares += a * a;
            products += a * b;
        }
        let per_row = |x: i64| x as f64 / rows as f64;
        assert!((per_row(sum) - 1.0).abs() < 0.025);
        assert!((per_row(squares) - 2.0).abs() < 0.08);
        assert!((per_row(products) - 1.0).abs() < 0.04);
    }

    #[test]
    fn weights_are_read_from_the_lowest_bits_up_and_do_not_depend_on_how_many_are_asked_for() {
        let (mut all, mut few) = ([0u8; 21], [0u8; 6]);
        weights_into(77, &mut all);
        weights_into(77, &mut few);
        assert_eq!(all[..6], few);
        assert_eq!(all[8..16], weights_of_eight(77, 1));
        for (replicate, &weight) in all.iter().enumerate() {
            let slice = (splitmix(77, replicate as u64 / 4) >> (16 * (replicate % 4))) & 0xFFFF;
            let expected = THRESHOLDS
                .iter()
                .filter(|&&t| u64::from(t) <= slice)
                .count();
            assert_eq!(usize::from(weight), expected);
        }
    }
}
