//! A stream from an upstream, made into the stream that its client sees.
//!
//! Bytes in, bytes out: knows neither connections nor clocks. Each event is read, since a malformed
//! one must not reach a client, and usage is shown only where it was asked for.

use std::sync::Arc;

use axum::body::Bytes;

use super::fault::Fault;
use super::fields::without;
use super::secrets::Secrets;
use super::sse::{Event, Events};
use super::usage::{Heard, Said};
use crate::serve::answer::Refusal;

/// What no upstream can exceed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of one event.
    pub(super) event: usize,
    /// Bytes of a stream.
    pub(super) stream: u64,
    /// Bytes of an answer that is not streamed.
    pub(super) answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event: 4 << 20,
            stream: 1 << 30,
            answer: 32 << 20,
        }
    }
}

/// The data of the event that ends a stream.
pub(super) const DONE: &[u8] = b"[DONE]";

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More may come.
    More,
    /// The upstream has said that it is done.
    Done,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Translator {
    events: Events,
    /// What is known of the answer so far.
    pub(super) heard: Heard,
    shows_usage: bool,
    secrets: Arc<Secrets>,
    begun: bool,
    left: u64,
}

impl Translator {
    /// For a client that wants to see usage, or not.
    pub(super) fn new(shows_usage: bool, secrets: Arc<Secrets>, limits: Limits) -> Self {
        Self {
            events: Events::new(limits.event),
            heard: Heard::default(),
            shows_usage,
            secrets,
            begun: false,
            left: limits.stream,
        }
    }

    /// Tell the client of a fault of this endpoint.
    pub(super) fn tell(&self, fault: &Fault, endpoint: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&error_event(fault, endpoint, &self.secrets));
    }

    /// Whether a chunk of the answer has come.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Take in bytes and add what the client sees of them to `out`.
    ///
    /// # Errors
    /// Where the upstream says an error or what is none of its language; what it said before is in
    /// `out`.
    pub(super) fn take_in(&mut self, bytes: Bytes, out: &mut Vec<u8>) -> Result<Progress, Fault> {
        self.left = (self.left.checked_sub(bytes.len() as u64))
            .ok_or_else(|| Fault::broken("does not come to an end"))?;
        self.events.push(bytes);
        loop {
            let event = (self.events.next()).map_err(|_| Fault::broken("sent an endless event"))?;
            let Some(event) = event else {
                return Ok(Progress::More);
            };
            let seen = Seen {
                heard: &mut self.heard,
                begun: &mut self.begun,
                shows_usage: self.shows_usage,
                secrets: &self.secrets,
            };
            if seen.show(&event, out)? == Progress::Done {
                return Ok(Progress::Done);
            }
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// Where the answer is not whole: clients would not notice.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let seen = Seen {
            heard: &mut self.heard,
            begun: &mut self.begun,
            shows_usage: self.shows_usage,
            secrets: &self.secrets,
        };
        let last = (self.events.rest()).map_err(|_| Fault::broken("sent an endless event"))?;
        if last.map(|event| seen.show(&event, out)).transpose()? == Some(Progress::Done) {
            return Ok(());
        }
        if !self.begun {
            return Err(Fault::broken("ended before the first chunk of its answer"));
        }
        // Not all upstreams say [DONE]; one that has said why each choice ended has ended well.
        if !self.heard.is_whole() {
            return Err(Fault::broken("broke off in the middle of its answer"));
        }
        Ok(())
    }
}

/// What one event changes.
struct Seen<'a> {
    heard: &'a mut Heard,
    begun: &'a mut bool,
    shows_usage: bool,
    secrets: &'a Secrets,
}

impl Seen<'_> {
    fn show(self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<Progress, Fault> {
        let data = match *event {
            // Before the first chunk another upstream may still answer: nothing is shown.
            Event::Comment(_) if !*self.begun => return Ok(Progress::More),
            Event::Comment(text) => {
                put(out, b":", &self.secrets.hide(text));
                return Ok(Progress::More);
            }
            Event::Error(data) => return Err(Fault::told(data)),
            Event::Data(data) => data,
        };
        // As official clients read it; a blank may follow.
        if data.trim_ascii_start().starts_with(DONE) {
            if !*self.begun {
                return Err(Fault::broken(
                    "said [DONE] before the first chunk of its answer",
                ));
            }
            put(out, b"data: ", DONE);
            return Ok(Progress::Done);
        }
        let said = Said::read(data).map_err(|error| {
            Fault::broken(format!("sent an event that is no JSON object: {error}"))
        })?;
        if said.error().is_some() {
            return Err(Fault::told(data));
        }
        *self.begun = true;
        self.heard.hear(&said);
        if self.shows_usage {
            put(out, b"data: ", &self.secrets.hide(data));
        } else if !said.is_usage_alone() {
            put(out, b"data: ", &self.secrets.hide(&without(data, "usage")));
        }
        Ok(Progress::More)
    }
}

/// Write one event; data of several lines, which no JSON needs, keeps them.
pub(super) fn put(out: &mut Vec<u8>, name: &[u8], text: &[u8]) {
    for line in text.split(|&byte| byte == b'\n') {
        out.extend_from_slice(name);
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// The event that tells a client of a fault: its client raises it.
fn error_event(fault: &Fault, endpoint: &str, secrets: &Secrets) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Body {
        error: Refusal,
    }
    let body = serde_json::to_vec(&Body {
        error: fault.refusal(endpoint, secrets),
    });
    let mut out = Vec::new();
    put(&mut out, b"data: ", &body.expect("texts are always JSON"));
    out
}
