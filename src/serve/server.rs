//! The server's life: listen, answer until told to stop, drain.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::time::timeout;

use super::accept::serve_until;
use super::app::{App, routes};
use super::error::ServeError;
use super::log::{Log, Value};
use super::options::ServeOptions;
use super::proxy::Proxy;
use super::record::Recorder;
use super::reload::Files;

/// How long the disk may take for what waits to be recorded in the end.
const FINISH: Duration = Duration::from_secs(30);

/// [`serve`] on a runtime of its own; returns once the server has stopped.
///
/// # Errors
/// As [`serve`], and where the threads cannot be started.
pub fn run(
    files: Files,
    options: ServeOptions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(options.threads.get())
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let ended = runtime.block_on(serve(files, options, ready));
    // Whatever still hangs, in a file system that does not answer, say, is left behind.
    runtime.shutdown_background();
    ended
}

/// Answer with the decisions of the files until SIGINT or SIGTERM, then let requests that are under
/// way finish; other files are taken when they change, and on SIGHUP. `ready` gets the bound address once connections are accepted and signals heeded.
///
/// # Errors
/// Where the address cannot be listened on or signals cannot be awaited.
pub async fn serve(
    files: Files,
    options: ServeOptions,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let stop = stop_signal().map_err(ServeError::Signal)?;
    let hangup = hangups().map_err(ServeError::Signal)?;
    let listen = options.listen;
    let fault = |source| ServeError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    let proxy = Proxy::try_new(options.proxy.clone()).map_err(ServeError::Roots)?;
    let log = Log::start(options.log);
    let recorder = match &options.record {
        Some(record) => {
            let log = log.clone();
            let say = move |text: &str| log.warn("weighbridge.recording", text, &[]);
            Recorder::start(record.clone(), &files.active, Arc::new(say))?
        }
        None => Recorder::off(),
    };
    let app = App::with_log(files, recorder.clone(), log.clone(), &options)
        .map_err(ServeError::Randomness)?;
    let app = Arc::new(app.with_proxy(proxy));
    say_where(&app, address);
    ready(address);
    let keeper = Arc::clone(&app);
    let keeping = tokio::spawn(async move {
        tokio::join!(keeper.watch(), reload_on(hangup, &keeper));
    });
    serve_until(listener, Arc::clone(&app), routes(app), stop).await;
    keeping.abort();
    // What waits is written, and the last segment compressed, before the process ends.
    let finished = tokio::task::spawn_blocking(move || recorder.finish());
    // A panic there has been told by its own thread.
    if timeout(FINISH, finished).await.is_err() {
        let message = "the disk does not take what waits to be recorded; it is lost";
        log.error("weighbridge.recording", message, &[]);
    }
    let message = "stopped; requests under way were answered";
    log.info("weighbridge.stopped", message, &[]);
    log.flush();
    Ok(())
}

fn say_where(app: &App, address: SocketAddr) {
    let name = &app.live.get().main.name;
    let scheme = if app.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}/v1/route");
    let fields = [
        ("weighbridge.policy", Value::Text(name)),
        ("url.full", Value::Text(&url)),
    ];
    let message = format!("{name} decides at {url}");
    app.log.info("weighbridge.serving", &message, &fields);
}

/// SIGHUP; heeded from this call on.
#[cfg(unix)]
fn hangups() -> io::Result<tokio::signal::unix::Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::hangup())
}

/// Load the files anew at each SIGHUP.
#[cfg(unix)]
async fn reload_on(mut hangup: tokio::signal::unix::Signal, app: &App) {
    while hangup.recv().await.is_some() {
        // What came of it is said there.
        let _ = app.reload().await;
    }
}

#[cfg(windows)]
fn hangups() -> io::Result<()> {
    Ok(())
}

#[cfg(windows)]
async fn reload_on((): (), _app: &App) {}

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
