//! Rows of several files as they come together, with the place where each stood.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{OnError, ReadReport, TraceError};
use crate::trace::{Header, RowFault, Trace, TraceBuilder};

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
    /// Of each, whether it was found in a folder, as a part of a recording.
    pub(super) found: Vec<bool>,
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
            found: vec![false; paths.len()],
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

    /// Take in a file's header. Segments of a recording that goes on while its router is replaced
    /// may bind roles differently: the newest holds.
    pub(super) fn take_header(&mut self, file: usize, header: Header) -> Result<(), TraceError> {
        let held = self.builder.header_mut();
        if file == 0 {
            *held = header;
            return Ok(());
        }
        if self.found[file] && self.found[file - 1] {
            for (role, name) in &header.roles {
                match held.roles.insert(role.clone(), name.clone()) {
                    Some(former) if former != *name => self.report.roles_changed.push(role.clone()),
                    _ => {}
                }
            }
        }
        held.absorb(header)
            .map_err(|conflict| TraceError::of_file(&self.paths[file], conflict.to_string()))
    }

    /// The trace of all rows.
    ///
    /// # Errors
    /// Where no row is left; where an id stands twice, unless faults are skipped.
    pub(super) fn finish(mut self) -> Result<(Trace, ReadReport), TraceError> {
        let mut again = self.builder.duplicates();
        if again.iter().any(|&row| self.recorded(row)) {
            let superseded = self.superseded(&again);
            self.report.superseded = superseded.len() as u64;
            self.builder = self.builder.without(&superseded);
            let mut place = 0..;
            self.positions.retain(|_| {
                place
                    .next()
                    .is_none_or(|i| superseded.binary_search(&i).is_err())
            });
            again = self.builder.duplicates();
        }
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
        // A recording has its lines in the order in which answers were complete.
        let recorded = self.found.iter().all(|&found| found);
        self.report.out_of_order = if recorded { 0 } else { out_of_order };
        Ok((trace, self.report))
    }

    /// Whether a row comes from a recording.
    fn recorded(&self, row: usize) -> bool {
        self.found[self.positions[row].0 as usize]
    }

    /// The rows of recordings whose request was sent again: of each id the last one counts. `again`
    /// are the rows whose id stands before.
    fn superseded(&self, again: &[usize]) -> Vec<usize> {
        let recorded = again.iter().filter(|&&row| self.recorded(row));
        // Later rows replace earlier ones.
        let last: BTreeMap<&str, usize> =
            recorded.map(|&row| (self.builder.id(row), row)).collect();
        (0..self.builder.len())
            .filter(|&row| {
                let last = last.get(self.builder.id(row));
                self.recorded(row) && last.is_some_and(|&last| row < last)
            })
            .collect()
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
