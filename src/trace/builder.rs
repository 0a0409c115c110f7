//! How a trace comes to be: rows are checked and appended, builders of the parts of a file are
//! joined, and the whole is put in order of time.

use weighbridge_router::{Millis, RequestRef, Tokens, Usd};
use xxhash_rust::xxh3::xxh3_64;

use super::columns::{
    Logged, OutcomeColumns, RequestColumns, SideTables, Trace, UNKNOWN, UNKNOWN_LONG,
};
use super::header::Header;
use super::names::NameId;
use super::outcome::{LoggedRef, OutcomeRef};

/// One request with its outcomes, borrowed from wherever it was read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its identity: not empty, and no other row's.
    pub id: &'a str,
    /// What was known on arrival.
    pub request: RequestRef<'a>,
    /// What the endpoints made of it.
    pub outcomes: &'a [OutcomeRef<'a>],
    /// What was really chosen.
    pub logged: Option<LoggedRef<'a>>,
    /// Unknown fields: the text of a JSON object with the keys `line`, `request` and `logged`, each
    /// an object of the fields that this version does not know at that place.
    pub extra: Option<&'a str>,
}

impl Row<'_> {
    /// Whether a trace can hold it.
    ///
    /// # Errors
    /// The first field that cannot be.
    pub fn check(&self) -> Result<(), RowFault> {
        check(self)
    }
}

/// Why a row cannot be taken: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct RowFault {
    /// The field, for example `outcomes[1].score`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl RowFault {
    /// A fault of a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Collects rows.
#[derive(Debug)]
pub struct TraceBuilder {
    pub(super) trace: Trace,
}

impl Default for TraceBuilder {
    fn default() -> Self {
        Self::new(Header::default())
    }
}

impl TraceBuilder {
    /// A builder without rows.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let side = SideTables {
            lists: vec![Vec::new()],
            ..SideTables::default()
        };
        Self {
            trace: Trace {
                header,
                side,
                ..Trace::default()
            },
        }
    }

    /// Make room for prompts of so many bytes together.
    pub(crate) fn reserve_prompts(&mut self, bytes: usize) {
        self.trace.requests.prompt.reserve(bytes);
    }

    /// The header, to absorb those of further files.
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.trace.header
    }

    /// How many rows it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.trace.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trace.is_empty()
    }

    /// Append a row.
    ///
    /// # Errors
    /// Where a value cannot be; the row is left out then.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), RowFault> {
        check(row)?;
        let request = self.trace.push_request(row);
        self.trace.requests.push(request);
        self.trace.requests.id.push(row.id);
        self.trace
            .requests
            .prompt
            .push(row.request.prompt.unwrap_or_default());
        for outcome in row.outcomes {
            self.trace.push_outcome(outcome);
        }
        let end = u32::try_from(self.trace.outcome_count()).map_err(|_| {
            RowFault::new(
                "outcomes",
                "more than four billion outcomes; split the trace",
            )
        })?;
        self.trace.requests.outcomes_end.push(end);
        Ok(())
    }

    /// The rows whose id stands on an earlier row too, in the order in which they were appended.
    #[must_use]
    pub fn duplicates(&self) -> Vec<usize> {
        let id = |i: u32| self.trace.id(i as usize);
        // Numbers are sorted much faster than texts; equal texts are neighbours then.
        let rows = 0..u32::try_from(self.len()).unwrap_or(u32::MAX);
        let mut order: Vec<(u64, u32)> = rows.map(|i| (xxh3_64(id(i).as_bytes()), i)).collect();
        order.sort_unstable();
        let mut again = Vec::new();
        for same_hash in order.chunk_by(|a, b| a.0 == b.0) {
            let earlier = |k: usize| &same_hash[..k];
            again.extend((1..same_hash.len()).filter_map(|k| {
                let row = same_hash[k].1;
                let known = earlier(k).iter().any(|&(_, other)| id(other) == id(row));
                known.then_some(row as usize)
            }));
        }
        again.sort_unstable();
        again
    }

    /// Leave out rows; `rows` in rising order.
    pub(crate) fn without(self, rows: &[usize]) -> Self {
        let kept: Vec<usize> = (0..self.len())
            .filter(|i| rows.binary_search(i).is_err())
            .collect();
        Self {
            trace: self.trace.select(&kept),
        }
    }

    /// An id, in the order in which rows were appended.
    pub(crate) fn id(&self, i: usize) -> &str {
        self.trace.id(i)
    }

    /// The trace, in order of time (requests without a time last), ties by id; and how many
    /// requests stood out of order.
    ///
    /// # Errors
    /// Where an id stands twice: the id.
    pub fn finish(self) -> Result<(Trace, usize), RowFault> {
        if let Some(&row) = self.duplicates().first() {
            let id = self.id(row);
            return Err(RowFault::new(
                "id",
                format!(
                    "`{id}` stands twice; ids must be unique over all traces that are read together"
                ),
            ));
        }
        Ok(self.finish_distinct())
    }

    /// [`Self::finish`] for rows that are known to have distinct ids.
    pub(crate) fn finish_distinct(self) -> (Trace, usize) {
        let mut trace = self.trace;
        trace.shrink();
        let key = |i: usize| {
            (
                trace.requests.at_ms[i] == UNKNOWN_LONG,
                trace.requests.at_ms[i],
            )
        };
        let out_of_order = (1..trace.len()).filter(|&i| key(i) < key(i - 1)).count();
        let ties_by_id = |i: usize, j: usize| {
            key(i)
                .cmp(&key(j))
                .then_with(|| trace.id(i).cmp(trace.id(j)))
        };
        let timed = trace.requests.at_ms.iter().any(|&at| at != UNKNOWN_LONG);
        if !timed || (1..trace.len()).all(|i| ties_by_id(i - 1, i).is_lt()) {
            return (trace, 0);
        }
        let mut order: Vec<usize> = (0..trace.len()).collect();
        order.sort_by(|&i, &j| ties_by_id(i, j));
        (trace.select(&order), out_of_order)
    }
}

/// One row of the request columns.
struct RequestRow {
    at_ms: i64,
    prompt_known: bool,
    names: [NameId; 5],
    numbers: [u32; 4],
    usd: [i64; 3],
    places: [u32; 5],
}

impl Trace {
    fn push_request(&mut self, row: &Row<'_>) -> RequestRow {
        let request = &row.request;
        let names = [
            request.task,
            request.tenant,
            request.session,
            request.channel,
            request.region,
        ];
        let tokens = |tokens: Option<Tokens>| tokens.map_or(UNKNOWN, |tokens| tokens.0);
        RequestRow {
            at_ms: request.at.map_or(UNKNOWN_LONG, |at| at.millis()),
            prompt_known: request.prompt.is_some(),
            names: names.map(|text| self.names.intern_optional(text)),
            numbers: [
                request.turn.unwrap_or(UNKNOWN),
                tokens(request.input_tokens),
                tokens(request.max_output_tokens),
                request.deadline_ms.map_or(UNKNOWN, |ms| ms.0),
            ],
            usd: [request.value_usd, request.wrong_usd, request.second_usd].map(long),
            places: [
                self.side.list(request.needs),
                self.side.list(request.prefix),
                request.embedding.map_or(UNKNOWN, |embedding| {
                    place(&mut self.side.embeddings, embedding.to_vec())
                }),
                row.logged.map_or(UNKNOWN, |logged| {
                    let endpoint = self.names.intern(logged.endpoint);
                    let policy = self.names.intern_optional(logged.policy);
                    place(
                        &mut self.side.logged,
                        Logged {
                            endpoint,
                            propensity: logged.propensity,
                            policy,
                        },
                    )
                }),
                row.extra
                    .map_or(UNKNOWN, |extra| place(&mut self.side.extras, extra.into())),
            ],
        }
    }

    fn push_outcome(&mut self, outcome: &OutcomeRef<'_>) {
        let extra = outcome
            .extra
            .map_or(UNKNOWN, |extra| place(&mut self.side.extras, extra.into()));
        let columns = &mut self.outcomes;
        columns.model.push(self.names.intern(outcome.model));
        columns
            .endpoint
            .push(self.names.intern_optional(outcome.endpoint));
        columns
            .status
            .push(self.names.intern_optional(outcome.status));
        columns.sample.push(outcome.sample);
        columns.score.push(outcome.score.unwrap_or(f64::NAN));
        let tokens = |tokens: Option<Tokens>| tokens.map_or(UNKNOWN, |tokens| tokens.0);
        columns.input_tokens.push(tokens(outcome.input_tokens));
        columns.cached_tokens.push(tokens(outcome.cached_tokens));
        columns.output_tokens.push(tokens(outcome.output_tokens));
        columns
            .reasoning_tokens
            .push(tokens(outcome.reasoning_tokens));
        let ms = |ms: Option<Millis>| ms.map_or(UNKNOWN, |ms| ms.0);
        columns.ttft_ms.push(ms(outcome.ttft_ms));
        columns.latency_ms.push(ms(outcome.latency_ms));
        columns.cost.push(long(outcome.cost_usd));
        columns.extra.push(extra);
    }

    /// The rows of these places, in that order.
    #[must_use]
    pub fn select(&self, order: &[usize]) -> Self {
        let old = &self.requests;
        let mut requests = RequestColumns::with_capacity(order.len());
        let mut outcomes_order = Vec::with_capacity(self.outcome_count());
        for &i in order {
            requests.id.push(old.id.get(i));
            requests.prompt.push(old.prompt.get(i));
            requests.push(RequestRow {
                at_ms: old.at_ms[i],
                prompt_known: old.prompt_known[i],
                names: [
                    old.task[i],
                    old.tenant[i],
                    old.session[i],
                    old.channel[i],
                    old.region[i],
                ],
                numbers: [
                    old.turn[i],
                    old.input_tokens[i],
                    old.max_output_tokens[i],
                    old.deadline_ms[i],
                ],
                usd: [old.value[i], old.wrong[i], old.second[i]],
                places: [
                    old.needs[i],
                    old.prefix[i],
                    old.embedding[i],
                    old.logged[i],
                    old.extra[i],
                ],
            });
            outcomes_order.extend(self.outcomes(i));
            // As many outcomes as before, so their number fits.
            requests
                .outcomes_end
                .push(u32::try_from(outcomes_order.len()).unwrap_or(u32::MAX));
        }
        let outcomes = self.outcomes.reordered(&outcomes_order);
        Self {
            header: self.header.clone(),
            names: self.names.clone(),
            requests,
            outcomes,
            side: self.side.clone(),
        }
    }
}

impl RequestColumns {
    fn push(&mut self, row: RequestRow) {
        fn all<T: Copy, const N: usize>(columns: [&mut Vec<T>; N], values: [T; N]) {
            for (column, value) in columns.into_iter().zip(values) {
                column.push(value);
            }
        }
        self.at_ms.push(row.at_ms);
        self.prompt_known.push(row.prompt_known);
        all(self.names_mut(), row.names);
        all(self.numbers_mut(), row.numbers);
        all(self.usd_mut(), row.usd);
        all(self.places_mut(), row.places);
    }
}

impl OutcomeColumns {
    fn reordered(&self, order: &[usize]) -> Self {
        fn pick<T: Copy>(column: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|&k| column[k]).collect()
        }
        Self {
            model: pick(&self.model, order),
            endpoint: pick(&self.endpoint, order),
            sample: pick(&self.sample, order),
            status: pick(&self.status, order),
            score: pick(&self.score, order),
            input_tokens: pick(&self.input_tokens, order),
            cached_tokens: pick(&self.cached_tokens, order),
            output_tokens: pick(&self.output_tokens, order),
            reasoning_tokens: pick(&self.reasoning_tokens, order),
            ttft_ms: pick(&self.ttft_ms, order),
            latency_ms: pick(&self.latency_ms, order),
            cost: pick(&self.cost, order),
            extra: pick(&self.extra, order),
        }
    }
}

impl SideTables {
    /// The place of a list; most are empty or equal to the one before.
    pub(super) fn list(&mut self, items: &[String]) -> u32 {
        let known = self
            .lists
            .iter()
            .rev()
            .take(64)
            .position(|held| held == items);
        let back = if items.is_empty() {
            Some(self.lists.len() - 1)
        } else {
            known
        };
        match back {
            // There are fewer lists than rows.
            Some(back) => u32::try_from(self.lists.len() - 1 - back).unwrap_or(UNKNOWN),
            None => place(&mut self.lists, items.to_vec()),
        }
    }
}

fn place<T>(table: &mut Vec<T>, item: T) -> u32 {
    table.push(item);
    // A side table has at most an entry a row.
    u32::try_from(table.len() - 1).unwrap_or(UNKNOWN)
}

fn long(usd: Option<Usd>) -> i64 {
    usd.map_or(UNKNOWN_LONG, Usd::picos)
}

fn check(row: &Row<'_>) -> Result<(), RowFault> {
    if row.id.is_empty() {
        return Err(RowFault::new("id", "must not be empty"));
    }
    check_request(&row.request)
        .map_err(|fault| RowFault::new(format!("request.{}", fault.field), fault.message))?;
    for (i, outcome) in row.outcomes.iter().enumerate() {
        check_outcome(outcome).map_err(|fault| {
            RowFault::new(format!("outcomes[{i}].{}", fault.field), fault.message)
        })?;
    }
    if let Some(p) = row.logged.and_then(|logged| logged.propensity)
        && !(p > 0.0 && p <= 1.0)
    {
        return Err(RowFault::new(
            "logged.propensity",
            format!("{p} is not in (0, 1]; what was chosen had a probability above 0"),
        ));
    }
    Ok(())
}

fn check_request(request: &RequestRef<'_>) -> Result<(), RowFault> {
    if request.at.is_some_and(|at| !at.is_writable()) {
        let message = "lies outside of the years 0000 to 9999 in UTC";
        return Err(RowFault::new("at", message));
    }
    for (field, usd) in [
        ("value_usd", request.value_usd),
        ("wrong_usd", request.wrong_usd),
        ("second_usd", request.second_usd),
    ] {
        if let Some(usd) = usd.filter(|usd| *usd < Usd::ZERO) {
            return Err(RowFault::new(field, format!("{usd} must not be negative")));
        }
    }
    let tokens = |tokens: Option<Tokens>| tokens.map(|tokens| tokens.0);
    countable("turn", request.turn)?;
    countable("input_tokens", tokens(request.input_tokens))?;
    countable("max_output_tokens", tokens(request.max_output_tokens))?;
    countable("deadline_ms", request.deadline_ms.map(|ms| ms.0))
}

/// The greatest number stands for the unknown in a column.
fn countable(field: &str, number: Option<u32>) -> Result<(), RowFault> {
    match number {
        Some(UNKNOWN) => Err(RowFault::new(field, format!("must be less than {UNKNOWN}"))),
        _ => Ok(()),
    }
}

fn check_outcome(outcome: &OutcomeRef<'_>) -> Result<(), RowFault> {
    if outcome.model.is_empty() {
        return Err(RowFault::new("model", "must not be empty"));
    }
    if let Some(score) = outcome.score
        && !(0.0..=1.0).contains(&score)
    {
        return Err(RowFault::new(
            "score",
            format!("{score} is outside [0, 1]; scale scores before they are recorded"),
        ));
    }
    if let Some(usd) = outcome.cost_usd.filter(|usd| *usd < Usd::ZERO) {
        let message = format!("{usd} must not be negative");
        return Err(RowFault::new("cost_usd", message));
    }
    for (field, tokens) in [
        ("input_tokens", outcome.input_tokens),
        ("cached_tokens", outcome.cached_tokens),
        ("output_tokens", outcome.output_tokens),
        ("reasoning_tokens", outcome.reasoning_tokens),
    ] {
        countable(field, tokens.map(|tokens| tokens.0))?;
    }
    countable("ttft_ms", outcome.ttft_ms.map(|ms| ms.0))?;
    countable("latency_ms", outcome.latency_ms.map(|ms| ms.0))?;
    let part = |what: &str, part: Option<Tokens>, whole: Option<Tokens>| match (part, whole) {
        (Some(part), Some(whole)) if part > whole => Err(RowFault::new(
            what,
            format!(
                "{} is more than the {} of which it is a part",
                part.0, whole.0
            ),
        )),
        _ => Ok(()),
    };
    part("cached_tokens", outcome.cached_tokens, outcome.input_tokens)?;
    part(
        "reasoning_tokens",
        outcome.reasoning_tokens,
        outcome.output_tokens,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_router::Timestamp;

    fn outcome(model: &str) -> OutcomeRef<'_> {
        OutcomeRef {
            model,
            score: Some(1.0),
            ..OutcomeRef::default()
        }
    }

    fn push(
        builder: &mut TraceBuilder,
        id: &str,
        at: Option<i64>,
        outcomes: &[OutcomeRef<'_>],
    ) -> Result<(), RowFault> {
        let request = RequestRef {
            at: at.map(Timestamp::from_millis),
            prompt: Some(id),
            task: Some("math"),
            ..RequestRef::default()
        };
        builder.push(&Row {
            id,
            request,
            outcomes,
            logged: None,
            extra: None,
        })
    }

    #[test]
    fn rows_are_put_in_order_of_time_and_keep_their_outcomes() {
        let mut builder = TraceBuilder::default();
        push(&mut builder, "late", Some(9), &[outcome("a"), outcome("b")]).unwrap();
        push(&mut builder, "never", None, &[]).unwrap();
        push(&mut builder, "early", Some(1), &[outcome("c")]).unwrap();
        let (trace, moved) = builder.finish().unwrap();
        assert_eq!([0, 1, 2].map(|i| trace.id(i)), ["early", "late", "never"]);
        assert_eq!(moved, 1);
        let models: Vec<_> = trace.outcomes(1).map(|k| trace.outcome(k).model).collect();
        assert_eq!(models, ["a", "b"]);
        assert_eq!(trace.outcomes(2).len(), 0);
    }

    #[test]
    fn a_fingerprint_does_not_depend_on_order_and_sees_every_field() {
        let build = |ids: [&str; 2], score| {
            let mut builder = TraceBuilder::default();
            for id in ids {
                push(
                    &mut builder,
                    id,
                    None,
                    &[OutcomeRef {
                        score,
                        ..outcome("a")
                    }],
                )
                .unwrap();
            }
            builder.finish().unwrap().0.fingerprint()
        };
        assert_eq!(build(["x", "y"], None), build(["y", "x"], None));
        assert_ne!(build(["x", "y"], None), build(["x", "z"], None));
        assert_ne!(build(["x", "y"], None), build(["x", "y"], Some(0.0)));
    }

    #[test]
    fn impossible_values_are_refused_by_field() {
        let mut builder = TraceBuilder::default();
        for (bad, says) in [
            (
                OutcomeRef {
                    score: Some(1.5),
                    ..outcome("a")
                },
                "outcomes[0].score: 1.5 is outside [0, 1]; scale scores before they are recorded",
            ),
            (
                OutcomeRef {
                    score: Some(f64::NAN),
                    ..outcome("a")
                },
                "outcomes[0].score: NaN is outside [0, 1]; scale scores before they are recorded",
            ),
            (outcome(""), "outcomes[0].model: must not be empty"),
            (
                OutcomeRef {
                    cached_tokens: Some(Tokens(5)),
                    input_tokens: Some(Tokens(4)),
                    ..outcome("a")
                },
                "outcomes[0].cached_tokens: 5 is more than the 4 of which it is a part",
            ),
        ] {
            assert_eq!(
                push(&mut builder, "x", None, &[bad])
                    .unwrap_err()
                    .to_string(),
                says
            );
        }
        assert!(builder.is_empty());
        push(&mut builder, "x", None, &[]).unwrap();
        push(&mut builder, "x", None, &[]).unwrap();
        assert!(
            builder
                .finish()
                .unwrap_err()
                .to_string()
                .contains("`x` stands twice")
        );
    }
}
