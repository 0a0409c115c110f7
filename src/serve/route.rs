//! `/v1/route`: a request in, the endpoint that it goes to out.
//!
//! Gateways call it in their own ways: with any method, below it with the original path, with the
//! native body, a chat body or a batch; they read the answer from its headers or its JSON.

use std::sync::Arc;

use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use weighbridge_router::Request;

use super::answer::{Refusal, json};
use super::app::{App, REQUEST_ID, header_value};
use super::assign::Assigned;
use super::clock;
use super::named::named;
use super::proxy::{AUTO, ChatBody};
use super::wire::{Answer, Asked, Body};

/// The endpoint that was drawn.
pub(super) const ENDPOINT: HeaderName = HeaderName::from_static("x-weighbridge-endpoint");
/// Its model.
pub(super) const MODEL: HeaderName = HeaderName::from_static("x-weighbridge-model");
/// The probability with which it was drawn.
pub(super) const PROPENSITY: HeaderName = HeaderName::from_static("x-weighbridge-propensity");
/// The file that decided.
pub(super) const POLICY: HeaderName = HeaderName::from_static("x-weighbridge-policy");
/// The path of a chat completion.
const CHAT: &str = "/v1/chat/completions";
/// Stands in place of an endpoint where none may take the request.
pub(super) const UNANSWERED: HeaderName = HeaderName::from_static("x-weighbridge-unanswered");

/// `/v1/route`. No content type is demanded: gateways that call sidecars often send none.
pub(super) async fn route(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    answer(&app, request, false).await
}

/// `/v1/route/...`: the path of the request that a gateway asks about follows. One without a body
/// is a request of which nothing is known; of a chat completion the model counts, as in the proxy.
pub(super) async fn route_below(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    answer(&app, request, true).await
}

async fn answer(app: &App, request: HttpRequest, below: bool) -> Response {
    let (head, body) = request.into_parts();
    let body = match app.whole_body(body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let as_proxy = below && head.uri.path().ends_with(CHAT);
    let body: &[u8] = match &*body {
        [] if below => br#"{"request":{}}"#,
        body => body,
    };
    let respond = || respond(app, &head.headers, body, as_proxy);
    (app.heavy(body.len(), respond).await)
        .unwrap_or_else(|refusal| refusal.answer(StatusCode::BAD_REQUEST))
}

fn respond(
    app: &App,
    headers: &HeaderMap,
    body: &[u8],
    as_proxy: bool,
) -> Result<Response, Refusal> {
    if body.is_empty() {
        return Err(Refusal::whole(
            "the body is empty; send {\"request\": {...}}, or tell your gateway to pass the body on",
        ));
    }
    match Body::read(body)? {
        Body::One(asked) => {
            let id = app.request_id(headers, asked.id)?;
            if as_proxy && asked.is_chat {
                let model = ChatBody::read(body)?.model;
                if model != AUTO {
                    return Ok(named(app, id, &model, asked.request));
                }
            }
            let (assigned, request) = decide(app, asked.request, &id);
            let answer = serde_json::to_vec(&Answer::new(&id, &assigned));
            let mut response = whole(answer);
            write_headers(response.headers_mut(), &id, &assigned);
            record(app, id, &assigned, request);
            Ok(response)
        }
        Body::Batch(items) => batch(app, headers, items),
    }
}

/// Every item is named before the first is decided, since a batch is refused whole.
fn batch(app: &App, headers: &HeaderMap, items: Vec<Asked>) -> Result<Response, Refusal> {
    #[derive(serde::Serialize)]
    struct Decisions<'a> {
        decisions: Vec<Answer<'a>>,
    }
    let whole_id = app.request_id(headers, None)?;
    let named: Vec<(String, Request)> = items
        .into_iter()
        .enumerate()
        .map(|(i, item)| {
            let id = app.named(item.id).map_err(|refusal| refusal.of_item(i))?;
            Ok((
                id.unwrap_or_else(|| format!("{whole_id}-{i}")),
                item.request,
            ))
        })
        .collect::<Result<_, Refusal>>()?;
    let decided: Vec<(String, Assigned, Request)> = named
        .into_iter()
        .map(|(id, request)| {
            let (assigned, request) = decide(app, request, &id);
            (id, assigned, request)
        })
        .collect();
    let decisions = decided
        .iter()
        .map(|(id, assigned, _)| Answer::new(id, assigned))
        .collect();
    let mut response = whole(serde_json::to_vec(&Decisions { decisions }));
    response
        .headers_mut()
        .insert(REQUEST_ID, header_value(&whole_id));
    for (id, assigned, request) in decided {
        record(app, id, &assigned, request);
    }
    Ok(response)
}

fn decide(app: &App, mut request: Request, id: &str) -> (Assigned, Request) {
    request.at.get_or_insert_with(clock::now);
    (app.assign(&request, id), request)
}

fn record(app: &App, id: String, assigned: &Assigned, request: Request) {
    app.recorder
        .record(|| assigned.entry(id, request, Vec::new()));
}

fn whole(answer: serde_json::Result<Vec<u8>>) -> Response {
    json(
        StatusCode::OK,
        answer.expect("texts and numbers are always JSON"),
    )
}

/// The choice, for gateways that read headers alone.
pub(super) fn write_headers(headers: &mut HeaderMap, id: &str, assigned: &Assigned) {
    headers.reserve(8);
    headers.insert(REQUEST_ID, header_value(id));
    match assigned.endpoint() {
        Some(endpoint) => {
            headers.insert(ENDPOINT, header_value(&endpoint.id));
            headers.insert(MODEL, header_value(&endpoint.model));
        }
        None => {
            headers.insert(UNANSWERED, HeaderValue::from_static("1"));
        }
    }
    headers.insert(POLICY, header_value(&assigned.by().name));
    let propensity = f64::from(assigned.propensity.0) / 1e6;
    headers.insert(PROPENSITY, header_value(&propensity.to_string()));
}
