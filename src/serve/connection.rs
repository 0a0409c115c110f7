//! One connection: its requests one after the other, each phase with its limit of time.
//!
//! Knows no routes. Start at [`converse`]; [`Watched`] is the stream that breaks off where a client
//! takes too long.

use std::convert::Infallible;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::app::App;
use super::body_budget::{Share, Spent};
use super::head;
use super::metrics::Counted;
use super::options::Limits;

/// How long what nobody reads of a body is passed over.
const REST: Duration = Duration::from_secs(2);

/// How far the server's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Serving.
    Up,
    /// Told to stop, and still serving: each answer is the last of its connection.
    Leaving,
    /// Only what is under way is finished.
    Draining,
    /// What is not finished is cut off.
    Over,
}

/// Answer the requests of a connection until either side ends it.
pub(super) async fn converse<S>(
    stream: S,
    routes: axum::Router,
    app: &App,
    mut stage: watch::Receiver<Stage>,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (limits, metrics) = (app.limits, Arc::clone(&app.metrics));
    let turns = Arc::new(Turns::default());
    let stream = Watched::new(stream, limits, app.bodies.share(), Arc::clone(&turns));
    let leaving = stage.clone();
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut turn = Turn::begin(&turns, Counted::begin(&metrics, request.uri().path()));
        turns
            .unread
            .store(!request.body().is_end_stream(), Ordering::Relaxed);
        let answer = match head::refuse(&request, limits.head_bytes) {
            Some(refused) => Err(refused),
            None => Ok(routes.call(request.map(|body| Asked::new(body, &turns)))),
        };
        let leaving = leaving.clone();
        async move {
            let refused = answer.is_err();
            let mut response: Response<Body> = match answer {
                Ok(answer) => answer.await?,
                Err(refused) => refused,
            };
            // What is not read of a body cannot be told from a next request.
            let unread = turn.turns.unread.load(Ordering::Relaxed);
            if refused || unread || *leaving.borrow() > Stage::Up {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            turn.counted.answer(response.status().as_u16());
            Ok::<_, Infallible>(response.map(|body| Answer { body, _turn: turn }))
        }
    });
    let connection = http1::Builder::new()
        .max_buf_size(limits.head_bytes)
        // Watched has the clock: this one would count the time between requests too.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        _ = stage.wait_for(|stage| *stage >= Stage::Draining) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = connection => ended,
        _ = stage.wait_for(|stage| *stage == Stage::Over) => Ok(()),
    }
}

/// How many requests of a connection have begun, and how many answers are out.
#[derive(Debug, Default)]
struct Turns {
    begun: AtomicUsize,
    ended: AtomicUsize,
    /// Whether there is more of the body of the last one.
    unread: AtomicBool,
}

/// A request's body, which tells when all of it was read.
struct Asked {
    body: Incoming,
    turns: Arc<Turns>,
}

impl Asked {
    fn new(body: Incoming, turns: &Arc<Turns>) -> Self {
        let turns = Arc::clone(turns);
        Self { body, turns }
    }
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.turns.unread.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// One request, from its headers to the end of its answer.
struct Turn {
    turns: Arc<Turns>,
    counted: Counted,
}

impl Turn {
    fn begin(turns: &Arc<Turns>, counted: Counted) -> Self {
        // One task does all of a connection, so that any order of memory is the right one.
        turns.begun.fetch_add(1, Ordering::Relaxed);
        let turns = Arc::clone(turns);
        Self { turns, counted }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A response's body, which ends its request's turn when it ends.
struct Answer {
    body: Body,
    _turn: Turn,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that fails where its client takes longer than it may: between requests, over the
/// headers, or in taking the answer. The body has its own limit, where it is read.
struct Watched<S> {
    stream: S,
    limits: Limits,
    turns: Arc<Turns>,
    /// What has come of a request that is not yet one.
    head: Share,
    /// Requests whose end has been seen.
    seen: usize,
    /// Bytes of the next request have come.
    reading: bool,
    /// When the phase began: waiting for a request, or reading its headers.
    since: Instant,
    /// When writing came to a halt.
    halted: Option<Instant>,
    /// When the last of it was written.
    shut: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    fn new(stream: S, limits: Limits, head: Share, turns: Arc<Turns>) -> Self {
        let since = Instant::now();
        Self {
            stream,
            limits,
            turns,
            head,
            seen: 0,
            reading: false,
            since,
            halted: None,
            shut: None,
            alarm: Box::pin(sleep_until(since + limits.idle)),
        }
    }

    /// Fails from the deadline on. The alarm is set back only where it goes off too early or too
    /// late, since a request that comes whole needs none.
    fn poll_deadline(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<io::Error> {
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(deadline);
        }
    }

    fn poll_halted<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let since = *self.halted.get_or_insert_with(Instant::now);
        self.poll_deadline(since + self.limits.stalled, cx).map(Err)
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Pass over what still comes of a body that nobody reads, for a moment: a client that is cut off
    /// while it sends never sees the answer.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let since = *self.shut.get_or_insert_with(Instant::now);
        loop {
            let mut passed = [MaybeUninit::uninit(); 4096];
            let mut passed = ReadBuf::uninit(&mut passed);
            match Pin::new(&mut self.stream).poll_read(cx, &mut passed) {
                Poll::Ready(Ok(())) if !passed.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
            if since.elapsed() >= REST {
                return Poll::Ready(Ok(()));
            }
        }
        ready!(self.poll_deadline(since + REST, cx));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let ended = this.turns.ended.load(Ordering::Relaxed);
        if this.turns.begun.load(Ordering::Relaxed) != ended {
            this.head.clear();
            return read;
        }
        if this.seen != ended {
            this.head.clear();
            this.seen = ended;
            this.reading = false;
            this.since = Instant::now();
        }
        if read.is_ready() {
            let came = buffer.filled().len() - before;
            if !this.reading && came > 0 {
                this.reading = true;
                this.since = Instant::now();
            }
            // Thousands of heads that never end are held as bodies are.
            return match this.head.grow(came) {
                Ok(()) => read,
                Err(Spent) => Poll::Ready(Err(io::ErrorKind::OutOfMemory.into())),
            };
        }
        let limit = if this.reading {
            this.limits.head
        } else {
            this.limits.idle
        };
        this.poll_deadline(this.since + limit, cx).map(Err)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(cx, bytes) {
            Poll::Pending => this.poll_halted(cx),
            written => {
                this.halted = None;
                written
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(cx, slices) {
            Poll::Pending => this.poll_halted(cx),
            written => {
                this.halted = None;
                written
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(cx) {
            Poll::Pending => this.poll_halted(cx),
            flushed => {
                this.halted = None;
                flushed
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(cx) {
            Poll::Pending => this.poll_halted(cx),
            Poll::Ready(Ok(())) if this.turns.unread.load(Ordering::Relaxed) => this.poll_rest(cx),
            shut => shut,
        }
    }
}
