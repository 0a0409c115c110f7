//! Why the server did not start, or stopped.

use std::io;
use std::net::SocketAddr;

use crate::trace_io::TraceError;

/// What ended the server, other than a signal. What is wrong with one request is an answer to that
/// request and never ends the server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, not this machine's, or not allowed.
    #[error("cannot listen on {listen}: {source}; choose another address or port (port 0: any)")]
    Listen {
        /// The address that was asked for.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The worker threads could not be started.
    #[error("cannot start the worker threads: {0}")]
    Runtime(#[source] io::Error),
    /// An upstream wants TLS, and this machine trusts nobody.
    #[error(
        "cannot call upstreams over TLS: the root certificates cannot be read: {0}; name a file of them in SSL_CERT_FILE"
    )]
    Roots(#[source] io::Error),
    /// Requests could not be named so that nobody guesses it.
    #[error("cannot name requests: {0}")]
    Randomness(#[source] io::Error),
    /// The signals that stop the server could not be awaited.
    #[error("cannot wait for the signals that stop the server: {0}")]
    Signal(#[source] io::Error),
    /// Nothing can be recorded into the folder.
    #[error("cannot record: {0}")]
    Record(#[source] TraceError),
}
