//! How long a name may be, and how many things a body may hold: what is refused before it costs.
//!
//! A few bytes of JSON can become a hundred times as many in memory. [`look`] goes through a text and
//! keeps nothing of it, so that what is read afterwards is known to fit. What is passed on untouched
//! has no limit of its own here, but that it must fit too.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use weighbridge_router::Request;

use super::answer::Refusal;

/// The most bytes of a name: whose request it is, what it is about, where it goes. They are counted,
/// compared, recorded and shown, and none is a text.
pub(super) const MAX_NAME_BYTES: usize = 256;

/// The longest request id.
const MAX_ID_BYTES: usize = 128;

/// What an id must be, for whoever sent another.
pub(super) const ID_RULE: &str = "must be 1 to 128 visible ASCII characters, without spaces";

/// Whether a text may be a request's id: it stands in a header, and in files by line.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The most requests of a batch: what a worker decides at a stretch.
pub(super) const MAX_BATCH: usize = 1000;

/// The most keys of an object that is read here.
pub(super) const MAX_KEYS: usize = 1_000;

/// The most numbers of an embedding.
pub(super) const MAX_EMBEDDING: usize = 16_384;

/// The most memory that the values of one request may take while it is read, its texts aside.
const MAX_VALUES_BYTES: usize = 64 << 20;

/// What a value takes, and what an object takes beside the values in it.
const VALUE_BYTES: usize = 64;
const OBJECT_BYTES: usize = 640;

/// No shorter text has too many of anything: a key takes five bytes, `"":0,`, and that many bytes
/// become a few hundred times as many at the worst.
const SHORT: usize = 5 * MAX_KEYS;

/// Look whether what a body of a route holds may be read; what is wrong with it otherwise is for its
/// reader to say.
///
/// # Errors
/// Where an object that is read here has too many keys, an embedding too many numbers, a batch too
/// many requests, or all of it would take too much memory.
pub(super) fn look(text: &str) -> Result<(), Refusal> {
    if text.len() < SHORT {
        return Ok(());
    }
    let mut seen = Seen::default();
    let look = Look {
        seen: &mut seen,
        place: Place::Body,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    // Where it is no JSON at all, its reader says it better.
    let _ = look.deserialize(&mut reader);
    match seen.fault {
        None => Ok(()),
        Some(Fault { path, says }) if path.is_empty() => Err(Refusal::whole(says)),
        Some(Fault { path, says }) => Err(Refusal::field(path, says)),
    }
}

/// Where in a body a value stands.
#[derive(Clone, Copy)]
enum Place {
    /// A body, or a request of a batch.
    Body,
    /// The requests of a batch.
    Batch,
    /// An object in a body that is read here.
    Object,
    Embedding,
    /// What is passed on, or left.
    Other,
}

impl Place {
    fn of_field(self, name: &str) -> Self {
        match (self, name) {
            (Self::Body, "requests") => Self::Batch,
            (Self::Body, "request" | "metadata") => Self::Object,
            (Self::Object, "embedding") => Self::Embedding,
            _ => Self::Other,
        }
    }

    fn of_item(self) -> Self {
        match self {
            // A body may be a list too: of feedback.
            Self::Batch | Self::Body => Self::Body,
            _ => Self::Other,
        }
    }

    /// The most items of a list here, and what they are.
    fn most_items(self) -> (usize, &'static str) {
        match self {
            Self::Batch => (MAX_BATCH, "requests"),
            Self::Embedding => (MAX_EMBEDDING, "numbers"),
            _ => (usize::MAX, "items"),
        }
    }

    fn most_keys(self) -> usize {
        match self {
            Self::Body | Self::Object => MAX_KEYS,
            _ => usize::MAX,
        }
    }
}

#[derive(Default)]
struct Seen {
    bytes: usize,
    fault: Option<Fault>,
}

struct Fault {
    path: String,
    says: String,
}

impl Seen {
    /// Something that takes so much memory; whether it may.
    fn takes<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.bytes += bytes;
        if self.bytes > MAX_VALUES_BYTES {
            return Err(self.too_many(format!(
                "has so many values that they take more than {MAX_VALUES_BYTES} bytes to read"
            )));
        }
        Ok(())
    }

    fn too_many<E: serde::de::Error>(&mut self, says: String) -> E {
        let path = String::new();
        self.fault.get_or_insert(Fault { path, says });
        E::custom("too many")
    }

    /// The fault that was found, if any, stands within this.
    fn within(&mut self, name: &str) {
        if let Some(fault) = &mut self.fault {
            let dot = if fault.path.is_empty() || fault.path.starts_with('[') {
                ""
            } else {
                "."
            };
            fault.path = format!("{name}{dot}{}", fault.path);
        }
    }
}

struct Look<'s> {
    seen: &'s mut Seen,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { seen, place } = self;
        seen.takes(OBJECT_BYTES)?;
        let mut keys = 0;
        while let Some(name) = map.next_key::<String>()? {
            keys += 1;
            if keys > place.most_keys() {
                return Err(seen.too_many(format!("has more than {MAX_KEYS} keys")));
            }
            let look = Look {
                place: place.of_field(&name),
                seen,
            };
            map.next_value_seed(look)
                .inspect_err(|_| seen.within(&name))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { seen, place } = self;
        seen.takes(VALUE_BYTES)?;
        let (most, what) = place.most_items();
        let mut items = 0;
        loop {
            if matches!(place, Place::Batch) {
                // Each is read by itself.
                seen.bytes = 0;
            }
            let look = Look {
                place: place.of_item(),
                seen,
            };
            let next = list.next_element_seed(look);
            let next = next.inspect_err(|_| seen.within(&format!("[{items}]")))?;
            if next.is_none() {
                return Ok(());
            }
            items += 1;
            if items > most {
                return Err(seen.too_many(format!("has more than {most} {what}")));
            }
        }
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.seen.takes(VALUE_BYTES)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.seen.takes(VALUE_BYTES)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.seen.takes(VALUE_BYTES)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.seen.takes(VALUE_BYTES)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.seen.takes(VALUE_BYTES)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.seen.takes(VALUE_BYTES)
    }
}

/// A request whose names are no longer than names may be.
///
/// # Errors
/// Where one is; it is named as it stands in the native form, within `request`.
pub(super) fn named(request: Request) -> Result<Request, Refusal> {
    match too_long(&request) {
        None => Ok(request),
        Some(name) => Err(long(format!("request.{name}"))),
    }
}

/// The same, of a request that was read from this chat body.
pub(super) fn named_in_chat(request: Request, body: &str) -> Result<Request, Refusal> {
    match too_long(&request) {
        None => Ok(request),
        Some(name) if name == "tenant" && !has_own_tenant(body) => Err(long("user".to_owned())),
        Some(name) => Err(long(format!("metadata.{name}"))),
    }
}

fn long(field: String) -> Refusal {
    Refusal::field(field, format!("must have at most {MAX_NAME_BYTES} bytes"))
}

/// The first name of a request that is too long.
fn too_long(request: &Request) -> Option<String> {
    let is_long = |name: &str| name.len() > MAX_NAME_BYTES;
    let one = [
        ("task", &request.task),
        ("tenant", &request.tenant),
        ("session", &request.session),
        ("channel", &request.channel),
        ("region", &request.region),
    ];
    let one = one
        .into_iter()
        .find(|(_, name)| name.as_deref().is_some_and(is_long));
    let many = [("needs", &request.needs), ("prefix", &request.prefix)];
    let mut many = many.into_iter().filter_map(|(field, names)| {
        let place = names.iter().position(|name| is_long(name))?;
        Some(format!("{field}[{place}]"))
    });
    one.map(|(field, _)| field.to_owned())
        .or_else(|| many.next())
}

/// Whether a chat body names the tenant in its metadata.
fn has_own_tenant(body: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Body {
        metadata: Option<Metadata>,
    }
    #[derive(serde::Deserialize)]
    struct Metadata {
        tenant: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_str(body)
        .is_ok_and(|body: Body| body.metadata.is_some_and(|it| it.tenant.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (Option<String>, String) {
        let refusal = look(text).unwrap_err();
        (refusal.param, refusal.message)
    }

    fn keys(count: usize) -> String {
        let keys: Vec<String> = (0..count).map(|i| format!("\"k{i}\":{i}")).collect();
        keys.join(",")
    }

    #[test]
    fn keys_are_bounded_where_they_are_read_and_free_where_they_are_passed_on() {
        let (most, more) = (keys(MAX_KEYS), keys(MAX_KEYS + 1));
        let says = "has more than 1000 keys".to_owned();
        for (before, after, field) in [
            ("{", "}", None),
            (r#"{"request":{"#, "}}", Some("request")),
            (r#"{"messages":[],"metadata":{"#, "}}", Some("metadata")),
            (r#"{"requests":[{},{"#, "}]}", Some("requests[1]")),
            (
                r#"{"requests":[{"request":{"#,
                "}}]}",
                Some("requests[0].request"),
            ),
        ] {
            assert_eq!(look(&format!("{before}{most}{after}")), Ok(()), "{field:?}");
            let (param, message) = refused(&format!("{before}{more}{after}"));
            assert_eq!((param.as_deref(), &message), (field, &says));
        }
        for free in [r#"{"messages":[{"#, r#"{"tools":[{"#] {
            assert_eq!(look(&format!("{free}{more}}}]}}")), Ok(()), "{free}");
        }
    }

    #[test]
    fn lists_are_bounded_before_they_are_kept() {
        let numbers = |count| vec!["0"; count].join(",");
        let embedding = |count| format!(r#"{{"request":{{"embedding":[{}]}}}}"#, numbers(count));
        assert_eq!(look(&embedding(MAX_EMBEDDING)), Ok(()));
        let (param, message) = refused(&embedding(MAX_EMBEDDING + 1));
        assert_eq!(param.as_deref(), Some("request.embedding"));
        assert_eq!(message, "has more than 16384 numbers");
        let (param, message) = refused(&format!(r#"{{"requests":[{}]}}"#, numbers(1_000_000)));
        assert_eq!(param.as_deref(), Some("requests"));
        assert_eq!(message, "has more than 1000 requests");
    }

    #[test]
    fn what_would_take_too_much_memory_is_refused_wherever_it_stands() {
        let objects = vec![r#"{"":0}"#; 150_000].join(",");
        for (before, after, field) in [
            (r#"{"messages":["#, "]}", "messages["),
            (r#"{"messages":[],"x":["#, "]}", "x["),
            (
                r#"{"requests":[{},{"messages":["#,
                "]}]}",
                "requests[1].messages[",
            ),
        ] {
            let (param, message) = refused(&format!("{before}{objects}{after}"));
            let param = param.unwrap();
            assert!(param.starts_with(field), "{param}");
            assert!(message.starts_with("has so many values"), "{message}");
        }
    }

    #[test]
    fn what_is_no_json_is_left_to_its_reader() {
        for text in [
            "",
            "{",
            "[1]",
            &"[".repeat(10_000),
            &"{\"a\":".repeat(5_000),
        ] {
            assert_eq!(look(text), Ok(()));
        }
    }

    #[test]
    fn every_name_is_bounded_and_named() {
        let (most, more) = ("x".repeat(MAX_NAME_BYTES), "x".repeat(MAX_NAME_BYTES + 1));
        for field in ["task", "tenant", "session", "channel", "region"] {
            let native = |name: &str| {
                named(Request::from_json(&format!(r#"{{"{field}":"{name}"}}"#)).unwrap())
            };
            assert!(native(&most).is_ok());
            let param = native(&more).unwrap_err().param;
            assert_eq!(param, Some(format!("request.{field}")));
            let chat = |name: &str| {
                let body =
                    format!(r#"{{"messages":[],"user":"u","metadata":{{"{field}":"{name}"}}}}"#);
                named_in_chat(Request::from_chat(&body).unwrap(), &body)
            };
            assert!(chat(&most).is_ok());
            let param = chat(&more).unwrap_err().param;
            assert_eq!(param, Some(format!("metadata.{field}")));
        }
        for field in ["needs", "prefix"] {
            let request = format!(r#"{{"{field}":["a","{more}"]}}"#);
            let refusal = named(Request::from_json(&request).unwrap()).unwrap_err();
            assert_eq!(refusal.param, Some(format!("request.{field}[1]")));
            assert_eq!(refusal.message, "must have at most 256 bytes");
        }
        let body = format!(r#"{{"messages":[],"user":"{more}","metadata":{{}}}}"#);
        let refusal = named_in_chat(Request::from_chat(&body).unwrap(), &body).unwrap_err();
        assert_eq!(refusal.param.as_deref(), Some("user"));
    }
}
