//! The body of `POST /v1/feedback`: one report, or a list of them.

use serde_json::value::RawValue;
use weighbridge_router::Timestamp;

use crate::serve::bounds::{ID_RULE, MAX_NAME_BYTES, is_id};
use crate::trace::RowFault;
use crate::trace_io::Feedback;

/// Read the body; reports without a time were given at `now`.
///
/// # Errors
/// Where any of it is wrong: nothing is taken then. The field of a list begins with its place.
pub(in crate::serve) fn reports_of(body: &[u8], now: Timestamp) -> Result<Vec<Feedback>, RowFault> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let place = error.valid_up_to();
        RowFault::new("", format!("the body is not UTF-8 from byte {place}"))
    })?;
    let one = |text: &str| {
        let mut report = Feedback::from_json(text, true)?;
        check_texts(&report)?;
        report.at.get_or_insert(now);
        Ok(report)
    };
    if !text.trim_start().starts_with('[') {
        return one(text).map(|report| vec![report]);
    }
    let list: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| RowFault::new("", format!("the body is not valid JSON: {error}")))?;
    let read = list.iter().enumerate().map(|(place, item)| {
        one(item.get()).map_err(|fault: RowFault| {
            let dot = if fault.field.is_empty() { "" } else { "." };
            RowFault::new(format!("[{place}]{dot}{}", fault.field), fault.message)
        })
    });
    read.collect()
}

/// An id is one that a request can have; names are short.
fn check_texts(report: &Feedback) -> Result<(), RowFault> {
    if !is_id(&report.id) {
        return Err(RowFault::new("id", ID_RULE));
    }
    let names = [("endpoint", &report.endpoint), ("status", &report.status)];
    let long = |text: &&Option<String>| {
        text.as_ref()
            .is_some_and(|text| text.len() > MAX_NAME_BYTES)
    };
    match names.iter().find(|(_, text)| long(text)) {
        Some((field, _)) => {
            let message = format!("must be at most {MAX_NAME_BYTES} bytes long");
            Err(RowFault::new(*field, message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_764_633_600_000);

    #[track_caller]
    fn refused(body: &str, says: &str) {
        let fault = reports_of(body.as_bytes(), NOW).unwrap_err();
        assert_eq!(fault.to_string(), says);
    }

    #[test]
    fn one_report_or_a_list() {
        let one = reports_of(br#"{"id":"r-1","score":1}"#, NOW).unwrap();
        assert_eq!(
            (one.len(), one[0].score, one[0].at),
            (1, Some(1.0), Some(NOW))
        );
        let body = br#" [{"id":"a","score":0.5,"endpoint":"m@x"},{"id":"b","at":"2025-12-01","output_tokens":7,"status":"ok"}]"#;
        let two = reports_of(body, NOW).unwrap();
        assert_eq!(two[0].endpoint.as_deref(), Some("m@x"));
        assert!(two[1].at.unwrap() < NOW);
        assert_eq!(two[1].output_tokens.unwrap().0, 7);
        assert!(reports_of(b"[]", NOW).unwrap().is_empty());
    }

    #[test]
    fn a_fault_names_its_field_and_its_place_in_the_list() {
        refused(
            "{",
            ": not valid JSON at column 1: EOF while parsing an object",
        );
        refused(r#"{"score":1}"#, "id: this field is missing");
        refused(r#"{"id":"","score":1}"#, "id: must not be empty");
        refused(
            r#"{"id":"a"}"#,
            ": nothing is said about the answer; give a `score`, `status`, tokens, times or `cost_usd`",
        );
        refused(
            r#"{"id":"a","score":1,"at":"noon"}"#,
            "at: `noon` is not a time; write it like 2025-12-02T09:14:03Z or 2025-12-02",
        );
        refused(
            r#"{"id":"a","score":1,"at":7}"#,
            "at: must be a time, not 7",
        );
        refused(
            r#"{"id":"a","score":2}"#,
            "score: 2 is outside [0, 1]; scale scores before they are recorded",
        );
        refused(
            r#"{"id":"a","score":"1"}"#,
            "score: must be a number, not \"1\"",
        );
        refused(
            r#"[{"id":"a","score":1},{"id":"b","input_tokens":-1}]"#,
            "[1].input_tokens: must be a whole number from 0 to 4294967294, not -1",
        );
        refused(
            r#"[{"id":"a","scor":1}]"#,
            "[0].scor: unknown field; known here: id, at, endpoint, status, score, input_tokens, cached_tokens, output_tokens, reasoning_tokens, ttft_ms, latency_ms, cost_usd",
        );
        let rule = format!("id: {ID_RULE}");
        let long = "i".repeat(129);
        for id in ["a b", "a\\n", "\\u0000", "\u{e9}", &long] {
            refused(&format!(r#"{{"id":"{id}","score":1}}"#), &rule);
        }
        refused(
            &format!(
                r#"[{{"id":"{}","score":1}},{{"id":" ","score":1}}]"#,
                &long[1..]
            ),
            &format!("[1].{rule}"),
        );
        for field in ["status", "endpoint"] {
            let of = |bytes: usize| {
                let text = "\u{e9}".repeat(bytes / 2);
                format!(r#"{{"id":"a","score":1,"{field}":"{text}"}}"#)
            };
            reports_of(of(256).as_bytes(), NOW).unwrap();
            refused(
                &of(258),
                &format!("{field}: must be at most 256 bytes long"),
            );
        }
        refused(
            r#"{"id":"a","score":1,"score":0}"#,
            ": duplicate field `score`",
        );
        refused(
            r#"{"id":"a","input_tokens":1,"cached_tokens":2}"#,
            "cached_tokens: 2 is more than the 1 of which it is a part",
        );
    }
}
