//! The server's life: listen, answer until told to stop, drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime;

use super::accept::serve_until;
use super::app::{App, routes};
use super::error::ServeError;
use super::live::Active;
use super::options::ServeOptions;
use super::proxy::Proxy;
use super::record::Recorder;

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
/// Where the address cannot be listened on or signals cannot be awaited.
pub async fn serve(
    active: Active,
    options: ServeOptions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let stop = stop_signal().map_err(ServeError::Signal)?;
    let listen = options.listen;
    let fault = |source| ServeError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(fault)?;
    let proxy = Proxy::try_new(options.proxy.clone()).map_err(ServeError::Roots)?;
    ready(listener.local_addr().map_err(fault)?);
    let app = Arc::new(App::new(active, Recorder::off(), &options).with_proxy(proxy));
    serve_until(listener, Arc::clone(&app), routes(app), stop).await;
    Ok(())
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
