//! Values as a reader takes them in: packed numbers are counted and not shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A text of base64 that is longer holds numbers; names and conditions are shorter.
const LONGEST_NAME: usize = 64;
/// Lists that are longer are counted.
const LONGEST_LIST: usize = 12;
/// Other values that are longer are told by a digest.
const LONGEST_TEXT: usize = 2_000;

/// Whether a value is a packed list of 32-bit floats, or a long list of numbers.
pub(super) fn is_packed(value: &Value) -> bool {
    numbers(value).is_some()
}

/// Two packed lists: how many numbers they have, how many of these differ and by how much.
pub(super) fn packed(a: &Value, b: &Value) -> (Value, Value) {
    let count = |of: &Option<Vec<f64>>| match of {
        None => Value::Null,
        Some(numbers) => json!(format!("{} numbers", numbers.len())),
    };
    let (left, right) = (numbers(a), numbers(b));
    let (before, after) = (count(&left), count(&right));
    let (Some(left), Some(right)) = (left, right) else {
        return (before, after);
    };
    if left.len() != right.len() {
        return (before, after);
    }
    let differences = left.iter().zip(&right).map(|(a, b)| (a - b).abs());
    let other = differences.clone().filter(|it| *it != 0.0).count();
    let most = differences.fold(0.0, f64::max);
    let after = format!(
        "{} numbers, {other} differ, by {most:.3} at most",
        right.len()
    );
    (before, json!(after))
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::String(text) if text.len() > LONGEST_NAME => {
            let bytes = STANDARD.decode(text).ok()?;
            let whole = bytes.len().is_multiple_of(4);
            let floats = bytes.as_chunks::<4>().0.iter();
            whole.then(|| {
                floats
                    .map(|it| f64::from(f32::from_le_bytes(*it)))
                    .collect()
            })
        }
        Value::Array(items) if items.len() > LONGEST_LIST => {
            items.iter().map(Value::as_f64).collect()
        }
        _ => None,
    }
}

/// A value, or its digest where it is too long to read.
pub(super) fn brief(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        other if other.to_string().len() <= LONGEST_TEXT => other.clone(),
        other => json!(digest(other)),
    }
}

/// A short name of a value's content.
pub(super) fn digest(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    let hex: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256 {hex}")
}
