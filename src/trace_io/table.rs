//! CSV files: named columns, row after row, with the place of what cannot be taken.

use std::path::Path;

use csv::{Position, StringRecord};

use super::collect::Reading;
use super::error::TraceError;
use super::source::Source;
use crate::trace::RowFault;

/// A CSV file, with its column names.
pub(super) struct Table {
    reader: csv::Reader<Source>,
    pub(super) columns: Vec<String>,
}

/// Where a row stands in its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPlace {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// How many rows stand before it.
    pub(super) number: u64,
}

impl Table {
    /// Open a file whose cells are parted by `separator`; absent: by a tab for `.tsv`, else a comma.
    pub(super) fn open(path: &Path, separator: Option<u8>) -> Result<Self, TraceError> {
        let name = path.to_string_lossy();
        let tabs = name.trim_end_matches(".gz").ends_with(".tsv");
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator.unwrap_or(if tabs { b'\t' } else { b',' }))
            .from_reader(Source::open(path)?);
        let header = reader.headers().map_err(|error| csv_fault(path, &error))?;
        let columns: Vec<String> = header
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').trim().to_string())
            .collect();
        if columns.is_empty() {
            return Err(TraceError::of_file(
                path,
                "empty; the first row must name the columns",
            ));
        }
        Ok(Self { reader, columns })
    }

    /// The place of a column.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// The place of a column that must be there; `what` it is wanted for is told where it is not.
    pub(super) fn needed(
        &self,
        path: &Path,
        column: &str,
        what: &str,
    ) -> Result<usize, TraceError> {
        self.place(column).ok_or_else(|| {
            let columns = self.columns.join(", ");
            let message = format!("has no column `{column}` for {what}; columns are: {columns}");
            TraceError::of_file(path, message)
        })
    }

    /// Hand over each row to the end; those that cannot be read or taken are refused.
    pub(super) fn each(
        mut self,
        reading: &mut Reading<'_>,
        file: usize,
        mut take: impl FnMut(&mut Reading<'_>, &StringRecord, RowPlace) -> Result<(), RowFault>,
    ) -> Result<(), TraceError> {
        let mut record = StringRecord::new();
        for number in 0.. {
            match self.reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = record.position().map_or(0, Position::line);
                    if let Err(fault) = take(reading, &record, RowPlace { line, number }) {
                        reading.refuse(file, line, fault)?;
                    }
                }
                Err(error) => {
                    let fault = csv_fault(&reading.paths[file], &error);
                    if error.is_io_error() {
                        return Err(fault);
                    }
                    reading.report.refuse(reading.on_error, fault)?;
                }
            }
        }
        reading.report.bytes += self.reader.get_ref().stored_bytes();
        Ok(())
    }
}

/// What is wrong with a CSV file, and on which line.
fn csv_fault(path: &Path, error: &csv::Error) -> TraceError {
    let line = error.position().map(Position::line);
    let message = match error.kind() {
        csv::ErrorKind::Io(error) => return TraceError::of_reading(path, error),
        csv::ErrorKind::Utf8 { .. } => "not UTF-8; save the file as UTF-8".to_string(),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} cells where the first row has {expected_len}; is a quote missing?"),
        _ => error.to_string(),
    };
    TraceError {
        line,
        ..TraceError::of_file(path, message)
    }
}
