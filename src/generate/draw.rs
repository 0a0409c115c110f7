//! Draws of one purpose and unit.

use rand::RngCore;

use crate::stats::Keyed;

/// A stream of draws that depends on the seed, what it is for, and the session or request alone.
pub(super) struct Draw(Keyed);

impl Draw {
    pub(super) fn new(seed: u64, purpose: &str, session: u64, turn: u32) -> Self {
        let mut unit = [0; 12];
        unit[..8].copy_from_slice(&session.to_le_bytes());
        unit[8..].copy_from_slice(&turn.to_le_bytes());
        Self(Keyed::new(seed, purpose, &unit))
    }

    /// Uniform in `[0, 1)`. All other draws come from this one, and none from a distribution of
    /// `rand`, whose algorithms may change and differ between word sizes.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of probability `p` happens.
    pub(super) fn happens(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Standard normal (Box and Muller, 1958; the sine half is not used).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(2.0 * std::f64::consts::PI * self.uniform())
    }

    /// Exponential with that mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.uniform())
    }

    /// `min` and as many more as a geometric law adds that brings the mean to `mean`; at most
    /// [`MOST_TURNS`].
    pub(super) fn turns(&mut self, min: u32, mean: f64) -> u32 {
        let more = mean - f64::from(min);
        let stop = 1.0 / (1.0 + more);
        let mut turns = min;
        while turns < MOST_TURNS && !self.happens(stop) {
            turns += 1;
        }
        turns
    }

    /// A place below `len`, all alike; 0 where `len` is 0.
    pub(super) fn place(&mut self, len: usize) -> usize {
        ((self.uniform() * len as f64) as usize).min(len.saturating_sub(1))
    }

    /// A whole number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let count = f64::from(high) - f64::from(low) + 1.0;
        low + ((self.uniform() * count) as u32).min(high - low)
    }
}

/// Sessions are cut here.
pub(super) const MOST_TURNS: u32 = 60;

/// Something to pick from by weight: cumulative weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighted<T>(Vec<(f64, T)>);

impl<T> Weighted<T> {
    /// Weights of at most 1 in all; what is missing to 1 picks nothing.
    pub(super) fn new(weights: impl IntoIterator<Item = (T, f64)>) -> Self {
        let mut sum = 0.0;
        Self(
            weights
                .into_iter()
                .map(|(item, weight)| {
                    sum += weight;
                    (sum, item)
                })
                .collect(),
        )
    }

    /// Weights in proportion: something is always picked, where there is anything.
    pub(super) fn in_proportion(weights: impl IntoIterator<Item = (T, f64)>) -> Self {
        let mut weighted = Self::new(weights);
        let sum = weighted.0.last().map_or(1.0, |(sum, _)| *sum);
        for (at, _) in &mut weighted.0 {
            *at /= sum;
        }
        // Rounding must not leave a gap at the end.
        if let Some((last, _)) = weighted.0.last_mut() {
            *last = 1.0;
        }
        weighted
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, item)| item)
    }

    pub(super) fn pick(&self, draw: &mut Draw) -> Option<&T> {
        let at = draw.uniform();
        let place = self.0.partition_point(|(sum, _)| *sum <= at);
        self.0.get(place).map(|(_, item)| item)
    }
}
