//! Other recorders' files to a trace: the table of formats.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weighbridge_router::Tokens;

use super::error::{OnError, ReadReport, TraceError};
use super::source::Source;
use super::{csv_long, routellm};
use crate::trace::{Assumption, Header, OutcomeRef, Trace};

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// RouteLLM's MMLU responses, a CSV a subject.
    RouteLlm,
    /// CSV in long form, one row an outcome.
    Csv,
}

/// All formats: name on the command line, what it is.
pub const IMPORT_FORMATS: &[(&str, ImportFormat, &str)] = &[
    (
        "routellm",
        ImportFormat::RouteLlm,
        "RouteLLM's MMLU responses: mmlu_<subject>.csv, or folders of them",
    ),
    (
        "csv",
        ImportFormat::Csv,
        "CSV in long form, one row an outcome, its columns given by --map FIELD=COLUMN",
    ),
];

impl ImportFormat {
    /// The format of a name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let mut formats = IMPORT_FORMATS.iter();
        formats
            .find(|(known, ..)| *known == name)
            .map(|&(_, format, _)| format)
    }
}

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// What to do with a row that cannot be taken.
    pub on_error: OnError,
    /// Output tokens of the outcomes that have none recorded; noted in the header as assumed.
    pub assume_output_tokens: Option<u32>,
    /// Roles for the header: role (`driver`, `specialist`) and model or endpoint.
    pub roles: BTreeMap<String, String>,
    /// `csv` only: trace field and the column that holds it.
    pub map: Vec<(String, String)>,
    /// `csv` only: the byte between cells; absent: tab for `.tsv`, else comma.
    pub separator: Option<u8>,
}

/// Import files of a format as one trace.
///
/// # Errors
/// Where a file cannot be read or is of another shape, where no request is left, and, unless
/// faults are skipped, at the first row that cannot be taken.
pub fn import(
    format: ImportFormat,
    inputs: &[PathBuf],
    options: &ImportOptions,
) -> Result<(Trace, ReadReport), TraceError> {
    match format {
        ImportFormat::RouteLlm => routellm::import(inputs, options),
        ImportFormat::Csv => csv_long::import(inputs, options),
    }
}

/// Fills what is assumed and remembers whether anything was.
pub(super) struct Assuming {
    output_tokens: Option<Tokens>,
    filled: bool,
}

impl Assuming {
    pub(super) fn new(options: &ImportOptions) -> Self {
        Self {
            output_tokens: options.assume_output_tokens.map(Tokens),
            filled: false,
        }
    }

    pub(super) fn fill(&mut self, outcome: &mut OutcomeRef<'_>) {
        if outcome.output_tokens.is_none() && self.output_tokens.is_some() {
            outcome.output_tokens = self.output_tokens;
            self.filled = true;
        }
    }

    /// The assumption, for the header, where it was made.
    pub(super) fn note(&self, header: &mut Header) {
        if let Some(tokens) = self.output_tokens.filter(|_| self.filled) {
            header.assumed.push(Assumption {
                field: "output_tokens".into(),
                what: format!("{} by --assume-output-tokens", tokens.0),
            });
        }
    }
}

/// A CSV file, with its column names.
pub(super) struct Table {
    pub(super) reader: csv::Reader<Source>,
    pub(super) columns: Vec<String>,
}

impl Table {
    pub(super) fn open(path: &Path, separator: u8) -> Result<Self, TraceError> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
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
}

/// What is wrong with a CSV file, and on which line.
pub(super) fn csv_fault(path: &Path, error: &csv::Error) -> TraceError {
    let line = error.position().map(csv::Position::line);
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
