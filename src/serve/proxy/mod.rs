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
mod handler;
mod ledger;
mod relay;
mod sse;
#[cfg(test)]
mod tests;
mod translate;
mod upstream;
mod usage;

use std::io;
use std::time::Duration;

use super::clock;
use client::Caller;
pub(super) use handler::{chat, models};
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
        Ok(Some(Self {
            caller: Caller::try_new(tls)?,
            upstreams: Upstreams::new(options.upstreams),
            silence: options.silence,
            deadline: options.deadline,
            limits: Limits::default(),
            since_s: clock::now().millis() / 1000,
        }))
    }
}
