//! Writing JSON text with fields in a fixed order, so that equal things give equal bytes.
//!
//! It knows nothing of what it writes. Reading is `json`.

use std::fmt::{Display, Write};

use serde_json::{Number, Value};

use crate::error::Error;

/// One JSON object on one line, field by field; values are JSON texts.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    pub(crate) fn field(mut self, name: &str, value: impl Display) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{}:{value}", text(name));
        self
    }

    /// The field, unless there is nothing to write.
    pub(crate) fn some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A JSON list on one line.
pub(crate) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(","))
}

/// A JSON list with an item a line.
pub(crate) fn lines(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    if items.is_empty() {
        "[]".into()
    } else {
        format!("[\n{}\n]", items.join(",\n"))
    }
}

pub(crate) fn text(text: &str) -> String {
    Value::from(text).to_string()
}

pub(crate) fn texts(texts: &[String]) -> String {
    list(texts.iter().map(|item| text(item)))
}

pub(crate) fn or_null(value: Option<impl Display>) -> String {
    value.map_or_else(|| "null".into(), |value| value.to_string())
}

/// The shortest text that reads back as the same double.
pub(crate) fn float(x: f64) -> Result<String, Error> {
    Number::from_f64(x)
        .map(|number| number.to_string())
        .ok_or_else(|| Error::value(format!("{x} is not a finite number")))
}
