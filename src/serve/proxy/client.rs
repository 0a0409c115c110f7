//! The HTTP client towards the upstreams: pooled connections, TLS by rustls, no redirects.
//!
//! Sends one request once. Whether another endpoint is tried is none of its business.

use std::io;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::fault::Fault;
use super::upstream::Upstream;

/// How long a connection may take to be made; a server that is there takes a round trip.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection is kept that nothing goes over: shorter than servers keep theirs, so that
/// they seldom close one that is just being used.
const IDLE: Duration = Duration::from_secs(20);

/// How often a silent connection is asked whether its other end still lives.
const ALIVE: Duration = Duration::from_secs(30);

/// Idle connections kept for each upstream.
const MAX_IDLE: usize = 256;

/// Calls upstreams.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Caller {
    /// A client; the machine's root certificates are read where an upstream wants TLS.
    ///
    /// # Errors
    /// Where there are none.
    pub(super) fn try_new(tls: bool) -> io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_keepalive(Some(ALIVE));
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match tls {
            true => config.with_native_roots()?,
            false => config.with_root_certificates(RootCertStore::empty()),
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        Ok(Self { client })
    }

    /// Send a chat body and wait for the head of the answer. Of the client's headers none goes
    /// along.
    pub(super) async fn call(
        &self,
        upstream: &Upstream,
        id: &HeaderValue,
        stream: bool,
        body: Bytes,
    ) -> Result<Response<Incoming>, Fault> {
        const AGENT: &str = concat!("weighbridge/", env!("CARGO_PKG_VERSION"));
        let accept = if stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        let mut request = Request::post(upstream.chat().clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, accept)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, AGENT)
            .header("x-request-id", id);
        if let Some(key) = upstream.authorization() {
            request = request.header(header::AUTHORIZATION, key);
        }
        let request = (request.body(Full::new(body)))
            .map_err(|error| Fault::broken(format!("cannot be asked: {error}")))?;
        let answer = self.client.request(request).await;
        answer.map_err(|error| Fault::of_call(&error))
    }
}
