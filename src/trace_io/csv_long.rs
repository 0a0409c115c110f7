//! CSV in long form, one row an outcome: the user says which column holds which field.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use weighbridge_router::{Millis, Request, Timestamp, Tokens, Usd};

use super::collect::Reading;
use super::error::{ReadReport, TraceError};
use super::import::{Assuming, ImportOptions, Table, csv_fault};
use crate::trace::{OutcomeRef, Row, RowFault, Trace};

/// Fields that all rows of an id share.
const REQUEST_FIELDS: &[&str] = &[
    "at",
    "prompt",
    "task",
    "tenant",
    "session",
    "turn",
    "channel",
    "region",
    "needs",
    "request_input_tokens",
    "max_output_tokens",
    "value_usd",
    "wrong_usd",
    "second_usd",
    "deadline_ms",
];

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
    let names: Vec<_> = inputs.iter().filter_map(|path| path.file_name()).collect();
    let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    let header = reading.builder.header_mut();
    header.source = Some(format!("imported from CSV: {}", names.join(", ")));
    header.roles.clone_from(&options.roles);
    assuming.note(header);
    reading.finish()
}

/// The map with its fields known, each once, `id` and `model` among them.
fn check_map(map: &[(String, String)]) -> Result<Vec<(&'static str, &str)>, TraceError> {
    let fault = |message: String| TraceError::of_file(Path::new("--map"), message);
    let all = || {
        std::iter::once(&"id")
            .chain(REQUEST_FIELDS)
            .chain(OUTCOME_FIELDS)
    };
    let mut checked: Vec<(&'static str, &str)> = Vec::new();
    for (field, column) in map {
        let Some(&field) = all().find(|known| *known == field) else {
            let near = all()
                .min_by_key(|known| strsim::levenshtein(field, known))
                .filter(|known| strsim::levenshtein(field, known) <= 3);
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "fields are: {}",
                    all().copied().collect::<Vec<_>>().join(", ")
                ),
            };
            return Err(fault(format!("`{field}` is no field of a trace; {hint}")));
        };
        if checked.iter().any(|(held, _)| *held == field) {
            return Err(fault(format!("`{field}` is mapped twice; map it once")));
        }
        checked.push((field, column));
    }
    for needed in ["id", "model"] {
        if !checked.iter().any(|(held, _)| *held == needed) {
            return Err(fault(format!(
                "`{needed}` is not mapped; add --map {needed}=COLUMN"
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

/// File number and line.
#[derive(Clone, Copy)]
struct Position {
    file: usize,
    line: u64,
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
    let name = path.to_string_lossy();
    let tabs = name.trim_end_matches(".gz").ends_with(".tsv");
    let separator = separator.unwrap_or(if tabs { b'\t' } else { b',' });
    let mut table = Table::open(path, separator)?;
    let mut places = Vec::with_capacity(map.len());
    for (field, column) in map {
        let place = table.columns.iter().position(|name| name == column);
        let place = place.ok_or_else(|| {
            let columns = table.columns.join(", ");
            let message = format!("has no column `{column}` for {field}; columns are: {columns}");
            TraceError::of_file(path, message)
        })?;
        places.push((*field, *column, place));
    }
    let mut record = StringRecord::new();
    loop {
        match table.reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                let at = Position { file, line };
                if let Err(fault) = rows.take(&places, &record, at, reading.paths) {
                    reading.refuse(file, line, fault)?;
                }
            }
            Err(error) if error.is_io_error() => return Err(csv_fault(path, &error)),
            Err(error) => reading
                .report
                .refuse(reading.on_error, csv_fault(path, &error))?,
        }
    }
    reading.report.bytes += table.reader.get_ref().stored_bytes();
    Ok(())
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
        let place = |at: Position| format!("{}:{}", paths[at.file].display(), at.line);
        for (field, column, cell) in cells {
            let held = self.cells.iter().find(|(held, ..)| held == field);
            if let Some((_, held, at)) = held.filter(|(_, held, _)| held != cell) {
                let (held, cell) = (short(held), short(cell));
                let message = format!(
                    "`{cell}` here and `{held}` on {} for the same id `{}`; {field} belongs to \
                     the request and must agree",
                    place(*at),
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
                    place(*at)
                );
                Err(RowFault::new("model", message))
            }
            _ => Ok(()),
        }
    }
}

/// The start of a cell, for a message of one line.
fn short(cell: &str) -> String {
    let line = cell.lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &line[..cut]),
        None => line.to_string(),
    }
}

fn set_request(request: &mut Request, field: &str, cell: &str) -> Result<(), String> {
    let text = Some(cell.to_string());
    match field {
        "at" => {
            let at = Timestamp::parse(cell.trim()).map_err(|error| error.to_string())?;
            request.at = Some(at);
        }
        "prompt" => request.prompt = text,
        "task" => request.task = text,
        "tenant" => request.tenant = text,
        "session" => request.session = text,
        "turn" => request.turn = Some(whole(cell)?),
        "channel" => request.channel = text,
        "region" => request.region = text,
        "needs" => {
            let needs = cell
                .split(',')
                .map(str::trim)
                .filter(|need| !need.is_empty());
            request.needs = needs.map(str::to_string).collect();
        }
        "request_input_tokens" => request.input_tokens = Some(Tokens(whole(cell)?)),
        "max_output_tokens" => request.max_output_tokens = Some(Tokens(whole(cell)?)),
        "value_usd" => request.value_usd = Some(usd(cell)?),
        "wrong_usd" => request.wrong_usd = Some(usd(cell)?),
        "second_usd" => request.second_usd = Some(usd(cell)?),
        "deadline_ms" => request.deadline_ms = Some(Millis(whole(cell)?)),
        _ => return Err(format!("{field} is no field of a request")),
    }
    Ok(())
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

/// A whole number; `812.0` is one too, since tables with gaps are often saved as decimals.
fn whole(cell: &str) -> Result<u32, String> {
    let text = cell.trim();
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| plain);
    number.ok_or_else(|| {
        format!(
            "must be a whole number from 0 to 4294967294, not `{}`",
            short(cell)
        )
    })
}

fn usd(cell: &str) -> Result<Usd, String> {
    Usd::parse(cell.trim()).map_err(|error| error.to_string())
}

fn score(cell: &str) -> Result<f64, String> {
    let text = cell.trim();
    let number = match text {
        _ if text.eq_ignore_ascii_case("true") => Some(1.0),
        _ if text.eq_ignore_ascii_case("false") => Some(0.0),
        _ => text
            .parse::<f64>()
            .ok()
            .filter(|score| (0.0..=1.0).contains(score)),
    };
    number.ok_or_else(|| {
        let cell = short(cell);
        format!("must be true, false or a number in [0, 1], not `{cell}`; empty is unknown")
    })
}
