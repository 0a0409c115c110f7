//! Line 1 of a trace.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::value::RawValue;
use weighbridge_router::check_keys;

use super::blocks::{Block, Blocks, is_blank};
use super::error::TraceError;
use super::line::{not_json, row_fault};
use super::wire::{AssumptionWire, At, Extra, FORMAT, FormatOnly, HeaderWire, Text};
use crate::trace::{Assumption, Header, RowFault};

/// The header, what follows it in the first block, and the number of the line that follows.
pub(super) fn read_header<R: Read>(
    blocks: &mut Blocks<R>,
    path: &Path,
) -> Result<(Header, Vec<u8>, u64), TraceError> {
    let mut line = 1;
    loop {
        let block = blocks
            .next()
            .map_err(|error| TraceError::of_reading(path, &error))?;
        let mut rest = match block {
            Some(Block::Lines(block)) => block,
            Some(Block::TooLong) => return Err(at(path, line)(absent("a line without end"))),
            None => {
                return Err(TraceError::of_file(
                    path,
                    "empty; no header and no requests",
                ));
            }
        };
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == b'\n');
            let after = rest.split_off(end.map_or(rest.len(), |feed| feed + 1));
            if !is_blank(&rest) {
                let header = parse_header(&rest).map_err(at(path, line))?;
                return Ok((header, after, line + 1));
            }
            line += 1;
            rest = after;
        }
    }
}

fn at(path: &Path, line: u64) -> impl Fn(RowFault) -> TraceError {
    move |fault| TraceError::of_row(path, line, fault)
}

fn absent(found: &str) -> RowFault {
    let message = format!(
        "{found} instead of the header; the first line must be {{\"format\":\"{FORMAT}\"}}"
    );
    RowFault::new("", message)
}

/// The format first: what else stands there is known only then.
fn parse_header(line: &[u8]) -> Result<Header, RowFault> {
    // Some editors put a byte order mark in front.
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| absent("bytes that are not UTF-8"))?;
    let format = serde_json::from_str::<FormatOnly>(text)
        .map_err(|error| absent(&not_json(&error)))?
        .0;
    known_format(format.as_deref())?;
    check_keys(text).map_err(|error| row_fault("", &error))?;
    let wire: HeaderWire<'_> =
        serde_json::from_str(text).map_err(|error| RowFault::new("", not_json(&error)))?;
    check(wire)
}

/// Refuse what is no trace of this version.
pub(super) fn known_format(format: Option<&str>) -> Result<(), RowFault> {
    let message = match format {
        Some(FORMAT) => return Ok(()),
        None => return Err(absent("an object without `format`")),
        Some(other) if other.starts_with("weighbridge.trace/") => {
            format!("`{other}` is not a version that this program reads ({FORMAT}); upgrade it")
        }
        Some(other) => format!("`{other}` is no trace; a trace has \"{FORMAT}\" here"),
    };
    Err(RowFault::new("format", message))
}

fn check(wire: HeaderWire<'_>) -> Result<Header, RowFault> {
    if let Some(mark) = wire.pass_at
        && !(mark > 0.0 && mark <= 1.0)
    {
        return Err(RowFault::new("pass_at", format!("{mark} is not in (0, 1]")));
    }
    if let Some(n) = wire.requests_per_day
        && !(n > 0.0 && n.is_finite())
    {
        return Err(RowFault::new(
            "requests_per_day",
            format!("{n} is not above 0"),
        ));
    }
    let text = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned());
    let mut assumed = Vec::new();
    for assumption in wire.assumed.unwrap_or_default() {
        let (Some(field), Some(what)) = (text(assumption.field), text(assumption.what)) else {
            let message = "each needs the texts `field` and `what`";
            return Err(RowFault::new("assumed", message));
        };
        assumed.push(Assumption { field, what });
    }
    let extra = wire.extra.0.into_iter();
    Ok(Header {
        source: text(wire.source),
        licence: text(wire.licence),
        synthetic: text(wire.synthetic),
        roles: wire.roles.unwrap_or_default(),
        pass_at: wire.pass_at,
        prices_at: wire.prices_at.map(|at| at.0),
        requests_per_day: wire.requests_per_day,
        assumed,
        extra: extra
            .map(|(name, value)| (name.into_owned(), value.get().to_string()))
            .collect(),
    })
}

/// Write line 1.
pub(super) fn write_header(header: &Header, out: &mut dyn Write) -> io::Result<()> {
    let borrowed = |text: &'_ Option<String>| text.clone().map(|text| Text(text.into()));
    let extra: Vec<(&str, Box<RawValue>)> = header
        .extra
        .iter()
        .map(|(name, json)| Ok((name.as_str(), RawValue::from_string(json.clone())?)))
        .collect::<Result<_, serde_json::Error>>()?;
    let assumed: Vec<AssumptionWire<'_>> = header
        .assumed
        .iter()
        .map(|assumption| AssumptionWire {
            field: Some(Text::borrowed(&assumption.field)),
            what: Some(Text::borrowed(&assumption.what)),
            extra: Extra::default(),
        })
        .collect();
    let some_roles = |roles: &BTreeMap<String, String>| (!roles.is_empty()).then(|| roles.clone());
    let wire = HeaderWire {
        format: Some(Text::borrowed(FORMAT)),
        source: borrowed(&header.source),
        licence: borrowed(&header.licence),
        synthetic: borrowed(&header.synthetic),
        roles: some_roles(&header.roles),
        pass_at: header.pass_at,
        prices_at: header.prices_at.map(At),
        requests_per_day: header.requests_per_day,
        assumed: (!assumed.is_empty()).then_some(assumed),
        extra: Extra(
            extra
                .iter()
                .map(|(name, json)| ((*name).into(), &**json))
                .collect(),
        ),
    };
    serde_json::to_writer(&mut *out, &wire)?;
    out.write_all(b"\n")
}
