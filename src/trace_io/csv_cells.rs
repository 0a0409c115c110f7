//! Cells of CSV files: the fields of a request and the kinds of values, whatever the form of the
//! table.

use std::path::Path;

use weighbridge_router::{Millis, Request, Timestamp, Tokens, Usd};

use super::error::{TraceError, short};

/// Fields of a request, by their names in `--map`.
pub(super) const REQUEST_FIELDS: &[&str] = &[
    "at",
    "prompt",
    "task",
    "tenant",
    "session",
    "turn",
    "channel",
    "region",
    "needs",
    "request_input_tokens",
    "max_output_tokens",
    "value_usd",
    "wrong_usd",
    "second_usd",
    "deadline_ms",
];

/// The field of that name among those that `--map` may give.
pub(super) fn field_of(name: &str, known: &[&'static str]) -> Result<&'static str, TraceError> {
    if let Some(field) = known.iter().find(|field| **field == name) {
        return Ok(field);
    }
    let near = known
        .iter()
        .min_by_key(|field| strsim::levenshtein(name, field))
        .filter(|field| strsim::levenshtein(name, field) <= 3);
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("fields are: {}", known.join(", ")),
    };
    Err(map_fault(format!(
        "`{name}` is no field of a trace; {hint}"
    )))
}

/// A fault of `--map`.
pub(super) fn map_fault(message: String) -> TraceError {
    TraceError::of_file(Path::new("--map"), message)
}

/// Set a field of [`REQUEST_FIELDS`].
pub(super) fn set_request(request: &mut Request, field: &str, cell: &str) -> Result<(), String> {
    let text = Some(cell.to_string());
    match field {
        "at" => {
            let at = Timestamp::parse(cell.trim()).map_err(|error| error.to_string())?;
            request.at = Some(at);
        }
        "prompt" => request.prompt = text,
        "task" => request.task = text,
        "tenant" => request.tenant = text,
        "session" => request.session = text,
        "turn" => request.turn = Some(whole(cell)?),
        "channel" => request.channel = text,
        "region" => request.region = text,
        "needs" => {
            let needs = cell
                .split(',')
                .map(str::trim)
                .filter(|need| !need.is_empty());
            request.needs = needs.map(str::to_string).collect();
        }
        "request_input_tokens" => request.input_tokens = Some(Tokens(whole(cell)?)),
        "max_output_tokens" => request.max_output_tokens = Some(Tokens(whole(cell)?)),
        "value_usd" => request.value_usd = Some(usd(cell)?),
        "wrong_usd" => request.wrong_usd = Some(usd(cell)?),
        "second_usd" => request.second_usd = Some(usd(cell)?),
        "deadline_ms" => request.deadline_ms = Some(Millis(whole(cell)?)),
        _ => return Err(format!("{field} is no field of a request")),
    }
    Ok(())
}

/// A whole number; `812.0` is one too, since tables with gaps are often saved as decimals.
pub(super) fn whole(cell: &str) -> Result<u32, String> {
    let text = cell.trim();
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| plain);
    number.ok_or_else(|| {
        format!(
            "must be a whole number from 0 to 4294967294, not `{}`",
            short(cell)
        )
    })
}

pub(super) fn usd(cell: &str) -> Result<Usd, String> {
    Usd::parse(cell.trim()).map_err(|error| error.to_string())
}

pub(super) fn score(cell: &str) -> Result<f64, String> {
    let text = cell.trim();
    let number = match text {
        _ if text.eq_ignore_ascii_case("true") => Some(1.0),
        _ if text.eq_ignore_ascii_case("false") => Some(0.0),
        _ => text
            .parse::<f64>()
            .ok()
            .filter(|score| (0.0..=1.0).contains(score)),
    };
    number.ok_or_else(|| {
        let cell = short(cell);
        format!("must be true, false or a number in [0, 1], not `{cell}`; empty is unknown")
    })
}
