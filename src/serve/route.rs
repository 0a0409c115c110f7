//! `/v1/route`: a request in, the endpoint that it goes to out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::answer::{Refusal, json};
use super::app::{App, REQUEST_ID, header_value};
use super::assign::assign;
use super::clock;
use super::wire::{Answer, Asked};

/// No content type is demanded: gateways that call sidecars often send none.
pub(super) async fn route(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match app.whole_body(body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    decide(&app, &head.headers, &body).unwrap_or_else(|refusal| {
        let status = StatusCode::BAD_REQUEST;
        refusal.answer(status)
    })
}

fn decide(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refusal> {
    let Asked { id, mut request } = Asked::from_body(body)?;
    let id = app.request_id(headers, id)?;
    request.at.get_or_insert_with(clock::now);
    let assigned = assign(app.live.get(), &request, &id);
    let answer = serde_json::to_vec(&Answer::new(&id, &assigned));
    let mut response = json(
        StatusCode::OK,
        answer.expect("texts and numbers are always JSON"),
    );
    response.headers_mut().insert(REQUEST_ID, header_value(&id));
    app.recorder
        .record(|| assigned.entry(id, request, Vec::new()));
    Ok(response)
}
