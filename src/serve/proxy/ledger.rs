//! The account of one request: what was tried, what came of it, and that it is written down exactly
//! once, however the request ends.
//!
//! A client that leaves drops whatever answers it, and with that the ledger: what is open then was
//! cancelled.

use std::sync::Arc;

use tokio::time::Instant;
use weighbridge_router::{Endpoint, Request};

use super::usage::Heard;
use crate::serve::app::App;
use crate::serve::body_budget::Share;
use crate::serve::record::{Attempt, Entry};

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Ledger {
    app: Arc<App>,
    entry: Option<Entry>,
    open: Option<Open>,
    /// What the request holds of the budget of bodies.
    _held: Share,
}

/// An upstream that has been asked and has not answered to the end.
#[derive(Debug)]
struct Open {
    attempt: Attempt,
    since: Instant,
}

impl Ledger {
    /// For a request that nobody has been asked for yet.
    pub(super) fn new(app: Arc<App>, entry: Entry, held: Share) -> Self {
        Self {
            app,
            entry: Some(entry),
            open: None,
            _held: held,
        }
    }

    /// The request.
    pub(super) fn request(&self) -> Option<&Request> {
        self.entry.as_ref().map(|entry| &entry.request)
    }

    /// An endpoint is asked.
    pub(super) fn open(&mut self, endpoint: &Endpoint) {
        self.open = Some(Open {
            attempt: Attempt {
                model: endpoint.model.clone(),
                endpoint: endpoint.id.clone(),
                ..Attempt::default()
            },
            since: Instant::now(),
        });
    }

    /// It has begun to answer.
    pub(super) fn begun(&mut self) {
        if let Some(open) = &mut self.open {
            open.attempt.ttft_ms.get_or_insert(millis_since(open.since));
        }
    }

    /// What it has told of itself.
    pub(super) fn hear(&mut self, heard: &Heard) {
        if let Some(open) = &mut self.open {
            note_tokens(&mut open.attempt, heard);
        }
    }

    /// It is done, or has failed.
    pub(super) fn close(&mut self, status: &'static str) {
        if let (Some(mut open), Some(entry)) = (self.open.take(), &mut self.entry) {
            open.attempt.status = status;
            open.attempt.latency_ms = Some(millis_since(open.since));
            self.app.attempted(&entry.id, &open.attempt);
            entry.attempts.push(open.attempt);
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close("cancelled");
        if let Some(entry) = self.entry.take() {
            #[cfg(test)]
            note(&entry);
            self.app.recorder.record(move || entry);
        }
    }
}

fn note_tokens(attempt: &mut Attempt, heard: &Heard) {
    if let Some(usage) = heard.usage {
        attempt.input_tokens = usage.input;
        attempt.cached_tokens = usage.cached;
        attempt.output_tokens = usage.output;
        attempt.reasoning_tokens = usage.reasoning;
    }
}

/// What would be recorded of an upstream that answered so.
#[cfg(any(test, fuzzing))]
pub(in crate::serve) fn attempt_that_said(answer: &[u8]) -> Attempt {
    let mut heard = Heard::default();
    let said = super::usage::Said::read(answer);
    if let Ok(said) = &said {
        heard.hear(said);
    }
    let mut attempt = Attempt {
        model: "a".into(),
        endpoint: "a@x".into(),
        status: said.map_or("error", |_| heard.status()),
        latency_ms: Some(u32::MAX),
        ttft_ms: Some(u32::MAX - 1),
        ..Attempt::default()
    };
    note_tokens(&mut attempt, &heard);
    attempt
}

fn millis_since(moment: Instant) -> u32 {
    u32::try_from(moment.elapsed().as_millis()).unwrap_or(u32::MAX)
}

/// What tests see of it.
#[cfg(test)]
static NOTED: std::sync::Mutex<Vec<(String, Vec<Attempt>)>> = std::sync::Mutex::new(Vec::new());

#[cfg(test)]
fn note(entry: &Entry) {
    let noted = (entry.id.clone(), entry.attempts.clone());
    NOTED.lock().unwrap().push(noted);
}

/// The attempts of the entries of a request that were written down; none: none was.
#[cfg(test)]
pub(super) fn seen(id: &str) -> Option<Vec<Vec<Attempt>>> {
    let noted = NOTED.lock().unwrap();
    let of_id = noted.iter().filter(|(of, _)| of == id);
    let all: Vec<_> = of_id.map(|(_, attempts)| attempts.clone()).collect();
    (!all.is_empty()).then_some(all)
}
