//! The serialised shapes of a trace: header and line.
//!
//! Each shape reads its known fields as borrowed text where it can and keeps all others with
//! their JSON text, in their order; a field that stands twice is refused. What values mean is
//! checked when a line becomes a row. The shapes are made by one macro and not by serde's derive,
//! whose `flatten` would copy every value and lose the text of unknown ones.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use weighbridge_router::{Timestamp, Usd, check_keys};

/// The format that this version reads and writes.
///
/// `/1`: the first.
pub const FORMAT: &str = "weighbridge.trace/1";

/// The format of feedback beside a recorded trace.
///
/// `/1`: the first.
pub const FEEDBACK_FORMAT: &str = "weighbridge.feedback/1";

macro_rules! wire {
    ($(#[$doc:meta])* $name:ident<$lt:lifetime> { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<$lt> {
            $(pub(super) $field: Option<$type>,)*
            /// Fields that this version does not know.
            pub(super) extra: Extra<$lt>,
        }

        #[cfg(test)]
        impl $name<'_> {
            /// The names of the known fields.
            pub(super) const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl<$lt> Deserialize<$lt> for $name<$lt> {
            fn deserialize<D: Deserializer<$lt>>(deserializer: D) -> Result<Self, D::Error> {
                struct Object;
                impl<$lt> Visitor<$lt> for Object {
                    type Value = $name<$lt>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<$lt>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        $(let mut $field: Option<Option<$type>> = None;)*
                        let mut extra = Extra::default();
                        while let Some(key) = map.next_key::<Text<$lt>>()? {
                            match &*key.0 {
                                $(stringify!($field) => {
                                    if $field.is_some() {
                                        return Err(de::Error::duplicate_field(stringify!($field)));
                                    }
                                    $field = Some(map.next_value()?);
                                })*
                                _ => extra.take(key.0, &mut map)?,
                            }
                        }
                        Ok($name { $($field: $field.flatten(),)* extra })
                    }
                }
                deserializer.deserialize_map(Object)
            }
        }

        impl Serialize for $name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    map.serialize_entry(stringify!($field), value)?;
                })*
                for (name, value) in &self.extra.0 {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    };
}

wire!(
    /// Line 1.
    HeaderWire<'a> {
        format: Text<'a>,
        source: Text<'a>,
        licence: Text<'a>,
        synthetic: Text<'a>,
        roles: BTreeMap<String, String>,
        pass_at: f64,
        prices_at: At,
        requests_per_day: f64,
        assumed: Vec<AssumptionWire<'a>>,
    }
);

wire!(
    /// A field that an importer filled by assumption.
    AssumptionWire<'a> { field: Text<'a>, what: Text<'a> }
);

wire!(
    /// Any further line.
    LineWire<'a> {
        id: Text<'a>,
        request: RequestWire<'a>,
        outcomes: Vec<OutcomeWire<'a>>,
        logged: LoggedWire<'a>,
    }
);

wire!(
    /// What was known on arrival.
    RequestWire<'a> {
        at: At,
        prompt: Text<'a>,
        task: Text<'a>,
        tenant: Text<'a>,
        session: Text<'a>,
        turn: u32,
        channel: Text<'a>,
        region: Text<'a>,
        needs: Vec<String>,
        input_tokens: u32,
        max_output_tokens: u32,
        prefix: Vec<String>,
        embedding: Vec<Single>,
        value_usd: Money,
        wrong_usd: Money,
        second_usd: Money,
        deadline_ms: u32,
    }
);

wire!(
    /// What one endpoint made of it.
    OutcomeWire<'a> {
        model: Text<'a>,
        endpoint: Text<'a>,
        sample: u32,
        status: Text<'a>,
        score: f64,
        input_tokens: u32,
        cached_tokens: u32,
        output_tokens: u32,
        reasoning_tokens: u32,
        ttft_ms: u32,
        latency_ms: u32,
        cost_usd: Money,
    }
);

wire!(
    /// What was really chosen.
    LoggedWire<'a> { endpoint: Text<'a>, propensity: f64, policy: Text<'a> }
);

wire!(
    /// A line of feedback: what became known of an answer later.
    FeedbackWire<'a> {
        id: Text<'a>,
        at: At,
        endpoint: Text<'a>,
        status: Text<'a>,
        score: f64,
        input_tokens: u32,
        cached_tokens: u32,
        output_tokens: u32,
        reasoning_tokens: u32,
        ttft_ms: u32,
        latency_ms: u32,
        cost_usd: Money,
    }
);

wire!(
    /// The unknown fields of a line in memory: by the place where they stood.
    ExtraWire<'a> { line: Extra<'a>, request: Extra<'a>, logged: Extra<'a> }
);

/// The first field that decides how the rest is read.
#[derive(Debug)]
pub(super) struct FormatOnly(pub(super) Option<String>);

impl<'de> Deserialize<'de> for FormatOnly {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = FormatOnly;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FormatOnly, A::Error> {
                let mut format = None;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if key.0 == "format" {
                        format = map.next_value::<Option<String>>()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(FormatOnly(format))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Unknown fields with their JSON text.
#[derive(Debug, Default)]
pub(super) struct Extra<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Extra<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: Cow<'a, str>, map: &mut A) -> Result<(), A::Error> {
        if self.0.iter().any(|(held, _)| *held == key) {
            return Err(de::Error::custom(format_args!("duplicate field `{key}`")));
        }
        let value: &RawValue = map.next_value()?;
        // Within a value a key stands once as well; only lists and objects can break that.
        if value.get().starts_with(['{', '[']) {
            check_keys(value.get()).map_err(de::Error::custom)?;
        }
        self.0.push((key, value));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the text of a JSON object; `None` where there is no unknown field.
    pub(super) fn to_text(&self) -> Option<String> {
        (!self.is_empty()).then(|| serde_json::to_string(self).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Extra<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Extra<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra<'de>, A::Error> {
                let mut extra = Extra::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    extra.take(key.0, &mut map)?;
                }
                Ok(extra)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Extra<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A text, borrowed from the line where it has no escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'a> Text<'a> {
    pub(super) fn borrowed(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_string())))
            }
        }
        deserializer.deserialize_str(Any)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A moment as RFC 3339 text.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub(super) Timestamp);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        Timestamp::parse(&text.0)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An amount as its exact decimal text, which a double could not always hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Money(pub(super) Usd);

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?;
        Usd::parse(text.get()).map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// A finite 32-bit number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Single(pub(super) f32);

impl<'de> Deserialize<'de> for Single {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of a double, as every loader in another language does it.
        let x = f64::deserialize(deserializer)? as f32;
        if x.is_finite() {
            Ok(Self(x))
        } else {
            Err(de::Error::custom("must be a finite 32-bit number"))
        }
    }
}

impl Serialize for Single {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The shortest text of a few 32-bit numbers reads as another number by way of a double.
        let short = self.0.to_string();
        if short.parse::<f64>().is_ok_and(|x| x as f32 == self.0) {
            serializer.serialize_f32(self.0)
        } else {
            serializer.serialize_f64(f64::from(self.0))
        }
    }
}
