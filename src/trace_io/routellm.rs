//! RouteLLM's MMLU responses: `mmlu_<subject>.csv` with a prompt and a column a model that says
//! whether it answered right.

use std::path::{Path, PathBuf};

use csv::StringRecord;
use weighbridge_router::RequestRef;

use super::collect::Reading;
use super::error::{ReadReport, TraceError};
use super::import::{Assuming, ImportOptions, files_of};
use super::table::{RowPlace, Table};
use crate::trace::{OutcomeRef, Row, RowFault, Trace};

pub(super) fn import(
    inputs: &[PathBuf],
    options: &ImportOptions,
) -> Result<(Trace, ReadReport), TraceError> {
    let paths = files_of(
        inputs,
        |path| subject(path).is_some(),
        "holds no mmlu_<subject>.csv; give RouteLLM's folder of responses",
    )?;
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
    let table = Table::open(path, Some(b','))?;
    let prompt = table.place("prompt");
    let (Some(prompt), true) = (prompt, table.columns.len() > 1) else {
        let message = "needs a column `prompt` and at least one column a model";
        return Err(TraceError::of_file(path, message));
    };
    let columns = table.columns.clone();
    table.each(reading, file, |reading, record, place| {
        let RowPlace { line, number } = place;
        let outcomes = outcomes(&columns, prompt, record, assuming)?;
        reading.builder.push(&Row {
            id: &format!("{subject}/{number}"),
            request: RequestRef {
                prompt: record.get(prompt),
                task: Some(subject),
                ..RequestRef::default()
            },
            outcomes: &outcomes,
            logged: None,
            extra: None,
        })?;
        reading.stood_at(file, line);
        Ok(())
    })
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
