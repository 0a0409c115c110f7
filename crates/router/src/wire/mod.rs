//! The body of a router file: JSON text to [`Parts`] and back.
//!
//! It knows the names and the order of fields; the frame around the body is `file`'s, and what
//! values mean together is checked by [`Router::try_new`]. A field that bears on a decision and
//! that this version does not know is refused; only `provenance` is open.

mod calibration;
mod endpoints;
mod floats;
mod golden;
mod heads;
mod request;
mod shrink;
mod steps;
mod success;

use serde_json::{Map, Value};

pub(crate) use golden::decided;

use crate::bloom::GroupFilter;
use crate::choose::Choose;
use crate::emit::{self, Object};
use crate::error::{Error, ErrorKind};
use crate::golden::Golden;
use crate::json::{self, Fields};
use crate::router::{Parts, Router};

/// The most golden requests that a file may carry.
const MAX_GOLDEN: usize = 256;

/// The body's text, a line an endpoint, step, head and golden request; its last byte is a line
/// feed.
pub(crate) fn write(router: &Router, goldens: &[Golden]) -> Result<String, Error> {
    let parts = router.parts();
    let endpoints = all("endpoints", &parts.endpoints, endpoints::write)?;
    let steps = all("features", &parts.steps, steps::write)?;
    let heads = all("heads", &parts.heads, heads::write)?;
    let goldens = all("golden", goldens, |one| golden::write(router, one))?;
    let choose = parts.choose.as_ref().map(Choose::to_value);
    let roles = parts
        .roles
        .iter()
        .fold(Object::new(), |object, (role, name)| {
            object.field(role, emit::text(name))
        });
    let training = parts.training.as_ref().map(|filter| {
        Object::new()
            .field("groups", floats::write_bytes(filter.as_bytes()))
            .end()
    });
    let calibration =
        calibration::write(&parts.calibration).map_err(|error| error.within("calibration"))?;
    let shrink = parts.shrink.as_ref().map(shrink::write).transpose();
    let shrink = shrink.map_err(|error| error.within("shrink"))?;
    let fields = [
        ("endpoints", emit::lines(endpoints)),
        ("choose", emit::or_null(choose)),
        ("fallback", emit::texts(&parts.fallback)),
        ("roles", roles.end()),
        ("features", emit::lines(steps)),
        ("heads", emit::lines(heads.into_iter().flatten())),
        ("shrink", emit::or_null(shrink)),
        ("calibration", calibration),
        ("training", emit::or_null(training)),
        ("golden", emit::lines(goldens)),
        ("provenance", write_provenance(&parts.provenance)?),
    ];
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .into();
    Ok(format!("{{{}}}\n", fields.join(",\n")))
}

/// The router of a body, and what its golden requests must give.
pub(crate) fn read(body: &str) -> Result<(Router, Vec<Golden>), Error> {
    let mut fields = Fields::new(json::parse(body)?)?;
    let parts = Parts {
        endpoints: fields.list("endpoints", endpoints::read)?,
        choose: fields.optional("choose", |value| Choose::from_value(value, 0))?,
        fallback: fields.list("fallback", json::string)?,
        roles: fields.optional("roles", read_roles)?.unwrap_or_default(),
        steps: fields.list("features", steps::read)?,
        heads: fields.optional("heads", heads::read)?.unwrap_or_default(),
        shrink: fields.optional("shrink", shrink::read)?,
        calibration: fields
            .optional("calibration", calibration::read)?
            .unwrap_or_default(),
        training: fields.optional("training", read_training)?,
        provenance: fields
            .optional("provenance", read_provenance)?
            .unwrap_or_default(),
    };
    let goldens = fields.take("golden");
    fields.finish()?;
    let router = Router::try_new(parts)?;
    let goldens = goldens
        .ok_or_else(|| Error::value("this field is missing"))
        .and_then(|value| json::items(value, |value| golden::read(value, &router)))
        .map_err(|error| error.within("golden"))?;
    if goldens.is_empty() || goldens.len() > MAX_GOLDEN {
        let message = format!(
            "there must be 1 to {MAX_GOLDEN} golden requests, not {}",
            goldens.len()
        );
        return Err(Error::value(message).within("golden"));
    }
    Ok((router, goldens))
}

/// A part that this version does not have.
fn newer(name: &str) -> Error {
    Error::new(
        ErrorKind::Version,
        format!("`{name}` is not known here: written by a newer version; upgrade weighbridge"),
    )
}

/// Each item written, with its place added to errors.
fn all<T, U>(
    place: &str,
    items: &[T],
    write: impl Fn(&T) -> Result<U, Error>,
) -> Result<Vec<U>, Error> {
    items
        .iter()
        .enumerate()
        .map(|(i, item)| write(item).map_err(|error| error.within(format_args!("{place}[{i}]"))))
        .collect()
}

fn read_roles(value: Value) -> Result<Vec<(String, String)>, Error> {
    let Value::Object(map) = value else {
        return Err(json::expected("names by role", &value));
    };
    map.into_iter()
        .map(|(role, name)| {
            let name = json::string(name).map_err(|error| error.within(&role))?;
            Ok((role, name))
        })
        .collect()
}

fn read_training(value: Value) -> Result<GroupFilter, Error> {
    let mut fields = Fields::new(value)?;
    let bits = fields.required("groups", floats::read_bytes)?;
    fields.finish()?;
    GroupFilter::from_bytes(bits)
        .ok_or_else(|| Error::value("a filter has at least 8 bytes").within("groups"))
}

/// One line for each field, since metrics and fingerprints are what people compare.
fn write_provenance(text: &str) -> Result<String, Error> {
    if text.is_empty() {
        return Ok("{}".into());
    }
    let map = json::parse(text)
        .and_then(object)
        .map_err(|error| error.within("provenance"))?;
    let fields: Vec<String> = map
        .iter()
        .map(|(name, value)| format!("{}:{value}", emit::text(name)))
        .collect();
    Ok(if fields.is_empty() {
        "{}".into()
    } else {
        format!("{{\n{}\n}}", fields.join(",\n"))
    })
}

fn read_provenance(value: Value) -> Result<String, Error> {
    let map = object(value)?;
    Ok(if map.is_empty() {
        String::new()
    } else {
        Value::Object(map).to_string()
    })
}

fn object(value: Value) -> Result<Map<String, Value>, Error> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(json::expected("an object", &other)),
    }
}
