//! `POST /v1/feedback`: what became known of an answer, by the id of its request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{Refusal, json, overloaded};
use super::app::App;
use super::bounds;
use super::clock;
use super::record::{NotTaken, reports_of};

/// Take one report, or a list of them, all or none.
pub(super) async fn feedback(State(app): State<Arc<App>>, request: Request) -> Response {
    let body = match app.whole_body(request.into_body()).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let read = || {
        // What is no text is for its reader to say.
        std::str::from_utf8(&body).map_or(Ok(()), bounds::look)?;
        reports_of(&body, clock::now()).map_err(|fault| Refusal {
            param: Some(fault.field).filter(|field| !field.is_empty()),
            ..Refusal::whole(fault.message)
        })
    };
    let reports = match app.heavy(body.len(), read).await {
        Ok(reports) => reports,
        Err(refusal) => return refusal.answer(StatusCode::BAD_REQUEST),
    };
    let count = reports.len();
    match app.recorder.feedback(reports) {
        Ok(()) => json(
            StatusCode::OK,
            format!(r#"{{"accepted":{count}}}"#).into_bytes(),
        ),
        Err(NotTaken::Off) => {
            let message = "this server records nothing; start it with --record DIR";
            let refusal = Refusal::whole(message).coded("not_recording");
            refusal.answer(StatusCode::CONFLICT)
        }
        Err(NotTaken::Full) => overloaded("the disk does not keep up; send it again later"),
        Err(NotTaken::Refused) => {
            overloaded("the disk takes nothing that is recorded; send it again later")
        }
    }
}
