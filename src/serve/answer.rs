//! Answers that every route gives: JSON, and errors in the shape of OpenAI's API.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Why a request gets no decision; what clients of OpenAI's API read as an exception.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Refusal {
    /// One line, with the mend.
    pub(super) message: String,
    /// `invalid_request_error`, `authentication_error`, ...
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The field at fault, for example `request.needs[1]`; `None` where it is the whole body.
    pub(super) param: Option<String>,
    /// What a program may tell it by.
    pub(super) code: Option<&'static str>,
}

impl Refusal {
    /// Something about the whole request.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: "invalid_request_error",
            param: None,
            code: None,
        }
    }

    /// A field has a fault.
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: Some(field.into()),
            ..Self::whole(message)
        }
    }

    /// The same, with a code.
    pub(super) fn coded(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// The whole answer.
    pub(super) fn answer(self, status: StatusCode) -> Response {
        #[derive(serde::Serialize)]
        struct Refused {
            error: Refusal,
        }
        let body = serde_json::to_vec(&Refused { error: self });
        json(status, body.expect("texts are always JSON"))
    }
}

/// A body that is JSON already.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// There is no room for it now, and soon there is.
pub(super) fn overloaded(message: &str) -> Response {
    let refusal = Refusal {
        kind: "server_error",
        ..Refusal::whole(message)
    };
    let mut answer = refusal
        .coded("overloaded")
        .answer(StatusCode::SERVICE_UNAVAILABLE);
    let second = HeaderValue::from_static("1");
    answer.headers_mut().insert(header::RETRY_AFTER, second);
    answer
}
