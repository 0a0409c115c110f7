//! How to serve: the address, the threads, the limits.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::access::AccessTokens;
use super::log::LogOptions;
use super::origin::AllowedHosts;
use super::proxy::ProxyOptions;
use super::record::RecordOptions;
use super::tls::Tls;

/// Where the server listens unless told otherwise: on this machine alone.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8787));

/// How many worker threads there are unless told otherwise.
pub const DEFAULT_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Worker threads of the runtime that [`run`](super::run) builds; [`serve`](super::serve) runs
    /// on its caller's.
    pub threads: NonZeroUsize,
    /// What no client can exceed.
    pub limits: Limits,
    /// Where requests are sent on.
    pub proxy: ProxyOptions,
    /// Of whom decisions may be asked; none: of everyone who reaches the address.
    pub tokens: Option<AccessTokens>,
    /// Who may read metrics and have files reloaded; none: everyone may read, nobody reload.
    pub admin_tokens: Option<AccessTokens>,
    /// The names under which it is asked on loopback without tokens, beside loopback's own.
    pub allowed_hosts: AllowedHosts,
    /// Whether a request's name is always made here, whatever its client calls it.
    pub own_ids: bool,
    /// By what to speak TLS; none: plain.
    pub tls: Option<Tls>,
    /// What is logged.
    pub log: LogOptions,
    /// What is recorded; none: nothing.
    pub record: Option<RecordOptions>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            threads: DEFAULT_THREADS,
            limits: Limits::default(),
            proxy: ProxyOptions::default(),
            tokens: None,
            admin_tokens: None,
            allowed_hosts: AllowedHosts::default(),
            own_ids: false,
            tls: None,
            log: LogOptions::default(),
            record: None,
        }
    }
}

/// What no client can exceed, and how long each thing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at a time; a further one is answered with 503 and closed.
    pub connections: usize,
    /// Bytes of a request's line and headers.
    pub head_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of all bodies that are held at a time.
    pub bodies_bytes: usize,
    /// From a request's first byte to the end of its headers, and a TLS handshake.
    pub head: Duration,
    /// From the headers to the end of the body.
    pub body: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// A client that takes no byte of its answer.
    pub stalled: Duration,
    /// For other files to be loaded.
    pub load: Duration,
    /// From the signal to stop until new connections are refused: time for a load balancer to
    /// see `/readyz`.
    pub linger: Duration,
    /// After that, for requests under way.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            head_bytes: 64 << 10,
            // Room for a prompt of 5 MB, escaped.
            body_bytes: 8 << 20,
            bodies_bytes: 128 << 20,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            stalled: Duration::from_secs(60),
            load: Duration::from_secs(30),
            linger: Duration::from_millis(500),
            drain: Duration::from_secs(30),
        }
    }
}
