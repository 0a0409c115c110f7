//! A stream on its way from an upstream to a client, chunk by chunk, as fast as the client takes it.
//!
//! It is the body of the answer: a client that leaves drops it, and with it the upstream's
//! connection and the ledger.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

use super::fault::Fault;
use super::ledger::Ledger;
use super::translate::{Progress, Translator};

/// How long an upstream that is done may take to end its answer, so that its connection is kept.
const TAIL: Duration = Duration::from_secs(1);

/// An answer that streams.
#[derive(Debug)]
pub(super) struct Relay {
    endpoint: String,
    upstream: Option<Incoming>,
    translator: Translator,
    /// What the client gets next.
    out: Vec<u8>,
    /// That and how the upstream has ended; it is told once.
    end: Option<Result<(), Fault>>,
    silence: Duration,
    /// When the upstream last said anything.
    last: Instant,
    alarm: Pin<Box<Sleep>>,
    ledger: Option<Ledger>,
}

impl Relay {
    /// Read an answer, of which `first` has come, up to its first chunk, which must come before
    /// `until`.
    ///
    /// # Errors
    /// Where none comes; nothing has been shown to the client then.
    pub(super) async fn begin(
        endpoint: &str,
        first: Bytes,
        mut upstream: Incoming,
        translator: Translator,
        silence: Duration,
        until: Instant,
    ) -> Result<Self, Fault> {
        let last = Instant::now();
        let mut relay = Self {
            endpoint: endpoint.to_owned(),
            upstream: None,
            translator,
            out: Vec::new(),
            end: None,
            silence,
            last,
            alarm: Box::pin(sleep_until(last + silence)),
            ledger: None,
        };
        let mut said = Some(Ok(Frame::data(first)));
        loop {
            relay.take_in(said);
            if relay.translator.has_begun() {
                break;
            }
            if let Some(Err(fault)) = relay.end.take() {
                return Err(fault);
            }
            let limit = until.min(relay.last + silence);
            said = match timeout_at(limit, upstream.frame()).await {
                Ok(said) => said,
                Err(_) if limit == until => return Err(Fault::late()),
                Err(_) => return Err(Fault::silent(silence)),
            };
        }
        relay.upstream = Some(upstream);
        Ok(relay)
    }

    /// The same, with the account that is closed when it ends.
    pub(super) fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// What the upstream says next, or that it has ended.
    fn take_in(&mut self, said: Option<Result<Frame<Bytes>, hyper::Error>>) {
        self.last = Instant::now();
        let progress = match said {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => self.translator.take_in(bytes, &mut self.out),
                // Trailers say nothing here.
                Err(_) => Ok(Progress::More),
            },
            Some(Err(error)) => Err(Fault::broke_off(&error)),
            None => self.translator.end(&mut self.out).map(|()| Progress::Done),
        };
        match progress {
            Ok(Progress::More) => {}
            Ok(Progress::Done) => self.end = Some(Ok(())),
            Err(fault) => self.end = Some(Err(fault)),
        }
    }

    /// Tell the client how it ended, let the upstream go and close the account.
    fn finish(&mut self, end: Result<(), Fault>) {
        let status = match &end {
            Ok(()) => self.translator.heard.status(),
            Err(fault) => {
                self.translator.tell(fault, &self.endpoint, &mut self.out);
                fault.status()
            }
        };
        match self.upstream.take() {
            Some(upstream) if end.is_ok() && !upstream.is_end_stream() => {
                tokio::spawn(timeout(TAIL, drain(upstream)));
            }
            _ => {}
        }
        if let Some(mut ledger) = self.ledger.take() {
            ledger.hear(&self.translator.heard);
            ledger.close(status);
        }
    }

    /// Whether the upstream has been silent for too long; asked only while it says nothing.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.last + self.silence;
        while self.alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= limit {
                return Poll::Ready(());
            }
            // It spoke since the alarm was set.
            self.alarm.as_mut().reset(limit);
        }
        Poll::Pending
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        loop {
            if let Some(end) = this.end.take() {
                this.finish(end);
            }
            if !this.out.is_empty() {
                let out = Bytes::from(std::mem::take(&mut this.out));
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
            let Some(upstream) = &mut this.upstream else {
                return Poll::Ready(None);
            };
            match Pin::new(upstream).poll_frame(cx) {
                Poll::Ready(said) => this.take_in(said),
                Poll::Pending => {
                    if this.poll_silence(cx).is_pending() {
                        return Poll::Pending;
                    }
                    this.end = Some(Err(Fault::silent(this.silence)));
                }
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(ledger) = &mut self.ledger {
            ledger.hear(&self.translator.heard);
        }
    }
}

/// Read what an upstream still says after it was done; little comes, and nobody waits for it.
async fn drain(mut upstream: Incoming) {
    let mut left = 64 << 10;
    while let Some(Ok(frame)) = upstream.frame().await {
        left -= frame.data_ref().map_or(0, Bytes::len).min(left);
        if left == 0 {
            return;
        }
    }
}
