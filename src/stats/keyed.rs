//! Random draws that depend on what they are for, never on when they are made.
//!
//! Every draw is a function of `(seed, purpose, unit)`. The position of a unit in a file, the
//! number of threads, and the draws made for other units have no influence, so a shuffled or
//! sharded trace gives each unit the same fold, the same sample and the same replicates. Two
//! purposes give unrelated draws for one unit; a purpose should hence name one question
//! (`"holdout"`, `"fold"`, `"bootstrap"`) and be used for that one alone.
//!
//! The key is XXH3 (64 bits) of the unit, seeded with XXH3 of the purpose, seeded with the seed:
//! chaining instead of joining the bytes, so that no pair of purpose and unit can read like
//! another. A stream is `SplitMix64` (Steele, Lea and Flood, 2014) counting on from the key.

use rand::{Error, RngCore};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The increment of `SplitMix64`: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Output `index` of the `SplitMix64` stream that starts at `key`.
pub(super) const fn splitmix(key: u64, index: u64) -> u64 {
    let mut z = key.wrapping_add(index.wrapping_add(1).wrapping_mul(GAMMA));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The 64-bit key of `unit` for `purpose` under `seed`; uniform over `u64`.
#[must_use]
pub fn unit_hash(seed: u64, purpose: &str, unit: &[u8]) -> u64 {
    xxh3_64_with_seed(unit, xxh3_64_with_seed(purpose.as_bytes(), seed))
}

/// One draw in `[0, 1)` for `unit`: the upper 53 bits of [`unit_hash`] times 2^-53.
#[must_use]
pub fn uniform(seed: u64, purpose: &str, unit: &[u8]) -> f64 {
    (unit_hash(seed, purpose, unit) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// The fold of `unit`, in `0..folds`: [`unit_hash`] times `folds`, divided by 2^64. No folds (0)
/// give 0.
///
/// [`fold`] and [`uniform`] of one purpose are the same draw; use two purposes for two questions.
#[must_use]
pub fn fold(seed: u64, purpose: &str, unit: &[u8], folds: usize) -> usize {
    // The product divided by 2^64 is below `folds`, so it fits.
    ((u128::from(unit_hash(seed, purpose, unit)) * folds as u128) >> 64) as usize
}

/// The stream of draws for one `(seed, purpose, unit)`, as a generator for `rand`'s traits.
///
/// Two streams with one key are equal from the start; nothing is shared between streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    key: u64,
    drawn: u64,
}

impl Keyed {
    /// The stream of `unit` for `purpose` under `seed`, at its start.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, unit: &[u8]) -> Self {
        Self {
            key: unit_hash(seed, purpose, unit),
            drawn: 0,
        }
    }
}

impl RngCore for Keyed {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        let draw = splitmix(self.key, self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        draw
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        for chunk in dest.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn splitmix_gives_the_published_outputs() {
        // The first outputs of the reference implementation from state 1234567.
        let drawn: Vec<u64> = (0..3).map(|index| splitmix(1_234_567, index)).collect();
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!(drawn[..2], published);
    }

    const PINNED: u64 = 16_613_355_501_234_510_997;

    #[test]
    fn keys_never_change_between_releases() {
        assert_eq!(unit_hash(7, "fold", b"r-000001"), PINNED);
        assert_eq!(
            Keyed::new(7, "fold", b"r-000001").next_u64(),
            splitmix(PINNED, 0)
        );
    }
    #[test]
    fn seed_purpose_and_unit_all_matter_and_do_not_run_together() {
        let base = unit_hash(1, "ab", b"c");
        for other in [
            unit_hash(2, "ab", b"c"),
            unit_hash(1, "a", b"bc"),
            unit_hash(1, "ab", b"d"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn uniforms_and_folds_are_even_and_in_range() {
        let units: Vec<[u8; 4]> = (0..20_000u32).map(u32::to_le_bytes).collect();
        let draws: Vec<f64> = units.iter().map(|unit| uniform(3, "u", unit)).collect();
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.008, "mean {mean}");
        let mut counts = [0u32; 5];
        for unit in &units {
            counts[fold(3, "f", unit, 5)] += 1;
        }
        assert!(
            counts.iter().all(|count| count.abs_diff(4_000) < 230),
            "{counts:?}"
        );
        assert_eq!(fold(3, "f", b"x", 0), 0);
    }

    #[test]
    fn a_stream_fills_bytes_as_it_draws_words_and_ends_on_odd_lengths() {
        let mut words = Keyed::new(1, "p", b"u");
        let mut bytes = [0u8; 11];
        words.clone().fill_bytes(&mut bytes);
        assert_eq!(bytes[..8], words.next_u64().to_le_bytes());
        assert_eq!(bytes[8..], words.next_u64().to_le_bytes()[..3]);
        assert!((0.0..1.0).contains(&words.r#gen::<f64>()));
    }
}
