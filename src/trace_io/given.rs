//! Feedback joined to the rows of a recording, by id.
//!
//! Reports of one id are laid over its outcomes in the order in which they were given, so that of
//! each field the latest counts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::error::{FeedbackReport, ReadReport, TraceError};
use super::feedback::Feedback;
use super::line::{not_json, utf8};
use super::lines::Lines;
use super::wire::{FEEDBACK_FORMAT, FormatOnly};
use super::{OnError, directory};
use crate::trace::{OutcomeRef, Row, RowFault, TraceBuilder};

/// All that was reported about the requests of a recording.
#[derive(Debug, Default)]
pub(super) struct GivenLater {
    by_id: BTreeMap<String, Reports>,
    joined: AtomicU64,
    unplaced: AtomicU64,
    unfit: AtomicU64,
}

#[derive(Debug, Default)]
struct Reports {
    given: Vec<Feedback>,
    met: AtomicBool,
}

impl GivenLater {
    /// Read files of feedback in their order; none where there are no reports.
    ///
    /// # Errors
    /// Where a file cannot be read or is no feedback; unless faults are skipped, at the first line
    /// that cannot be taken.
    pub(super) fn read(
        paths: &[PathBuf],
        on_error: OnError,
        report: &mut ReadReport,
    ) -> Result<Option<Self>, TraceError> {
        let mut all = Self::default();
        for path in paths {
            let mut lines = Lines::open(&directory::as_it_is_now(path))?;
            let mut header_seen = false;
            while lines.advance()? {
                let read = utf8(lines.text()).and_then(|text| {
                    if header_seen {
                        return Feedback::from_json(text, false).map(Some);
                    }
                    check_header(text).map(|()| None)
                });
                match read {
                    Ok(Some(feedback)) => {
                        let reports = all.by_id.entry(feedback.id.clone()).or_default();
                        reports.given.push(feedback);
                    }
                    Ok(None) => header_seen = true,
                    // The server was killed while it wrote.
                    Err(_) if !lines.text().ends_with(b"\n") => report.torn += 1,
                    Err(fault) if !header_seen => return Err(lines.fault(fault)),
                    Err(fault) => report.refuse(on_error, lines.fault(fault))?,
                }
            }
        }
        Ok((!all.by_id.is_empty()).then_some(all))
    }

    /// Append a row with what was reported about it. Where the two together are no row that can be,
    /// the row stays as it was recorded.
    pub(super) fn push_joined(
        &self,
        row: &Row<'_>,
        builder: &mut TraceBuilder,
    ) -> Result<(), RowFault> {
        let Some(reports) = self.by_id.get(row.id) else {
            return builder.push(row);
        };
        reports.met.store(true, Ordering::Relaxed);
        let mut outcomes = row.outcomes.to_vec();
        let mut placed = 0;
        for feedback in &reports.given {
            match place_of(feedback, row, &mut outcomes) {
                Some(place) => {
                    feedback.lay_over(&mut outcomes[place]);
                    placed += 1;
                }
                None => count(&self.unplaced, 1),
            }
        }
        let joined = Row {
            outcomes: &outcomes,
            ..*row
        };
        if builder.push(&joined).is_ok() {
            count(&self.joined, placed);
            return Ok(());
        }
        count(&self.unfit, placed);
        builder.push(row)
    }

    /// What became of the reports.
    pub(super) fn report(&self) -> FeedbackReport {
        let unmet = |reports: &&Reports| !reports.met.load(Ordering::Relaxed);
        FeedbackReport {
            joined: self.joined.load(Ordering::Relaxed),
            unknown: self
                .by_id
                .values()
                .filter(unmet)
                .map(|reports| reports.given.len() as u64)
                .sum(),
            unplaced: self.unplaced.load(Ordering::Relaxed),
            unfit: self.unfit.load(Ordering::Relaxed),
        }
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// The outcome that a report means: the last of the endpoint that it names, else the last of all,
/// which is the answer that the client got. Where there is none it is added, for the endpoint that
/// is named, else for the one that was chosen.
fn place_of<'a>(
    feedback: &'a Feedback,
    row: &Row<'a>,
    outcomes: &mut Vec<OutcomeRef<'a>>,
) -> Option<usize> {
    let named = feedback.endpoint.as_deref();
    let found = match named {
        Some(named) => outcomes
            .iter()
            .rposition(|outcome| outcome.endpoint.unwrap_or(outcome.model) == named),
        None => outcomes.len().checked_sub(1),
    };
    if found.is_some() {
        return found;
    }
    let endpoint = named.or(row.logged.map(|logged| logged.endpoint))?;
    outcomes.push(OutcomeRef {
        // An endpoint is `model@provider`.
        model: endpoint
            .rsplit_once('@')
            .map_or(endpoint, |(model, _)| model),
        endpoint: Some(endpoint),
        ..OutcomeRef::default()
    });
    Some(outcomes.len() - 1)
}

fn check_header(text: &str) -> Result<(), RowFault> {
    let format = serde_json::from_str::<FormatOnly>(text)
        .map_err(|error| RowFault::new("", not_json(&error)))?
        .0;
    let message = match format.as_deref() {
        Some(FEEDBACK_FORMAT) => return Ok(()),
        Some(other) => format!("`{other}` is not what this program reads ({FEEDBACK_FORMAT})"),
        None => format!("the first line must be {{\"format\":\"{FEEDBACK_FORMAT}\"}}"),
    };
    Err(RowFault::new("format", message))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use weighbridge_router::Tokens;

    use crate::trace::Trace;
    use crate::trace_io::{OnError, ReadOptions, ReadReport, TraceError, read};

    const HEADER: &str = r#"{"format":"weighbridge.trace/1"}"#;
    const FEEDBACK: &str = r#"{"format":"weighbridge.feedback/1"}"#;

    fn folder(files: &[(&str, &[&str])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, lines) in files {
            let text = lines.join("\n") + "\n";
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn read_folder(path: &Path, on_error: OnError) -> Result<(Trace, ReadReport), TraceError> {
        let options = ReadOptions {
            on_error,
            threads: 2,
        };
        read(&[path.to_owned()], &options, &mut |_| {})
    }

    const ROWS: &[&str] = &[
        HEADER,
        r#"{"id":"a","request":{},"outcomes":[{"model":"m","endpoint":"m@x","status":"error"},{"model":"n","endpoint":"n@y","status":"ok","input_tokens":9,"cached_tokens":4}],"logged":{"endpoint":"m@x","propensity":0.5}}"#,
        r#"{"id":"b","request":{},"outcomes":[],"logged":{"endpoint":"deep/m@2@x","propensity":1}}"#,
        r#"{"id":"c","request":{},"outcomes":[]}"#,
    ];

    #[test]
    fn the_latest_of_each_field_counts_and_nothing_else_changes() {
        let folder = folder(&[
            ("weighbridge-1.jsonl", ROWS),
            (
                "feedback-1.jsonl",
                &[
                    FEEDBACK,
                    r#"{"id":"a","score":0.25,"output_tokens":70}"#,
                    r#"{"id":"a","score":1,"endpoint":"m@x"}"#,
                    r#"{"id":"b","score":0.5,"latency_ms":12,"mood":"new"}"#,
                    r#"{"id":"gone","score":0.5}"#,
                    r#"{"id":"c","score":0.5}"#,
                    r#"{"id":"c","score":0.5,"endpoint":"k"}"#,
                ],
            ),
            (
                "feedback-2.jsonl",
                &[FEEDBACK, r#"{"id":"a","score":0.75,"endpoint":"n@y"}"#],
            ),
        ]);
        let (trace, report) = read_folder(folder.path(), OnError::Fail).unwrap();
        let row = |i| -> Vec<_> { trace.outcomes(i).map(|k| trace.outcome(k)).collect() };
        let a = row(0);
        assert_eq!(a.len(), 2);
        assert_eq!((a[0].score, a[0].status), (Some(1.0), Some("error")));
        assert_eq!(a[1].score, Some(0.75));
        assert_eq!(a[1].output_tokens, Some(Tokens(70)));
        assert_eq!(a[1].cached_tokens, Some(Tokens(4)));
        let b = row(1);
        assert_eq!(b.len(), 1);
        assert_eq!(
            (b[0].model, b[0].endpoint),
            ("deep/m@2", Some("deep/m@2@x"))
        );
        assert_eq!((b[0].score, b[0].input_tokens), (Some(0.5), None));
        assert_eq!(row(2)[0].model, "k");
        let told = report.feedback;
        assert_eq!(
            (told.joined, told.unknown, told.unplaced, told.unfit),
            (5, 1, 1, 0)
        );
    }

    #[test]
    fn a_report_that_contradicts_the_record_is_left_out() {
        let folder = folder(&[
            ("weighbridge-1.jsonl", ROWS),
            (
                "feedback-1.jsonl",
                &[FEEDBACK, r#"{"id":"a","input_tokens":1,"score":1}"#],
            ),
        ]);
        let (trace, report) = read_folder(folder.path(), OnError::Fail).unwrap();
        let last = trace.outcome(trace.outcomes(0).end - 1);
        assert_eq!((last.input_tokens, last.score), (Some(Tokens(9)), None));
        assert_eq!(report.feedback.unfit, 1);
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over_and_others_are_named() {
        let torn = &ROWS[2][..30];
        let folder = folder(&[("weighbridge-1.jsonl", ROWS)]);
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        file("weighbridge-2.jsonl", &format!("{HEADER}\n{torn}"));
        file("weighbridge-3.jsonl", &HEADER[..7]);
        file(
            "feedback-1.jsonl",
            &format!("{FEEDBACK}\n{{\"id\":\"a\",\"sc"),
        );
        let (trace, report) = read_folder(folder.path(), OnError::Fail).unwrap();
        assert_eq!((trace.len(), report.torn), (3, 3));
        // Whole, but for its line feed.
        file(
            "weighbridge-2.jsonl",
            &format!("{HEADER}\n{{\"id\":\"d\"}}"),
        );
        assert_eq!(
            read_folder(folder.path(), OnError::Fail).unwrap().0.len(),
            4
        );
        // In the middle it is a fault.
        file(
            "weighbridge-2.jsonl",
            &format!("{HEADER}\n{torn}\n{{\"id\":\"d\"}}\n"),
        );
        let error = read_folder(folder.path(), OnError::Fail).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("weighbridge-2.jsonl:2: not valid JSON"),
            "{error}"
        );
        file("weighbridge-2.jsonl", &format!("{HEADER}\n"));
        file(
            "feedback-1.jsonl",
            &format!("{FEEDBACK}\n{{\"id\":\"a\",\"score\":7}}\n"),
        );
        let error = read_folder(folder.path(), OnError::Fail).unwrap_err();
        let says = "feedback-1.jsonl:2: score: 7 is outside [0, 1]";
        assert!(error.to_string().contains(says), "{error}");
        let (_, report) = read_folder(folder.path(), OnError::Skip).unwrap();
        assert_eq!(report.skipped, 1);
    }

    #[test]
    fn the_last_line_of_an_id_counts_and_the_newest_roles_hold() {
        let header = |driver| {
            format!(r#"{{"format":"weighbridge.trace/1","roles":{{"driver":"{driver}"}}}}"#)
        };
        let folder = folder(&[
            (
                "weighbridge-1.jsonl",
                &[
                    &header("old"),
                    r#"{"id":"a","request":{"task":"1"}}"#,
                    r#"{"id":"b"}"#,
                    r#"{"id":"a","request":{"task":"2"}}"#,
                ],
            ),
            (
                "weighbridge-2.jsonl",
                &[
                    &header("new"),
                    r#"{"id":"c"}"#,
                    r#"{"id":"a","request":{"task":"3"}}"#,
                ],
            ),
        ]);
        let (trace, report) = read_folder(folder.path(), OnError::Fail).unwrap();
        let ids: Vec<_> = (0..trace.len()).map(|i| trace.id(i)).collect();
        assert_eq!(ids, ["b", "c", "a"]);
        assert_eq!(trace.request(2).task, Some("3"));
        assert_eq!(report.superseded, 2);
        assert_eq!(trace.header().roles["driver"], "new");
        assert_eq!(report.roles_changed, ["driver"]);
        // Given by their names they are traces like others.
        let path = folder.path().join("weighbridge-1.jsonl");
        let error = read(&[path], &ReadOptions::default(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("`a` stands on"), "{error}");
    }

    #[test]
    fn a_folder_without_a_trace_is_told() {
        let folder = folder(&[("feedback-1.jsonl", &[FEEDBACK])]);
        let error = read_folder(folder.path(), OnError::Fail).unwrap_err();
        let says = "there is no trace in this folder (*.jsonl, *.jsonl.gz)";
        assert!(error.to_string().ends_with(says), "{error}");
    }
}
