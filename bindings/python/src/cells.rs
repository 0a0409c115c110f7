//! Cells of Arrow columns as the values of a request or an outcome.

use weighbridge_router::{Timestamp, Usd};

use crate::arrow::Value;

fn expected(what: &str, found: &Value<'_>) -> String {
    match found {
        Value::Int(x) => format!("must be {what}, not {x}"),
        Value::Float(x) => format!("must be {what}, not {x}"),
        Value::Bool(x) => format!("must be {what}, not {x}"),
        Value::Text(text) => {
            let start: String = text.chars().take(40).collect();
            format!("must be {what}, not `{}`", start.escape_debug())
        }
        _ => format!("must be {what}"),
    }
}

pub(crate) fn text(value: Value<'_>) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(expected("a text", &other)),
    }
}

/// Whole numbers may come as floats, as columns with gaps often do.
pub(crate) fn whole(value: Value<'_>) -> Result<u32, String> {
    let found = match value {
        Value::Int(x) => u32::try_from(x).ok(),
        Value::Float(x) if x.fract() == 0.0 && (0.0..4_294_967_295.0).contains(&x) => {
            Some(x as u32)
        }
        _ => None,
    };
    found
        .filter(|x| *x < u32::MAX)
        .ok_or_else(|| expected("a whole number from 0 to 4294967294", &value))
}

pub(crate) fn score(value: Value<'_>) -> Result<f64, String> {
    match value {
        Value::Bool(right) => Ok(f64::from(u8::from(right))),
        Value::Int(x @ (0 | 1)) => Ok(x as f64),
        Value::Float(x) if (0.0..=1.0).contains(&x) => Ok(x),
        other => Err(expected("true, false or a number in [0, 1]", &other)),
    }
}

/// A number, or a decimal text for what doubles cannot say.
pub(crate) fn usd(value: Value<'_>) -> Result<Usd, String> {
    let usd = match value {
        Value::Float(x) => Usd::try_from_f64(x),
        Value::Int(x) => Usd::parse(&x.to_string()),
        Value::Text(text) => Usd::parse(text),
        other => return Err(expected("an amount in USD", &other)),
    };
    let usd = usd.map_err(|error| error.to_string())?;
    if usd < Usd::ZERO {
        return Err(format!("{usd} USD must not be negative"));
    }
    Ok(usd)
}

pub(crate) fn time(value: Value<'_>) -> Result<Timestamp, String> {
    match value {
        Value::Time(ms) => Ok(Timestamp::from_millis(ms)),
        Value::Text(text) => Timestamp::parse(text).map_err(|error| error.to_string()),
        other => Err(expected("a time", &other)),
    }
}

/// A list, or one text separated by commas, as in CSV files.
pub(crate) fn texts(value: Value<'_>) -> Result<Vec<String>, String> {
    match value {
        Value::Text(list) => {
            let items = list.split(',').map(str::trim);
            Ok(items
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect())
        }
        Value::List(list) => list
            .values()
            .map(|item| text(item?).map(str::to_owned))
            .collect(),
        other => Err(expected("a list of texts", &other)),
    }
}
