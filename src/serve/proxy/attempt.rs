//! One call of one upstream: its answer, or why it is none and whether another may be asked.

use std::borrow::Cow;
use std::sync::Arc;
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
use super::secrets::Secrets;
use super::translate::{Limits, Translator};
use super::unroll::as_stream;
use super::upstream::Upstream;
use super::usage::{Heard, Said};
use crate::serve::body_budget::{BodyBudget, Spent};

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// How much of the body of a failure is read, and for how long, for the sake of its message.
const WORDS_BYTES: usize = 64 << 10;
const WORDS_TIME: Duration = Duration::from_secs(2);

/// What an upstream answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// An answer of which the first chunk has come.
    Stream(Box<Relay>),
    /// A whole answer, and of what type it is.
    Whole(HeaderValue, Bytes, Heard),
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
    /// What no client may see.
    pub(super) secrets: &'a Arc<Secrets>,
    /// Whether a request's metadata goes along.
    pub(super) forward_metadata: bool,
    /// What bodies may hold, all together.
    pub(super) bodies: &'a BodyBudget,
}

impl Call<'_> {
    /// Ask an endpoint's upstream, once.
    pub(super) async fn attempt(
        &self,
        endpoint: &Endpoint,
        upstream: &Upstream,
    ) -> Result<Answer, Failed> {
        let model = upstream.model(endpoint);
        let body = Bytes::from(self.chat.for_upstream(model, self.forward_metadata));
        let call = (self.caller).call(upstream, self.id, self.chat.stream, body);
        let limit = self.limit();
        let answer = match timeout_at(limit, call).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.overdue(limit).into()),
        };
        let (head, mut body) = answer.into_parts();
        if is_failure(head.status) {
            let words = Self::words(body).await;
            return Err(Fault::of_status(head.status, &head.headers, &words).into());
        }
        let says = |what: &str| Fault::broken(format!("answered {} {what}", head.status.as_u16()));
        if is_encoded(&head.headers) {
            return Err(says("in an encoding that was not asked for").into());
        }
        if !is_answer(head.status) {
            return Err(says("which is no status of an answer").into());
        }
        let first = self.first(&mut body).await?;
        if !head.status.is_success() {
            return self.wrong(head, first, body).await;
        }
        if first.is_empty() {
            return Err(says("without a body").into());
        }
        // An event cannot begin like that; what does is a whole answer, whatever was asked for.
        if self.chat.stream && first[0] != b'{' {
            let translator = self.translator();
            let (silence, until) = (self.silence, self.until);
            let relay = Relay::begin(&endpoint.id, first, body, translator, silence, until).await?;
            return Ok(Answer::Stream(Box::new(relay)));
        }
        let whole = self.rest(first, body).await?;
        self.read_whole(whole)
    }

    fn translator(&self) -> Translator {
        let secrets = Arc::clone(self.secrets);
        Translator::new(self.chat.wants_usage, secrets, self.limits)
    }

    /// A whole answer as its client gets it: as it is, or as the stream that was asked for.
    fn read_whole(&self, body: Bytes) -> Result<Answer, Failed> {
        let broken = |says: String| Failed {
            fault: Fault::broken(says),
            begun: true,
        };
        let said = Said::read(&body)
            .map_err(|error| broken(format!("answered with what is no JSON object: {error}")))?;
        if said.error().is_some() {
            return Err(Fault::told(&body).into());
        }
        let mut heard = Heard::default();
        heard.hear(&said);
        if !self.chat.stream {
            return Ok(Answer::Whole(JSON, self.hide(body)?, heard));
        }
        let events = as_stream(&body, self.chat.wants_usage)
            .ok_or_else(|| broken("answered with JSON that is no chat completion".to_owned()))?;
        Ok(Answer::Whole(
            EVENTS,
            self.hide(self.held(events.into())?)?,
            heard,
        ))
    }

    /// What a client may see of a text.
    fn hide(&self, text: Bytes) -> Result<Bytes, Failed> {
        match self.secrets.hide(&text) {
            Cow::Borrowed(_) => Ok(text),
            Cow::Owned(hidden) => self.held(hidden.into()),
        }
    }

    /// Bytes of an answer, counted until they are gone.
    fn held(&self, bytes: Bytes) -> Result<Bytes, Failed> {
        let held = self.bodies.share().hold(bytes).map_err(no_room)?;
        Ok(held.into_bytes())
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

    async fn wrong(
        &self,
        head: response::Parts,
        first: Bytes,
        body: Incoming,
    ) -> Result<Answer, Failed> {
        let kind = head.headers.get(header::CONTENT_TYPE);
        let kind =
            kind.and_then(|kind| HeaderValue::from_bytes(&self.secrets.hide(kind.as_bytes())).ok());
        let body = match first.is_empty() {
            true => first,
            false => self.rest(first, body).await?,
        };
        Ok(Answer::Wrong(head.status, kind, self.hide(body)?))
    }

    /// The first bytes of an answer that are not blank: blank lines keep a connection alive and
    /// begin nothing. None where there are none.
    async fn first(&self, body: &mut Incoming) -> Result<Bytes, Fault> {
        loop {
            let Some(bytes) = self.next(body).await? else {
                return Ok(Bytes::new());
            };
            let blank = bytes.len() - bytes.trim_ascii_start().len();
            if blank < bytes.len() {
                return Ok(bytes.slice(blank..));
            }
        }
    }

    /// A body that has begun, up to its end.
    async fn rest(&self, first: Bytes, mut body: Incoming) -> Result<Bytes, Failed> {
        let begun = |fault| Failed { fault, begun: true };
        let longest = self.limits.answer;
        let left = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let declared = left.saturating_add(first.len());
        if body.is_end_stream() && declared <= longest {
            return self.held(first);
        }
        let mut whole = self.bodies.buffer();
        whole.extend(&first).map_err(no_room)?;
        while whole.len() <= longest && declared <= longest {
            match self.next(&mut body).await.map_err(begun)? {
                Some(bytes) => whole.extend(&bytes).map_err(no_room)?,
                None => return Ok(whole.whole().into_bytes()),
            }
        }
        let says = format!("answered with more than {longest} bytes");
        Err(begun(Fault::broken(says)))
    }

    /// The next bytes of a body; none at its end.
    async fn next(&self, body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
        let limit = self.limit();
        loop {
            match timeout_at(limit, body.frame()).await {
                Err(_) => return Err(self.overdue(limit)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(Fault::broke_off(&error)),
                Ok(Some(Ok(frame))) => {
                    // Trailers say nothing here.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
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

/// It answered, and is charged for it.
fn no_room(_: Spent) -> Failed {
    Failed {
        fault: Fault::no_room(),
        begun: true,
    }
}

/// Whether a status is one that a client may get: others, such as 101, are of the connection or of
/// nothing.
fn is_answer(status: StatusCode) -> bool {
    (200..600).contains(&status.as_u16())
}

/// Whether a body is compressed or the like.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
}
