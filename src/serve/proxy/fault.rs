//! What can go wrong with an upstream, and how that is told to a client in OpenAI's form.

use std::io;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::secrets::Secrets;
use crate::serve::answer::Refusal;

/// No client is made to wait longer by a header that an upstream sent: official clients obey it to
/// the letter, whatever it says.
const MAX_RETRY_AFTER_S: u64 = 30;

/// How many characters of what an upstream says are passed on.
const MAX_WORDS: usize = 500;

/// Why an upstream's answer is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// What happened, to be read behind the endpoint's name.
    says: String,
    /// What the upstream itself said of it.
    words: Option<String>,
    /// Seconds after which to come again.
    pub(super) retry_after_s: Option<u64>,
}

/// The sorts of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection could not be made.
    Refused,
    /// Nothing came for too long.
    Silent,
    /// It answered with a status that is a failure of its own.
    Status(StatusCode),
    /// It broke off, or what it said is no answer.
    Broken,
    /// It answered, and there is no memory to hold that.
    NoRoom,
}

impl Fault {
    pub(super) fn new(kind: Kind, says: impl Into<String>) -> Self {
        Self {
            kind,
            says: says.into(),
            words: None,
            retry_after_s: None,
        }
    }

    pub(super) fn silent(silence: Duration) -> Self {
        let says = format!("was silent for {} s", silence.as_secs_f64());
        Self::new(Kind::Silent, says)
    }

    /// The time of the whole request is up.
    pub(super) fn late() -> Self {
        Self::new(Kind::Silent, "did not answer before the request's deadline")
    }

    pub(super) fn broke_off(error: &hyper::Error) -> Self {
        Self::broken(format!("broke off its answer: {error}"))
    }

    pub(super) fn broken(says: impl Into<String>) -> Self {
        Self::new(Kind::Broken, says)
    }

    pub(super) fn no_room() -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(
                Kind::NoRoom,
                "answered, and bodies hold as much memory as they may",
            )
        }
    }

    /// The client's error as a fault: whether the connection was made at all, and in time.
    pub(super) fn of_call(error: &hyper_util::client::legacy::Error) -> Self {
        let mut timed_out = false;
        let mut source = std::error::Error::source(error);
        let mut root = error.to_string();
        while let Some(inner) = source {
            timed_out |= (inner.downcast_ref())
                .is_some_and(|io: &io::Error| io.kind() == io::ErrorKind::TimedOut);
            root = inner.to_string();
            source = inner.source();
        }
        match (error.is_connect(), timed_out) {
            (true, true) => Self::new(Kind::Silent, format!("cannot be connected to: {root}")),
            (true, false) => Self::new(Kind::Refused, format!("cannot be connected to: {root}")),
            (false, _) => Self::broken(format!("broke off before its answer: {root}")),
        }
    }

    /// A status that is the upstream's own failure, with what it said.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        Self {
            words: error_of(body).1,
            retry_after_s: retry_after_s(headers),
            ..Self::new(
                Kind::Status(status),
                format!("answered {}", status.as_u16()),
            )
        }
    }

    /// An error that an upstream says where its answer was to be.
    pub(super) fn told(body: &[u8]) -> Self {
        let (code, words) = error_of(body);
        let status = code.and_then(|code| StatusCode::from_u16(code).ok());
        let kind = status.filter(|&status| is_failure(status));
        Self {
            words,
            ..Self::new(
                kind.map_or(Kind::Broken, Kind::Status),
                "said that something is wrong",
            )
        }
    }

    /// How an outcome of a trace calls it.
    pub(super) fn status(&self) -> &'static str {
        match self.kind {
            Kind::Refused | Kind::Status(StatusCode::TOO_MANY_REQUESTS) => "refused",
            Kind::Silent | Kind::Status(StatusCode::REQUEST_TIMEOUT) => "timeout",
            Kind::Status(_) | Kind::Broken | Kind::NoRoom => "error",
        }
    }

    /// With what status a client is told.
    pub(super) fn http(&self) -> StatusCode {
        match self.kind {
            Kind::Status(StatusCode::TOO_MANY_REQUESTS) => StatusCode::TOO_MANY_REQUESTS,
            Kind::Status(status) if matches!(status.as_u16(), 503 | 529) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Kind::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Silent | Kind::Status(StatusCode::REQUEST_TIMEOUT) => StatusCode::GATEWAY_TIMEOUT,
            Kind::Refused | Kind::Status(_) | Kind::Broken => StatusCode::BAD_GATEWAY,
        }
    }

    /// What a client is told in the place of an answer: no key, and of what is our affair nothing
    /// that the upstream says.
    pub(super) fn refusal(&self, endpoint: &str, secrets: &Secrets) -> Refusal {
        let words = match self.kind {
            Kind::Status(status) if is_about_us(status) => None,
            _ => self.words.as_ref(),
        };
        let says = words.map(|words| format!("{}: {words}", self.says));
        // Hidden before it is cut: what is left of a key that is cut in two would be shown.
        let says = secrets.hide_text(says.as_ref().unwrap_or(&self.says));
        let says: String = says.chars().take(MAX_WORDS).collect();
        Refusal {
            message: format!("`{endpoint}` {says}"),
            kind: match self.kind {
                Kind::Status(StatusCode::TOO_MANY_REQUESTS) => "rate_limit_error",
                _ => "server_error",
            },
            param: None,
            code: Some(self.code()),
        }
    }

    /// A word for programs.
    pub(super) fn code(&self) -> &'static str {
        match self.kind {
            Kind::Refused => "upstream_refused",
            Kind::Silent | Kind::Status(StatusCode::REQUEST_TIMEOUT) => "upstream_timeout",
            Kind::Status(StatusCode::TOO_MANY_REQUESTS) => "rate_limit_exceeded",
            Kind::Status(status) if is_about_us(status) => "upstream_denied",
            Kind::Status(_) => "upstream_error",
            Kind::Broken => "upstream_broken",
            Kind::NoRoom => "overloaded",
        }
    }
}

/// Whether an upstream's status is its own failure or ours, so that another endpoint may do better;
/// others are about the request and the client's to see.
pub(super) fn is_failure(status: StatusCode) -> bool {
    status.is_server_error()
        || is_about_us(status)
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        )
        // Nothing follows a redirect: keys go only where the configuration says.
        || status.is_redirection()
}

/// Whether it is about our key, our balance or our rights, which no client can mend.
fn is_about_us(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::PAYMENT_REQUIRED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    )
}

/// What an upstream says when to come again, capped; no number: the cap.
fn retry_after_s(headers: &HeaderMap) -> Option<u64> {
    let number = |value: &str| {
        let number: f64 = value.trim().parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    };
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    let seconds = match text("retry-after-ms").and_then(number) {
        Some(ms) => ms / 1000.0,
        None => {
            let said = text(header::RETRY_AFTER.as_str())?;
            // A date in the future is at least a wish to wait.
            number(said).unwrap_or(MAX_RETRY_AFTER_S as f64)
        }
    };
    Some((seconds.ceil() as u64).min(MAX_RETRY_AFTER_S))
}

/// The status that an error stands for, where it says so, and the message of `{"error": ...}`.
fn error_of(body: &[u8]) -> (Option<u16>, Option<String>) {
    let error = match serde_json::from_slice(body) {
        Ok(Value::Object(mut body)) => body.remove("error"),
        _ => None,
    };
    let (code, message) = match error {
        Some(Value::String(message)) => (None, Some(message)),
        Some(Value::Object(mut error)) => {
            let names = ["code", "status", "type"];
            let code = names.iter().find_map(|name| code(error.get(*name)?));
            match error.remove("message") {
                Some(Value::String(message)) => (code, Some(message)),
                _ => (code, None),
            }
        }
        _ => (None, None),
    };
    (code, message)
}

/// A status as a number, or by the names that OpenAI and Anthropic have for what is about a key.
fn code(value: &Value) -> Option<u16> {
    match value {
        Value::Number(code) => code.as_u64().and_then(|it| u16::try_from(it).ok()),
        Value::String(code) => match code.as_str() {
            "invalid_api_key" | "authentication_error" => Some(401),
            "billing_error" => Some(402),
            "permission_error" | "permission_denied" => Some(403),
            other => other.parse().ok(),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| {
                (
                    header::HeaderName::from_static(name),
                    value.parse().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn a_wait_is_read_in_every_form_and_capped() {
        for (given, wait) in [
            (&[][..], None),
            (&[("retry-after", "7")], Some(7)),
            (&[("retry-after", "0.2")], Some(1)),
            (&[("retry-after", "100")], Some(30)),
            (&[("retry-after", "1e300")], Some(30)),
            (
                &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")],
                Some(30),
            ),
            (&[("retry-after", "-5")], Some(30)),
            (&[("retry-after-ms", "1500"), ("retry-after", "9")], Some(2)),
        ] {
            assert_eq!(retry_after_s(&headers(given)), wait, "{given:?}");
        }
    }

    #[test]
    fn statuses_are_told_as_what_they_are() {
        for (status, is, trace, http, code) in [
            (429, true, "refused", 429, "rate_limit_exceeded"),
            (500, true, "error", 502, "upstream_error"),
            (503, true, "error", 503, "upstream_error"),
            (529, true, "error", 503, "upstream_error"),
            (408, true, "timeout", 504, "upstream_timeout"),
            (401, true, "error", 502, "upstream_denied"),
            (402, true, "error", 502, "upstream_denied"),
            (403, true, "error", 502, "upstream_denied"),
            (407, true, "error", 502, "upstream_denied"),
            (302, true, "error", 502, "upstream_error"),
            (400, false, "error", 502, "upstream_error"),
            (404, false, "error", 502, "upstream_error"),
            (422, false, "error", 502, "upstream_error"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let fault = Fault::of_status(status, &HeaderMap::new(), b"");
            assert_eq!(is_failure(status), is, "{status}");
            assert_eq!((fault.status(), fault.code()), (trace, code), "{status}");
            assert_eq!(fault.http(), http);
        }
    }

    #[test]
    fn an_upstreams_words_are_passed_on_but_for_those_about_us() {
        let secrets = Secrets::new(["sk-12345678"]);
        let says = |fault: Fault| fault.refusal("e", &secrets).message;
        let of_status = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            says(Fault::of_status(status, &HeaderMap::new(), body.as_bytes()))
        };
        let body = r#"{"error":{"message":"slow down","type":"x"}}"#;
        assert_eq!(of_status(429, body), "`e` answered 429: slow down");
        assert_eq!(
            of_status(500, r#"{"error":"ouch"}"#),
            "`e` answered 500: ouch"
        );
        assert_eq!(of_status(502, "<html>bad</html>"), "`e` answered 502");
        for status in [401, 402, 403, 407] {
            assert_eq!(of_status(status, body), format!("`e` answered {status}"));
        }
        for (code, about_us) in [
            (r#""code":401"#, true),
            (r#""code":"403""#, true),
            (r#""code":"invalid_api_key""#, true),
            (r#""code":null,"status":402"#, true),
            (r#""type":"permission_error""#, true),
            (r#""code":429"#, false),
            (r#""code":"x""#, false),
        ] {
            let told = Fault::told(format!(r#"{{"error":{{"message":"m",{code}}}}}"#).as_bytes());
            assert_eq!(told.code() == "upstream_denied", about_us, "{code}");
            let told = says(told);
            assert_eq!(told.ends_with("wrong"), about_us, "{told}");
            assert_eq!(told.ends_with("wrong: m"), !about_us, "{told}");
        }
    }

    #[test]
    fn a_long_text_is_cut_and_no_key_with_it() {
        let secrets = Secrets::new(["sk-12345678"]);
        for before in 480..520 {
            let body = format!(r#"{{"error":"{}sk-12345678"}}"#, "é".repeat(before));
            let fault =
                Fault::of_status(StatusCode::BAD_GATEWAY, &HeaderMap::new(), body.as_bytes());
            let message = fault.refusal("e", &secrets).message;
            assert!(!message.contains("sk-"), "{message}");
            assert!(message.chars().count() <= 504, "{before}");
        }
    }
}
