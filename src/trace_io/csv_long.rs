//! CSV in long form, one row an outcome: the user says which column holds which field.

use std::collections::BTreeMap;
use std::path::PathBuf;

use csv::StringRecord;
use weighbridge_router::{Millis, Request, Tokens};

use super::collect::{Position, Reading};
use super::csv_cells::{REQUEST_FIELDS, field_of, map_fault, score, set_request, usd, whole};
use super::error::{ReadReport, TraceError, short};
use super::import::{Assuming, ImportOptions, csv_source};
use super::table::Table;
use crate::trace::{OutcomeRef, Row, RowFault, Trace};

/// Fields of one outcome.
const OUTCOME_FIELDS: &[&str] = &[
    "model",
    "endpoint",
    "sample",
    "status",
    "score",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "ttft_ms",
    "latency_ms",
    "cost_usd",
];

pub(super) fn import(
    inputs: &[PathBuf],
    options: &ImportOptions,
) -> Result<(Trace, ReadReport), TraceError> {
    let map = check_map(&options.map)?;
    let mut reading = Reading::new(inputs, options.on_error);
    let mut rows = Rows::default();
    for file in 0..inputs.len() {
        import_file(&mut reading, file, &map, options.separator, &mut rows)?;
    }
    let mut assuming = Assuming::new(options);
    for pending in rows.pending {
        pending.push(&mut reading, &mut assuming)?;
    }
    let header = reading.builder.header_mut();
    header.source = Some(csv_source(inputs));
    header.roles.clone_from(&options.roles);
    assuming.note(header);
    reading.finish()
}

/// The map with its fields known, each once, `id` and `model` among them.
fn check_map(map: &[(String, String)]) -> Result<Vec<(&'static str, &str)>, TraceError> {
    let known: Vec<&'static str> = std::iter::once(&"id")
        .chain(REQUEST_FIELDS)
        .chain(OUTCOME_FIELDS)
        .copied()
        .collect();
    let mut checked: Vec<(&'static str, &str)> = Vec::new();
    for (field, column) in map {
        let field = field_of(field, &known)?;
        if checked.iter().any(|(held, _)| *held == field) {
            return Err(map_fault(format!("`{field}` is mapped twice; map it once")));
        }
        checked.push((field, column));
    }
    // Who maps nothing may have a table of the other form.
    let wide = match map.is_empty() {
        true => ", or name the columns of scores by --score-columns where a row is a request",
        false => "",
    };
    for needed in ["id", "model"] {
        if !checked.iter().any(|(held, _)| *held == needed) {
            return Err(map_fault(format!(
                "`{needed}` is not mapped; add --map {needed}=COLUMN{wide}"
            )));
        }
    }
    Ok(checked)
}

/// Requests by id, in order of first appearance.
#[derive(Default)]
struct Rows {
    pending: Vec<Pending>,
    by_id: BTreeMap<String, usize>,
}

struct Pending {
    id: String,
    first: Position,
    /// Field, cell and where it stood first.
    cells: Vec<(&'static str, String, Position)>,
    request: Request,
    outcomes: Vec<(Outcome, Position)>,
}

#[derive(Default)]
struct Outcome {
    model: String,
    endpoint: Option<String>,
    status: Option<String>,
    /// All but the texts.
    numbers: OutcomeRef<'static>,
}

impl Outcome {
    fn as_ref(&self) -> OutcomeRef<'_> {
        OutcomeRef {
            model: &self.model,
            endpoint: self.endpoint.as_deref(),
            status: self.status.as_deref(),
            ..self.numbers
        }
    }
}

impl Pending {
    fn push(&self, reading: &mut Reading<'_>, assuming: &mut Assuming) -> Result<(), TraceError> {
        let mut outcomes: Vec<OutcomeRef<'_>> = self
            .outcomes
            .iter()
            .map(|(outcome, _)| outcome.as_ref())
            .collect();
        outcomes
            .iter_mut()
            .for_each(|outcome| assuming.fill(outcome));
        let pushed = reading.builder.push(&Row {
            id: &self.id,
            request: self.request.as_ref(),
            outcomes: &outcomes,
            logged: None,
            extra: None,
        });
        match pushed {
            Ok(()) => {
                reading.stood_at(self.first.file, self.first.line);
                Ok(())
            }
            Err(fault) => {
                // The row of the outcome that is at fault, where it is one's.
                let place = (0..self.outcomes.len())
                    .find(|i| fault.field.starts_with(&format!("outcomes[{i}]")));
                let at = place.map_or(self.first, |i| self.outcomes[i].1);
                reading.refuse(at.file, at.line, fault)
            }
        }
    }
}

fn import_file(
    reading: &mut Reading<'_>,
    file: usize,
    map: &[(&'static str, &str)],
    separator: Option<u8>,
    rows: &mut Rows,
) -> Result<(), TraceError> {
    let path = &reading.paths[file];
    let table = Table::open(path, separator)?;
    let mut places = Vec::with_capacity(map.len());
    for (field, column) in map {
        places.push((*field, *column, table.needed(path, column, field)?));
    }
    table.each(reading, file, |reading, record, place| {
        let line = place.line;
        rows.take(&places, record, Position { file, line }, reading.paths)
    })
}

impl Rows {
    /// Take in one row, whole or not at all.
    fn take(
        &mut self,
        places: &[(&'static str, &str, usize)],
        record: &StringRecord,
        at: Position,
        paths: &[PathBuf],
    ) -> Result<(), RowFault> {
        let (mut id, mut outcome, mut cells) = ("", Outcome::default(), Vec::new());
        let mut outcome_cell = None;
        for &(field, column, place) in places {
            let cell = record.get(place).unwrap_or_default();
            if cell.is_empty() {
                continue;
            }
            let fault = |message| RowFault::new(column, message);
            if field == "id" {
                id = cell;
            } else if REQUEST_FIELDS.contains(&field) {
                set_request(&mut Request::default(), field, cell).map_err(fault)?;
                cells.push((field, column, cell));
            } else {
                set_outcome(&mut outcome, field, cell).map_err(fault)?;
                outcome_cell = Some(column);
            }
        }
        if id.is_empty() {
            return Err(RowFault::new("id", "must not be empty"));
        }
        if let (true, Some(column)) = (outcome.model.is_empty(), outcome_cell) {
            return Err(RowFault::new(column, "is given without a model"));
        }
        let known = self.by_id.get(id).map(|&place| &self.pending[place]);
        if let Some(known) = known {
            known.agrees(&cells, &outcome, paths)?;
        }
        let place = self.place(id, at);
        let pending = &mut self.pending[place];
        for (field, _, cell) in cells {
            if !pending.cells.iter().any(|(held, ..)| *held == field) {
                set_request(&mut pending.request, field, cell)
                    .map_err(|message| RowFault::new(field, message))?;
                pending.cells.push((field, cell.to_string(), at));
            }
        }
        if !outcome.model.is_empty() {
            pending.outcomes.push((outcome, at));
        }
        Ok(())
    }

    fn place(&mut self, id: &str, at: Position) -> usize {
        if let Some(&place) = self.by_id.get(id) {
            return place;
        }
        self.by_id.insert(id.to_string(), self.pending.len());
        self.pending.push(Pending {
            id: id.to_string(),
            first: at,
            cells: Vec::new(),
            request: Request::default(),
            outcomes: Vec::new(),
        });
        self.pending.len() - 1
    }
}

impl Pending {
    /// Whether a further row says the same of the request and adds another outcome.
    fn agrees(
        &self,
        cells: &[(&'static str, &str, &str)],
        outcome: &Outcome,
        paths: &[PathBuf],
    ) -> Result<(), RowFault> {
        for (field, column, cell) in cells {
            let held = self.cells.iter().find(|(held, ..)| held == field);
            if let Some((_, held, at)) = held.filter(|(_, held, _)| held != cell) {
                let (held, cell) = (short(held), short(cell));
                let message = format!(
                    "`{cell}` here and `{held}` on {} for the same id `{}`; {field} belongs to \
                     the request and must agree",
                    at.shown(paths),
                    self.id
                );
                return Err(RowFault::new(*column, message));
            }
        }
        let key = |outcome: &Outcome| {
            let (model, endpoint) = (outcome.model.clone(), outcome.endpoint.clone());
            (model, endpoint, outcome.numbers.sample)
        };
        let mut same = self
            .outcomes
            .iter()
            .filter(|(held, _)| key(held) == key(outcome));
        match same.next() {
            Some((_, at)) if !outcome.model.is_empty() => {
                let message = format!(
                    "`{}` has an outcome for `{}` on {} already; map `sample` to tell them apart",
                    outcome.model,
                    self.id,
                    at.shown(paths)
                );
                Err(RowFault::new("model", message))
            }
            _ => Ok(()),
        }
    }
}

fn set_outcome(outcome: &mut Outcome, field: &str, cell: &str) -> Result<(), String> {
    let numbers = &mut outcome.numbers;
    match field {
        "model" => outcome.model = cell.to_string(),
        "endpoint" => outcome.endpoint = Some(cell.to_string()),
        "sample" => numbers.sample = whole(cell)?,
        "status" => outcome.status = Some(cell.to_string()),
        "score" => numbers.score = Some(score(cell)?),
        "input_tokens" => numbers.input_tokens = Some(Tokens(whole(cell)?)),
        "cached_tokens" => numbers.cached_tokens = Some(Tokens(whole(cell)?)),
        "output_tokens" => numbers.output_tokens = Some(Tokens(whole(cell)?)),
        "reasoning_tokens" => numbers.reasoning_tokens = Some(Tokens(whole(cell)?)),
        "ttft_ms" => numbers.ttft_ms = Some(Millis(whole(cell)?)),
        "latency_ms" => numbers.latency_ms = Some(Millis(whole(cell)?)),
        "cost_usd" => numbers.cost_usd = Some(usd(cell)?),
        _ => return Err(format!("{field} is no field of an outcome")),
    }
    Ok(())
}
