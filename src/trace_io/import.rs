//! Other recorders' files to a trace: the table of formats.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weighbridge_router::Tokens;

use super::error::{OnError, ReadReport, TraceError};
use super::{csv_long, csv_wide, routellm, routerarena};
use crate::trace::{Assumption, Header, OutcomeRef, Trace};

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// RouteLLM's MMLU responses, a CSV a subject.
    RouteLlm,
    /// RouterArena's cached results, JSON lines, a file a model.
    RouterArena,
    /// CSV, one row an outcome, or one row a request and a column of scores a model.
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
        "routerarena",
        ImportFormat::RouterArena,
        "RouterArena's cached results: JSON lines, a file a model, or folders of them",
    ),
    (
        "csv",
        ImportFormat::Csv,
        "CSV: a row an outcome, its columns given by --map FIELD=COLUMN; or a row a request, the \
         scores of each model in one of --score-columns",
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
    /// `csv` only: the columns that hold a model's scores, where a row is a request; empty: a row is
    /// an outcome.
    pub score_columns: Vec<String>,
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
        ImportFormat::RouterArena => routerarena::import(inputs, options),
        ImportFormat::Csv if options.score_columns.is_empty() => csv_long::import(inputs, options),
        ImportFormat::Csv => csv_wide::import(inputs, options),
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

/// Where a trace comes from that is made of CSV files.
pub(super) fn csv_source(inputs: &[PathBuf]) -> String {
    let names = inputs.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    format!("imported from CSV: {}", names.join(", "))
}

/// The files of all inputs, those of a folder that are `wanted` by name; where a folder has none,
/// the error says `otherwise`.
pub(super) fn files_of(
    inputs: &[PathBuf],
    wanted: impl Fn(&Path) -> bool,
    otherwise: &str,
) -> Result<Vec<PathBuf>, TraceError> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let failed = |error: std::io::Error| TraceError::of_reading(input, &error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(input).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if wanted(&path) {
                found.push(path);
            }
        }
        if found.is_empty() {
            return Err(TraceError::of_file(input, otherwise));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}
