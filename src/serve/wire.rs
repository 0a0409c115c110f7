//! The shapes of bodies: what is asked, what is answered, what is refused.
//!
//! Reading is where checking happens; a refusal names the field.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use weighbridge_router::{Decision, Prediction, Request, Router};

use super::answer::Refusal;
use super::assign::Assigned;
use super::bounds::{self, MAX_BATCH};

/// One request of a body of `/v1/route`, read and checked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Option<String>,
    pub(super) request: Request,
    /// Whether it came as the body of a chat completion.
    pub(super) is_chat: bool,
}

/// A body of `/v1/route`.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a request, taken apart at once: a box would only cost an allocation"
)]
pub(super) enum Body {
    /// `{"request": ...}` or a chat body.
    One(Asked),
    /// `{"requests": [...]}`.
    Batch(Vec<Asked>),
}

impl Refusal {
    /// An error of this crate's reader, whose path starts inside `within`.
    pub(super) fn read(within: &str, error: &weighbridge_router::Error) -> Self {
        let (text, path) = (error.to_string(), error.path());
        let message = text
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix(": "))
            .unwrap_or(&text);
        match [within, path] {
            ["", ""] => Self::whole(message),
            ["", field] | [field, ""] => Self::field(field, message),
            [outer, inner] => Self::field(format!("{outer}.{inner}"), message),
        }
    }

    /// The same, of an item of a batch.
    pub(super) fn of_item(self, number: usize) -> Self {
        let item = format!("requests[{number}]");
        let field = match self.param {
            Some(field) => format!("{item}.{field}"),
            None => item,
        };
        Self {
            param: Some(field),
            ..self
        }
    }
}

impl Body {
    /// Read a body of `/v1/route`.
    ///
    /// # Errors
    /// Where it is none of the three forms, or a field that bears on a decision is not what it
    /// must be. A batch is refused whole.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            Refusal::whole(format!("the body is not UTF-8 from byte {at}"))
        })?;
        bounds::look(text)?;
        let envelope: Envelope<'_> = serde_json::from_str(text)
            .map_err(|error| Refusal::whole(format!("the body is not valid JSON: {error}")))?;
        let Some(requests) = envelope.requests else {
            return envelope.one(text).map(Self::One);
        };
        if let Some(fault) = envelope.fault {
            return Err(fault);
        }
        let items: Vec<&RawValue> = serde_json::from_str(requests.get())
            .map_err(|_| Refusal::field("requests", "must be a list"))?;
        if items.len() > MAX_BATCH {
            let message = format!("has {} requests; at most {MAX_BATCH} at once", items.len());
            return Err(Refusal::field("requests", message));
        }
        let one = |(number, item): (usize, &&RawValue)| {
            let read = serde_json::from_str::<Envelope<'_>>(item.get());
            read.map_err(|_| Refusal::whole("must be an object like {\"request\": {...}}"))
                .and_then(|envelope| envelope.one(item.get()))
                .map_err(|refusal| refusal.of_item(number))
        };
        items
            .iter()
            .enumerate()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self::Batch)
    }
}

/// The request that a chat body is.
///
/// # Errors
/// Where a field that bears on the decision is not what it must be.
pub(super) fn of_chat(text: &str) -> Result<Request, Refusal> {
    let request = Request::from_chat(text).map_err(|error| Refusal::read("", &error))?;
    bounds::named_in_chat(request, text)
}

/// The body's fields as they stand. Read by hand, so that the request, which may be long, is
/// parsed once and every fault names its field.
#[derive(Default)]
struct Envelope<'a> {
    request: Option<&'a RawValue>,
    requests: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    is_chat: bool,
    fault: Option<Refusal>,
}

impl Envelope<'_> {
    /// The one request that it holds; `text` is the whole of it.
    fn one(self, text: &str) -> Result<Asked, Refusal> {
        if self.is_chat && self.request.is_none() {
            return Ok(Asked {
                id: None,
                request: of_chat(text)?,
                is_chat: true,
            });
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let request = self.request.ok_or_else(|| {
            Refusal::field(
                "request",
                "this field is missing; a chat body has `messages`, a batch `requests`",
            )
        })?;
        let id = match self.id {
            None => None,
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|_| Refusal::field("id", "must be a text"))?,
        };
        let request = Request::from_json(request.get());
        let request = request.map_err(|error| Refusal::read("request", &error))?;
        Ok(Asked {
            id,
            request: bounds::named(request)?,
            is_chat: false,
        })
    }
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"an object like {"request": {"prompt": "..."}}"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(name) = map.next_key::<String>()? {
            let slot = match name.as_str() {
                "request" => &mut envelope.request,
                "requests" => &mut envelope.requests,
                "id" => &mut envelope.id,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    envelope.is_chat |= name == "messages";
                    envelope.fault.get_or_insert_with(|| {
                        Refusal::field(name, "unknown field; known here: request, id")
                    });
                    continue;
                }
            };
            if slot.replace(map.next_value()?).is_some() {
                envelope.fault.get_or_insert_with(|| {
                    Refusal::field(name, "this field stands twice; leave one of them out")
                });
            }
        }
        let beside = [("request", envelope.request), ("id", envelope.id)];
        if let (Some(_), Some((name, _))) = (
            envelope.requests,
            beside.iter().find(|(_, value)| value.is_some()),
        ) {
            envelope.fault.get_or_insert_with(|| {
                Refusal::field(
                    *name,
                    "does not go with `requests`: each of them has its own",
                )
            });
        }
        Ok(envelope)
    }
}

/// The answer of `POST /v1/route`: a decision line with the endpoint that was drawn.
#[derive(Debug, serde::Serialize)]
pub(super) struct Answer<'a> {
    pub(super) id: &'a str,
    /// `None`: unanswered.
    pub(super) endpoint: Option<&'a str>,
    /// The model of the endpoint.
    pub(super) model: Option<&'a str>,
    /// The file that decided.
    pub(super) policy: &'a str,
    /// The probability with which it was drawn, in (0, 1].
    pub(super) propensity: f64,
    pub(super) choice: Choice<'a>,
    pub(super) unanswered_ppm: u32,
    pub(super) fell_back_ppm: u32,
    pub(super) predictions: Predictions<'a>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(id: &'a str, assigned: &'a Assigned) -> Self {
        let (router, decision) = (assigned.router(), &assigned.decision);
        Self {
            id,
            endpoint: assigned.endpoint().map(|endpoint| endpoint.id.as_str()),
            model: assigned.endpoint().map(|endpoint| endpoint.model.as_str()),
            policy: &assigned.by().name,
            propensity: f64::from(assigned.propensity.0) / 1e6,
            choice: Choice { router, decision },
            unanswered_ppm: decision.unanswered().0,
            fell_back_ppm: decision.fell_back().0,
            predictions: Predictions {
                router,
                predictions: &assigned.predictions,
            },
        }
    }
}

/// Parts per million by endpoint, in the order of the file.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    router: &'a Router,
    decision: &'a Decision,
}

impl Serialize for Choice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let masses = self.decision.masses();
        let mut map = serializer.serialize_map(Some(masses.len()))?;
        for (endpoint, share) in masses {
            map.serialize_entry(&self.router.endpoint(*endpoint).id, &share.0)?;
        }
        map.end()
    }
}

/// What the heads predict, in the order of the heads.
#[derive(Debug)]
pub(super) struct Predictions<'a> {
    router: &'a Router,
    predictions: &'a [Prediction],
}

impl Serialize for Predictions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Row<'a> {
            model: &'a str,
            success: f64,
            output_tokens: f64,
        }
        let heads = self.router.heads().iter();
        serializer.collect_seq(heads.zip(self.predictions).map(|(heads, predicted)| Row {
            model: &heads.model,
            success: predicted.success.get(),
            output_tokens: predicted.output_tokens,
        }))
    }
}
