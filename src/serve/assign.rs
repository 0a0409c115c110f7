//! Where one request goes: decided by the file in force, drawn by the request's id.
//!
//! The only place in the server that draws.

use std::cell::RefCell;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use weighbridge_router::{
    Decision, Endpoint, EndpointIndex, Ppm, Prediction, Request, Router, Scratch,
};

use super::live::{Active, Loaded};
use super::record::Logged;

/// Keys the draw, so that it is independent of every other hash of the same id.
const DRAW_KEY: &[u8] = b"weighbridge.draw/1\0";

thread_local! {
    /// Each worker thread keeps its own, so that deciding allocates nothing once they are warm.
    static WARM: RefCell<Scratch> = RefCell::default();
}

/// A decision and what was drawn from it.
#[derive(Debug)]
pub(super) struct Assigned {
    /// The files that were in force.
    active: Arc<Active>,
    /// The distribution that the endpoint was drawn from.
    pub(super) decision: Decision,
    /// Where it goes; none: unanswered.
    pub(super) drawn: Option<EndpointIndex>,
    /// The probability with which that came out.
    pub(super) propensity: Ppm,
    /// What the heads predict, in the order of the heads.
    pub(super) predictions: Vec<Prediction>,
}

impl Assigned {
    /// The file that decided.
    pub(super) fn by(&self) -> &Loaded {
        &self.active.main
    }

    /// Its router.
    pub(super) fn router(&self) -> &Router {
        &self.by().router
    }

    /// Where it goes.
    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        self.drawn.map(|index| self.router().endpoint(index))
    }

    /// The choice as a trace has it.
    pub(super) fn logged(&self) -> Option<Logged> {
        Some(Logged {
            endpoint: self.endpoint()?.id.clone(),
            propensity: self.propensity,
            policy: self.by().name.clone(),
        })
    }
}

/// Decide a request and draw an endpoint for its id.
pub(super) fn assign(active: Arc<Active>, request: &Request, id: &str) -> Assigned {
    let mut decision = Decision::default();
    let predictions = WARM.with_borrow_mut(|scratch| {
        let router = &active.main.router;
        router.decide_into(&request.as_ref(), scratch, &mut decision);
        router.predictions(&request.as_ref(), scratch).to_vec()
    });
    let (drawn, propensity) = draw(&decision, id);
    Assigned {
        active,
        decision,
        drawn,
        propensity,
        predictions,
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
