//! RouteLLM's MMLU responses: `mmlu_<subject>.csv` with a prompt and a column a model that says
//! whether it answered right.

use std::path::{Path, PathBuf};

use csv::StringRecord;
use weighbridge_router::RequestRef;

use super::collect::Reading;
use super::error::{ReadReport, TraceError};
use super::import::{Assuming, ImportOptions, Table, csv_fault};
use crate::trace::{OutcomeRef, Row, RowFault, Trace};

pub(super) fn import(
    inputs: &[PathBuf],
    options: &ImportOptions,
) -> Result<(Trace, ReadReport), TraceError> {
    let paths = files(inputs)?;
    let mut reading = Reading::new(&paths, options.on_error);
    let mut assuming = Assuming::new(options);
    for file in 0..paths.len() {
        import_file(&mut reading, file, &mut assuming)?;
    }
    let header = reading.builder.header_mut();
    header.source = Some(
        "RouteLLM: answers of two models to MMLU questions, right or wrong \
         (github.com/lm-sys/RouteLLM, routellm/evals/mmlu/responses)"
            .into(),
    );
    header.licence = Some("Apache-2.0".into());
    header.roles.clone_from(&options.roles);
    assuming.note(header);
    reading.finish()
}

/// The files of all inputs, those of a folder by name.
fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, TraceError> {
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
            if subject(&path).is_some() {
                found.push(path);
            }
        }
        if found.is_empty() {
            let message = "holds no mmlu_<subject>.csv; give RouteLLM's folder of responses";
            return Err(TraceError::of_file(input, message));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn subject(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_prefix("mmlu_")?;
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".csv")
        .filter(|subject| !subject.is_empty())
}

fn import_file(
    reading: &mut Reading<'_>,
    file: usize,
    assuming: &mut Assuming,
) -> Result<(), TraceError> {
    let path = &reading.paths[file];
    let subject = subject(path).ok_or_else(|| {
        TraceError::of_file(
            path,
            "must be named mmlu_<subject>.csv; the subject becomes the task",
        )
    })?;
    let mut table = Table::open(path, b',')?;
    let prompt = table.columns.iter().position(|name| name == "prompt");
    let (Some(prompt), true) = (prompt, table.columns.len() > 1) else {
        let message = "needs a column `prompt` and at least one column a model";
        return Err(TraceError::of_file(path, message));
    };
    let mut record = StringRecord::new();
    let mut number = 0;
    loop {
        match table.reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                let id = format!("{subject}/{number}");
                match outcomes(&table.columns, prompt, &record, assuming) {
                    Ok(outcomes) => {
                        let request = RequestRef {
                            prompt: record.get(prompt),
                            task: Some(subject),
                            ..RequestRef::default()
                        };
                        let pushed = reading.builder.push(&Row {
                            id: &id,
                            request,
                            outcomes: &outcomes,
                            logged: None,
                            extra: None,
                        });
                        match pushed {
                            Ok(()) => reading.stood_at(file, line),
                            Err(fault) => reading.refuse(file, line, fault)?,
                        }
                    }
                    Err(fault) => reading.refuse(file, line, fault)?,
                }
            }
            Err(error) if error.is_io_error() => return Err(csv_fault(path, &error)),
            Err(error) => reading
                .report
                .refuse(reading.on_error, csv_fault(path, &error))?,
        }
        number += 1;
    }
    reading.report.bytes += table.reader.get_ref().stored_bytes();
    Ok(())
}

fn outcomes<'a>(
    columns: &'a [String],
    prompt: usize,
    record: &StringRecord,
    assuming: &mut Assuming,
) -> Result<Vec<OutcomeRef<'a>>, RowFault> {
    let models = columns.iter().zip(record).enumerate();
    models
        .filter(|(place, _)| *place != prompt)
        .map(|(_, (model, cell))| {
            let score = match cell {
                "True" => 1.0,
                "False" => 0.0,
                other => {
                    let message = format!("must be True or False, not `{other}`");
                    return Err(RowFault::new(model, message));
                }
            };
            let mut outcome = OutcomeRef {
                model,
                score: Some(score),
                ..OutcomeRef::default()
            };
            assuming.fill(&mut outcome);
            Ok(outcome)
        })
        .collect()
}
