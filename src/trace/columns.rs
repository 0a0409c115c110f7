//! The columns of a trace and how rows are read from them.
//!
//! One column a field, texts interned, prompts in one arena aside: a pass over a million requests
//! touches only the fields that it needs. An unknown value is a reserved number in its column
//! (`u32::MAX`, `i64::MIN`, not-a-number), which no known value can be.

use std::ops::Range;

use weighbridge_router::{Millis, RequestRef, Timestamp, Tokens, Usd};

use super::header::Header;
use super::names::{NameId, Names};
use super::outcome::{LoggedRef, OutcomeNumbers, OutcomeRef, success};

/// Recorded requests with their outcomes, in order of time, ties by id.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    pub(super) header: Header,
    pub(super) names: Names,
    pub(super) requests: RequestColumns,
    pub(super) outcomes: OutcomeColumns,
    pub(super) side: SideTables,
}

/// Texts one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Arena {
    text: String,
    ends: Vec<u64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct RequestColumns {
    pub(super) id: Arena,
    /// Empty where unknown; `prompt_known` tells an empty prompt from none.
    pub(super) prompt: Arena,
    pub(super) prompt_known: Vec<bool>,
    pub(super) at_ms: Vec<i64>,
    pub(super) task: Vec<NameId>,
    pub(super) tenant: Vec<NameId>,
    pub(super) session: Vec<NameId>,
    pub(super) channel: Vec<NameId>,
    pub(super) region: Vec<NameId>,
    pub(super) turn: Vec<u32>,
    pub(super) input_tokens: Vec<u32>,
    pub(super) max_output_tokens: Vec<u32>,
    pub(super) deadline_ms: Vec<u32>,
    pub(super) value: Vec<i64>,
    pub(super) wrong: Vec<i64>,
    pub(super) second: Vec<i64>,
    /// Place in the side table of lists; 0 is the empty list.
    pub(super) needs: Vec<u32>,
    pub(super) prefix: Vec<u32>,
    pub(super) embedding: Vec<u32>,
    pub(super) logged: Vec<u32>,
    pub(super) extra: Vec<u32>,
    pub(super) outcomes_end: Vec<u32>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct OutcomeColumns {
    pub(super) model: Vec<NameId>,
    pub(super) endpoint: Vec<NameId>,
    pub(super) sample: Vec<u32>,
    pub(super) status: Vec<NameId>,
    pub(super) score: Vec<f64>,
    pub(super) input_tokens: Vec<u32>,
    pub(super) cached_tokens: Vec<u32>,
    pub(super) output_tokens: Vec<u32>,
    pub(super) reasoning_tokens: Vec<u32>,
    pub(super) ttft_ms: Vec<u32>,
    pub(super) latency_ms: Vec<u32>,
    pub(super) cost: Vec<i64>,
    pub(super) extra: Vec<u32>,
}

/// What few rows have, by place; columns hold the place or `u32::MAX`.
#[derive(Debug, Clone, Default)]
pub(super) struct SideTables {
    pub(super) lists: Vec<Vec<String>>,
    pub(super) embeddings: Vec<Vec<f32>>,
    pub(super) logged: Vec<Logged>,
    pub(super) extras: Vec<Box<str>>,
}

#[derive(Debug, Clone)]
pub(super) struct Logged {
    pub(super) endpoint: NameId,
    pub(super) propensity: Option<f64>,
    pub(super) policy: NameId,
}

pub(super) const UNKNOWN: u32 = u32::MAX;
pub(super) const UNKNOWN_LONG: i64 = i64::MIN;

impl Arena {
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u64);
    }

    pub(super) fn get(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.text[start..self.ends[i] as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The texts of another arena after these.
    pub(super) fn append(&mut self, other: &Self) {
        let start = self.text.len() as u64;
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| start + end));
    }

    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends_bytes()
    }

    pub(super) fn ends_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<u64>()
    }
}

impl Trace {
    /// What it says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header, to bind roles or dates that the caller knows better.
    pub fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// How many requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.id.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many outcomes, of all requests.
    #[must_use]
    pub fn outcome_count(&self) -> usize {
        self.outcomes.model.len()
    }

    /// The texts that the name columns refer to.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A request's identity.
    #[must_use]
    pub fn id(&self, i: usize) -> &str {
        self.requests.id.get(i)
    }

    /// What was known of a request when it arrived.
    #[must_use]
    pub fn request(&self, i: usize) -> RequestRef<'_> {
        let columns = &self.requests;
        let name = |column: &[NameId]| self.names.get(column[i]);
        RequestRef {
            at: self.at(i),
            prompt: self.prompt(i),
            task: name(&columns.task),
            tenant: name(&columns.tenant),
            session: name(&columns.session),
            turn: known(columns.turn[i]),
            channel: name(&columns.channel),
            region: name(&columns.region),
            needs: self.list(columns.needs[i]),
            input_tokens: known(columns.input_tokens[i]).map(Tokens),
            max_output_tokens: known(columns.max_output_tokens[i]).map(Tokens),
            prefix: self.list(columns.prefix[i]),
            embedding: known(columns.embedding[i])
                .map(|place| self.side.embeddings[place as usize].as_slice()),
            value_usd: known_usd(columns.value[i]),
            wrong_usd: known_usd(columns.wrong[i]),
            second_usd: known_usd(columns.second[i]),
            deadline_ms: known(columns.deadline_ms[i]).map(Millis),
        }
    }

    /// When a request arrived.
    #[must_use]
    pub fn at(&self, i: usize) -> Option<Timestamp> {
        let ms = self.requests.at_ms[i];
        (ms != UNKNOWN_LONG).then(|| Timestamp::from_millis(ms))
    }

    /// A request's prompt.
    #[must_use]
    pub fn prompt(&self, i: usize) -> Option<&str> {
        self.requests.prompt_known[i].then(|| self.requests.prompt.get(i))
    }

    /// A request's task, by number.
    #[must_use]
    pub fn task(&self, i: usize) -> Option<NameId> {
        self.requests.task[i].known()
    }

    /// A request's tenant, by number.
    #[must_use]
    pub fn tenant(&self, i: usize) -> Option<NameId> {
        self.requests.tenant[i].known()
    }

    /// A request's session, by number.
    #[must_use]
    pub fn session(&self, i: usize) -> Option<NameId> {
        self.requests.session[i].known()
    }

    /// A request's channel, by number.
    #[must_use]
    pub fn channel(&self, i: usize) -> Option<NameId> {
        self.requests.channel[i].known()
    }

    /// A request's region, by number.
    #[must_use]
    pub fn region(&self, i: usize) -> Option<NameId> {
        self.requests.region[i].known()
    }

    /// The places of a request's outcomes.
    #[must_use]
    pub fn outcomes(&self, i: usize) -> Range<usize> {
        let start = if i == 0 {
            0
        } else {
            self.requests.outcomes_end[i - 1]
        };
        start as usize..self.requests.outcomes_end[i] as usize
    }

    /// One outcome.
    #[must_use]
    pub fn outcome(&self, k: usize) -> OutcomeRef<'_> {
        let columns = &self.outcomes;
        OutcomeRef {
            model: self.names.get(columns.model[k]).unwrap_or(""),
            endpoint: self.names.get(columns.endpoint[k]),
            sample: columns.sample[k],
            status: self.names.get(columns.status[k]),
            score: Some(columns.score[k]).filter(|score| !score.is_nan()),
            input_tokens: known(columns.input_tokens[k]).map(Tokens),
            cached_tokens: known(columns.cached_tokens[k]).map(Tokens),
            output_tokens: known(columns.output_tokens[k]).map(Tokens),
            reasoning_tokens: known(columns.reasoning_tokens[k]).map(Tokens),
            ttft_ms: known(columns.ttft_ms[k]).map(Millis),
            latency_ms: known(columns.latency_ms[k]).map(Millis),
            cost_usd: known_usd(columns.cost[k]),
            extra: self.extra(columns.extra[k]),
        }
    }

    /// The numbers of one outcome.
    #[must_use]
    pub fn outcome_numbers(&self, k: usize) -> OutcomeNumbers {
        let columns = &self.outcomes;
        let graded = Some(columns.score[k]).filter(|score| !score.is_nan());
        OutcomeNumbers {
            success: success(graded, || self.names.get(columns.status[k])),
            input_tokens: known(columns.input_tokens[k]).map(Tokens),
            cached_tokens: known(columns.cached_tokens[k]).map(Tokens),
            output_tokens: known(columns.output_tokens[k]).map(Tokens),
            ttft_ms: known(columns.ttft_ms[k]).map(Millis),
            latency_ms: known(columns.latency_ms[k]).map(Millis),
            cost_usd: known_usd(columns.cost[k]),
        }
    }

    /// The model of an outcome, by number.
    #[must_use]
    pub fn outcome_model(&self, k: usize) -> NameId {
        self.outcomes.model[k]
    }

    /// The endpoint of an outcome, by number.
    #[must_use]
    pub fn outcome_endpoint(&self, k: usize) -> Option<NameId> {
        self.outcomes.endpoint[k].known()
    }

    /// What was really chosen for a request.
    #[must_use]
    pub fn logged(&self, i: usize) -> Option<LoggedRef<'_>> {
        let logged = &self.side.logged[known(self.requests.logged[i])? as usize];
        Some(LoggedRef {
            endpoint: self.names.get(logged.endpoint).unwrap_or(""),
            propensity: logged.propensity,
            policy: self.names.get(logged.policy),
        })
    }

    /// Fields of a request's line that this version does not know: the text of a JSON object with
    /// the keys `line`, `request` and `logged`, each an object.
    #[must_use]
    pub fn request_extra(&self, i: usize) -> Option<&str> {
        self.extra(self.requests.extra[i])
    }

    /// The numbers of all models that have an outcome, in order of their numbers.
    #[must_use]
    pub fn models(&self) -> Vec<NameId> {
        let mut seen = vec![false; self.names.len()];
        for model in &self.outcomes.model {
            seen[model.index()] = true;
        }
        self.outcomes_order(&seen)
    }

    fn outcomes_order(&self, seen: &[bool]) -> Vec<NameId> {
        let ids = self.names.iter().filter_map(|text| self.names.find(text));
        ids.filter(|id| seen[id.index()]).collect()
    }

    fn list(&self, place: u32) -> &[String] {
        self.side
            .lists
            .get(place as usize)
            .map_or(&[], Vec::as_slice)
    }

    fn extra(&self, place: u32) -> Option<&str> {
        self.side.extras.get(place as usize).map(|text| &**text)
    }
}

fn known(value: u32) -> Option<u32> {
    (value != UNKNOWN).then_some(value)
}

fn known_usd(picos: i64) -> Option<Usd> {
    (picos != UNKNOWN_LONG).then(|| Usd::from_picos(picos))
}
