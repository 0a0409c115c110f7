//! The closed grammar of conditions: membership, words of the prompt, numeric ranges, and their
//! combinations. No expression language, so every rule can be carried to every runtime.

use serde_json::{Map, Value, json};

use crate::decide::Scratch;
use crate::error::Error;
use crate::features::surface;
use crate::json::{self, Fields};
use crate::request::RequestRef;
use crate::text::Phrases;

/// How deep conditions and nested choices may be.
pub(crate) const MAX_DEPTH: usize = 16;

/// Something that holds of a request or does not. An absent field makes a condition false, and
/// `Not` negates that.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of them hold; holds where there are none.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// The other does not hold.
    Not(Box<Condition>),
    /// The field's value is in the list.
    Member(Field, Vec<String>),
    /// The prompt has one of the words or phrases.
    PromptAny(Phrases),
    /// The prompt has all of them.
    PromptAll(Phrases),
    /// The quantity lies between two limits, both included.
    Range(Quantity, Limits),
}

/// The text fields that conditions may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are fields of `Request`")]
pub enum Field {
    Task,
    Tenant,
    Channel,
    Region,
    /// Holds where one of the request's needs is in the list.
    Needs,
}

/// Limits of a range; an absent one does not bound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// The least value that is inside.
    pub min: Option<f64>,
    /// The greatest value that is inside.
    pub max: Option<f64>,
}

/// The numbers that conditions and thresholds may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Tokens of the input, estimated where not counted.
    InputTokens,
    /// Bytes of the prompt.
    PromptBytes,
    /// Place in the session.
    Turn,
    /// The request's own worth of a right answer, USD.
    ValueUsd,
    /// The request's deadline, ms.
    DeadlineMs,
    /// Hour of arrival in UTC, 0 to 23.
    HourUtc,
    /// A surface feature of the prompt, by its place in [`surface::NAMES`].
    Surface(usize),
}

const FIELDS: [(&str, Field); 5] = [
    ("task", Field::Task),
    ("tenant", Field::Tenant),
    ("channel", Field::Channel),
    ("region", Field::Region),
    ("needs", Field::Needs),
];

const QUANTITIES: [(&str, Quantity); 6] = [
    ("input_tokens", Quantity::InputTokens),
    ("prompt_bytes", Quantity::PromptBytes),
    ("turn", Quantity::Turn),
    ("value_usd", Quantity::ValueUsd),
    ("deadline_ms", Quantity::DeadlineMs),
    ("hour_utc", Quantity::HourUtc),
];

const COMBINATIONS: [&str; 5] = ["all", "any", "not", "prompt_any", "prompt_all"];

impl Quantity {
    /// The quantity of that name.
    ///
    /// # Errors
    /// Where there is none; the nearest name is suggested.
    pub fn by_name(name: &str) -> Result<Self, Error> {
        let built_in = QUANTITIES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, quantity)| quantity);
        let surface = || {
            surface::NAMES
                .iter()
                .position(|known| *known == name)
                .map(Self::Surface)
        };
        built_in.or_else(surface).ok_or_else(|| {
            let known: Vec<&str> = QUANTITIES
                .iter()
                .map(|(known, _)| *known)
                .chain(surface::NAMES)
                .collect();
            let hint = json::nearest(name, &known).map_or_else(
                || format!("known: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Error::value(format!("there is no quantity `{name}`; {hint}"))
        })
    }

    /// Its name in policy and router files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Surface(i) => surface::NAMES[i],
            other => QUANTITIES
                .iter()
                .find(|(_, quantity)| *quantity == other)
                .map_or("", |(name, _)| name),
        }
    }

    /// Its value for a request; `None` where the request does not tell.
    // Inlined into a loop, every quantity would be worked out ahead, wanted or not.
    #[inline(never)]
    pub(crate) fn of(self, request: &RequestRef<'_>, scratch: &mut Scratch) -> Option<f64> {
        match self {
            Self::InputTokens => request
                .input_tokens_or_estimate()
                .map(|tokens| f64::from(tokens.0)),
            Self::PromptBytes => request.prompt.map(|prompt| prompt.len() as f64),
            Self::Turn => request.turn.map(f64::from),
            Self::ValueUsd => request.value_usd.map(|usd| usd.to_f64()),
            Self::DeadlineMs => request.deadline_ms.map(|ms| f64::from(ms.0)),
            Self::HourUtc => request.at.map(|at| f64::from(at.hour_utc())),
            Self::Surface(i) => request.prompt.map(|prompt| scratch.surface(prompt)[i]),
        }
    }
}

impl Condition {
    /// Whether it holds of the request.
    pub(crate) fn holds(&self, request: &RequestRef<'_>, scratch: &mut Scratch) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(request, scratch)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(request, scratch)),
            Self::Not(part) => !part.holds(request, scratch),
            Self::Member(field, list) => field.is_in(list, request),
            Self::PromptAny(phrases) => request.prompt.is_some_and(|prompt| phrases.any_in(prompt)),
            Self::PromptAll(phrases) => request.prompt.is_some_and(|prompt| phrases.all_in(prompt)),
            Self::Range(quantity, limits) => quantity
                .of(request, scratch)
                .is_some_and(|x| limits.contain(x)),
        }
    }

    /// Read the JSON form; several fields in one object must all hold.
    pub(crate) fn from_value(value: Value, depth: usize) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::value(format!(
                "conditions are nested more than {MAX_DEPTH} deep"
            )));
        }
        let names: Vec<String> = match &value {
            Value::Object(map) => map.keys().cloned().collect(),
            other => {
                return Err(json::expected(
                    "a condition like { task = [\"math\"] }",
                    other,
                ));
            }
        };
        let mut fields = Fields::new(value)?;
        let mut parts = Vec::with_capacity(names.len());
        for name in &names {
            let Some(field) = fields.remove(name) else {
                continue;
            };
            parts.push(Self::part(name, field, depth).map_err(|error| error.within(name))?);
        }
        match parts.len() {
            0 => Err(Error::value(
                "an empty condition; write { all = [] } for one that always holds",
            )),
            1 => Ok(parts.remove(0)),
            _ => Ok(Self::All(parts)),
        }
    }

    fn part(name: &str, value: Value, depth: usize) -> Result<Self, Error> {
        let nested = |value| Self::from_value(value, depth + 1);
        if let Some(&(_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Member(field, json::strings(value)?));
        }
        Ok(match name {
            "all" => Self::All(json::items(value, nested)?),
            "any" => Self::Any(json::items(value, nested)?),
            "not" => Self::Not(Box::new(nested(value)?)),
            "prompt_any" => Self::PromptAny(Phrases::try_new(json::strings(value)?)?),
            "prompt_all" => Self::PromptAll(Phrases::try_new(json::strings(value)?)?),
            _ => Self::Range(Self::quantity(name)?, Limits::from_value(value)?),
        })
    }

    /// A quantity where one must stand; the hint names the other conditions too.
    fn quantity(name: &str) -> Result<Quantity, Error> {
        Quantity::by_name(name).map_err(|error| {
            let others: Vec<&str> = COMBINATIONS
                .into_iter()
                .chain(FIELDS.map(|(known, _)| known))
                .collect();
            match json::nearest(name, &others) {
                Some(near) => Error::value(format!("unknown condition; did you mean `{near}`?")),
                None => error,
            }
        })
    }

    pub(crate) fn to_value(&self) -> Value {
        let list = |parts: &[Self]| Value::Array(parts.iter().map(Self::to_value).collect());
        match self {
            Self::All(parts) => json!({ "all": list(parts) }),
            Self::Any(parts) => json!({ "any": list(parts) }),
            Self::Not(part) => json!({ "not": part.to_value() }),
            Self::Member(field, values) => json!({ field.name(): values }),
            Self::PromptAny(phrases) => json!({ "prompt_any": phrases.texts() }),
            Self::PromptAll(phrases) => json!({ "prompt_all": phrases.texts() }),
            Self::Range(quantity, limits) => json!({ quantity.name(): limits.to_value() }),
        }
    }
}

impl Field {
    fn name(self) -> &'static str {
        FIELDS
            .iter()
            .find(|(_, field)| *field == self)
            .map_or("", |(name, _)| name)
    }

    fn is_in(self, list: &[String], request: &RequestRef<'_>) -> bool {
        let value = match self {
            Self::Task => request.task,
            Self::Tenant => request.tenant,
            Self::Channel => request.channel,
            Self::Region => request.region,
            Self::Needs => return request.needs.iter().any(|need| list.contains(need)),
        };
        value.is_some_and(|value| list.iter().any(|item| item == value))
    }
}

impl Limits {
    fn contain(&self, x: f64) -> bool {
        self.min.is_none_or(|min| min <= x) && self.max.is_none_or(|max| x <= max)
    }

    fn from_value(value: Value) -> Result<Self, Error> {
        let mut fields = Fields::new(value)?;
        let limits = Self {
            min: fields.optional("min", json::number)?,
            max: fields.optional("max", json::number)?,
        };
        fields.finish()?;
        if limits == Self::default() {
            return Err(Error::value("a range needs `min`, `max` or both"));
        }
        if let (Some(min), Some(max)) = (limits.min, limits.max)
            && min > max
        {
            return Err(Error::value(format!("min {min} is above max {max}")));
        }
        Ok(limits)
    }

    fn to_value(self) -> Value {
        let mut map = Map::new();
        for (name, limit) in [("min", self.min), ("max", self.max)] {
            if let Some(limit) = limit {
                map.insert(name.into(), json!(limit));
            }
        }
        Value::Object(map)
    }
}
