//! A TOML document that is read field by field: every fault is named with its line and field,
//! and a field that nobody asked for is an error with the nearest known name.
//!
//! Written by hand and not derived: a derived reader loses the line as soon as the value is
//! read, and most faults of a catalog (an overlap, a name that stands twice) are found later.

use std::fmt;
use std::ops::Range;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use weighbridge_router::{Rates, Timestamp, Tokens, Usd, printable};

use super::error::TomlError;

/// The text of one file, by whose lines faults are named.
pub(crate) struct Document<'a> {
    file: &'a str,
    line_ends: Vec<usize>,
}

/// A value with its place.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    document: &'a Document<'a>,
    value: &'a DeValue<'a>,
    start: usize,
    field: String,
}

/// Where a value stands, kept for faults that show only later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) field: String,
}

/// A table whose fields are taken one after the other.
pub(crate) struct Fields<'a> {
    document: &'a Document<'a>,
    table: &'a DeTable<'a>,
    start: usize,
    field: String,
    asked: Vec<&'static str>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(file: &'a str, text: &str) -> Self {
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Self { file, line_ends }
    }

    /// Parse the text that the document was made for.
    pub(crate) fn parse(&self, text: &'a str) -> Result<Spanned<DeTable<'a>>, TomlError> {
        DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.fault(start, "", format!("not valid TOML: {message}"))
        })
    }

    /// The fields of the whole file, once its `format` has been found to be `format`.
    pub(crate) fn open(
        &'a self,
        table: &'a Spanned<DeTable<'a>>,
        format: &str,
    ) -> Result<Fields<'a>, TomlError> {
        let mut fields = Fields {
            document: self,
            table: table.get_ref(),
            start: 0,
            field: String::new(),
            asked: Vec::new(),
        };
        let Some(node) = fields.take("format") else {
            let message =
                format!("this field is missing; begin the file with `format = \"{format}\"`");
            return Err(self.fault(0, "format", message));
        };
        let found = node.text()?;
        if found == format {
            return Ok(fields);
        }
        let family = format.rsplit_once('/').map_or(format, |(family, _)| family);
        let message = if found
            .strip_prefix(family)
            .is_some_and(|rest| rest.starts_with('/'))
        {
            format!(
                "`{found}` is another version than `{format}`, which this program reads; use a newer program"
            )
        } else {
            format!("`{found}` is not `{format}`; this is another kind of file")
        };
        Err(node.fault(message))
    }

    fn line(&self, start: usize) -> usize {
        self.line_ends.partition_point(|&end| end < start) + 1
    }

    fn fault(&self, start: usize, field: &str, message: impl Into<String>) -> TomlError {
        TomlError {
            file: self.file.to_owned(),
            line: self.line(start),
            field: field.to_owned(),
            message: printable(&message.into()).into_owned(),
        }
    }
}

impl Place {
    pub(crate) fn fault(&self, message: impl Into<String>) -> TomlError {
        TomlError {
            file: self.file.clone(),
            line: self.line,
            field: self.field.clone(),
            message: printable(&message.into()).into_owned(),
        }
    }
}

impl<'a> Fields<'a> {
    /// The field's value, if it is there.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.asked.push(name);
        self.node(name)
    }

    /// The field's value, which must be there.
    pub(crate) fn required(&mut self, name: &'static str) -> Result<Node<'a>, TomlError> {
        self.take(name)
            .ok_or_else(|| self.fault(name, "this field is missing"))
    }

    /// The field, read by `read` if it is there.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Node<'a>) -> Result<T, TomlError>,
    ) -> Result<Option<T>, TomlError> {
        self.take(name).as_ref().map(read).transpose()
    }

    /// The items of a list, read by `read`; empty if it is not there.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        read: impl FnMut(&Node<'a>) -> Result<T, TomlError>,
    ) -> Result<Vec<T>, TomlError> {
        let items = self.optional(name, Node::items)?.unwrap_or_default();
        items.iter().map(read).collect()
    }

    /// Every field, in order of the names.
    pub(crate) fn all(&self) -> Vec<(&'a str, Node<'a>)> {
        let names = self.table.iter().map(|(key, _)| key.get_ref().as_ref());
        names
            .filter_map(|name| Some((name, self.node(name)?)))
            .collect()
    }

    /// Refuse what nobody has asked for.
    pub(crate) fn finish(&self) -> Result<(), TomlError> {
        let unknown = self
            .table
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !self.asked.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        let Some(key) = unknown else { return Ok(()) };
        let name = key.get_ref().as_ref();
        let hint = nearest(name, self.asked.iter().copied()).map_or_else(
            || format!("known here: {}", self.asked.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let field = join(&self.field, name);
        let message = format!("unknown field; {hint}");
        Err(self.document.fault(key.span().start, &field, message))
    }

    /// A fault of a field; the table's line where it is not there.
    pub(crate) fn fault(&self, name: &str, message: impl Into<String>) -> TomlError {
        match self.node(name) {
            Some(node) => node.fault(message),
            None => self
                .document
                .fault(self.start, &join(&self.field, name), message),
        }
    }

    fn node(&self, name: &str) -> Option<Node<'a>> {
        let (key, value) = self.table.get_key_value(name)?;
        // The value of a key is named by the key's line: a list may begin lines further down.
        Some(Node {
            document: self.document,
            value: value.get_ref(),
            start: key.span().start,
            field: join(&self.field, name),
        })
    }
}

impl<'a> Node<'a> {
    pub(crate) fn place(&self) -> Place {
        Place {
            file: self.document.file.to_owned(),
            line: self.document.line(self.start),
            field: self.field.clone(),
        }
    }

    /// The value as the parser holds it.
    pub(crate) fn value(&self) -> &'a DeValue<'a> {
        self.value
    }

    /// A fault of this value.
    pub(crate) fn fault(&self, message: impl Into<String>) -> TomlError {
        self.document.fault(self.start, &self.field, message)
    }

    pub(crate) fn text(&self) -> Result<String, TomlError> {
        let text = self.value.as_str().ok_or_else(|| self.not("a text"))?;
        if text.is_empty() {
            return Err(self.fault("must not be empty"));
        }
        Ok(text.to_owned())
    }

    pub(crate) fn tokens(&self) -> Result<Tokens, TomlError> {
        self.whole().map(Tokens)
    }

    pub(crate) fn whole(&self) -> Result<u32, TomlError> {
        let whole = match self.value {
            DeValue::Integer(n) => u32::from_str_radix(n.as_str(), n.radix()).ok(),
            _ => None,
        };
        // The greatest number of 32 bits is none to a router file either.
        let whole = whole.filter(|&n| n < u32::MAX);
        whole.ok_or_else(|| self.not("a whole number from 0 to 4294967294"))
    }

    /// A finite number in its JSON form.
    pub(crate) fn number(&self) -> Result<Value, TomlError> {
        let number = match self.value {
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix())
                .ok()
                .map(Number::from),
            DeValue::Float(x) => x.as_str().parse().ok().and_then(Number::from_f64),
            _ => None,
        };
        number
            .map(Value::Number)
            .ok_or_else(|| self.not("a finite number"))
    }

    /// A finite number above 0.
    pub(crate) fn positive(&self) -> Result<f64, TomlError> {
        self.decimal()
            .and_then(|text| text.parse().ok())
            .filter(|x: &f64| x.is_finite() && *x > 0.0)
            .ok_or_else(|| self.not("a number above 0"))
    }

    /// An amount in USD that is not negative, exactly as it is written.
    pub(crate) fn usd(&self) -> Result<Usd, TomlError> {
        let usd = self.decimal().and_then(|text| Usd::parse(text).ok());
        let usd = usd.ok_or_else(|| self.not("an amount in USD, at most 9 million"))?;
        if usd < Usd::ZERO {
            return Err(self.fault(format!("{usd} USD must not be negative")));
        }
        Ok(usd)
    }

    /// The price of a token, of USD per million tokens, so that no bill is ever rounded.
    pub(crate) fn price(&self) -> Result<Usd, TomlError> {
        let number = self.decimal().and_then(|text| text.parse().ok());
        let number = number.filter(|number: &f64| number.is_finite());
        let number = number.ok_or_else(|| self.not("a price in USD per million tokens"))?;
        Rates::per_token(number).map_err(|error| self.fault(error.to_string()))
    }

    /// Prices of input, of cached input, and of output; cached input costs what input does where
    /// nothing is said.
    pub(crate) fn rates(&self) -> Result<Rates, TomlError> {
        let mut fields = self.table()?;
        let input = fields.required("input")?.price()?;
        let rates = Rates {
            input,
            cached: fields.optional("cached", Self::price)?.unwrap_or(input),
            output: fields.required("output")?.price()?,
        };
        fields.finish()?;
        Ok(rates)
    }

    /// A time, as a text or as a TOML date.
    pub(crate) fn time(&self) -> Result<Timestamp, TomlError> {
        let text = match self.value {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            _ => return Err(self.not("a time like 2025-12-02T09:14:03Z or 2025-12-02")),
        };
        Timestamp::parse(&text).map_err(|error| self.fault(error.to_string()))
    }

    pub(crate) fn items(&self) -> Result<Vec<Self>, TomlError> {
        let array = self.value.as_array().ok_or_else(|| self.not("a list"))?;
        let item = |(i, item): (usize, &'a Spanned<DeValue<'a>>)| {
            self.inner(item.span(), item.get_ref(), format!("{}[{i}]", self.field))
        };
        Ok(array.iter().enumerate().map(item).collect())
    }

    pub(crate) fn table(&self) -> Result<Fields<'a>, TomlError> {
        let table = self.value.as_table().ok_or_else(|| self.not("a table"))?;
        Ok(Fields {
            document: self.document,
            table,
            start: self.start,
            field: self.field.clone(),
            asked: Vec::new(),
        })
    }

    /// The digits of a decimal number.
    fn decimal(&self) -> Option<&'a str> {
        match self.value {
            DeValue::Integer(n) if n.radix() == 10 => Some(n.as_str()),
            DeValue::Float(x) => Some(x.as_str()),
            _ => None,
        }
    }

    fn not(&self, expected: &str) -> TomlError {
        self.fault(format!("must be {expected}, not {}", Shown(self.value)))
    }

    fn inner(&self, span: Range<usize>, value: &'a DeValue<'a>, field: String) -> Self {
        Self {
            document: self.document,
            value,
            start: span.start,
            field,
        }
    }
}

/// A value in an error: scalars as written, the rest by kind.
struct Shown<'a>(&'a DeValue<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DeValue::String(text) => {
                let cut = text.chars().take(40).collect::<String>();
                write!(f, "\"{}\"", cut.escape_debug())
            }
            DeValue::Integer(n) => n.fmt(f),
            DeValue::Float(x) => x.fmt(f),
            DeValue::Boolean(b) => b.fmt(f),
            DeValue::Datetime(time) => time.fmt(f),
            DeValue::Array(_) => f.write_str("a list"),
            DeValue::Table(_) => f.write_str("a table"),
        }
    }
}

/// The known name that is at most two edits away.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::levenshtein(name, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= 2 && distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// `outer.name`, the name in quotes where TOML needs them.
fn join(outer: &str, name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let name = if name.bytes().all(bare) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.escape_debug())
    };
    match outer {
        "" => name,
        outer => format!("{outer}.{name}"),
    }
}
