//! What is in a trace, and what it can and cannot answer.
//!
//! Describes what was recorded, without a policy; costs beyond the recorded bills only where the
//! caller has charged the trace. Start at [`inspect`]; the answers are in
//! [`answers`](super::answers).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use weighbridge_router::{Usd, prompt_group};

use super::answers::{Answer, answers};
use super::spread::{Spread, spread};
use crate::replay::{Charged, Fact, Stage};
use crate::trace::{NameId, OutcomeRef, Trace};

/// What is in a trace; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// `weighbridge.inspect/1`.
    pub format: &'static str,
    /// Requests.
    pub requests: u64,
    /// Outcomes of them.
    pub outcomes: u64,
    /// Sum of row hashes modulo 2^256.
    pub fingerprint: String,
    /// Where the rows come from.
    pub source: Option<String>,
    /// Under which licence.
    pub licence: Option<String>,
    /// How the rows were made up; null: they were recorded.
    pub synthetic: Option<String>,
    /// Role and the model or endpoint that the header binds it to.
    pub roles: BTreeMap<String, String>,
    /// What was assumed and not recorded, as `field: what`.
    pub assumed: Vec<String>,
    /// First and last moment (RFC 3339); null where no request has one.
    pub span: Option<[String; 2]>,
    /// Distinct sessions.
    pub sessions: u64,
    /// Task and its requests; those without are in `missing`.
    pub tasks: BTreeMap<String, u64>,
    /// Each model at each endpoint that has an outcome, and what is recorded of it.
    pub coverage: Vec<Coverage>,
    /// What two models got right together, the pair of the roles first, then those with most
    /// requests that both answered; at most ten.
    pub pairs: Vec<PairRates>,
    /// Endpoint and its cost in USD, where the trace was charged: tokens x price, else bills.
    pub charged_usd: BTreeMap<String, Option<Spread>>,
    /// Answers by endpoint whose charged cost is a recorded bill, for want of tokens or price.
    pub charged_by_bill: BTreeMap<String, u64>,
    /// Field of the request and how many requests lack it.
    pub missing: BTreeMap<&'static str, u64>,
    /// Requests that share a prompt.
    pub groups: Groups,
    /// How outcomes came to be recorded.
    pub logging: Logging,
    /// What can be asked of it.
    pub answers: Vec<Answer>,
}

/// What is recorded of one model at one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// The model.
    pub model: String,
    /// The endpoint, where the recorder knew it.
    pub endpoint: Option<String>,
    /// Outcomes.
    pub outcomes: u64,
    /// Share of all requests with an outcome.
    pub outcome: f64,
    /// Share of all requests with a score, as graded or told by the status.
    pub score: f64,
    /// Share of all requests with input tokens.
    pub input_tokens: f64,
    /// Share of all requests with output tokens.
    pub output_tokens: f64,
    /// Share of all requests with a bill.
    pub bill: f64,
    /// Share of all requests with a latency.
    pub latency: f64,
    /// Mean score of its outcomes.
    pub mean_score: Option<f64>,
    /// Recorded input tokens of an outcome.
    pub input_tokens_spread: Option<Spread>,
    /// Recorded output tokens of an outcome.
    pub output_tokens_spread: Option<Spread>,
    /// Recorded bill of an outcome, USD.
    pub bill_usd_spread: Option<Spread>,
    /// Recorded latency of an outcome, ms.
    pub latency_ms_spread: Option<Spread>,
}

/// How often two models are right together. With graded scores right is the mark of the header, else
/// one half; several samples count with their mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairRates {
    /// The driver where the header binds it, else the model that is right less often.
    pub driver: String,
    /// The other.
    pub specialist: String,
    /// Requests on which both are known.
    pub n: u64,
    /// Those of them that have a prompt, so that a router can learn from them.
    pub with_prompt: u64,
    /// All other requests.
    pub unknown: u64,
    /// Share of `n` that both get right; null without requests, as the next three.
    pub both: Option<f64>,
    /// Share that only the driver gets right.
    pub only_driver: Option<f64>,
    /// Share that only the specialist gets right: the most that routing can gain.
    pub only_specialist: Option<f64>,
    /// Share that neither gets right.
    pub neither: Option<f64>,
}

/// Requests that share a prompt, but for case, spaces and punctuation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Groups {
    /// Distinct prompts.
    pub groups: u64,
    /// Those that several requests have.
    pub repeated: u64,
    /// Requests in them.
    pub requests_in_repeated: u64,
    /// Requests of the largest group.
    pub largest: u64,
}

/// How outcomes came to be recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Logging {
    /// Requests that have a score of every model of the trace.
    pub full_information: u64,
    /// Requests that tell which endpoint was really chosen.
    pub logged: u64,
    /// Those that tell with which probability.
    pub with_propensity: u64,
    /// Those whose probability was below 1: other choices were possible.
    pub explored: u64,
}

/// The most pairs of models that are told of.
const MOST_PAIRS: usize = 10;

/// From which score an answer is right where the header has no mark.
const HALF: f64 = 0.5;

/// Describe a trace; with `charged`, what its answers cost under a catalog as well.
#[must_use]
pub fn inspect(trace: &Trace, charged: Option<(&Stage<'_>, &Charged)>) -> Inspection {
    let header = trace.header();
    let scores = ModelScores::of(trace);
    let mut inspection = Inspection {
        format: "weighbridge.inspect/1",
        requests: trace.len() as u64,
        outcomes: trace.outcome_count() as u64,
        fingerprint: trace.fingerprint().to_string(),
        source: header.source.clone(),
        licence: header.licence.clone(),
        synthetic: header.synthetic.clone(),
        roles: header.roles.clone(),
        assumed: header
            .assumed
            .iter()
            .map(|assumed| format!("{}: {}", assumed.field, assumed.what))
            .collect(),
        span: span(trace),
        sessions: distinct(trace, |row| trace.session(row)),
        tasks: tasks(trace),
        coverage: coverage(trace),
        pairs: pairs(trace, &scores),
        charged_usd: BTreeMap::new(),
        charged_by_bill: BTreeMap::new(),
        missing: missing(trace),
        groups: groups(trace),
        logging: logging(trace, &scores),
        answers: Vec::new(),
    };
    if let Some((stage, charged)) = charged {
        add_costs(&mut inspection, stage, charged);
    }
    inspection.answers = answers(trace, &inspection, charged);
    inspection
}

fn add_costs(inspection: &mut Inspection, stage: &Stage<'_>, charged: &Charged) {
    for (place, endpoint) in (0u16..).zip(stage.endpoints()) {
        let rows = 0..charged.rows();
        let costs = rows
            .clone()
            .filter_map(|row| charged.cost(place, row).map(Usd::to_f64));
        let billed = rows.filter(|&row| charged.facts(place, row).has(Fact::Billed));
        let id = endpoint.id.clone();
        let billed = billed.count() as u64;
        inspection.charged_usd.insert(id.clone(), spread(costs));
        inspection.charged_by_bill.insert(id, billed);
    }
}

fn span(trace: &Trace) -> Option<[String; 2]> {
    let moments = || (0..trace.len()).filter_map(|row| trace.at(row));
    let (first, last) = (moments().min()?, moments().max()?);
    Some([first.to_string(), last.to_string()])
}

fn distinct(trace: &Trace, name: impl Fn(usize) -> Option<NameId>) -> u64 {
    let names: BTreeSet<NameId> = (0..trace.len()).filter_map(name).collect();
    names.len() as u64
}

fn tasks(trace: &Trace) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<NameId, u64> = BTreeMap::new();
    for task in (0..trace.len()).filter_map(|row| trace.task(row)) {
        *counts.entry(task).or_default() += 1;
    }
    let text = |id| trace.names().get(id).unwrap_or_default().to_owned();
    counts
        .into_iter()
        .map(|(task, count)| (text(task), count))
        .collect()
}

/// The outcomes of one model at one endpoint, by request.
type Recorded = Vec<(usize, usize)>;

fn coverage(trace: &Trace) -> Vec<Coverage> {
    let text = |id| trace.names().get(id).unwrap_or_default();
    let mut recorded: BTreeMap<(&str, Option<&str>), Recorded> = BTreeMap::new();
    for row in 0..trace.len() {
        for k in trace.outcomes(row) {
            let endpoint = trace.outcome_endpoint(k).map(text);
            let source = (text(trace.outcome_model(k)), endpoint);
            recorded.entry(source).or_default().push((row, k));
        }
    }
    recorded
        .iter()
        .map(|(&(model, endpoint), places)| Coverage {
            model: model.to_owned(),
            endpoint: endpoint.map(str::to_owned),
            ..covered(trace, places)
        })
        .collect()
}

fn covered(trace: &Trace, places: &Recorded) -> Coverage {
    let column = |field: fn(&OutcomeRef<'_>) -> Option<f64>| {
        let outcomes = places.iter();
        let known: Vec<(usize, f64)> = outcomes
            .filter_map(|&(row, k)| Some((row, field(&trace.outcome(k))?)))
            .collect();
        let rows: BTreeSet<usize> = known.iter().map(|&(row, _)| row).collect();
        let share = rows.len() as f64 / trace.len() as f64;
        (share, spread(known.into_iter().map(|(_, x)| x)))
    };
    let (outcome, _) = column(|_| Some(0.0));
    let (score, scores) = column(|outcome| outcome.success());
    let (input_tokens, input_tokens_spread) =
        column(|outcome| outcome.input_tokens.map(|tokens| f64::from(tokens.0)));
    let (output_tokens, output_tokens_spread) =
        column(|outcome| outcome.output_tokens.map(|tokens| f64::from(tokens.0)));
    let (bill, bill_usd_spread) = column(|outcome| outcome.cost_usd.map(Usd::to_f64));
    let (latency, latency_ms_spread) =
        column(|outcome| outcome.latency_ms.map(|ms| f64::from(ms.0)));
    Coverage {
        model: String::new(),
        endpoint: None,
        outcomes: places.len() as u64,
        outcome,
        score,
        input_tokens,
        output_tokens,
        bill,
        latency,
        mean_score: scores.map(|scores| scores.mean),
        input_tokens_spread,
        output_tokens_spread,
        bill_usd_spread,
        latency_ms_spread,
    }
}

/// Whether each model is right on each request.
struct ModelScores {
    models: Vec<NameId>,
    /// Request after request, a value a model.
    right: Vec<Option<bool>>,
}

impl ModelScores {
    fn of(trace: &Trace) -> Self {
        let mut models = trace.models();
        models.sort_by_key(|&model| trace.names().get(model));
        let mark = trace.header().pass_at.unwrap_or(HALF);
        let mut place = vec![0; trace.names().len()];
        for (i, model) in models.iter().enumerate() {
            place[model.index()] = i;
        }
        let mut right = Vec::with_capacity(trace.len() * models.len());
        for row in 0..trace.len() {
            let mut sums = vec![(0.0, 0u32); models.len()];
            for k in trace.outcomes(row) {
                if let Some(score) = trace.outcome(k).success() {
                    let (sum, count) = &mut sums[place[trace.outcome_model(k).index()]];
                    (*sum, *count) = (*sum + score, *count + 1);
                }
            }
            let known = sums
                .iter()
                .map(|&(sum, count)| (count > 0).then(|| sum >= mark * f64::from(count)));
            right.extend(known);
        }
        Self { models, right }
    }

    fn rows(&self) -> impl Iterator<Item = &[Option<bool>]> {
        self.right.chunks(self.models.len().max(1))
    }

    /// Requests with a prompt on which both models are known.
    fn with_prompt(&self, trace: &Trace, [a, b]: [usize; 2]) -> u64 {
        let both = self.rows().enumerate().filter(|&(row, right)| {
            right[a].is_some() && right[b].is_some() && trace.prompt(row).is_some()
        });
        both.count() as u64
    }

    /// Requests that both get right, only the one, only the other, neither.
    fn pair(&self, [a, b]: [usize; 2]) -> [u64; 4] {
        let mut counts = [0; 4];
        for row in self.rows() {
            if let (Some(a), Some(b)) = (row[a], row[b]) {
                counts[2 * usize::from(!a) + usize::from(!b)] += 1;
            }
        }
        counts
    }
}

fn pairs(trace: &Trace, scores: &ModelScores) -> Vec<PairRates> {
    let text = |place: usize| {
        let name = trace.names().get(scores.models[place]);
        name.unwrap_or_default()
    };
    let role = |role: &str| {
        let bound = trace.header().roles.get(role)?;
        // A role may be bound to an endpoint, `model@provider`.
        let model = bound.rsplit_once('@').map(|(model, _)| model);
        (0..scores.models.len())
            .find(|&place| [Some(bound.as_str()), model].contains(&Some(text(place))))
    };
    let bound = role("driver").zip(role("specialist"));
    let mut found: Vec<([usize; 2], [u64; 4])> = Vec::new();
    for a in 0..scores.models.len() {
        for b in a + 1..scores.models.len() {
            let counts = scores.pair([a, b]);
            let turned = bound == Some((b, a)) || (bound != Some((a, b)) && counts[1] > counts[2]);
            found.push(if turned {
                ([b, a], [counts[0], counts[2], counts[1], counts[3]])
            } else {
                ([a, b], counts)
            });
        }
    }
    let n = |counts: &[u64; 4]| counts.iter().sum::<u64>();
    found.sort_by_key(|(pair, counts)| {
        let roles = bound == Some((pair[0], pair[1]));
        (!roles, std::cmp::Reverse(n(counts)))
    });
    found.truncate(MOST_PAIRS);
    let rates = found.iter().map(|(pair, counts)| {
        let n = n(counts);
        let share = |place: usize| (n > 0).then(|| counts[place] as f64 / n as f64);
        PairRates {
            driver: text(pair[0]).to_owned(),
            specialist: text(pair[1]).to_owned(),
            n,
            with_prompt: scores.with_prompt(trace, *pair),
            unknown: trace.len() as u64 - n,
            both: share(0),
            only_driver: share(1),
            only_specialist: share(2),
            neither: share(3),
        }
    });
    rates.collect()
}

fn missing(trace: &Trace) -> BTreeMap<&'static str, u64> {
    let mut missing: BTreeMap<&'static str, u64> = BTreeMap::new();
    for row in 0..trace.len() {
        let request = trace.request(row);
        for (field, known) in [
            ("at", request.at.is_some()),
            ("prompt", request.prompt.is_some()),
            ("task", request.task.is_some()),
            ("tenant", request.tenant.is_some()),
            ("session", request.session.is_some()),
            ("turn", request.turn.is_some()),
            ("channel", request.channel.is_some()),
            ("region", request.region.is_some()),
            ("input_tokens", request.input_tokens.is_some()),
            ("max_output_tokens", request.max_output_tokens.is_some()),
            ("value_usd", request.value_usd.is_some()),
            ("deadline_ms", request.deadline_ms.is_some()),
        ] {
            *missing.entry(field).or_default() += u64::from(!known);
        }
    }
    missing
}

fn groups(trace: &Trace) -> Groups {
    let mut sizes: BTreeMap<[u8; 32], u64> = BTreeMap::new();
    for prompt in (0..trace.len()).filter_map(|row| trace.prompt(row)) {
        *sizes.entry(prompt_group(prompt)).or_default() += 1;
    }
    let repeated = || sizes.values().filter(|&&size| size > 1);
    Groups {
        groups: sizes.len() as u64,
        repeated: repeated().count() as u64,
        requests_in_repeated: repeated().sum(),
        largest: sizes.values().copied().max().unwrap_or(0),
    }
}

fn logging(trace: &Trace, scores: &ModelScores) -> Logging {
    let full = |row: &&[Option<bool>]| row.iter().all(Option::is_some);
    let mut logging = Logging {
        full_information: scores.rows().filter(full).count() as u64,
        ..Logging::default()
    };
    for logged in (0..trace.len()).filter_map(|row| trace.logged(row)) {
        logging.logged += 1;
        if let Some(propensity) = logged.propensity {
            logging.with_propensity += 1;
            logging.explored += u64::from(propensity < 1.0);
        }
    }
    logging
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Header, LoggedRef, Row, TraceBuilder};
    use weighbridge_router::{RequestRef, Timestamp, Tokens};

    fn scored(model: &str, score: Option<f64>) -> OutcomeRef<'_> {
        OutcomeRef {
            model,
            score,
            output_tokens: Some(Tokens(100)),
            ..OutcomeRef::default()
        }
    }

    fn trace(rows: &[(&str, [Option<f64>; 2])]) -> Trace {
        let roles = [("driver", "small@x"), ("specialist", "large")];
        let mut builder = TraceBuilder::new(Header {
            roles: roles.map(|(role, name)| (role.into(), name.into())).into(),
            ..Header::default()
        });
        for (i, &(prompt, [large, small])) in rows.iter().enumerate() {
            let id = format!("r{i:04}");
            let request = RequestRef {
                prompt: Some(prompt),
                at: Some(Timestamp::from_millis(i as i64)),
                ..RequestRef::default()
            };
            builder
                .push(&Row {
                    id: &id,
                    request,
                    outcomes: &[scored("large", large), scored("small", small)],
                    logged: Some(LoggedRef {
                        endpoint: "small",
                        propensity: Some(0.5),
                        policy: None,
                    }),
                    extra: None,
                })
                .unwrap();
        }
        builder.finish().unwrap().0
    }

    fn yes(inspection: &Inspection, about: &str) -> bool {
        let answer = inspection.answers.iter().find(|held| held.about == about);
        answer.unwrap().yes
    }

    #[test]
    fn a_small_trace_is_described_by_count() {
        let found = inspect(
            &trace(&[
                ("a b", [Some(1.0), Some(0.0)]),
                ("A, b!", [Some(1.0), Some(1.0)]),
                ("c", [Some(0.4), Some(0.5)]),
                ("d", [None, Some(1.0)]),
            ]),
            None,
        );
        assert_eq!((found.requests, found.outcomes), (4, 8));
        let pair = &found.pairs[0];
        assert_eq!(
            (pair.driver.as_str(), pair.specialist.as_str()),
            ("small", "large")
        );
        assert_eq!((pair.n, pair.with_prompt, pair.unknown), (3, 3, 1));
        let third = Some(1.0 / 3.0);
        assert_eq!(
            [
                pair.both,
                pair.only_driver,
                pair.only_specialist,
                pair.neither
            ],
            [third, third, third, Some(0.0)]
        );
        assert_eq!(
            found.groups,
            Groups {
                groups: 3,
                repeated: 1,
                requests_in_repeated: 2,
                largest: 2
            }
        );
        assert_eq!(found.logging.full_information, 3);
        assert_eq!((found.logging.logged, found.logging.explored), (4, 4));
        let large = &found.coverage[0];
        assert_eq!((large.outcome, large.score, large.bill), (1.0, 0.75, 0.0));
        assert_eq!(large.output_tokens_spread.unwrap().sum, 400.0);
        assert_eq!((found.missing["prompt"], found.missing["task"]), (0, 4));
        assert!(!yes(&found, "compare") && yes(&found, "price") && !yes(&found, "latency"));
        assert!(!yes(&found, "train") && !yes(&found, "split_by_time"));
    }

    #[test]
    fn enough_requests_that_differ_can_be_trained_on_and_an_empty_trace_answers_nothing() {
        let rows: Vec<_> = (0..200).map(|_| ("p", [Some(1.0), Some(0.0)])).collect();
        let found = inspect(&trace(&rows), None);
        assert!(yes(&found, "train") && yes(&found, "compare") && yes(&found, "split_by_time"));
        assert!(!yes(&inspect(&trace(&rows[1..]), None), "train"));
        let empty = inspect(&Trace::default(), None);
        assert!(empty.pairs.is_empty() && empty.coverage.is_empty() && empty.span.is_none());
        assert!(empty.answers.iter().all(|answer| !answer.yes));
    }
}
