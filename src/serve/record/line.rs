//! An entry as a line of a trace, a report as a line of feedback.
//!
//! Whatever an upstream or a client says, the line is one that a reader of traces takes: numbers
//! that contradict each other are left out, since they are not known then, and a line that the reader
//! would refuse all the same is not written.

use std::fmt::Write as _;
use std::io;

use serde_json::{Value, json};
use weighbridge_router::{Millis, Ppm, Request, RequestRef, Tokens, prompt_group};

use super::entry::{Attempt, Entry, Logged};
use super::options::Prompts;
use crate::trace::{LoggedRef, OutcomeRef, Row};
use crate::trace_io::{Feedback, check_line, write_row};

/// Append the line; where that fails, nothing is appended.
///
/// # Errors
/// Where no trace could hold the entry: why.
pub(super) fn write_entry(entry: &Entry, prompts: Prompts, out: &mut Vec<u8>) -> io::Result<()> {
    let outcomes: Vec<OutcomeRef<'_>> = entry.attempts.iter().map(outcome).collect();
    let logged = entry.logged.as_ref();
    let extra = own_fields(entry, prompts);
    let row = Row {
        id: &entry.id,
        request: request(&entry.request, prompts),
        outcomes: &outcomes,
        logged: logged.and_then(|logged| {
            Some(LoggedRef {
                endpoint: logged.endpoint.as_deref()?,
                propensity: Some(share(logged.propensity)),
                policy: Some(&logged.policy),
            })
        }),
        extra: extra.as_deref(),
    };
    row.check().map_err(io::Error::other)?;
    append_checked(
        out,
        |out| write_row(&row, out),
        |line| check_line(line).map_err(io::Error::other),
    )
}

/// The same of a report.
///
/// # Errors
/// Where a reader would refuse it: why.
pub(super) fn write_report(report: &Feedback, out: &mut Vec<u8>) -> io::Result<()> {
    append_checked(
        out,
        |out| report.write_line(out),
        |line| {
            let text = std::str::from_utf8(line).map_err(io::Error::other)?;
            let read = Feedback::from_json(text, false);
            read.map(drop).map_err(io::Error::other)
        },
    )
}

/// Append a line that its reader takes, or nothing.
fn append_checked(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    check: impl FnOnce(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let before = out.len();
    let written = write(out).and_then(|()| check(&out[before..]));
    written.inspect_err(|_| out.truncate(before))
}

/// The request, without its text where that is not kept. What was worked out from the text for
/// eligibility stays: the estimate of its tokens.
fn request(request: &Request, prompts: Prompts) -> RequestRef<'_> {
    let seen = request.as_ref();
    if prompts == Prompts::Keep {
        return seen;
    }
    RequestRef {
        prompt: None,
        // A text can be guessed back from it.
        embedding: None,
        input_tokens: seen.input_tokens_or_estimate(),
        ..seen
    }
}

/// Fields of the line that readers of traces keep and pass over.
fn own_fields(entry: &Entry, prompts: Prompts) -> Option<String> {
    let mut line = serde_json::Map::new();
    if let (Prompts::Hash, Some(prompt)) = (prompts, &entry.request.prompt) {
        line.insert("prompt_group".into(), hex(&prompt_group(prompt)).into());
    }
    if let Some(unanswered) = entry.logged.as_ref().filter(|it| it.endpoint.is_none()) {
        let Logged {
            propensity, policy, ..
        } = unanswered;
        let told = json!({"propensity": share(*propensity), "policy": policy});
        line.insert("unanswered".into(), told);
    }
    if let Some(shadow) = &entry.shadow {
        let told = json!({
            "endpoint": shadow.endpoint,
            "propensity": share(shadow.propensity),
            "policy": shadow.policy,
        });
        line.insert("shadow".into(), told);
    }
    (!line.is_empty()).then(|| json!({"line": Value::Object(line)}).to_string())
}

fn share(propensity: Ppm) -> f64 {
    f64::from(propensity.0) / 1e6
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn outcome(attempt: &Attempt) -> OutcomeRef<'_> {
    // The greatest number is kept for the unknown.
    let known = |number: Option<u32>| number.filter(|&number| number != u32::MAX);
    let tokens = |number| known(number).map(Tokens);
    let part = |part: Option<u32>, whole: Option<u32>| {
        part.filter(|part| known(whole).is_none_or(|whole| *part <= whole))
    };
    OutcomeRef {
        model: &attempt.model,
        endpoint: Some(&attempt.endpoint),
        status: Some(attempt.status),
        input_tokens: tokens(attempt.input_tokens),
        cached_tokens: tokens(part(attempt.cached_tokens, attempt.input_tokens)),
        output_tokens: tokens(attempt.output_tokens),
        reasoning_tokens: tokens(part(attempt.reasoning_tokens, attempt.output_tokens)),
        ttft_ms: known(attempt.ttft_ms).map(Millis),
        latency_ms: known(attempt.latency_ms).map(Millis),
        ..OutcomeRef::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let logged = |endpoint: Option<&str>, ppm, policy: &str| Logged {
            endpoint: endpoint.map(str::to_owned),
            propensity: Ppm(ppm),
            policy: policy.into(),
        };
        Entry {
            id: "r-1".into(),
            request: Request {
                prompt: Some("Prove it, Ada!".into()),
                session: Some("s".into()),
                embedding: Some(vec![0.5]),
                ..Request::default()
            },
            logged: Some(logged(Some("a@x"), 985_000, "main")),
            shadow: Some(logged(None, 1_000_000, "next")),
            attempts: vec![
                Attempt {
                    model: "a".into(),
                    endpoint: "a@x".into(),
                    status: "error",
                    latency_ms: Some(4),
                    ..Attempt::default()
                },
                Attempt {
                    model: "b".into(),
                    endpoint: "b@x".into(),
                    status: "ok",
                    input_tokens: Some(5),
                    cached_tokens: Some(7),
                    output_tokens: Some(u32::MAX),
                    reasoning_tokens: Some(2),
                    ..Attempt::default()
                },
            ],
        }
    }

    fn line(entry: &Entry, prompts: Prompts) -> Value {
        let mut out = Vec::new();
        write_entry(entry, prompts, &mut out).unwrap();
        assert!(out.ends_with(b"}\n"));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn an_entry_becomes_a_line_and_impossible_numbers_are_unknown() {
        let expected = json!({
            "id": "r-1",
            "request": {"prompt": "Prove it, Ada!", "session": "s", "embedding": [0.5]},
            "outcomes": [
                {"model": "a", "endpoint": "a@x", "status": "error", "latency_ms": 4},
                {"model": "b", "endpoint": "b@x", "status": "ok", "input_tokens": 5, "reasoning_tokens": 2},
            ],
            "logged": {"endpoint": "a@x", "propensity": 0.985, "policy": "main"},
            "shadow": {"endpoint": null, "propensity": 1.0, "policy": "next"},
        });
        assert_eq!(line(&entry(), Prompts::Keep), expected);
    }

    #[test]
    fn texts_are_hashed_or_dropped_and_their_estimate_stays() {
        let hashed = line(&entry(), Prompts::Hash);
        // By Python's hashlib, of `prove it ada`.
        let group = "a0eb68b4d10a5f78e447f79a2ecd858ccb7be7e483df1246e31bb45e781e4e2a";
        assert_eq!(hashed["prompt_group"], group);
        let again = Entry {
            request: Request {
                prompt: Some("  prove IT ada".into()),
                ..Request::default()
            },
            ..entry()
        };
        assert_eq!(
            line(&again, Prompts::Hash)["prompt_group"],
            hashed["prompt_group"]
        );
        assert_eq!(
            hashed["request"],
            json!({"session": "s", "input_tokens": 4})
        );
        let dropped = line(&entry(), Prompts::Drop);
        assert_eq!(dropped["request"], hashed["request"]);
        assert!(!dropped.to_string().contains("prompt"));
    }

    #[test]
    fn unanswered_is_told_apart_from_passed_through() {
        let mut unanswered = entry();
        unanswered.logged.as_mut().unwrap().endpoint = None;
        let told = line(&unanswered, Prompts::Keep);
        assert_eq!(
            told["unanswered"],
            json!({"propensity": 0.985, "policy": "main"})
        );
        assert_eq!(told.get("logged"), None);
        let passed = Entry::passed_through("r".into(), Request::default(), Vec::new());
        assert_eq!(
            line(&passed, Prompts::Keep),
            json!({"id": "r", "request": {}, "outcomes": []})
        );
    }

    #[test]
    fn what_no_trace_can_hold_is_refused_with_its_field() {
        let mut out = b"before\n".to_vec();
        let bad = Entry {
            request: Request {
                turn: Some(u32::MAX),
                ..Request::default()
            },
            ..entry()
        };
        let why = write_entry(&bad, Prompts::Keep, &mut out).unwrap_err();
        assert!(why.to_string().starts_with("request.turn: "), "{why}");
        assert_eq!(out, b"before\n");
    }

    /// Whatever lets such a moment in: it is kept out of the files.
    #[test]
    fn what_a_reader_would_refuse_is_not_written() {
        for ms in [i64::MIN, -62_167_219_200_001, 253_402_300_800_000, i64::MAX] {
            let at = Some(weighbridge_router::Timestamp::from_millis(ms));
            let mut out = b"before\n".to_vec();
            let bad = Entry {
                request: Request {
                    at,
                    ..Request::default()
                },
                ..entry()
            };
            let why = write_entry(&bad, Prompts::Keep, &mut out).unwrap_err();
            assert!(why.to_string().starts_with("request.at: "), "{why}");
            let bad = Feedback {
                id: "r-1".into(),
                at,
                score: Some(1.0),
                ..Feedback::default()
            };
            write_report(&bad, &mut out).unwrap_err();
            assert_eq!(out, b"before\n");
        }
    }
}
