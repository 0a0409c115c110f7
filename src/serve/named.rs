//! What a gateway that sends requests on itself is told of one that names its model: where the proxy
//! would send it. Nothing is decided.

use axum::http::StatusCode;
use axum::response::Response;
use weighbridge_router::{Request, Scratch};

use super::answer::json;
use super::app::{App, REQUEST_ID, header_value};
use super::clock;
use super::proxy::unknown_model;
use super::record::Entry;
use super::route::{ENDPOINT, MODEL};

/// The answer for an endpoint, a model or a role of the file: the first endpoint of that name that may
/// take the request.
pub(super) fn named(app: &App, id: String, name: &str, mut request: Request) -> Response {
    #[derive(serde::Serialize)]
    struct Named<'a> {
        id: &'a str,
        endpoint: &'a str,
        model: &'a str,
    }
    request.at.get_or_insert_with(clock::now);
    let active = app.live.get();
    let router = &active.main.router;
    let named = router.named(name, &request.as_ref(), &mut Scratch::default());
    let Some(first) = named.first() else {
        let (status, refusal) = unknown_model(name);
        return refusal.answer(status);
    };
    let endpoint = router.endpoint(*first);
    let answer = serde_json::to_vec(&Named {
        id: &id,
        endpoint: &endpoint.id,
        model: &endpoint.model,
    });
    let mut response = json(StatusCode::OK, answer.expect("texts are always JSON"));
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, header_value(&id));
    headers.insert(ENDPOINT, header_value(&endpoint.id));
    headers.insert(MODEL, header_value(&endpoint.model));
    app.recorder
        .record(|| Entry::passed_through(id, request, Vec::new()));
    response
}
