//! Whole columns at once: joining two builders, giving back spare room, counting bytes.
//!
//! The parts of a file are read on several threads, each into a builder of its own; joining them
//! row by row would cost as much as reading them.

use super::builder::{RowFault, TraceBuilder};
use super::columns::{OutcomeColumns, RequestColumns, SideTables, Trace, UNKNOWN};
use super::names::NameId;

impl TraceBuilder {
    /// Append the rows of another builder; its header is not looked at.
    ///
    /// # Errors
    /// Where both together have more outcomes than a trace can hold; nothing is appended then.
    pub fn append(&mut self, other: Self) -> Result<(), RowFault> {
        let (held, mut more) = (&mut self.trace, other.trace);
        let outcomes_before = u32::try_from(held.outcome_count())
            .ok()
            .filter(|before| {
                u32::try_from(more.outcome_count()).is_ok_and(|n| before.checked_add(n).is_some())
            })
            .ok_or_else(|| {
                RowFault::new(
                    "outcomes",
                    "more than four billion outcomes; split the trace",
                )
            })?;
        let moved = Moved {
            names: held.names.absorb(&more.names),
            lists: more
                .side
                .lists
                .iter()
                .map(|list| held.side.list(list))
                .collect(),
            embeddings: held.side.embeddings.len(),
            logged: held.side.logged.len(),
            extras: held.side.extras.len(),
            outcomes: outcomes_before,
        };
        for logged in &mut more.side.logged {
            logged.endpoint = moved.name(logged.endpoint);
            logged.policy = moved.name(logged.policy);
        }
        held.side.embeddings.append(&mut more.side.embeddings);
        held.side.logged.append(&mut more.side.logged);
        held.side.extras.append(&mut more.side.extras);
        held.requests.append(more.requests, &moved);
        held.outcomes.append(more.outcomes, &moved);
        Ok(())
    }
}

/// Where the names and side entries of the appended rows stand now.
struct Moved {
    names: Vec<NameId>,
    lists: Vec<u32>,
    embeddings: usize,
    logged: usize,
    extras: usize,
    outcomes: u32,
}

impl Moved {
    fn name(&self, name: NameId) -> NameId {
        name.known()
            .map_or(NameId::NONE, |name| self.names[name.index()])
    }
}

/// A place further back by `by`; the unknown stays unknown.
fn shifted(place: u32, by: usize) -> u32 {
    match place {
        UNKNOWN => UNKNOWN,
        // A side table has at most an entry a row, and rows are bounded by `u32`.
        place => u32::try_from(place as usize + by).unwrap_or(UNKNOWN),
    }
}

fn join<T, const N: usize>(held: [&mut Vec<T>; N], more: [&mut Vec<T>; N]) {
    for (held, more) in held.into_iter().zip(more) {
        held.append(more);
    }
}

fn join_mapped<T: Copy, const N: usize>(
    held: [&mut Vec<T>; N],
    more: [&mut Vec<T>; N],
    map: impl Fn(T) -> T,
) {
    for (held, more) in held.into_iter().zip(more) {
        held.extend(more.iter().map(|&item| map(item)));
    }
}

fn bytes<T>(column: &Vec<T>) -> usize {
    column.capacity() * size_of::<T>()
}

impl RequestColumns {
    pub(super) fn with_capacity(rows: usize) -> Self {
        let mut columns = Self::default();
        columns.at_ms.reserve_exact(rows);
        columns.prompt_known.reserve_exact(rows);
        columns.outcomes_end.reserve_exact(rows);
        for column in columns.names_mut() {
            column.reserve_exact(rows);
        }
        for column in columns.numbers_mut() {
            column.reserve_exact(rows);
        }
        for column in columns.usd_mut() {
            column.reserve_exact(rows);
        }
        for column in columns.places_mut() {
            column.reserve_exact(rows);
        }
        columns
    }

    pub(super) fn names_mut(&mut self) -> [&mut Vec<NameId>; 5] {
        [
            &mut self.task,
            &mut self.tenant,
            &mut self.session,
            &mut self.channel,
            &mut self.region,
        ]
    }

    pub(super) fn numbers_mut(&mut self) -> [&mut Vec<u32>; 4] {
        [
            &mut self.turn,
            &mut self.input_tokens,
            &mut self.max_output_tokens,
            &mut self.deadline_ms,
        ]
    }

    pub(super) fn usd_mut(&mut self) -> [&mut Vec<i64>; 3] {
        [&mut self.value, &mut self.wrong, &mut self.second]
    }

    pub(super) fn places_mut(&mut self) -> [&mut Vec<u32>; 5] {
        [
            &mut self.needs,
            &mut self.prefix,
            &mut self.embedding,
            &mut self.logged,
            &mut self.extra,
        ]
    }

    fn append(&mut self, mut more: Self, moved: &Moved) {
        self.id.append(&more.id);
        self.prompt.append(&more.prompt);
        self.prompt_known.append(&mut more.prompt_known);
        self.at_ms.append(&mut more.at_ms);
        join_mapped(self.names_mut(), more.names_mut(), |name| moved.name(name));
        join(self.numbers_mut(), more.numbers_mut());
        join(self.usd_mut(), more.usd_mut());
        let lists = |place: u32| moved.lists[place as usize];
        let tables = [
            (&mut self.embedding, &more.embedding, moved.embeddings),
            (&mut self.logged, &more.logged, moved.logged),
            (&mut self.extra, &more.extra, moved.extras),
        ];
        for (held, more, by) in tables {
            held.extend(more.iter().map(|&place| shifted(place, by)));
        }
        self.needs
            .extend(more.needs.iter().map(|&place| lists(place)));
        self.prefix
            .extend(more.prefix.iter().map(|&place| lists(place)));
        let ends = more.outcomes_end.iter().map(|end| moved.outcomes + end);
        self.outcomes_end.extend(ends);
    }

    fn shrink(&mut self) {
        self.id.shrink();
        self.prompt.shrink();
        self.prompt_known.shrink_to_fit();
        self.at_ms.shrink_to_fit();
        self.outcomes_end.shrink_to_fit();
        self.names_mut().into_iter().for_each(Vec::shrink_to_fit);
        self.numbers_mut().into_iter().for_each(Vec::shrink_to_fit);
        self.usd_mut().into_iter().for_each(Vec::shrink_to_fit);
        self.places_mut().into_iter().for_each(Vec::shrink_to_fit);
    }

    /// Bytes of all columns but the text of the prompts.
    fn bytes(&self) -> usize {
        let names = [
            &self.task,
            &self.tenant,
            &self.session,
            &self.channel,
            &self.region,
        ];
        let numbers = [
            &self.turn,
            &self.input_tokens,
            &self.max_output_tokens,
            &self.deadline_ms,
            &self.needs,
            &self.prefix,
            &self.embedding,
            &self.logged,
            &self.extra,
            &self.outcomes_end,
        ];
        let longs = [&self.at_ms, &self.value, &self.wrong, &self.second];
        self.id.bytes()
            + self.prompt.ends_bytes()
            + bytes(&self.prompt_known)
            + names.into_iter().map(bytes).sum::<usize>()
            + numbers.into_iter().map(bytes).sum::<usize>()
            + longs.into_iter().map(bytes).sum::<usize>()
    }
}

impl OutcomeColumns {
    fn names_mut(&mut self) -> [&mut Vec<NameId>; 3] {
        [&mut self.model, &mut self.endpoint, &mut self.status]
    }

    fn numbers_mut(&mut self) -> [&mut Vec<u32>; 7] {
        [
            &mut self.sample,
            &mut self.input_tokens,
            &mut self.cached_tokens,
            &mut self.output_tokens,
            &mut self.reasoning_tokens,
            &mut self.ttft_ms,
            &mut self.latency_ms,
        ]
    }

    fn append(&mut self, mut more: Self, moved: &Moved) {
        join_mapped(self.names_mut(), more.names_mut(), |name| moved.name(name));
        join(self.numbers_mut(), more.numbers_mut());
        self.score.append(&mut more.score);
        self.cost.append(&mut more.cost);
        let extras = more.extra.iter();
        self.extra
            .extend(extras.map(|&place| shifted(place, moved.extras)));
    }

    fn shrink(&mut self) {
        self.names_mut().into_iter().for_each(Vec::shrink_to_fit);
        self.numbers_mut().into_iter().for_each(Vec::shrink_to_fit);
        self.score.shrink_to_fit();
        self.cost.shrink_to_fit();
        self.extra.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        let names = [&self.model, &self.endpoint, &self.status];
        let numbers = [
            &self.sample,
            &self.input_tokens,
            &self.cached_tokens,
            &self.output_tokens,
            &self.reasoning_tokens,
            &self.ttft_ms,
            &self.latency_ms,
            &self.extra,
        ];
        names.into_iter().map(bytes).sum::<usize>()
            + numbers.into_iter().map(bytes).sum::<usize>()
            + bytes(&self.score)
            + bytes(&self.cost)
    }
}

impl SideTables {
    fn shrink(&mut self) {
        self.lists.shrink_to_fit();
        self.embeddings.shrink_to_fit();
        self.logged.shrink_to_fit();
        self.extras.shrink_to_fit();
    }

    fn bytes(&self) -> usize {
        let texts =
            |list: &Vec<String>| bytes(list) + list.iter().map(String::capacity).sum::<usize>();
        bytes(&self.lists)
            + self.lists.iter().map(texts).sum::<usize>()
            + bytes(&self.embeddings)
            + self.embeddings.iter().map(bytes).sum::<usize>()
            + bytes(&self.logged)
            + bytes(&self.extras)
            + self.extras.iter().map(|text| text.len()).sum::<usize>()
    }
}

impl Trace {
    /// Give back the room that the columns do not use.
    pub(super) fn shrink(&mut self) {
        self.names.shrink();
        self.requests.shrink();
        self.outcomes.shrink();
        self.side.shrink();
    }

    /// Bytes in memory, the text of the prompts aside: what the columns, names and side tables
    /// have allocated.
    #[must_use]
    pub fn bytes_without_prompts(&self) -> usize {
        self.names.bytes() + self.requests.bytes() + self.outcomes.bytes() + self.side.bytes()
    }
}

#[cfg(test)]
mod tests {
    use weighbridge_router::{RequestRef, Timestamp, Tokens, Usd};

    use crate::trace::{LoggedRef, OutcomeRef, Row, Trace, TraceBuilder};

    fn fill(builder: &mut TraceBuilder, numbers: std::ops::Range<u32>) {
        for n in numbers {
            let (id, session) = (format!("r-{n:06}"), format!("s-{}", n / 4));
            let needs = [format!("ability-{}", n % 3)];
            let embedding = [n as f32];
            let outcome = |model| OutcomeRef {
                model,
                endpoint: Some(if n % 2 == 0 { "even@x" } else { "odd@x" }),
                score: Some(f64::from(n % 2)),
                output_tokens: Some(Tokens(n)),
                cost_usd: Some(Usd::from_picos(i64::from(n))),
                extra: (n % 5 == 0).then_some("{\"e\":1}"),
                ..OutcomeRef::default()
            };
            let request = RequestRef {
                at: Some(Timestamp::from_millis(i64::from(n))),
                prompt: (n % 7 != 0).then_some("some words"),
                task: Some("math"),
                session: Some(&session),
                needs: if n % 2 == 0 { &needs } else { &[] },
                embedding: (n % 11 == 0).then_some(&embedding),
                ..RequestRef::default()
            };
            let row = Row {
                id: &id,
                request,
                outcomes: &[outcome("a"), outcome("b")][..(n % 3) as usize],
                logged: (n % 4 == 1).then_some(LoggedRef {
                    endpoint: "odd@x",
                    propensity: Some(0.5),
                    policy: None,
                }),
                extra: (n % 6 == 0).then_some("{\"line\":{\"x\":1}}"),
            };
            builder.push(&row).unwrap();
        }
    }

    #[test]
    fn builders_joined_hold_the_same_rows_as_one_builder() {
        let (mut whole, mut joined) = (TraceBuilder::default(), TraceBuilder::default());
        fill(&mut whole, 0..90);
        for start in [0, 30, 60] {
            let mut part = TraceBuilder::default();
            // Another first name, so that the numbers of the names differ.
            fill(&mut part, start..start + 30);
            joined.append(part).unwrap();
        }
        let rows = |trace: &Trace| -> Vec<String> {
            let row = |i| {
                let outcomes: Vec<_> = trace.outcomes(i).map(|k| trace.outcome(k)).collect();
                let (request, extra) = (trace.request(i), trace.request_extra(i));
                format!(
                    "{} {request:?} {outcomes:?} {:?} {extra:?}",
                    trace.id(i),
                    trace.logged(i)
                )
            };
            (0..trace.len()).map(row).collect()
        };
        let (whole, joined) = (whole.finish().unwrap().0, joined.finish().unwrap().0);
        assert_eq!(rows(&whole), rows(&joined));
        assert_eq!(whole.fingerprint(), joined.fingerprint());
    }

    #[test]
    fn a_request_outcome_pair_takes_at_most_200_bytes() {
        for outcomes in [1, 2] {
            let mut builder = TraceBuilder::default();
            let request = RequestRef {
                prompt: Some("forty bytes of prompt, which do not count"),
                task: Some("math"),
                ..RequestRef::default()
            };
            let both = ["a", "b"].map(|model| OutcomeRef {
                model,
                ..OutcomeRef::default()
            });
            for n in 0..70_000 {
                let row = Row {
                    id: &format!("r-{n:08}"),
                    request,
                    outcomes: &both[..outcomes],
                    logged: None,
                    extra: None,
                };
                builder.push(&row).unwrap();
            }
            let (trace, _) = builder.finish().unwrap();
            let pair = trace.bytes_without_prompts() / trace.outcome_count();
            assert!(
                (60..=200).contains(&pair),
                "{pair} bytes with {outcomes} outcomes"
            );
        }
    }
}
