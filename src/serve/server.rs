//! The server's life: listen, answer until told to stop, drain.

use std::future::{Future, IntoFuture as _};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::Notify;

use super::app::{MAX_BODY_BYTES, app};
use super::decider::Decider;
use super::error::ServeError;
use super::live::{Active, Live};
use super::record::Recorder;

/// Where the server listens unless told otherwise: on this machine alone.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8787));

/// How many worker threads there are unless told otherwise.
pub const DEFAULT_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// How long requests that are under way may still take once the server is told to stop. Longer
/// than any decision: only a client that never finishes its request reaches it.
const DRAIN: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeOptions {
    /// The address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Worker threads of the runtime that [`run`] builds; [`serve`] runs on its caller's.
    pub threads: NonZeroUsize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            threads: DEFAULT_THREADS,
        }
    }
}

/// [`serve`] on a runtime of its own; returns once the server has stopped.
///
/// # Errors
/// As [`serve`], and where the threads cannot be started.
pub fn run(
    active: Active,
    options: ServeOptions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.get())
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    runtime.block_on(serve(active, options, ready))
}

/// Answer with one router's decisions until SIGINT or SIGTERM, then let requests that are under
/// way finish. `ready` gets the bound address once connections are accepted and signals heeded.
///
/// # Errors
/// Where the address cannot be listened on, signals cannot be awaited, or accepting fails.
pub async fn serve(
    active: Active,
    options: ServeOptions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let stop = stop_signal().map_err(ServeError::Signal)?;
    let listen = options.listen;
    let fault = |source| ServeError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(fault)?;
    ready(listener.local_addr().map_err(fault)?);
    let routes = app(
        Decider::new(Live::new(active), Recorder::off()),
        MAX_BODY_BYTES,
    );
    serve_until(listener, routes, stop, DRAIN).await
}

/// Answer until `stop`, then at most `drain` longer.
pub(super) async fn serve_until(
    listener: TcpListener,
    routes: axum::Router,
    stop: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> Result<(), ServeError> {
    let stopped = Arc::new(Notify::new());
    let tell = Arc::clone(&stopped);
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        stop.await;
        tell.notify_one();
    });
    let overdue = async {
        stopped.notified().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        ended = server.into_future() => ended.map_err(ServeError::Accept),
        () = overdue => Ok(()),
    }
}

/// Completes at the first SIGINT or SIGTERM; both are heeded from this call on.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Completes at the first Ctrl-C.
#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
