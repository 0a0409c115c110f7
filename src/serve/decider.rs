//! From the body of a request to the body of its answer: decide, then draw.
//!
//! Knows nothing of HTTP.

use std::cell::RefCell;

use sha2::{Digest, Sha256};
use weighbridge_router::{Decision, EndpointIndex, Ppm, Router, Scratch};

use super::clock::{self, Ids};
use super::wire::{Answer, Asked, Refusal};

/// Keys the draw, so that it is independent of every other hash of the same id.
const DRAW_KEY: &[u8] = b"weighbridge.draw/1\0";

thread_local! {
    /// Each worker thread keeps its own, so that deciding allocates nothing once they are warm.
    static WARM: RefCell<(Scratch, Decision)> = RefCell::default();
}

/// One router, answering.
#[derive(Debug)]
pub(super) struct Decider {
    router: Router,
    ids: Ids,
}

impl Decider {
    pub(super) fn new(router: Router) -> Self {
        Self {
            router,
            ids: Ids::new(),
        }
    }

    /// The answer to a body of `POST /v1/route`, as JSON.
    ///
    /// # Errors
    /// Where the body is not what it must be.
    pub(super) fn answer(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let Asked { id, mut request } = Asked::from_body(body)?;
        let id = id.unwrap_or_else(|| self.ids.fresh());
        request.at.get_or_insert_with(clock::now);
        let request = request.as_ref();
        WARM.with_borrow_mut(|(scratch, decision)| {
            self.router.decide_into(&request, scratch, decision);
            let predictions = self.router.predictions(&request, scratch);
            let drawn = draw(decision, &id);
            let answer = Answer::new(&id, drawn, &self.router, decision, predictions);
            Ok(serde_json::to_vec(&answer).expect("texts and numbers are always JSON"))
        })
    }
}

/// The endpoint that a request of this id goes to, and the probability with which it was drawn;
/// no endpoint where the draw falls on the share that is unanswered.
fn draw(decision: &Decision, id: &str) -> (Option<EndpointIndex>, Ppm) {
    if let [(endpoint, Ppm::ONE)] = *decision.masses() {
        return (Some(endpoint), Ppm::ONE);
    }
    let point = draw_ppm(id);
    let mut below = 0;
    for &(endpoint, share) in decision.masses() {
        below += share.0;
        if point < below {
            return (Some(endpoint), share);
        }
    }
    (None, decision.unanswered())
}

/// A number from 0 to 999,999 that is a function of the id alone: the first eight bytes of
/// SHA-256(key, id) as a big-endian integer, times a million, over 2^64.
fn draw_ppm(id: &str) -> u32 {
    let digest = Sha256::new()
        .chain_update(DRAW_KEY)
        .chain_update(id)
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    let scaled = u128::from(u64::from_be_bytes(first)) * u128::from(Ppm::ONE.0);
    (scaled >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::draw_ppm;

    #[test]
    fn the_draw_of_an_id_is_fixed_for_good() {
        // By Python's hashlib, from the formula in docs/serve.md.
        let drawn: Vec<u32> = (0..4).map(|i| draw_ppm(&format!("r-{i}"))).collect();
        assert_eq!(drawn, [688_257, 730_959, 370_211, 684_312]);
    }
}
