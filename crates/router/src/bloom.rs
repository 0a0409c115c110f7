//! Which prompt groups a router was trained on, in 16 bits each.

/// A Bloom filter of prompt groups: no group that was added is ever missed; about one in two
/// thousand others is taken for one (B. H. Bloom, "Space/time trade-offs in hash coding with
/// allowable errors", 1970; with 16 bits an item and 11 hashes the rate is 0.046%).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFilter {
    bits: Vec<u8>,
}

const BITS_PER_GROUP: usize = 16;
const HASHES: u64 = 11;

impl GroupFilter {
    /// The filter of these groups (SHA-256 hashes, see [`crate::prompt_group`]).
    #[must_use]
    pub fn of(groups: &[[u8; 32]]) -> Self {
        let empty = Self {
            bits: vec![0; (groups.len() * BITS_PER_GROUP).div_ceil(8).max(8)],
        };
        empty.with(groups)
    }

    /// The filter with more groups in it. Its size stays, so that every group that is new makes it
    /// take a few strange ones more for known.
    #[must_use]
    pub fn with(mut self, groups: &[[u8; 32]]) -> Self {
        for group in groups {
            for (byte, bit) in self.places(group) {
                self.bits[byte] |= bit;
            }
        }
        self
    }

    /// Whether the group may be one of them.
    #[must_use]
    pub fn contains(&self, group: &[u8; 32]) -> bool {
        self.places(group)
            .all(|(byte, bit)| self.bits[byte] & bit != 0)
    }

    pub(crate) fn from_bytes(bits: Vec<u8>) -> Option<Self> {
        (bits.len() >= 8).then_some(Self { bits })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// Byte and bit of each hash: the group is a hash already, so its first 16 bytes are the two
    /// independent numbers that all others are combined from (Kirsch and Mitzenmacher, 2006).
    fn places(&self, group: &[u8; 32]) -> impl Iterator<Item = (usize, u8)> + use<> {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| group[at + i]));
        let (a, b, len) = (word(0), word(8) | 1, self.bits.len() as u64 * 8);
        (0..HASHES).map(move |i| {
            let place = a.wrapping_add(i.wrapping_mul(b)) % len;
            // The place is below eight times a length, so it fits.
            (usize::try_from(place / 8).unwrap_or(0), 1 << (place % 8))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(i: u32) -> [u8; 32] {
        crate::prompt_group(&format!("prompt number {i}"))
    }

    #[test]
    fn no_group_is_missed_and_few_others_are_taken_for_one() {
        let groups: Vec<_> = (0..5000).map(group).collect();
        let filter = GroupFilter::of(&groups);
        assert!(groups.iter().all(|group| filter.contains(group)));
        let false_alarms = (5000..55_000)
            .filter(|&i| filter.contains(&group(i)))
            .count();
        assert!(false_alarms < 60, "{false_alarms} of 50,000");
        assert!(!GroupFilter::of(&[]).contains(&group(1)));
    }
}
