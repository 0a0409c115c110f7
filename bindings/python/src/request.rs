//! A Python dict as a request.
//!
//! Plain dicts of plain values are read as they stand. Whatever is not plain, or wrong, goes
//! through JSON text to the Rust crate's own reader, so that there is one place that says what a
//! request may hold, and one wording of every error.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString};
use weighbridge_router::{Millis, Request, Timestamp, Tokens, Usd};

use crate::RouterError;

/// The fields of a request; others are passed over.
const FIELDS: [&str; 17] = [
    "at",
    "prompt",
    "task",
    "tenant",
    "session",
    "turn",
    "channel",
    "region",
    "needs",
    "input_tokens",
    "max_output_tokens",
    "prefix",
    "embedding",
    "value_usd",
    "wrong_usd",
    "second_usd",
    "deadline_ms",
];

/// Why a request cannot be read: the field's path, empty for the whole, and the message.
pub(crate) struct Fault {
    path: String,
    message: String,
}

impl Fault {
    fn of(error: &weighbridge_router::Error) -> Self {
        let (path, text) = (error.path(), error.to_string());
        let message = text.strip_prefix(path);
        let message = message.and_then(|rest| rest.strip_prefix(": "));
        Self {
            path: path.to_owned(),
            message: message.unwrap_or(&text).to_owned(),
        }
    }

    /// The error, with the place of the request before it: `[3]`, or nothing.
    pub(crate) fn at(&self, place: &str) -> PyErr {
        let Self { path, message } = self;
        let dot = if place.is_empty() || path.is_empty() || path.starts_with('[') {
            ""
        } else {
            "."
        };
        let colon = if place.is_empty() && path.is_empty() {
            ""
        } else {
            ": "
        };
        RouterError::new_err(format!("{place}{dot}{path}{colon}{message}"))
    }
}

/// Read a request.
pub(crate) fn read(request: &Bound<'_, PyAny>) -> Result<Request, Fault> {
    let dict = request.cast::<PyDict>().map_err(|_| Fault {
        path: String::new(),
        message: format!(
            "must be a dict of a request's fields, not {}",
            kind(request)
        ),
    })?;
    plain(dict).map_or_else(|| by_json(dict), Ok)
}

/// The request of a dict of plain values; none where one is not plain, or wrong.
fn plain(dict: &Bound<'_, PyDict>) -> Option<Request> {
    let py = dict.py();
    macro_rules! field {
        ($name:literal, $read:path) => {
            match dict.get_item(intern!(py, $name)).ok()? {
                Some(value) if !value.is_none() => Some($read(&value)?),
                _ => None,
            }
        };
    }
    Some(Request {
        at: field!("at", time),
        prompt: field!("prompt", text),
        task: field!("task", text),
        tenant: field!("tenant", text),
        session: field!("session", text),
        turn: field!("turn", whole),
        channel: field!("channel", text),
        region: field!("region", text),
        needs: field!("needs", texts).unwrap_or_default(),
        input_tokens: field!("input_tokens", whole).map(Tokens),
        max_output_tokens: field!("max_output_tokens", whole).map(Tokens),
        prefix: field!("prefix", texts).unwrap_or_default(),
        embedding: field!("embedding", singles),
        value_usd: field!("value_usd", usd),
        wrong_usd: field!("wrong_usd", usd),
        second_usd: field!("second_usd", usd),
        deadline_ms: field!("deadline_ms", whole).map(Millis),
    })
}

fn text(value: &Bound<'_, PyAny>) -> Option<String> {
    let text = value.cast::<PyString>().ok()?;
    // Half of a surrogate pair is no text.
    text.to_str().ok().map(str::to_owned)
}

fn time(value: &Bound<'_, PyAny>) -> Option<Timestamp> {
    Timestamp::parse(value.cast::<PyString>().ok()?.to_str().ok()?).ok()
}

/// True and false are whole numbers to Python, not to JSON.
fn whole(value: &Bound<'_, PyAny>) -> Option<u32> {
    let whole: u32 = value.cast_exact::<PyInt>().ok()?.extract().ok()?;
    (whole < u32::MAX).then_some(whole)
}

fn number(value: &Bound<'_, PyAny>) -> Option<f64> {
    let number = value.is_exact_instance_of::<PyFloat>() || value.is_exact_instance_of::<PyInt>();
    number.then(|| value.extract().ok()).flatten()
}

fn usd(value: &Bound<'_, PyAny>) -> Option<Usd> {
    let usd = Usd::try_from_f64(number(value)?).ok()?;
    (usd >= Usd::ZERO).then_some(usd)
}

fn texts(value: &Bound<'_, PyAny>) -> Option<Vec<String>> {
    value
        .cast::<PyList>()
        .ok()?
        .iter()
        .map(|it| text(&it))
        .collect()
}

fn singles(value: &Bound<'_, PyAny>) -> Option<Vec<f32>> {
    let singles = value.cast::<PyList>().ok()?.iter();
    let single = |it: Bound<'_, PyAny>| Some(number(&it)? as f32).filter(|x| x.is_finite());
    singles.map(single).collect()
}

/// The long way: what Python's own `json` writes, read by the Rust crate.
fn by_json(dict: &Bound<'_, PyDict>) -> Result<Request, Fault> {
    let unread = |error: PyErr| Fault {
        path: String::new(),
        message: error.to_string(),
    };
    let py = dict.py();
    let dumps = py
        .import(intern!(py, "json"))
        .and_then(|json| json.getattr(intern!(py, "dumps")))
        .map_err(unread)?;
    let mut parts = Vec::new();
    for field in FIELDS {
        let Some(value) = dict.get_item(field).map_err(unread)? else {
            continue;
        };
        let written = dumps.call1((&value,)).and_then(|text| text.extract());
        let written: String = written.map_err(|_| Fault {
            path: field.to_owned(),
            message: format!("must be a JSON value, not {}", kind(&value)),
        })?;
        let part = format!("\"{field}\":{written}");
        // Field by field, so that what is no JSON after all is told of by its field.
        Request::from_json(&format!("{{{part}}}")).map_err(|error| {
            let fault = Fault::of(&error);
            match fault.path.is_empty() {
                true => Fault {
                    path: field.to_owned(),
                    message: fault.message,
                },
                false => fault,
            }
        })?;
        parts.push(part);
    }
    let json = format!("{{{}}}", parts.join(","));
    Request::from_json(&json).map_err(|error| Fault::of(&error))
}

/// The JSON text of a dict; or the text itself, where it is one already.
pub(crate) fn json_text(body: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = body.py();
    if let Ok(text) = body.cast::<PyString>() {
        return text.extract();
    }
    if let Ok(bytes) = body.extract::<PyBackedBytes>() {
        let text = std::str::from_utf8(&bytes);
        return text.map(str::to_owned).map_err(|error| {
            RouterError::new_err(format!("not UTF-8 from byte {}", error.valid_up_to()))
        });
    }
    let json = py.import(intern!(py, "json"))?;
    let text = json.call_method1(intern!(py, "dumps"), (body,));
    text.and_then(|text| text.extract()).map_err(|error| {
        RouterError::new_err(format!(
            "must be a dict of JSON values: {}",
            error.value(py)
        ))
    })
}

/// The type of a Python object, for an error.
fn kind(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().fully_qualified_name();
    name.map_or_else(|_| "that".to_owned(), |name| name.to_string())
}
