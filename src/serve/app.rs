//! What all handlers share, and the routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use http_body_util::BodyExt as _;
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
use super::proxy::{Proxy, chat, models};
use super::record::{Attempt, Recorder};
use super::reload::{Files, Reloads};
use super::route::{route, route_below};
use super::tls::Tls;

/// What a request is called by, in and out.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
    leaving: AtomicBool,
}

impl App {
    /// A server that logs nothing.
    #[cfg(test)]
    pub(super) fn new(active: Active, recorder: Recorder, options: &ServeOptions) -> Self {
        Self::with_log(Files::fixed(active), recorder, Log::off(), options)
    }

    pub(super) fn with_log(
        files: Files,
        recorder: Recorder,
        log: Log,
        options: &ServeOptions,
    ) -> Self {
        Self {
            live: Live::new(files.active),
            reloads: Reloads::new(files.source, files.stamp),
            ids: Ids::new(),
            metrics: Arc::new(Metrics::new(&recorder, &log)),
            recorder,
            limits: options.limits,
            bodies: BodyBudget::new(options.limits.bodies_bytes),
            proxy: None,
            log,
            tls: options.tls.clone(),
            tokens: options.tokens.clone(),
            admin_tokens: options.admin_tokens.clone(),
            leaving: AtomicBool::new(false),
        }
    }

    /// The same, which sends requests on.
    pub(super) fn with_proxy(self, proxy: Option<Proxy>) -> Self {
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

    /// A request's name: the header's, else the body's, else a fresh one.
    ///
    /// # Errors
    /// Where the name could not be a header of the answer.
    pub(super) fn request_id(
        &self,
        headers: &HeaderMap,
        of_body: Option<String>,
    ) -> Result<String, Refusal> {
        if let Some(value) = headers.get(&REQUEST_ID) {
            let id = value.to_str().ok().filter(|id| is_id(id));
            return id
                .map(str::to_owned)
                .ok_or_else(|| wrong_id("x-request-id"));
        }
        Ok(Self::named(of_body)?.unwrap_or_else(|| self.ids.fresh()))
    }

    /// The name that a body gives.
    ///
    /// # Errors
    /// As [`Self::request_id`].
    pub(super) fn named(of_body: Option<String>) -> Result<Option<String>, Refusal> {
        match of_body {
            Some(id) if !is_id(&id) => Err(wrong_id("id")),
            id => Ok(id),
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
fn no_room() -> Response {
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
        .merge(guarded(decisions, app.tokens.as_ref()))
        .merge(guarded(administration, app.admin_tokens.as_ref()))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

type Routes = axum::Router<Arc<App>>;

/// Only for those who bring a token, where there are tokens.
fn guarded(routes: Routes, tokens: Option<&AccessTokens>) -> Routes {
    match tokens {
        Some(tokens) => routes.route_layer(from_fn_with_state(tokens.clone(), guard)),
        None => routes,
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
    let (status, says) = if app.is_leaving() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ready")
    };
    json(status, format!(r#"{{"status":"{says}"}}"#).into_bytes())
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
