//! From the body of a request to the body of its answer.
//!
//! Knows nothing of HTTP.

use super::assign::assign;
use super::clock::{self, Ids};
use super::live::Live;
use super::record::Recorder;
use super::wire::{Answer, Asked, Refusal};

/// The files in force, answering.
#[derive(Debug)]
pub(super) struct Decider {
    live: Live,
    ids: Ids,
    recorder: Recorder,
}

impl Decider {
    pub(super) fn new(live: Live, recorder: Recorder) -> Self {
        Self {
            live,
            ids: Ids::new(),
            recorder,
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
        let assigned = assign(self.live.get(), &request, &id);
        let answer = serde_json::to_vec(&Answer::new(&id, &assigned));
        self.recorder
            .record(|| assigned.entry(id, request, Vec::new()));
        Ok(answer.expect("texts and numbers are always JSON"))
    }
}
