//! A histogram whose parts can be merged: fixed buckets, exact masses.
//!
//! Quantiles do not add, and sketches that adapt to their input depend on the order of merging.
//! Buckets that are the same for everybody do not: two histograms of parts of the data add up to
//! exactly the histogram of the whole.

/// 16 buckets an octave.
const OCTAVE_BITS: u32 = 4;

/// How many buckets there are for all `u64`.
const BUCKETS: i128 = 976;

/// Masses of `u64` values (milliseconds, tokens, ...) in log-linear buckets, 16 to each octave.
///
/// Values below 32 have a bucket each; above that a bucket is at most 6.25% as wide as its lower
/// bound. A mass is any whole number that adds up, such as a count or parts per million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Ends with the highest bucket that holds mass, so equal contents are equal values.
    masses: Vec<u128>,
}

impl Histogram {
    /// Without any mass.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `mass` at `value`; a mass of 0 changes nothing.
    pub fn add(&mut self, value: u64, mass: u64) {
        self.add_to(bucket(value), mass);
    }

    /// Adds `mass` to the bucket that [`bucket`] gave for a value; a mass of 0 changes nothing.
    pub fn add_to(&mut self, bucket: u16, mass: u64) {
        if mass > 0 {
            let bucket = usize::from(bucket);
            if bucket >= self.masses.len() {
                self.grow(bucket + 1);
            }
            self.masses[bucket] += u128::from(mass);
        }
    }

    /// The share of the sum of all values that the largest `q` of the mass make up, values taken
    /// at their bucket's midpoint; the bucket that the limit falls into counts in part.
    ///
    /// `None` without mass or where every value is 0.
    #[must_use]
    pub fn top_share(&self, q: f64) -> Option<f64> {
        let product = |(bucket, &mass): (usize, &u128)| midpoint(bucket) as f64 * mass as f64;
        let total: f64 = self.masses.iter().enumerate().map(product).sum();
        let mut left = self.mass() as f64 * q.clamp(0.0, 1.0);
        let mut top = 0.0;
        for (bucket, &mass) in self.masses.iter().enumerate().rev() {
            let taken = left.min(mass as f64);
            top += midpoint(bucket) as f64 * taken;
            left -= taken;
        }
        (total > 0.0).then(|| top / total)
    }

    /// Adds all masses of `other`; associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        self.grow(other.masses.len());
        for (mass, other) in self.masses.iter_mut().zip(&other.masses) {
            *mass += other;
        }
    }

    /// All mass together.
    #[must_use]
    pub fn mass(&self) -> u128 {
        self.masses.iter().sum()
    }

    /// Whether no mass has been added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.masses.is_empty()
    }

    /// The smallest bucket at or below which lies at least the share `q` of the mass, as the
    /// bucket's midpoint (rounded down).
    ///
    /// `q` is rounded to millionths (so that the rest is exact) and held within 0 and 1. The value
    /// is exact below 32 and otherwise within 3.125% of the true one, which is in the same bucket.
    /// `None` for an empty histogram or a `q` that is not a number.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.is_empty() || q.is_nan() {
            return None;
        }
        const PPM: u128 = 1_000_000;
        let ppm = (q.clamp(0.0, 1.0) * PPM as f64).round() as u128;
        let total = self.mass();
        // In two steps, since the product with the total need not fit.
        let wanted = total / PPM * ppm + (total % PPM * ppm).div_ceil(PPM);
        let mut below = 0;
        let found = self.masses.iter().position(|mass| {
            below += mass;
            below >= wanted.max(1)
        });
        found.map(midpoint)
    }

    /// Lets `each` see, or replace, every number that the histogram is made of: how many buckets,
    /// then their masses. `false` where it cannot be one.
    pub(crate) fn numbers(&mut self, each: &mut dyn FnMut(&mut i128) -> bool) -> bool {
        let mut buckets = self.masses.len() as i128;
        if !each(&mut buckets) || !(0..=BUCKETS).contains(&buckets) {
            return false;
        }
        self.masses.resize(buckets as usize, 0);
        let all = self.masses.iter_mut().all(|mass| {
            let mut wide = *mass as i128;
            let read = each(&mut wide) && wide >= 0;
            *mass = wide as u128;
            read
        });
        all && self.masses.last() != Some(&0)
    }

    fn grow(&mut self, buckets: usize) {
        if self.masses.len() < buckets {
            self.masses.resize(buckets, 0);
        }
    }
}

/// The bucket of `value`: the value itself below 16; above, the octave and the four bits that
#[must_use]
pub fn bucket(value: u64) -> u16 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(OCTAVE_BITS + 1);
    // The leading one adds the sixteen buckets of the octave below.
    // At most 60 * 16 + 31, so nothing is cut off.
    (shift as u16 * (1 << OCTAVE_BITS)) + (value >> shift) as u16
}

/// The middle of a bucket, rounded down.
fn midpoint(bucket: usize) -> u64 {
    let shift = (bucket >> OCTAVE_BITS).saturating_sub(1);
    let lower = ((bucket - (shift << OCTAVE_BITS)) as u64) << shift;
    lower + ((1 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(values: &[(u64, u64)]) -> Histogram {
        let mut histogram = Histogram::new();
        for &(value, mass) in values {
            histogram.add(value, mass);
        }
        histogram
    }

    #[test]
    fn buckets_rise_by_one_and_the_midpoint_lies_in_its_bucket() {
        for value in 0..5_000 {
            let step = bucket(value + 1) - bucket(value);
            assert!(step <= 1 && (value >= 31 || step == 1), "at {value}");
        }
        assert_eq!(bucket(u64::MAX), 975);
        for index in 0..=975 {
            assert_eq!(usize::from(bucket(midpoint(index))), index);
        }
    }

    #[test]
    fn quantiles_follow_the_mass() {
        let histogram = filled(&[(3, 500_000), (9, 499_999), (20, 1), (7, 0)]);
        let at = |q| histogram.quantile(q);
        assert_eq!(
            [at(0.0), at(0.5), at(0.51), at(0.999_999), at(1.0)],
            [3, 3, 9, 9, 20].map(Some)
        );
        assert_eq!((at(-1.0), at(2.0), at(f64::NAN)), (Some(3), Some(20), None));
        assert_eq!(Histogram::new().quantile(0.5), None);
        assert!(filled(&[(5, 0)]).is_empty());
    }

    proptest! {
        #[test]
        fn a_quantile_is_close_to_the_exact_one(
            mut values in prop::collection::vec((any::<u64>(), 0u32..64), 1..50),
            ppm in 0u64..=1_000_000,
        ) {
            let mut values: Vec<u64> = values.drain(..).map(|(value, shift)| value >> shift).collect();
            let histogram = filled(&values.iter().map(|&value| (value, 1_000)).collect::<Vec<_>>());
            values.sort_unstable();
            let rank = (values.len() as u64 * ppm).div_ceil(1_000_000).max(1);
            let exact = values[rank as usize - 1];
            let found = histogram.quantile(ppm as f64 / 1e6).unwrap();
            prop_assert!(u128::from(found.abs_diff(exact)) * 32 <= u128::from(exact));
        }

        #[test]
        fn parts_merge_to_the_whole_in_any_order(
            values in prop::collection::vec((any::<u64>(), any::<u64>()), 0..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let (left, right) = values.split_at(cut.index(values.len() + 1));
            let (mut merged, mut other_way) = (filled(left), filled(right));
            merged.merge(&filled(right));
            other_way.merge(&filled(left));
            prop_assert_eq!(&merged, &filled(&values));
            prop_assert_eq!(merged, other_way);
        }
    }
}
