//! Columns of numbers as base64 of little-endian 32-bit floats.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::Error;
use crate::json;

pub(super) fn write(values: &[f32]) -> Result<String, Error> {
    if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::value(format!("{bad} is not a finite number")));
    }
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Ok(write_bytes(&bytes))
}

pub(super) fn read(value: Value) -> Result<Vec<f32>, Error> {
    let bytes = read_bytes(value)?;
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Error::value(format!(
            "{} bytes are no whole number of 32-bit floats",
            bytes.len()
        )));
    }
    let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(at) => Err(Error::value(format!(
            "number {at} of {} is not finite",
            values.len()
        ))),
    }
}

pub(super) fn write_bytes(bytes: &[u8]) -> String {
    format!("\"{}\"", STANDARD.encode(bytes))
}

pub(super) fn read_bytes(value: Value) -> Result<Vec<u8>, Error> {
    STANDARD
        .decode(json::string(value)?)
        .map_err(|error| Error::value(format!("not base64: {error}")))
}
