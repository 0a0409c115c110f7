//! One call of one upstream: its answer, or why it is none and whether another may be asked.

use std::time::Duration;

use axum::body::{Bytes, HttpBody as _};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use weighbridge_router::Endpoint;

use super::body::ChatBody;
use super::client::Caller;
use super::fault::{Fault, is_failure};
use super::relay::Relay;
use super::translate::{Limits, Translator};
use super::upstream::Upstream;
use super::usage::{Heard, Said};

/// How much of the body of a failure is read, and for how long, for the sake of its message.
const WORDS_BYTES: usize = 64 << 10;
const WORDS_TIME: Duration = Duration::from_secs(2);

/// What an upstream answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// An answer of which the first chunk has come.
    Stream(Box<Relay>),
    /// A whole answer.
    Whole(Bytes, Heard),
    /// That the request is wrong, which is for its client to see.
    Wrong(StatusCode, Option<HeaderValue>, Bytes),
}

/// An attempt without an answer.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) fault: Fault,
    /// It had begun to answer: nobody else is asked, since the work was begun and is charged.
    pub(super) begun: bool,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            begun: false,
        }
    }
}

/// What is asked, and within which limits.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) caller: &'a Caller,
    pub(super) chat: &'a ChatBody<'a>,
    pub(super) id: &'a HeaderValue,
    pub(super) silence: Duration,
    /// When the time of the whole request is up.
    pub(super) until: Instant,
    pub(super) limits: Limits,
}

impl Call<'_> {
    /// Ask an endpoint's upstream, once.
    pub(super) async fn attempt(
        &self,
        endpoint: &Endpoint,
        upstream: &Upstream,
    ) -> Result<Answer, Failed> {
        let body = Bytes::from(self.chat.for_upstream(upstream.model(endpoint)));
        let call = (self.caller).call(upstream, self.id, self.chat.stream, body);
        let limit = self.limit();
        let answer = match timeout_at(limit, call).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.overdue(limit).into()),
        };
        let (head, body) = answer.into_parts();
        if is_failure(head.status) {
            let words = Self::words(body).await;
            return Err(Fault::of_status(head.status, &head.headers, &words).into());
        }
        if is_encoded(&head.headers) {
            return Err(Fault::broken("answered in an encoding that was not asked for").into());
        }
        if !head.status.is_success() {
            return self.wrong(head, body).await;
        }
        if self.chat.stream {
            let translator = Translator::new(self.chat.wants_usage, self.limits);
            let relay =
                Relay::begin(&endpoint.id, body, translator, self.silence, self.until).await?;
            return Ok(Answer::Stream(Box::new(relay)));
        }
        let body = self.whole(body).await?;
        let begun = |fault| Failed { fault, begun: true };
        let said = Said::read(&body).map_err(|error| {
            begun(Fault::broken(format!(
                "answered with what is no JSON object: {error}"
            )))
        })?;
        if said.error().is_some() {
            return Err(Fault::told(&body).into());
        }
        let mut heard = Heard::default();
        heard.hear(&said);
        Ok(Answer::Whole(body, heard))
    }

    /// Until when the next byte must come.
    fn limit(&self) -> Instant {
        self.until.min(Instant::now() + self.silence)
    }

    fn overdue(&self, limit: Instant) -> Fault {
        if limit == self.until {
            Fault::late()
        } else {
            Fault::silent(self.silence)
        }
    }

    async fn wrong(&self, head: response::Parts, body: Incoming) -> Result<Answer, Failed> {
        let kind = head.headers.get(header::CONTENT_TYPE).cloned();
        let body = self.whole(body).await?;
        Ok(Answer::Wrong(head.status, kind, body))
    }

    /// A body up to its end. Blank lines before it keep a connection alive and begin nothing.
    async fn whole(&self, mut body: Incoming) -> Result<Bytes, Failed> {
        let mut whole = Vec::new();
        loop {
            let failed = |fault, whole: &[u8]| Failed {
                fault,
                begun: !whole.is_empty(),
            };
            let longest = self.limits.answer;
            let too_long = Failed {
                fault: Fault::broken(format!("answered with more than {longest} bytes")),
                begun: true,
            };
            if body.size_hint().lower() > longest as u64 {
                return Err(too_long);
            }
            let limit = self.limit();
            match timeout_at(limit, body.frame()).await {
                Err(_) => return Err(failed(self.overdue(limit), &whole)),
                Ok(None) => return Ok(whole.into()),
                Ok(Some(Err(error))) => return Err(failed(Fault::broke_off(&error), &whole)),
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else {
                        continue;
                    };
                    if whole.is_empty() {
                        whole.extend_from_slice(bytes.trim_ascii_start());
                    } else {
                        whole.extend_from_slice(&bytes);
                    }
                    if whole.len() > longest {
                        return Err(too_long);
                    }
                }
            }
        }
    }

    /// What comes of the body of a failure, in short time.
    async fn words(mut body: Incoming) -> Vec<u8> {
        let until = Instant::now() + WORDS_TIME;
        let mut words = Vec::new();
        while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
            words.extend(frame.data_ref().into_iter().flatten());
            if words.len() > WORDS_BYTES {
                break;
            }
        }
        words
    }
}

/// Whether a body is compressed or the like.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
}
