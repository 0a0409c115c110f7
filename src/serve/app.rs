//! What all handlers share, and the routes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use http_body_util::BodyExt as _;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::block_in_place;
use tokio::time::timeout;
use weighbridge_router::Request;

use super::access::{AccessTokens, guard};
use super::answer::{Refusal, json, overloaded};
use super::assign::{Assigned, assign};
use super::body_budget::{BodyBudget, Spent, Whole};
use super::bounds::{ID_RULE, is_id};
use super::clock::Ids;
use super::feedback::feedback;
#[cfg(test)]
use super::live::Active;
use super::live::Live;
use super::log::Log;
use super::metrics::{self, Metrics};
use super::options::{Limits, ServeOptions};
use super::origin::{AllowedHosts, no_pages};
use super::proxy::{Proxy, chat, models};
use super::record::{Attempt, Recorder};
use super::reload::{Files, Reloads};
use super::route::{route, route_below};
use super::tls::Tls;

/// What a request is called by, in and out.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Up to here a body is read on the thread that took it: it takes a few milliseconds at the most.
const LIGHT: usize = 32 << 10;

/// How many larger ones are read at a time, so that the memory that reading takes is bounded too.
const HEAVY: usize = 2;

/// What all handlers share.
#[derive(Debug)]
pub(super) struct App {
    /// The files in force.
    pub(super) live: Live,
    /// Names for requests that bring none.
    pub(super) ids: Ids,
    /// Where decisions and outcomes go.
    pub(super) recorder: Recorder,
    /// What no client can exceed.
    pub(super) limits: Limits,
    /// What bodies may hold, all together.
    pub(super) bodies: BodyBudget,
    /// Places for work on large bodies.
    heavy: Semaphore,
    /// Where requests are sent on; none: only decisions are served.
    pub(super) proxy: Option<Proxy>,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// Where events go.
    pub(super) log: Log,
    /// By what the listener speaks TLS.
    pub(super) tls: Option<Tls>,
    /// Where other files come from.
    pub(super) reloads: Reloads,
    tokens: Option<AccessTokens>,
    admin_tokens: Option<AccessTokens>,
    /// By which names it is asked where there are no tokens; none: by any.
    allowed: Option<AllowedHosts>,
    /// What clients call their requests does not count.
    own_ids: bool,
    leaving: AtomicBool,
}

impl App {
    /// A server that logs nothing.
    #[cfg(test)]
    pub(super) fn new(active: Active, recorder: Recorder, options: &ServeOptions) -> Self {
        let app = Self::with_log(Files::fixed(active), recorder, Log::off(), options);
        app.expect("there is randomness")
    }

    /// # Errors
    /// Where the system gives no randomness.
    pub(super) fn with_log(
        files: Files,
        recorder: Recorder,
        log: Log,
        options: &ServeOptions,
    ) -> io::Result<Self> {
        let bodies = BodyBudget::new(options.limits.bodies_bytes);
        Ok(Self {
            live: Live::new(files.active),
            reloads: Reloads::new(files.source, files.stamp),
            ids: Ids::try_new()?,
            metrics: Arc::new(Metrics::new(&recorder, &log, &bodies)),
            recorder,
            limits: options.limits,
            bodies,
            heavy: Semaphore::new(HEAVY),
            proxy: None,
            log,
            tls: options.tls.clone(),
            tokens: options.tokens.clone(),
            admin_tokens: options.admin_tokens.clone(),
            allowed: (options.listen.ip().is_loopback()).then(|| options.allowed_hosts.clone()),
            own_ids: options.own_ids,
            leaving: AtomicBool::new(false),
        })
    }

    /// The same, which sends requests on, and decides among endpoints that it can send them to.
    pub(super) fn with_proxy(self, proxy: Option<Proxy>) -> Self {
        if let Some(proxy) = &proxy {
            let active = Arc::unwrap_or_clone(self.live.get());
            self.live.set(Arc::new(proxy.among(active)));
        }
        Self { proxy, ..self }
    }

    /// The one way to a decision of a request that arrives: by the files in force, counted, and
    /// logged where that is asked for.
    pub(super) fn assign(&self, request: &Request, id: &str) -> Assigned {
        let assigned = assign(self.live.get(), request, id);
        let endpoint = assigned.endpoint().map(|endpoint| endpoint.id.as_str());
        self.metrics.decided(endpoint, &assigned.by().name);
        self.log.decided(id, &assigned);
        assigned
    }

    /// An upstream was called for the request of this id: counted, and logged where that is asked
    /// for.
    pub(super) fn attempted(&self, id: &str, attempt: &Attempt) {
        self.metrics.attempted(attempt);
        self.log.attempted(id, attempt);
    }

    /// The server is told to stop: send no more requests.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the server is told to stop.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// A request's name: the header's, else the body's, else a fresh one; always that where clients
    /// name nothing.
    ///
    /// # Errors
    /// Where the name could not be a header of the answer.
    pub(super) fn request_id(
        &self,
        headers: &HeaderMap,
        of_body: Option<String>,
    ) -> Result<String, Refusal> {
        if self.own_ids {
            return Ok(self.ids.fresh());
        }
        if let Some(value) = headers.get(&REQUEST_ID) {
            let id = value.to_str().ok().filter(|id| is_id(id));
            return id
                .map(str::to_owned)
                .ok_or_else(|| wrong_id("x-request-id"));
        }
        Ok(self.named(of_body)?.unwrap_or_else(|| self.ids.fresh()))
    }

    /// The name that a body gives, where it may.
    ///
    /// # Errors
    /// As [`Self::request_id`].
    pub(super) fn named(&self, of_body: Option<String>) -> Result<Option<String>, Refusal> {
        match of_body {
            _ if self.own_ids => Ok(None),
            Some(id) if !is_id(&id) => Err(wrong_id("id")),
            id => Ok(id),
        }
    }

    /// Work on a body of that many bytes, so that no other request waits for it where it is large.
    pub(super) async fn heavy<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if bytes <= LIGHT {
            return work();
        }
        // It is never closed.
        let _place = self.heavy.acquire().await;
        match Handle::current().runtime_flavor() {
            // What waits on this thread goes on elsewhere meanwhile.
            RuntimeFlavor::MultiThread => block_in_place(work),
            _ => work(),
        }
    }

    /// The whole body, within its limits of size and time.
    ///
    /// # Errors
    /// The answer to give instead.
    pub(super) async fn whole_body(&self, body: Body) -> Result<Whole, Response> {
        match timeout(self.limits.body, self.come_whole(body)).await {
            Ok(whole) => whole,
            Err(_) => {
                let message = format!(
                    "the body was not complete within {} seconds",
                    self.limits.body.as_secs_f64()
                );
                let refusal = Refusal::whole(message).coded("slow_body");
                Err(refusal.answer(StatusCode::REQUEST_TIMEOUT))
            }
        }
    }

    async fn come_whole(&self, mut body: Body) -> Result<Whole, Response> {
        let limit = self.limits.body_bytes;
        // A length that is declared is refused before a byte of the body is sent.
        if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > limit) {
            return Err(too_large(limit));
        }
        let mut buffer = self.bodies.buffer();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let refusal = Refusal::whole(format!("the body broke off: {error}"));
                refusal.answer(StatusCode::BAD_REQUEST)
            })?;
            // What follows a body in chunks says nothing here.
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            if buffer.len() + piece.len() > limit {
                return Err(too_large(limit));
            }
            buffer.extend(&piece).map_err(|Spent| no_room())?;
        }
        Ok(buffer.whole())
    }
}

fn wrong_id(field: &str) -> Refusal {
    Refusal::field(field, ID_RULE)
}

fn too_large(limit: usize) -> Response {
    let message = format!("the body is longer than {limit} bytes; shorten the prompt");
    let refusal = Refusal::whole(message).coded("body_too_large");
    refusal.answer(StatusCode::PAYLOAD_TOO_LARGE)
}

/// The bodies under way hold all that they may.
pub(super) fn no_room() -> Response {
    overloaded("the bodies under way hold as much memory as they may; send it again later")
}

/// A text that is a header's value; ids are checked, names of endpoints may be any text.
pub(super) fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| {
        let visible: String = text
            .chars()
            .map(|c| if c.is_ascii_graphic() { c } else { '?' })
            .collect();
        HeaderValue::from_str(&visible).expect("visible ASCII")
    })
}

/// The routes.
pub(super) fn routes(app: Arc<App>) -> axum::Router {
    let decisions = axum::Router::new()
        .route("/v1/route", any(route))
        .route("/v1/route/", any(route_below))
        .route("/v1/route/{*path}", any(route_below))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/models", get(models))
        .route("/v1/feedback", post(feedback));
    let mut administration = axum::Router::new().route("/metrics", get(metrics));
    administration = match app.admin_tokens {
        Some(_) => administration.route("/admin/reload", post(reload)),
        None => administration.route("/admin/reload", any(no_admin)),
    };
    axum::Router::new()
        .merge(guarded(
            decisions,
            app.tokens.as_ref(),
            app.allowed.as_ref(),
        ))
        .merge(guarded(
            administration,
            app.admin_tokens.as_ref(),
            app.allowed.as_ref(),
        ))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

type Routes = axum::Router<Arc<App>>;

/// Only for those who bring a token, where there are tokens; else, on loopback, for no web page.
fn guarded(
    routes: Routes,
    tokens: Option<&AccessTokens>,
    allowed: Option<&AllowedHosts>,
) -> Routes {
    match (tokens, allowed) {
        (Some(tokens), _) => routes.route_layer(from_fn_with_state(tokens.clone(), guard)),
        (None, Some(allowed)) => routes.route_layer(from_fn_with_state(allowed.clone(), no_pages)),
        (None, None) => routes,
    }
}

/// Answers when the files are loaded, or refused.
async fn reload(State(app): State<Arc<App>>) -> Response {
    match app.reload().await {
        Ok(active) => {
            let body = serde_json::json!({ "status": "reloaded", "policy": active.main.name });
            json(StatusCode::OK, body.to_string().into_bytes())
        }
        Err(why) => Refusal::whole(format!("not reloaded, what was in force stays: {why}"))
            .coded("unfit_file")
            .answer(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

async fn no_admin() -> Response {
    let message = "this server takes no orders; start it with --admin-token-file, or send SIGHUP";
    Refusal::whole(message).answer(StatusCode::FORBIDDEN)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    const OPEN_METRICS: HeaderValue = HeaderValue::from_static(metrics::CONTENT_TYPE);
    ([(header::CONTENT_TYPE, OPEN_METRICS)], app.metrics.text()).into_response()
}

async fn healthz() -> Response {
    json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec())
}

/// Whether to send requests here.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    let not = |body: serde_json::Value| {
        let body = body.to_string().into_bytes();
        json(StatusCode::SERVICE_UNAVAILABLE, body)
    };
    if app.is_leaving() {
        return not(serde_json::json!({ "status": "draining" }));
    }
    let proxy = app.proxy.as_ref();
    match proxy.and_then(|proxy| proxy.unready(&app.live.get())) {
        Some(why) => not(serde_json::json!({ "status": "unready", "reason": why })),
        None => json(StatusCode::OK, br#"{"status":"ready"}"#.to_vec()),
    }
}

/// What there is, for those who look elsewhere.
const PATHS: &str = "there are /v1/route, /v1/chat/completions, /v1/models, /v1/feedback, \
                     /healthz, /readyz, /metrics and /admin/reload";

async fn not_found(uri: Uri) -> Response {
    let message = format!("there is nothing at {}; {PATHS}", uri.path());
    Refusal::whole(message).answer(StatusCode::NOT_FOUND)
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let message = format!("{} does not take {method}", uri.path());
    Refusal::whole(message).answer(StatusCode::METHOD_NOT_ALLOWED)
}
