//! `/v1/chat/completions` and `/v1/models`: from HTTP to a chain of attempts and back.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::time::Instant;
use weighbridge_router::{EndpointIndex, Router, Scratch};

use super::Proxy;
use super::attempt::{Answer, Call, EVENTS, JSON};
use super::body::ChatBody;
use super::chain::{Chain, End};
use super::ledger::Ledger;
use crate::serve::answer::{Refusal, json as json_answer};
use crate::serve::app::{App, REQUEST_ID, header_value, no_room};
use crate::serve::bounds;
use crate::serve::clock;
use crate::serve::record::Entry;
use crate::serve::route::write_headers;
use crate::serve::wire::of_chat;

/// What is routed.
pub(in crate::serve) const AUTO: &str = "auto";

const SERVED: HeaderName = HeaderName::from_static("x-weighbridge-served");

/// A chat completion, streamed or whole.
pub(in crate::serve) async fn chat(State(app): State<Arc<App>>, request: Request) -> Response {
    let since = Instant::now();
    let (head, body) = request.into_parts();
    let body = match app.whole_body(body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let id = match app.request_id(&head.headers, None) {
        Ok(id) => id,
        Err(refusal) => return refusal.answer(StatusCode::BAD_REQUEST),
    };
    let mut headers = HeaderMap::new();
    headers.insert(REQUEST_ID, header_value(&id));
    let answer = match answer(&app, id, &body, since, &mut headers).await {
        Ok(answer) => answer,
        Err((status, refusal)) => refusal.answer(status),
    };
    (headers, answer).into_response()
}

pub(in crate::serve) type Refused = (StatusCode, Refusal);

async fn answer(
    app: &Arc<App>,
    id: String,
    body: &[u8],
    since: Instant,
    headers: &mut HeaderMap,
) -> Result<Response, Refused> {
    let Some(proxy) = &app.proxy else {
        return Err(no_proxy());
    };
    let wrong = |refusal| (StatusCode::BAD_REQUEST, refusal);
    let (chat, mut request) = (app.heavy(body.len(), || read(body)).await).map_err(wrong)?;
    request.at.get_or_insert_with(clock::now);
    // Its prompt is held to the end of the answer, longer than the body that it came in.
    let mut held = app.bodies.share();
    if held
        .grow(request.prompt.as_ref().map_or(0, String::len))
        .is_err()
    {
        return Ok(no_room());
    }
    let id_header = header_value(&id);
    let call = Call {
        caller: &proxy.caller,
        chat: &chat,
        id: &id_header,
        silence: proxy.silence,
        until: since + proxy.deadline,
        limits: proxy.limits,
        secrets: &proxy.secrets,
        forward_metadata: proxy.forward_metadata,
        bodies: &app.bodies,
    };
    let (assigned, active, router, chain, entry);
    if chat.model == AUTO {
        assigned = (app.heavy(body.len(), || app.assign(&request, &id))).await;
        write_headers(headers, &id, &assigned);
        router = assigned.router();
        entry = assigned.entry(id, request, Vec::new());
        chain = assigned.drawn.map(|drawn| Chain::drawn(router, drawn));
    } else {
        active = app.live.get();
        router = &active.main.router;
        let named = router.named(&chat.model, &request.as_ref(), &mut Scratch::default());
        if named.is_empty() {
            return Err(unknown_model(&chat.model));
        }
        entry = Entry::passed_through(id, request, Vec::new());
        chain = Some(Chain::named(router, named));
    }
    let mut ledger = Ledger::new(Arc::clone(app), entry, held);
    let Some(chain) = chain else {
        return Err(unanswered());
    };
    // What goes upstream is as long as what came, and there beside it.
    let mut sent = app.bodies.share();
    if sent.grow(body.len()).is_err() {
        return Ok(no_room());
    }
    match chain.run(&call, &proxy.upstreams, &mut ledger).await {
        End::Answered(by, answer) => Ok(answered(router, by, answer, ledger, headers)),
        End::Failed(last, fault, asked) => {
            if let Some(seconds) = fault.retry_after_s {
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            let mut refusal = fault.refusal(&router.endpoint(last).id, &proxy.secrets);
            if asked > 1 {
                refusal.message = format!("{}; {asked} endpoints failed", refusal.message);
            }
            Err((fault.http(), refusal))
        }
        End::Nobody => Err(nobody(&chat.model)),
    }
}

/// What goes upstream, and what decides.
fn read(body: &[u8]) -> Result<(ChatBody<'_>, weighbridge_router::Request), Refusal> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    bounds::look(text)?;
    Ok((ChatBody::read(body)?, of_chat(text)?))
}

fn answered(
    router: &Router,
    by: EndpointIndex,
    answer: Answer,
    mut ledger: Ledger,
    headers: &mut HeaderMap,
) -> Response {
    headers.insert(SERVED, header_value(&router.endpoint(by).id));
    let (status, kind, body) = match answer {
        Answer::Stream(relay) => {
            ledger.begun();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            (StatusCode::OK, EVENTS, Body::new(relay.with_ledger(ledger)))
        }
        Answer::Whole(kind, body, heard) => {
            ledger.hear(&heard);
            ledger.close(heard.status());
            (StatusCode::OK, kind, body.into())
        }
        Answer::Wrong(status, kind, body) => {
            // Not a failure of the endpoint: it answered that the request is at fault.
            ledger.close("rejected");
            (status, kind.unwrap_or(JSON), body.into())
        }
    };
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

/// What may be asked for: `auto`, and every endpoint and model of the file with an upstream.
pub(in crate::serve) async fn models(State(app): State<Arc<App>>) -> Response {
    let Some(proxy) = &app.proxy else {
        let (status, refusal) = no_proxy();
        return refusal.answer(status);
    };
    let active = app.live.get();
    let mut seen = BTreeSet::from([AUTO]);
    let mut data = vec![model(proxy, AUTO, "weighbridge")];
    for endpoint in active.main.router.endpoints() {
        if proxy.upstreams.of(endpoint).is_some() {
            let owner = endpoint.id.rsplit_once('@').map_or("", |(_, owner)| owner);
            for id in [&endpoint.model, &endpoint.id] {
                if seen.insert(id) {
                    data.push(model(proxy, id, owner));
                }
            }
        }
    }
    let body = json!({ "object": "list", "data": data });
    json_answer(StatusCode::OK, body.to_string().into_bytes())
}

fn model(proxy: &Proxy, id: &str, owner: &str) -> serde_json::Value {
    // When it came to be here: strict clients want a moment.
    json!({ "id": id, "object": "model", "created": proxy.since_s, "owned_by": owner })
}

fn no_proxy() -> Refused {
    let message = "this server has no upstreams; start it with --upstream NAME=URL";
    (
        StatusCode::NOT_FOUND,
        Refusal::whole(message).coded("no_upstreams"),
    )
}

/// Of a name that the file does not know.
pub(in crate::serve) fn unknown_model(name: &str) -> Refused {
    let message =
        format!("the model `{name}` is not known here; ask for `auto` or one of GET /v1/models");
    let refusal = Refusal::field("model", message).coded("model_not_found");
    (StatusCode::NOT_FOUND, refusal)
}

fn unanswered() -> Refused {
    let message =
        "no endpoint that the policy names and that has an upstream may take this request";
    (
        StatusCode::BAD_REQUEST,
        Refusal::whole(message).coded("unanswered"),
    )
}

fn nobody(name: &str) -> Refused {
    let refusal = Refusal {
        message: format!(
            "no endpoint that `{name}` may go to has an upstream; its operator adds --upstream NAME=URL"
        ),
        kind: "server_error",
        param: None,
        code: Some("no_upstream"),
    };
    (StatusCode::SERVICE_UNAVAILABLE, refusal)
}
