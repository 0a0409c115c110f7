//! Connections in: taken up to the limit, each on a task of its own, and let go in the end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::app::App;
use super::connection::{Stage, converse};

/// How long accepting rests where the system has no more files to give.
const REST: Duration = Duration::from_millis(100);

/// What a connection above the limit is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// Answer until `stop`, then as long as the limits have it.
pub(super) async fn serve_until(
    listener: TcpListener,
    app: Arc<App>,
    routes: axum::Router,
    stop: impl Future<Output = ()>,
) {
    let limits = app.limits;
    let (stage, seen) = watch::channel(Stage::Up);
    let free = Arc::new(Semaphore::new(limits.connections));
    let accepting = async {
        let mut resting = false;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => match Arc::clone(&free).try_acquire_owned() {
                    Ok(place) => {
                        tokio::spawn(hold(
                            stream,
                            place,
                            routes.clone(),
                            Arc::clone(&app),
                            seen.clone(),
                        ));
                    }
                    Err(_) => {
                        app.metrics.turned_away.inc();
                        // As much of it as goes at once.
                        let _ = stream.try_write(FULL);
                    }
                },
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    if !resting {
                        let message = format!("cannot accept connections for now: {error}");
                        app.log.warn("weighbridge.accept", &message, &[]);
                    }
                    resting = true;
                    sleep(REST).await;
                    continue;
                }
            }
            resting = false;
        }
    };
    tokio::select! {
        () = accepting => {}
        () = async {
            stop.await;
            stage.send_replace(Stage::Leaving);
            app.leave();
            sleep(limits.linger).await;
        } => {}
    }
    drop(listener);
    drop(seen);
    stage.send_replace(Stage::Draining);
    if timeout(limits.drain, stage.closed()).await.is_err() {
        stage.send_replace(Stage::Over);
        stage.closed().await;
    }
}

/// One connection to its end, in its place.
async fn hold(
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    routes: axum::Router,
    app: Arc<App>,
    stage: watch::Receiver<Stage>,
) {
    app.metrics.connections.inc();
    talk(stream, routes, &app, stage).await;
    app.metrics.connections.dec();
}

async fn talk(
    stream: TcpStream,
    routes: axum::Router,
    app: &App,
    mut stage: watch::Receiver<Stage>,
) {
    let limits = app.limits;
    // A connection that says nothing costs no buffers. Looked at, since a system may call one
    // readable that is not.
    let mut first = [0];
    let begun = tokio::select! {
        begun = timeout(limits.idle, stream.peek(&mut first)) => matches!(begun, Ok(Ok(1))),
        _ = stage.wait_for(|stage| *stage >= Stage::Draining) => false,
    };
    if !begun {
        return;
    }
    // Answers are small and whole: nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    // What ends a connection is the client's affair: it hung up, or took too long. Boxed, since one
    // that says nothing would make room for all of it beforehand.
    match &app.tls {
        None => drop(Box::pin(converse(stream, routes, app, stage)).await),
        Some(tls) => {
            let handshake = Box::pin(tls.0.accept(stream));
            if let Ok(Ok(stream)) = timeout(limits.head, handshake).await {
                drop(Box::pin(converse(stream, routes, app, stage)).await);
            }
        }
    }
}

/// A fault of one connection, before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
