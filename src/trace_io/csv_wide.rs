//! CSV in wide form, one row a request and a column of scores a model.

use std::path::{Path, PathBuf};

use csv::StringRecord;
use weighbridge_router::Request;

use super::collect::Reading;
use super::csv_cells::{REQUEST_FIELDS, field_of, map_fault, score, set_request};
use super::error::{ReadReport, TraceError};
use super::import::{Assuming, ImportOptions, csv_source};
use super::table::{RowPlace, Table};
use crate::trace::{OutcomeRef, Row, RowFault, Trace};

/// The columns that a field is looked for in where `--map` does not name one.
const USUAL: &[(&str, &[&str])] = &[
    ("id", &["id"]),
    ("prompt", &["prompt", "question"]),
    ("task", &["task"]),
];

pub(super) fn import(
    inputs: &[PathBuf],
    options: &ImportOptions,
) -> Result<(Trace, ReadReport), TraceError> {
    let map = check_map(&options.map)?;
    check_models(&options.score_columns)?;
    let mut reading = Reading::new(inputs, options.on_error);
    let mut assuming = Assuming::new(options);
    for file in 0..inputs.len() {
        import_file(&mut reading, file, &map, options, &mut assuming)?;
    }
    let header = reading.builder.header_mut();
    header.source = Some(csv_source(inputs));
    header.roles.clone_from(&options.roles);
    assuming.note(header);
    reading.finish()
}

/// The map with its fields known, each once.
fn check_map(map: &[(String, String)]) -> Result<Vec<(&'static str, &str)>, TraceError> {
    let known: Vec<&'static str> = std::iter::once("id")
        .chain(REQUEST_FIELDS.iter().copied())
        .collect();
    let mut checked: Vec<(&'static str, &str)> = Vec::new();
    for (field, column) in map {
        let field = field_of(field, &known).map_err(|fault| TraceError {
            message: format!(
                "{}; with --score-columns a row is a request, and outcomes have scores alone",
                fault.message
            ),
            ..fault
        })?;
        if checked.iter().any(|(held, _)| *held == field) {
            return Err(map_fault(format!("`{field}` is mapped twice; map it once")));
        }
        checked.push((field, column));
    }
    Ok(checked)
}

fn check_models(models: &[String]) -> Result<(), TraceError> {
    let again = (1..models.len()).find(|&i| models[..i].contains(&models[i]));
    match again {
        Some(i) => {
            let message = format!("`{}` is named twice; name it once", models[i]);
            Err(TraceError::of_file(Path::new("--score-columns"), message))
        }
        None => Ok(()),
    }
}

/// Where the fields and scores of one file stand.
struct Columns<'a> {
    /// Place of the id; absent: ids are made.
    id: Option<usize>,
    /// Field, name and place of its column.
    fields: Vec<(&'static str, &'a str, usize)>,
    /// Model, which is the column's name, and place.
    scores: Vec<(&'a str, usize)>,
}

impl<'a> Columns<'a> {
    fn find(
        path: &Path,
        table: &Table,
        map: &[(&'static str, &'a str)],
        models: &'a [String],
    ) -> Result<Self, TraceError> {
        let mut found = Self {
            id: None,
            fields: Vec::new(),
            scores: Vec::new(),
        };
        for &(field, column) in map {
            let place = table.needed(path, column, field)?;
            found.put(field, column, place);
        }
        for model in models {
            let place = table.needed(path, model, "--score-columns")?;
            found.scores.push((model, place));
        }
        for (field, columns) in USUAL {
            let is_score = |place: usize| found.scores.iter().any(|&(_, held)| held == place);
            let usual = columns
                .iter()
                .find_map(|column| Some((*column, table.place(column)?)))
                .filter(|&(_, place)| !is_score(place));
            let mapped = map.iter().any(|(held, _)| held == field);
            if let (false, Some((column, place))) = (mapped, usual) {
                found.put(field, column, place);
            }
        }
        Ok(found)
    }

    fn put(&mut self, field: &'static str, column: &'a str, place: usize) {
        if field == "id" {
            self.id = Some(place);
        } else {
            self.fields.push((field, column, place));
        }
    }

    fn request(&self, record: &StringRecord) -> Result<Request, RowFault> {
        let mut request = Request::default();
        for &(field, column, place) in &self.fields {
            let cell = record.get(place).unwrap_or_default();
            if !cell.is_empty() {
                set_request(&mut request, field, cell)
                    .map_err(|message| RowFault::new(column, message))?;
            }
        }
        Ok(request)
    }

    /// An outcome for each score that is there: without one nothing is known of the model.
    fn outcomes(
        &self,
        record: &StringRecord,
        assuming: &mut Assuming,
    ) -> Result<Vec<OutcomeRef<'a>>, RowFault> {
        let mut outcomes = Vec::with_capacity(self.scores.len());
        for &(model, place) in &self.scores {
            let cell = record.get(place).unwrap_or_default();
            if cell.is_empty() {
                continue;
            }
            let score = score(cell).map_err(|message| RowFault::new(model, message))?;
            let mut outcome = OutcomeRef {
                model,
                score: Some(score),
                ..OutcomeRef::default()
            };
            assuming.fill(&mut outcome);
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}

fn import_file(
    reading: &mut Reading<'_>,
    file: usize,
    map: &[(&'static str, &str)],
    options: &ImportOptions,
    assuming: &mut Assuming,
) -> Result<(), TraceError> {
    let path = &reading.paths[file];
    let table = Table::open(path, options.separator)?;
    let columns = Columns::find(path, &table, map, &options.score_columns)?;
    let name = stem(path);
    let twin = reading.paths[..file].iter().find(|held| stem(held) == name);
    if let (None, Some(twin)) = (columns.id, twin) {
        let message = format!(
            "has no ids, and those made from its name would be those of {}; rename it, or map `id`",
            twin.display()
        );
        return Err(TraceError::of_file(path, message));
    }
    table.each(reading, file, |reading, record, place| {
        let RowPlace { line, number } = place;
        let made = format!("{name}/{number}");
        let id = columns.id.map_or(Some(&*made), |place| record.get(place));
        let request = columns.request(record)?;
        let outcomes = columns.outcomes(record, assuming)?;
        reading.builder.push(&Row {
            id: id.unwrap_or_default(),
            request: request.as_ref(),
            outcomes: &outcomes,
            logged: None,
            extra: None,
        })?;
        reading.stood_at(file, line);
        Ok(())
    })
}

/// The file's name without its endings; `row` for standard input.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name {
        "-" => "row".to_string(),
        _ => name
            .rsplit_once('.')
            .map_or(name, |(stem, _)| stem)
            .to_string(),
    }
}
