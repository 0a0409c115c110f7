//! Rows of several files as they come together, with the place where each stood.

use std::path::{Path, PathBuf};

use super::error::{OnError, ReadReport, TraceError};
use crate::trace::{RowFault, Trace, TraceBuilder};

/// Where something stands among the files that are read together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// The number of the file.
    pub(super) file: usize,
    /// The line, from 1.
    pub(super) line: u64,
}

impl Position {
    /// `FILE:LINE`.
    pub(super) fn shown(self, paths: &[PathBuf]) -> String {
        format!("{}:{}", paths[self.file].display(), self.line)
    }
}

/// Rows so far.
pub(super) struct Reading<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) on_error: OnError,
    pub(super) builder: TraceBuilder,
    /// Where each row stood: number of the file, line.
    pub(super) positions: Vec<(u32, u32)>,
    pub(super) report: ReadReport,
}

impl<'a> Reading<'a> {
    pub(super) fn new(paths: &'a [PathBuf], on_error: OnError) -> Self {
        Self {
            paths,
            on_error,
            builder: TraceBuilder::default(),
            positions: Vec::new(),
            report: ReadReport::default(),
        }
    }

    /// Leave a line out, or stop at it.
    pub(super) fn refuse(
        &mut self,
        file: usize,
        line: u64,
        fault: RowFault,
    ) -> Result<(), TraceError> {
        let fault = TraceError::of_row(&self.paths[file], line, fault);
        self.report.refuse(self.on_error, fault)
    }

    /// Note where the row that was appended last stood.
    pub(super) fn stood_at(&mut self, file: usize, line: u64) {
        self.positions.push((
            u32::try_from(file).unwrap_or(u32::MAX),
            u32::try_from(line).unwrap_or(u32::MAX),
        ));
    }

    /// The trace of all rows.
    ///
    /// # Errors
    /// Where no row is left; where an id stands twice, unless faults are skipped.
    pub(super) fn finish(mut self) -> Result<(Trace, ReadReport), TraceError> {
        let again = self.builder.duplicates();
        for &row in &again {
            let fault = self.duplicate(row);
            self.report.refuse(self.on_error, fault)?;
        }
        if !again.is_empty() {
            self.builder = self.builder.without(&again);
        }
        if self.builder.is_empty() {
            let path = self.paths.first().map_or(Path::new("-"), PathBuf::as_path);
            let why = match self.report.issues.first() {
                Some(first) => format!("no requests: all were left out, first {first}"),
                None => "no requests".to_string(),
            };
            return Err(TraceError::of_file(path, why));
        }
        let (trace, out_of_order) = self.builder.finish_distinct();
        self.report.out_of_order = out_of_order;
        Ok((trace, self.report))
    }

    fn duplicate(&self, row: usize) -> TraceError {
        let id = self.builder.id(row);
        let path = |row: usize| &self.paths[self.positions[row].0 as usize];
        let line = |row: usize| u64::from(self.positions[row].1);
        let first = (0..row).find(|&i| self.builder.id(i) == id).unwrap_or(row);
        let message = format!(
            "`{id}` stands on {}:{} already; ids must be unique over all traces read together",
            path(first).display(),
            line(first)
        );
        TraceError::of_row(path(row), line(row), RowFault::new("id", message))
    }
}
