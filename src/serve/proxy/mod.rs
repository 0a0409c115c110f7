//! The OpenAI-compatible proxy: `model: "auto"` is routed, a named model passes through.
//!
//! Owns the upstreams, their client, the chain of attempts and the streams through it. It picks no
//! endpoint itself: the draw is `assign`'s, what may stand in for it the router's. A request is sent
//! again only where its answer had not begun. Start at [`chat`]; [`chain`] is where attempts follow
//! each other, [`relay`] what a stream runs through.

mod attempt;
mod body;
mod chain;
mod client;
mod fault;
mod fields;
mod handler;
mod ledger;
mod relay;
mod secrets;
mod sse;
#[cfg(test)]
mod tests;
mod translate;
mod unroll;
mod upstream;
mod usage;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::clock;
use super::live::Active;
pub(super) use body::ChatBody;
use client::Caller;
pub(super) use handler::{AUTO, chat, models, unknown_model};
use secrets::Secrets;
use translate::Limits;
use upstream::Upstreams;
pub use upstream::{DEFAULT_DEADLINE, DEFAULT_SILENCE, ProxyOptions, Upstream};

#[cfg(any(test, fuzzing))]
pub(super) use ledger::attempt_that_said;

/// All that proxying needs.
#[derive(Debug)]
pub(super) struct Proxy {
    upstreams: Upstreams,
    caller: Caller,
    silence: Duration,
    deadline: Duration,
    limits: Limits,
    secrets: Arc<Secrets>,
    forward_metadata: bool,
    since_s: i64,
}

impl Proxy {
    /// A proxy to these upstreams; none where there are none.
    ///
    /// # Errors
    /// Where an upstream wants TLS and this machine has no root certificates.
    pub(super) fn try_new(options: ProxyOptions) -> io::Result<Option<Self>> {
        if options.upstreams.is_empty() {
            return Ok(None);
        }
        let tls = options.upstreams.iter().any(Upstream::is_tls);
        let keys = options.upstreams.iter().filter_map(Upstream::key);
        Ok(Some(Self {
            caller: Caller::try_new(tls)?,
            secrets: Arc::new(Secrets::new(keys)),
            upstreams: Upstreams::new(options.upstreams),
            silence: options.silence,
            deadline: options.deadline,
            limits: Limits::default(),
            forward_metadata: options.forward_metadata,
            since_s: clock::now().millis() / 1000,
        }))
    }

    /// The files, deciding among endpoints that have an upstream.
    pub(super) fn among(&self, active: Active) -> Active {
        self.upstreams.among(active)
    }

    /// The same of files that come while others decide.
    ///
    /// # Errors
    /// Where they do not know an endpoint that has an upstream; a sentence.
    pub(super) fn among_new(&self, active: Active) -> Result<Active, String> {
        self.upstreams.all_known(&active)?;
        Ok(self.among(active))
    }

    /// Why no request can be answered now; none where one can.
    pub(super) fn unready(&self, active: &Active) -> Option<String> {
        self.upstreams.unready(&active.main, clock::now())
    }
}
