//! What can be wrong with a trace that is read, imported or written, and where.

use std::fmt;
use std::io;
use std::path::Path;

use weighbridge_router::printable;

use crate::trace::RowFault;

/// A fault with its position; displayed in one line: `FILE:LINE: FIELD: MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceError {
    /// The file as it was given, `-` for standard input.
    pub file: String,
    /// The line, from 1, where the fault belongs to one.
    pub line: Option<u64>,
    /// The field or column, for example `outcomes[1].score`, where the fault belongs to one.
    pub field: Option<String>,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl TraceError {
    /// A fault of a file as a whole.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.display().to_string(),
            line: None,
            field: None,
            message: message.into(),
        }
    }

    /// A fault of a line; an empty field stands for the line as a whole.
    pub(super) fn of_row(file: &Path, line: u64, fault: RowFault) -> Self {
        Self {
            line: Some(line),
            field: Some(fault.field).filter(|field| !field.is_empty()),
            ..Self::of_file(file, fault.message)
        }
    }

    /// A file that cannot be read.
    pub(super) fn of_reading(file: &Path, error: &io::Error) -> Self {
        let message = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_string(),
            io::ErrorKind::UnexpectedEof => {
                "the compressed data end too early; the file was cut off, fetch it again".into()
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                format!("the compressed data are damaged ({error}); fetch the file again")
            }
            _ => format!("cannot be read: {error}"),
        };
        Self::of_file(file, message)
    }

    /// A file that cannot be written.
    pub(super) fn of_writing(file: &Path, error: &io::Error) -> Self {
        Self::of_file(file, format!("cannot be written: {error}"))
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ": {}", printable(field))?;
        }
        write!(f, ": {}", printable(&self.message))
    }
}

impl std::error::Error for TraceError {}

/// The start of a value, for a message of one line.
pub(super) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &line[..cut]),
        None => line.to_string(),
    }
}

/// What to do with a line that cannot be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// Stop at it.
    #[default]
    Fail,
    /// Leave it out, count it and list it.
    Skip,
}

/// What happened while a trace was read or imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Bytes read from the files as they are stored, compressed or not.
    pub bytes: u64,
    /// How many lines were left out.
    pub skipped: u64,
    /// The first of them, with the reason, at most [`ISSUES_KEPT`].
    pub issues: Vec<TraceError>,
    /// How many requests stood out of order of time; they were sorted.
    pub out_of_order: usize,
    /// How many scores lay outside [0, 1] and were moved to the nearer end.
    pub clamped: u64,
    /// How many files of a recording ended in a line that was cut off, which was left out.
    pub torn: u64,
    /// How many lines of recordings were left out because their id stands on a later line too.
    pub superseded: u64,
    /// The roles that segments of a recording bind differently; the newest holds.
    pub roles_changed: Vec<String>,
    /// What became of the feedback beside recordings.
    pub feedback: FeedbackReport,
}

/// What became of reports that were given after the lines were recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedbackReport {
    /// Reports that were laid over an outcome.
    pub joined: u64,
    /// Reports of ids that no line has.
    pub unknown: u64,
    /// Reports that name no endpoint, of requests that went nowhere.
    pub unplaced: u64,
    /// Reports that contradict what was recorded, such as more cached tokens than there were.
    pub unfit: u64,
}

/// How many faults a [`ReadReport`] lists; all are counted.
pub const ISSUES_KEPT: usize = 20;

impl ReadReport {
    /// A line cannot be taken: stop there, or note it and go on.
    pub(super) fn refuse(
        &mut self,
        on_error: OnError,
        fault: TraceError,
    ) -> Result<(), TraceError> {
        if on_error == OnError::Fail {
            return Err(fault);
        }
        self.skipped += 1;
        if self.issues.len() < ISSUES_KEPT {
            self.issues.push(fault);
        }
        Ok(())
    }
}
