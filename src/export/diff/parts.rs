//! What parts of a router file are called, what they count in, and what stands for those that are long.

use serde_json::{Value, json};

use super::text::digest;
use super::{Part, list, text_of};

/// In which unit a field counts.
pub(super) fn unit(part: Part, field: &str) -> Option<&'static str> {
    let last = field.rsplit('.').next().unwrap_or(field);
    match (part, last) {
        (Part::Price, _) => Some("USD / million tokens"),
        (_, "context_tokens") => Some("tokens"),
        (_, "ttft_ms") => Some("ms"),
        (_, "tokens_per_second") => Some("tokens / s"),
        (_, "value_usd" | "wrong_usd") => Some("USD"),
        (_, "second_usd") => Some("USD / s"),
        _ => None,
    }
}

pub(super) fn step_key(step: &Value) -> String {
    // A tag step is one a field; the others stand once.
    match step.get("field").and_then(Value::as_str) {
        Some(field) => format!("{} {field}", text_of(step, "step")),
        None => text_of(step, "step"),
    }
}

pub(super) fn head_key(head: &Value) -> String {
    format!("{} {}", text_of(head, "model"), text_of(head, "predicts"))
}

/// What a thing is, where only one file has it.
pub(super) fn kind(of: &Value) -> Value {
    let name = of.get("kind").or_else(|| of.get("step"));
    name.cloned().unwrap_or_else(|| of.clone())
}

pub(super) fn sample(calibration: &Value) -> Value {
    let rows = calibration.get("input_tokens").map(|it| list(it).len());
    rows.filter(|rows| *rows > 0).map_or(Value::Null, |rows| {
        json!(format!("{rows} rows, {}", digest(calibration)))
    })
}

pub(super) fn groups(training: &Value) -> Value {
    match training.is_null() {
        true => Value::Null,
        false => json!(digest(training)),
    }
}
