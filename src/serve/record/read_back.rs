//! What is recorded, read back: the promise that a property test and a fuzzer hold the recorder to.
//!
//! Whatever clients ask, upstreams answer and graders report, the real recorder writes it, the real reader of
//! folders takes every line, and finds what was written. Only numbers that a trace cannot hold keep an entry out.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weighbridge_router::{Choose, Endpoint, Parts, Ppm, Request, RequestRef, Router, Timestamp};

use super::writer::Say;
use super::{Attempt, Counts, Entry, Prompts, RecordOptions, Recorder, reports_of};
use crate::serve::assign::assign;
use crate::serve::bounds::is_id;
use crate::serve::live::{Active, Canary, Loaded};
use crate::serve::proxy::attempt_that_said;
use crate::trace::{OutcomeRef, Trace};
use crate::trace_io::{Feedback, ReadOptions, read};

/// What came from outside about one request, as it came.
#[derive(Debug, Clone, Default)]
pub struct Said<'a> {
    /// Its name, by whoever sent it.
    pub id: &'a str,
    /// A request, or a chat body.
    pub request: &'a str,
    /// What upstreams answered.
    pub answers: Vec<&'a [u8]>,
    /// The body of a report.
    pub reports: &'a [u8],
}

/// Record all that is not refused into a folder that is not there yet, and read the folder: how many requests
/// and reports were recorded.
///
/// # Panics
/// Where a line cannot be read, or is not what was written.
#[must_use]
pub fn record_and_read(said: &[Said<'_>], prompts: Prompts, folder: &Path) -> [usize; 2] {
    let now = Timestamp::from_millis(1_764_633_600_000);
    let active = Arc::new(active());
    let options = RecordOptions {
        folder: folder.to_owned(),
        prompts,
        segment_bytes: 1 << 20,
        segment_age: Duration::from_secs(3600),
    };
    let remarks = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&remarks);
    let say: Say = Arc::new(move |text: &str| {
        let mut remarks = heard.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.push(text.to_owned());
    });
    let recorder = Recorder::start(options, &active, Arc::clone(&say)).expect("it starts");
    let (mut entries, mut reports) = (Vec::new(), Vec::new());
    for said in said {
        if let Some((entry, copy)) = entry_of(&active, said, now) {
            recorder.record(|| entry);
            entries.push(copy);
        }
        if let Ok(given) = reports_of(said.reports, now) {
            reports.extend(given.iter().cloned());
            recorder.feedback(given).expect("there is room");
        }
    }
    recorder.finish();
    let fit = |entry: &&Entry| !has_a_number_that_no_trace_holds(&entry.request);
    let kept: Vec<&Entry> = entries.iter().filter(fit).collect();
    let expected = Counts {
        written: (kept.len() + reports.len()) as u64,
        unfit: (entries.len() - kept.len()) as u64,
        ..Counts::default()
    };
    assert_eq!(recorder.counts(), Some(expected), "{remarks:?}");
    check_reports(&reports);
    if !kept.is_empty() {
        let paths = [folder.to_owned()];
        let options = ReadOptions::default();
        let (trace, report) =
            read(&paths, &options, &mut |_| {}).expect("what was written is read");
        assert_eq!((report.skipped, report.torn), (0, 0));
        let told = report.feedback;
        let all = told.joined + told.unknown + told.unplaced + told.unfit;
        assert_eq!(all, reports.len() as u64, "every report is found");
        assert_eq!(trace.len(), kept.len());
        for row in 0..trace.len() {
            let mut named = kept.iter().filter(|entry| entry.id == trace.id(row));
            check_row(named.next().expect("it was recorded"), prompts, &trace, row);
        }
    }
    [kept.len(), reports.len()]
}

/// Draws of every kind: explored, by a canary, with a shadow that answers nothing.
fn active() -> Active {
    let loaded = |name: &str, choose: &str| {
        let router = Router::try_new(Parts {
            endpoints: ["a@x", "b\u{e9}\u{1}@\u{2028}"]
                .map(|id| Endpoint {
                    recorded_only: false,
                    ..Endpoint::recorded_only(id)
                })
                .into(),
            choose: Some(Choose::from_json(choose).expect("a choice")),
            ..Parts::default()
        });
        Loaded {
            name: name.to_owned(),
            router: router.expect("a router"),
        }
    };
    let rules = r#"{"kind":"rules","rule":[{"when":{"task":["none"]},"to":"a@x"}],"else":"a@x"}"#;
    Active {
        main: loaded("main\u{0}", r#"{"kind":"always","to":"a@x"}"#),
        canary: Some(Canary {
            loaded: loaded("\u{1f600}", rules),
            share: Ppm(300_000),
        }),
        shadow: Some(loaded("shadow", rules)),
        explore: Ppm(400_000),
    }
}

/// The entry that handlers would make, twice; none where they would refuse the request.
fn entry_of(active: &Arc<Active>, said: &Said<'_>, now: Timestamp) -> Option<(Entry, Entry)> {
    let read = Request::from_json(said.request).or_else(|_| Request::from_chat(said.request));
    let mut request = read.ok().filter(|_| is_id(said.id))?;
    request.at.get_or_insert(now);
    let attempts = || -> Vec<Attempt> {
        let answers = said.answers.iter();
        answers.map(|body| attempt_that_said(body)).collect()
    };
    let assigned = assign(Arc::clone(active), &request, said.id);
    let entry = |request| assigned.entry(said.id.to_owned(), request, attempts());
    Some((entry(request.clone()), entry(request)))
}

/// The greatest number is a trace's word for the unknown.
fn has_a_number_that_no_trace_holds(request: &Request) -> bool {
    let numbers = [
        request.turn,
        request.input_tokens.map(|tokens| tokens.0),
        request.max_output_tokens.map(|tokens| tokens.0),
        request.deadline_ms.map(|ms| ms.0),
    ];
    numbers.contains(&Some(u32::MAX))
}

fn check_row(entry: &Entry, prompts: Prompts, trace: &Trace, row: usize) {
    let seen = entry.request.as_ref();
    let expected = match prompts {
        Prompts::Keep => seen,
        Prompts::Hash | Prompts::Drop => RequestRef {
            prompt: None,
            embedding: None,
            input_tokens: seen.input_tokens_or_estimate(),
            ..seen
        },
    };
    assert_eq!(trace.request(row), expected);
    let logged = entry.logged.as_ref().expect("all are drawn");
    let read = trace.logged(row);
    assert_eq!(read.map(|it| it.endpoint), logged.endpoint.as_deref());
    if let Some(read) = read {
        let share = f64::from(logged.propensity.0) / 1e6;
        assert_eq!(
            (read.propensity, read.policy),
            (Some(share), Some(&*logged.policy))
        );
    }
    let extra = trace.request_extra(row).expect("there is a shadow");
    let extra: serde_json::Value = serde_json::from_str(extra).expect("JSON");
    assert_eq!(extra["line"]["shadow"]["policy"], "shadow");
    assert_eq!(
        extra["line"]["unanswered"].is_null(),
        logged.endpoint.is_some()
    );
    // Reports add to what stands there, and may add an outcome.
    let outcomes: Vec<OutcomeRef<'_>> = trace.outcomes(row).map(|k| trace.outcome(k)).collect();
    assert!(outcomes.len() >= entry.attempts.len());
    for (tried, read) in entry.attempts.iter().zip(&outcomes) {
        assert_eq!(
            (tried.model.as_str(), Some(tried.endpoint.as_str())),
            (read.model, read.endpoint)
        );
        assert!(read.status.is_some());
    }
}

/// A report that was written is read as it was given.
fn check_reports(reports: &[Feedback]) {
    for report in reports {
        let mut line = Vec::new();
        report.write_line(&mut line).expect("memory takes all");
        let text = std::str::from_utf8(&line).expect("UTF-8");
        assert_eq!(text.matches('\n').count(), 1);
        let read = Feedback::from_json(text, true).expect("what was written is read");
        assert_eq!(&read, report);
    }
}
