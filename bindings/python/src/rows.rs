//! Rows of Arrow columns, one an outcome, put together to requests with their outcomes.
//!
//! The columns have the names of the long form of CSV files (`docs/formats.md`). Knows nothing of
//! policies and sums.

use std::collections::BTreeMap;

use tool::trace::{OutcomeRef, Row};
use weighbridge_router::{Millis, Request, RequestRef, Tokens};

use crate::arrow::{Batch, Column, Value};
use crate::cells::{score, text, texts, time, usd, whole};

/// A request with what is known of its outcomes, borrowed from a batch.
pub(crate) struct Group<'b> {
    pub(crate) id: &'b str,
    request: RequestRef<'b>,
    needs: Vec<String>,
    outcomes: Vec<OutcomeRef<'b>>,
}

/// The same, owned: a request that other batches may say more of.
#[derive(Clone, Default)]
pub(crate) struct Open {
    request: Request,
    outcomes: Vec<Outcome>,
}

#[derive(Clone, PartialEq)]
struct Outcome {
    model: String,
    endpoint: Option<String>,
    status: Option<String>,
    /// All but the texts.
    numbers: OutcomeRef<'static>,
}

/// The columns of a batch, each where it is there.
struct Columns<'b> {
    id: Column<'b>,
    model: Column<'b>,
    request: [Option<Column<'b>>; 15],
    outcome: [Option<Column<'b>>; 11],
}

/// Fields of a request, in the order in which they are read.
const REQUEST: [&str; 15] = [
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

/// Fields of an outcome beside the model.
const OUTCOME: [&str; 11] = [
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

/// The requests of a batch in the order in which they come first, with the place of the last row's.
///
/// # Errors
/// Where a column is missing, a cell is wrong, or rows of one request contradict each other.
pub(crate) fn groups(batch: &Batch) -> Result<(Vec<Group<'_>>, usize), String> {
    let columns = Columns::of(batch)?;
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last = 0;
    for row in 0..batch.len() {
        let group = columns
            .row(row)
            .map_err(|message| format!("row {row}: {message}"))?;
        let again = groups.get(last).is_some_and(|held| held.id == group.id);
        let place = if again {
            Some(last)
        } else {
            places.get(group.id).copied()
        };
        match place {
            Some(place) => {
                last = place;
                let held = &mut groups[place];
                held.join(group)
                    .map_err(|message| format!("row {row}: {message}"))?;
            }
            None => {
                last = groups.len();
                places.insert(group.id, last);
                groups.push(group);
            }
        }
    }
    Ok((groups, last))
}

impl<'b> Columns<'b> {
    fn of(batch: &'b Batch) -> Result<Self, String> {
        let needed = |name: &str| {
            batch.column(name).ok_or_else(|| {
                let names: Vec<&str> = batch.names().collect();
                format!(
                    "{name}: there is no such column; rename the one that holds it (there are: {})",
                    names.join(", ")
                )
            })
        };
        Ok(Self {
            id: needed("id")?,
            model: needed("model")?,
            request: REQUEST.map(|name| batch.column(name)),
            outcome: OUTCOME.map(|name| batch.column(name)),
        })
    }

    fn row(&self, row: usize) -> Result<Group<'b>, String> {
        let id = cell(Some(self.id), row, "id", text)?.unwrap_or_default();
        if id.is_empty() {
            return Err("id: must not be empty".to_owned());
        }
        let (request, needs) = self.request(row)?;
        let model = cell(Some(self.model), row, "model", text)?;
        let outcome = self.outcome(row)?;
        let outcomes = match model {
            Some(model) => vec![OutcomeRef { model, ..outcome }],
            None if outcome == OutcomeRef::default() => Vec::new(),
            None => return Err("model: is missing, and the row tells of an outcome".to_owned()),
        };
        Ok(Group {
            id,
            request,
            needs,
            outcomes,
        })
    }

    fn request(&self, row: usize) -> Result<(RequestRef<'b>, Vec<String>), String> {
        macro_rules! at {
            ($place:literal, $read:path) => {
                cell(self.request[$place], row, REQUEST[$place], $read)?
            };
        }
        let request = RequestRef {
            at: at!(0, time),
            prompt: at!(1, text),
            task: at!(2, text),
            tenant: at!(3, text),
            session: at!(4, text),
            turn: at!(5, whole),
            channel: at!(6, text),
            region: at!(7, text),
            input_tokens: at!(9, whole).map(Tokens),
            max_output_tokens: at!(10, whole).map(Tokens),
            value_usd: at!(11, usd),
            wrong_usd: at!(12, usd),
            second_usd: at!(13, usd),
            deadline_ms: at!(14, whole).map(Millis),
            ..RequestRef::default()
        };
        Ok((request, at!(8, texts).unwrap_or_default()))
    }

    fn outcome(&self, row: usize) -> Result<OutcomeRef<'b>, String> {
        macro_rules! at {
            ($place:literal, $read:path) => {
                cell(self.outcome[$place], row, OUTCOME[$place], $read)?
            };
        }
        Ok(OutcomeRef {
            endpoint: at!(0, text),
            sample: at!(1, whole).unwrap_or_default(),
            status: at!(2, text),
            score: at!(3, score),
            input_tokens: at!(4, whole).map(Tokens),
            cached_tokens: at!(5, whole).map(Tokens),
            output_tokens: at!(6, whole).map(Tokens),
            reasoning_tokens: at!(7, whole).map(Tokens),
            ttft_ms: at!(8, whole).map(Millis),
            latency_ms: at!(9, whole).map(Millis),
            cost_usd: at!(10, usd),
            ..OutcomeRef::default()
        })
    }
}

impl Group<'_> {
    /// Take in another row of the same request.
    fn join(&mut self, other: Self) -> Result<(), String> {
        agree_all(&mut self.request, &other.request)?;
        agree_lists("needs", &mut self.needs, other.needs)?;
        for outcome in other.outcomes {
            let key = |it: &OutcomeRef<'_>| {
                it.model == outcome.model
                    && it.endpoint == outcome.endpoint
                    && it.sample == outcome.sample
            };
            if self.outcomes.iter().any(key) {
                return Err(twice(self.id, outcome.model));
            }
            self.outcomes.push(outcome);
        }
        Ok(())
    }

    /// As a row of a trace.
    pub(crate) fn with_row<T>(&self, take: impl FnOnce(&Row<'_>) -> T) -> T {
        take(&Row {
            id: self.id,
            request: RequestRef {
                needs: &self.needs,
                ..self.request
            },
            outcomes: &self.outcomes,
            logged: None,
            extra: None,
        })
    }
}

impl Open {
    /// A copy of a row of a trace.
    pub(crate) fn of(row: &Row<'_>) -> Self {
        let request = &row.request;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            request: Request {
                at: request.at,
                prompt: owned(request.prompt),
                task: owned(request.task),
                tenant: owned(request.tenant),
                session: owned(request.session),
                turn: request.turn,
                channel: owned(request.channel),
                region: owned(request.region),
                needs: request.needs.to_vec(),
                input_tokens: request.input_tokens,
                max_output_tokens: request.max_output_tokens,
                prefix: request.prefix.to_vec(),
                embedding: request.embedding.map(<[f32]>::to_vec),
                value_usd: request.value_usd,
                wrong_usd: request.wrong_usd,
                second_usd: request.second_usd,
                deadline_ms: request.deadline_ms,
            },
            outcomes: row.outcomes.iter().map(Outcome::of).collect(),
        }
    }

    /// What both know together.
    ///
    /// # Errors
    /// Where they contradict each other, or tell of the same outcome.
    pub(crate) fn joined(&self, id: &str, other: &Self) -> Result<Self, String> {
        let mut both = self.clone();
        let mut request = both.request.as_ref();
        agree_all(&mut request, &other.request.as_ref())?;
        let request = Self::of(&Row {
            id,
            request,
            outcomes: &[],
            logged: None,
            extra: None,
        })
        .request;
        both.request = request;
        agree_lists(
            "needs",
            &mut both.request.needs,
            other.request.needs.clone(),
        )?;
        for outcome in &other.outcomes {
            if both.outcomes.iter().any(|held| held.key() == outcome.key()) {
                return Err(twice(id, &outcome.model));
            }
            both.outcomes.push(outcome.clone());
        }
        Ok(both)
    }

    /// As a row of a trace; its outcomes in the order of their names, so that it does not matter
    /// which came first.
    pub(crate) fn with_row<T>(&self, id: &str, take: impl FnOnce(&Row<'_>) -> T) -> T {
        let mut outcomes: Vec<&Outcome> = self.outcomes.iter().collect();
        outcomes.sort_by(|a, b| a.key().cmp(&b.key()));
        let outcomes: Vec<OutcomeRef<'_>> = outcomes.into_iter().map(Outcome::as_ref).collect();
        take(&Row {
            id,
            request: self.request.as_ref(),
            outcomes: &outcomes,
            logged: None,
            extra: None,
        })
    }
}

impl Outcome {
    fn of(outcome: &OutcomeRef<'_>) -> Self {
        Self {
            model: outcome.model.to_owned(),
            endpoint: outcome.endpoint.map(str::to_owned),
            status: outcome.status.map(str::to_owned),
            numbers: OutcomeRef {
                model: "",
                endpoint: None,
                sample: outcome.sample,
                status: None,
                score: outcome.score,
                input_tokens: outcome.input_tokens,
                cached_tokens: outcome.cached_tokens,
                output_tokens: outcome.output_tokens,
                reasoning_tokens: outcome.reasoning_tokens,
                ttft_ms: outcome.ttft_ms,
                latency_ms: outcome.latency_ms,
                cost_usd: outcome.cost_usd,
                extra: None,
            },
        }
    }

    fn as_ref(&self) -> OutcomeRef<'_> {
        OutcomeRef {
            model: &self.model,
            endpoint: self.endpoint.as_deref(),
            status: self.status.as_deref(),
            ..self.numbers
        }
    }

    fn key(&self) -> (&str, Option<&str>, u32) {
        (&self.model, self.endpoint.as_deref(), self.numbers.sample)
    }
}

fn twice(id: &str, model: &str) -> String {
    format!(
        "model: `{model}` has two outcomes for `{id}`; tell them apart by `sample`, or give each row once"
    )
}

/// Take in what another row says of the same request.
fn agree_all<'b>(held: &mut RequestRef<'b>, other: &RequestRef<'b>) -> Result<(), String> {
    macro_rules! fields {
        ($($field:ident)*) => {
            $(agree(stringify!($field), &mut held.$field, other.$field)?;)*
        };
    }
    fields!(at prompt task tenant session turn channel region max_output_tokens);
    fields!(value_usd wrong_usd second_usd deadline_ms);
    agree(
        "request_input_tokens",
        &mut held.input_tokens,
        other.input_tokens,
    )
}

fn agree<T: PartialEq>(field: &str, held: &mut Option<T>, other: Option<T>) -> Result<(), String> {
    match (&held, other) {
        (_, None) => Ok(()),
        (None, other) => {
            *held = other;
            Ok(())
        }
        (Some(held), Some(other)) if *held == other => Ok(()),
        _ => Err(disagreed(field)),
    }
}

fn agree_lists(field: &str, held: &mut Vec<String>, other: Vec<String>) -> Result<(), String> {
    if held.is_empty() {
        *held = other;
    } else if !other.is_empty() && *held != other {
        return Err(disagreed(field));
    }
    Ok(())
}

fn disagreed(field: &str) -> String {
    format!(
        "{field}: differs from another row of the same id; it belongs to the request and must agree"
    )
}

/// The cell of a column; none where there is no column, or nothing in the cell.
fn cell<'b, T>(
    column: Option<Column<'b>>,
    row: usize,
    name: &str,
    read: impl FnOnce(Value<'b>) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let Some(column) = column else {
        return Ok(None);
    };
    match column.value(row) {
        Ok(Value::Null) => Ok(None),
        Ok(value) => read(value).map(Some),
        Err(message) => Err(message),
    }
    .map_err(|message| format!("{name}: {message}"))
}
