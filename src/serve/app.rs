//! The routes, and what HTTP says where a decision cannot be made.

use std::sync::Arc;

use axum::RequestExt as _;
use axum::body::{Bytes, HttpBody as _};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::decider::Decider;
use super::wire::{Refusal, Refused};

/// The longest body that is read: room for a prompt of 5 MB, escaped.
pub(super) const MAX_BODY_BYTES: usize = 8 << 20;

struct App {
    decider: Decider,
    max_body_bytes: usize,
}

/// The server's routes around one router.
pub(super) fn app(decider: Decider, max_body_bytes: usize) -> axum::Router {
    axum::Router::new()
        .route("/v1/route", post(route))
        .route("/healthz", get(healthz))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .with_state(Arc::new(App {
            decider,
            max_body_bytes,
        }))
}

/// No content type is demanded: gateways that call sidecars often send none.
async fn route(State(app): State<Arc<App>>, request: Request) -> Response {
    // A length that is declared is refused before a byte of the body is sent.
    let declared = request.body().size_hint().lower();
    if usize::try_from(declared).map_or(true, |bytes| bytes > app.max_body_bytes) {
        return too_large(app.max_body_bytes);
    }
    let body: Bytes = match request.extract::<Result<Bytes, BytesRejection>, _>().await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return too_large(app.max_body_bytes);
        }
        Ok(Err(rejection)) => {
            let message = format!("the body broke off: {}", rejection.body_text());
            return refuse(rejection.status(), Refusal::whole(message));
        }
        Err(never) => match never {},
    };
    match app.decider.answer(&body) {
        Ok(answer) => json(StatusCode::OK, answer),
        Err(refusal) => refuse(StatusCode::BAD_REQUEST, refusal),
    }
}

async fn healthz() -> Response {
    json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec())
}

async fn not_found(uri: Uri) -> Response {
    let message = format!(
        "there is nothing at {}; there are POST /v1/route and GET /healthz",
        uri.path()
    );
    refuse(StatusCode::NOT_FOUND, Refusal::whole(message))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let message = format!(
        "{} does not take {method}; there are POST /v1/route and GET /healthz",
        uri.path()
    );
    refuse(StatusCode::METHOD_NOT_ALLOWED, Refusal::whole(message))
}

fn too_large(limit: usize) -> Response {
    let message = format!("the body is longer than {limit} bytes; shorten the prompt");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, Refusal::whole(message))
}

fn refuse(status: StatusCode, error: Refusal) -> Response {
    let body = serde_json::to_vec(&Refused { error }).expect("texts are always JSON");
    json(status, body)
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, JSON)], body).into_response()
}
