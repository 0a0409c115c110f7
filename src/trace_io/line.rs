//! One line of a trace: its text to a row and a row to its text.
//!
//! A line is read in one pass that builds nothing but the row. Only when that fails is it read
//! again, slowly, to say which field is wrong.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Value;
use weighbridge_router::{Millis, Request, RequestRef, Timestamp, Tokens, Usd};

use super::blocks::LINE_LIMIT;
use super::given::GivenLater;
use super::wire::{
    At, Extra, ExtraWire, LineWire, LoggedWire, Money, OutcomeWire, RequestWire, Single, Text,
};
use crate::trace::{LoggedRef, OutcomeRef, Row, RowFault, Trace, TraceBuilder};

/// Read a line and append it, with the scores that were given later.
pub(super) fn push_line(
    builder: &mut TraceBuilder,
    line: &[u8],
    given: Option<&GivenLater>,
) -> Result<(), RowFault> {
    with_row(line, |row| match given {
        Some(given) => given.push_joined(row, builder),
        None => builder.push(row),
    })
}

/// Whether a reader of traces takes a line.
///
/// # Errors
/// Where it does not: what it would say.
pub fn check_line(line: &[u8]) -> Result<(), RowFault> {
    if line.len() > LINE_LIMIT {
        return Err(too_long(LINE_LIMIT));
    }
    with_row(line, |row| row.check())
}

/// What is wrong with a line of more than so many bytes.
pub(super) fn too_long(limit: usize) -> RowFault {
    let message = format!("the line is longer than {limit} bytes; is this a trace?");
    RowFault::new("", message)
}

/// Read a line, and do something with it.
fn with_row(
    line: &[u8],
    take: impl FnOnce(&Row<'_>) -> Result<(), RowFault>,
) -> Result<(), RowFault> {
    let text = utf8(line)?;
    let wire: LineWire<'_> = serde_json::from_str(text).map_err(|error| diagnose(text, &error))?;
    let Some(id) = &wire.id else {
        return Err(RowFault::new("id", MISSING));
    };
    let none = RequestWire::default();
    let request = wire.request.as_ref().unwrap_or(&none);
    let embedding: Option<Vec<f32>> = request
        .embedding
        .as_ref()
        .map(|embedding| embedding.iter().map(|x| x.0).collect());
    let outcomes = wire.outcomes.as_deref().unwrap_or_default();
    let outcome_extras: Vec<Option<String>> = outcomes.iter().map(|o| o.extra.to_text()).collect();
    let outcomes: Vec<OutcomeRef<'_>> = outcomes
        .iter()
        .zip(&outcome_extras)
        .enumerate()
        .map(|(i, (outcome, extra))| outcome_ref(i, outcome, extra.as_deref()))
        .collect::<Result<_, _>>()?;
    let extra = extra_text(&wire, request);
    take(&Row {
        id: &id.0,
        request: RequestRef {
            embedding: embedding.as_deref(),
            ..request_ref(request)
        },
        outcomes: &outcomes,
        logged: wire.logged.as_ref().map(logged_ref).transpose()?,
        extra: extra.as_deref(),
    })
}

/// The text of a line.
pub(super) fn utf8(line: &[u8]) -> Result<&str, RowFault> {
    std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to() + 1;
        RowFault::new(
            "",
            format!("byte {at} of the line is not UTF-8; save the file as UTF-8"),
        )
    })
}

const MISSING: &str = "this field is missing";

fn text<'a>(text: &'a Option<Text<'_>>) -> Option<&'a str> {
    text.as_ref().map(|text| &*text.0)
}

/// All but the embedding, which is held in other units.
fn request_ref<'a>(wire: &'a RequestWire<'_>) -> RequestRef<'a> {
    let money = |money: Option<Money>| money.map(|money| money.0);
    RequestRef {
        at: wire.at.map(|at| at.0),
        prompt: text(&wire.prompt),
        task: text(&wire.task),
        tenant: text(&wire.tenant),
        session: text(&wire.session),
        turn: wire.turn,
        channel: text(&wire.channel),
        region: text(&wire.region),
        needs: wire.needs.as_deref().unwrap_or_default(),
        input_tokens: wire.input_tokens.map(Tokens),
        max_output_tokens: wire.max_output_tokens.map(Tokens),
        prefix: wire.prefix.as_deref().unwrap_or_default(),
        embedding: None,
        value_usd: money(wire.value_usd),
        wrong_usd: money(wire.wrong_usd),
        second_usd: money(wire.second_usd),
        deadline_ms: wire.deadline_ms.map(Millis),
    }
}

fn outcome_ref<'a>(
    place: usize,
    wire: &'a OutcomeWire<'_>,
    extra: Option<&'a str>,
) -> Result<OutcomeRef<'a>, RowFault> {
    let model = text(&wire.model)
        .ok_or_else(|| RowFault::new(format!("outcomes[{place}].model"), MISSING))?;
    Ok(OutcomeRef {
        model,
        endpoint: text(&wire.endpoint),
        sample: wire.sample.unwrap_or(0),
        status: text(&wire.status),
        score: wire.score,
        input_tokens: wire.input_tokens.map(Tokens),
        cached_tokens: wire.cached_tokens.map(Tokens),
        output_tokens: wire.output_tokens.map(Tokens),
        reasoning_tokens: wire.reasoning_tokens.map(Tokens),
        ttft_ms: wire.ttft_ms.map(Millis),
        latency_ms: wire.latency_ms.map(Millis),
        cost_usd: wire.cost_usd.map(|money| money.0),
        extra,
    })
}

fn logged_ref<'a>(wire: &'a LoggedWire<'_>) -> Result<LoggedRef<'a>, RowFault> {
    Ok(LoggedRef {
        endpoint: text(&wire.endpoint).ok_or_else(|| RowFault::new("logged.endpoint", MISSING))?,
        propensity: wire.propensity,
        policy: text(&wire.policy),
    })
}

fn extra_text(line: &LineWire<'_>, request: &RequestWire<'_>) -> Option<String> {
    let logged = line.logged.as_ref().map(|logged| &logged.extra);
    let places = [
        ("line", Some(&line.extra)),
        ("request", Some(&request.extra)),
        ("logged", logged),
    ];
    let parts: Vec<String> = places
        .into_iter()
        .filter_map(|(place, extra)| Some(format!("\"{place}\":{}", extra?.to_text()?)))
        .collect();
    (!parts.is_empty()).then(|| format!("{{{}}}", parts.join(",")))
}

/// A row of a trace as it is written.
///
/// # Errors
/// Where the unknown fields that were kept are no JSON objects.
pub(super) fn write_line(trace: &Trace, i: usize, out: &mut dyn Write) -> io::Result<()> {
    let outcomes: Vec<OutcomeRef<'_>> = trace.outcomes(i).map(|k| trace.outcome(k)).collect();
    write_row(
        &Row {
            id: trace.id(i),
            request: trace.request(i),
            outcomes: &outcomes,
            logged: trace.logged(i),
            extra: trace.request_extra(i),
        },
        out,
    )
}

/// A row as a line of a trace.
///
/// # Errors
/// Where the unknown fields are no JSON objects, or the output fails.
pub fn write_row(row: &Row<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut extra: ExtraWire<'_> = match row.extra {
        Some(kept) => serde_json::from_str(kept)?,
        None => ExtraWire::default(),
    };
    let request = RequestWire {
        extra: extra.request.take().unwrap_or_default(),
        ..request_wire(row.request)
    };
    let outcomes: Vec<OutcomeWire<'_>> = row
        .outcomes
        .iter()
        .map(|outcome| outcome_wire(*outcome))
        .collect::<Result<_, _>>()?;
    let logged = row.logged.map(|logged| LoggedWire {
        endpoint: Some(Text::borrowed(logged.endpoint)),
        propensity: logged.propensity,
        policy: logged.policy.map(Text::borrowed),
        extra: extra.logged.take().unwrap_or_default(),
    });
    let wire = LineWire {
        id: Some(Text::borrowed(row.id)),
        request: Some(request),
        outcomes: Some(outcomes),
        logged,
        extra: extra.line.take().unwrap_or_default(),
    };
    serde_json::to_writer(&mut *out, &wire)?;
    out.write_all(b"\n")
}

fn request_wire(request: RequestRef<'_>) -> RequestWire<'_> {
    let list = |items: &[String]| (!items.is_empty()).then(|| items.to_vec());
    let tokens = |tokens: Option<Tokens>| tokens.map(|tokens| tokens.0);
    let money = |usd: Option<Usd>| usd.map(Money);
    RequestWire {
        at: request.at.map(At),
        prompt: request.prompt.map(Text::borrowed),
        task: request.task.map(Text::borrowed),
        tenant: request.tenant.map(Text::borrowed),
        session: request.session.map(Text::borrowed),
        turn: request.turn,
        channel: request.channel.map(Text::borrowed),
        region: request.region.map(Text::borrowed),
        needs: list(request.needs),
        input_tokens: tokens(request.input_tokens),
        max_output_tokens: tokens(request.max_output_tokens),
        prefix: list(request.prefix),
        embedding: request
            .embedding
            .map(|embedding| embedding.iter().copied().map(Single).collect()),
        value_usd: money(request.value_usd),
        wrong_usd: money(request.wrong_usd),
        second_usd: money(request.second_usd),
        deadline_ms: request.deadline_ms.map(|ms| ms.0),
        extra: Extra::default(),
    }
}

fn outcome_wire(outcome: OutcomeRef<'_>) -> Result<OutcomeWire<'_>, serde_json::Error> {
    let tokens = |tokens: Option<Tokens>| tokens.map(|tokens| tokens.0);
    let ms = |ms: Option<Millis>| ms.map(|ms| ms.0);
    Ok(OutcomeWire {
        model: Some(Text::borrowed(outcome.model)),
        endpoint: outcome.endpoint.map(Text::borrowed),
        sample: (outcome.sample != 0).then_some(outcome.sample),
        status: outcome.status.map(Text::borrowed),
        score: outcome.score,
        input_tokens: tokens(outcome.input_tokens),
        cached_tokens: tokens(outcome.cached_tokens),
        output_tokens: tokens(outcome.output_tokens),
        reasoning_tokens: tokens(outcome.reasoning_tokens),
        ttft_ms: ms(outcome.ttft_ms),
        latency_ms: ms(outcome.latency_ms),
        cost_usd: outcome.cost_usd.map(Money),
        extra: match outcome.extra {
            Some(kept) => serde_json::from_str(kept)?,
            None => Extra::default(),
        },
    })
}

/// Why a line could not be read, with the field where there is one.
fn diagnose(line: &str, error: &serde_json::Error) -> RowFault {
    let fault = match serde_json::from_str::<Value>(line) {
        Err(broken) => Some(RowFault::new("", not_json(&broken))),
        Ok(Value::Object(fields)) => fields
            .into_iter()
            .find_map(|(name, value)| fault_of_line_field(&name, value)),
        Ok(other) => Some(RowFault::new(
            "",
            format!("must be an object, not {}", shown(&other)),
        )),
    };
    // What the slow reading cannot see is a field that stands twice.
    fault.unwrap_or_else(|| RowFault::new("", without_position(error)))
}

/// What is wrong with a text that is no JSON.
pub(super) fn not_json(error: &serde_json::Error) -> String {
    format!(
        "not valid JSON at column {}: {}",
        error.column(),
        without_position(error)
    )
}

pub(super) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_string()
}

fn fault_of_line_field(name: &str, value: Value) -> Option<RowFault> {
    match name {
        "id" => wrong(&value, Kind::Text).map(|message| RowFault::new("id", message)),
        "request" => fault_of_request(&value),
        "outcomes" => match value {
            Value::Null => None,
            Value::Array(items) => items.iter().enumerate().find_map(|(i, item)| {
                fault_of_object(&format!("outcomes[{i}]"), item, OUTCOME_KINDS)
            }),
            other => Some(RowFault::new(
                name,
                format!("must be a list, not {}", shown(&other)),
            )),
        },
        "logged" if !value.is_null() => fault_of_object(name, &value, LOGGED_KINDS),
        _ => None,
    }
}

fn fault_of_request(value: &Value) -> Option<RowFault> {
    if value.is_null() {
        return None;
    }
    let error = Request::from_json(&value.to_string()).err()?;
    Some(row_fault("request", &error))
}

/// A fault that the router's reader found in the field `place`; empty: in the line itself.
pub(super) fn row_fault(place: &str, error: &weighbridge_router::Error) -> RowFault {
    let (path, text) = (error.path(), error.to_string());
    let message = text.strip_prefix(path);
    let message = message.and_then(|rest| rest.strip_prefix(": "));
    let separator = if path.is_empty() || place.is_empty() {
        ""
    } else {
        "."
    };
    RowFault::new(
        format!("{place}{separator}{path}"),
        message.unwrap_or(&text),
    )
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Time,
    Whole,
    Number,
    Money,
}

const OUTCOME_KINDS: &[(&str, Kind)] = &[
    ("model", Kind::Text),
    ("endpoint", Kind::Text),
    ("sample", Kind::Whole),
    ("status", Kind::Text),
    ("score", Kind::Number),
    ("input_tokens", Kind::Whole),
    ("cached_tokens", Kind::Whole),
    ("output_tokens", Kind::Whole),
    ("reasoning_tokens", Kind::Whole),
    ("ttft_ms", Kind::Whole),
    ("latency_ms", Kind::Whole),
    ("cost_usd", Kind::Money),
];

const LOGGED_KINDS: &[(&str, Kind)] = &[
    ("endpoint", Kind::Text),
    ("propensity", Kind::Number),
    ("policy", Kind::Text),
];

pub(super) fn fault_of_object(
    place: &str,
    value: &Value,
    kinds: &[(&str, Kind)],
) -> Option<RowFault> {
    let Value::Object(fields) = value else {
        let message = format!("must be an object, not {}", shown(value));
        return Some(RowFault::new(place, message));
    };
    kinds.iter().find_map(|&(name, kind)| {
        let message = wrong(fields.get(name)?, kind)?;
        Some(RowFault::new(format!("{place}.{name}"), message))
    })
}

/// Why a value is not of a kind; `None` where it is, or is null.
fn wrong(value: &Value, kind: Kind) -> Option<String> {
    let (right, what) = match kind {
        Kind::Text => (value.is_string(), "a text"),
        Kind::Time => match value.as_str().map(Timestamp::parse) {
            Some(Err(error)) => return Some(error.to_string()),
            time => (time.is_some(), "a time"),
        },
        Kind::Whole => (
            value.as_u64().is_some_and(|n| n < u64::from(u32::MAX)),
            "a whole number from 0 to 4294967294",
        ),
        Kind::Number => (value.is_number(), "a number"),
        Kind::Money => (
            value
                .as_f64()
                .is_some_and(|usd| Usd::try_from_f64(usd).is_ok()),
            "an amount in USD (a number, at most 9 million)",
        ),
    };
    (!right && !value.is_null()).then(|| format!("must be {what}, not {}", shown(value)))
}

/// A value, cut where it is long.
fn shown(value: &Value) -> Cow<'static, str> {
    let text = value.to_string();
    match text.char_indices().nth(37) {
        Some((cut, _)) if text.len() > 40 => format!("{}...", &text[..cut]).into(),
        _ => text.into(),
    }
}
