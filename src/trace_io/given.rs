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
