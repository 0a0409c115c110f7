//! Draws that are functions of a text alone, and by them one endpoint out of a decision: the same id
//! goes to the same endpoint in every process and every loader.

use sha2::{Digest, Sha256};

use crate::decide::{Decision, EndpointIndex};
use crate::units::Ppm;

/// Keys the draw, so that it is independent of every other hash of the same id.
const KEY: &[u8] = b"weighbridge.draw/1\0";

impl Decision {
    /// The endpoint that a request of this id goes to, and the probability with which it was drawn;
    /// no endpoint where the draw falls on the share that is unanswered.
    #[must_use]
    pub fn draw(&self, id: &str) -> (Option<EndpointIndex>, Ppm) {
        if let [(endpoint, Ppm::ONE)] = *self.masses() {
            return (Some(endpoint), Ppm::ONE);
        }
        let point = Ppm::drawn(KEY, id).0;
        let mut below = 0;
        for &(endpoint, share) in self.masses() {
            below += share.0;
            if point < below {
                return (Some(endpoint), share);
            }
        }
        (None, self.unanswered())
    }
}

impl Ppm {
    /// A number from 0 to 999,999 that is a function of a text alone: the first eight bytes of
    /// SHA-256(key, text) as a big-endian integer, times a million, over 2^64. Draws under different
    /// keys are independent of each other.
    #[must_use]
    pub fn drawn(key: &[u8], text: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(key)
            .chain_update(text)
            .finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        let scaled = u128::from(u64::from_be_bytes(first)) * u128::from(Self::ONE.0);
        Self((scaled >> 64) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draw_of_an_id_is_fixed_for_good() {
        // By Python's hashlib, from the formula in docs/serve.md.
        let drawn: Vec<u32> = (0..4)
            .map(|i| Ppm::drawn(KEY, &format!("r-{i}")).0)
            .collect();
        assert_eq!(drawn, [688_257, 730_959, 370_211, 684_312]);
    }

    #[test]
    fn what_lies_beyond_all_shares_is_unanswered() {
        let (a, b) = (EndpointIndex(0), EndpointIndex(1));
        let masses = vec![(a, Ppm(400_000)), (b, Ppm(300_000))];
        let decision = Decision::from_parts(masses, Ppm(300_000), Ppm(0));
        let drawn = ["r-0", "r-1", "r-2"].map(|id| decision.draw(id));
        assert_eq!(drawn[0], (Some(b), Ppm(300_000)));
        assert_eq!(drawn[1], (None, Ppm(300_000)));
        assert_eq!(drawn[2], (Some(a), Ppm(400_000)));
    }
}
