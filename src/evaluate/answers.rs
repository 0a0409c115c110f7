//! What can be asked of a trace: plain questions, each answered yes or no with the number behind.

use serde::Serialize;

use super::inspect::{Inspection, PairRates};
use crate::replay::{Charged, Fact, Stage};
use crate::trace::{OutcomeRef, Trace};

/// One thing that a trace can or cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// A short name: `compare`, `price`, `latency`, `train`, `split_by_time`, `split_by_task`.
    pub about: &'static str,
    /// The question.
    pub question: &'static str,
    /// Whether it can.
    pub yes: bool,
    /// The number behind, and what is missing.
    pub because: String,
}

/// Fewer informative requests than that teach nothing.
const TRAINABLE: u64 = 200;

/// Fewer distinct moments or tasks than the folds of a split cannot be split.
const SPLITS: usize = 5;

pub(super) fn answers(
    trace: &Trace,
    inspection: &Inspection,
    charged: Option<(&Stage<'_>, &Charged)>,
) -> Vec<Answer> {
    let mut answers = vec![compare(inspection, charged), price(trace, charged)];
    answers.push(latency(trace, charged));
    answers.push(train(inspection));
    answers.extend(splits(trace, inspection));
    answers
}

/// Whether the trace tells what every endpoint would have made of every request that it may take.
fn compare(inspection: &Inspection, charged: Option<(&Stage<'_>, &Charged)>) -> Answer {
    let (logging, all) = (inspection.logging, inspection.requests);
    let full = charged.map_or(logging.full_information, |(stage, charged)| {
        told_wherever_eligible(stage, charged)
    });
    let because = if full == all {
        format!("each of {all} requests has a score of every model that may take it")
    } else {
        format!(
            "{full} of {all} requests have a score of every model that may take them; beyond them \
             there are bounds. {} tell the probability of what was chosen, {} of these had another \
             choice",
            logging.with_propensity, logging.explored
        )
    };
    Answer {
        about: "compare",
        question: "Can policies be compared without assumptions?",
        yes: all > 0 && full == all,
        because,
    }
}

/// Requests of which every recorded endpoint either has a score or may not take them.
fn told_wherever_eligible(stage: &Stage<'_>, charged: &Charged) -> u64 {
    let endpoints = || (0u16..).zip(stage.endpoints()).map(|(place, _)| place);
    // Of nobody everything would be told.
    let told = |row: usize| {
        !stage.endpoints().is_empty()
            && endpoints().all(|endpoint| {
                charged.score(endpoint, row).is_some()
                    || !charged.facts(endpoint, row).has(Fact::Eligible)
            })
    };
    (0..charged.rows()).filter(|&row| told(row)).count() as u64
}

/// Outcomes, and those of them of which something holds.
fn count(trace: &Trace, holds: impl Fn(&OutcomeRef<'_>) -> bool) -> (u64, u64) {
    let outcomes = (0..trace.outcome_count()).map(|k| trace.outcome(k));
    let held = outcomes.filter(holds).count() as u64;
    (held, trace.outcome_count() as u64)
}

/// Charged answers of which the first fact holds, and of which the second does.
fn facts((stage, charged): (&Stage<'_>, &Charged), wanted: [Fact; 2]) -> [u64; 2] {
    let endpoints = (0u16..).zip(stage.endpoints()).map(|(place, _)| place);
    let mut counts = [0; 2];
    for endpoint in endpoints {
        for row in 0..charged.rows() {
            let facts = charged.facts(endpoint, row);
            for (count, fact) in counts.iter_mut().zip(wanted) {
                *count += u64::from(facts.has(fact));
            }
        }
    }
    counts
}

fn price(trace: &Trace, charged: Option<(&Stage<'_>, &Charged)>) -> Answer {
    let (tokens, all) = count(trace, |outcome| outcome.output_tokens.is_some());
    let (billed, _) = count(trace, |outcome| outcome.cost_usd.is_some());
    let mut because =
        format!("{tokens} of {all} outcomes have output tokens, {billed} a recorded bill");
    if let Some(charged) = charged {
        let [priced, by_bill] = facts(charged, [Fact::Priced, Fact::Billed]);
        because.push_str(&format!(
            "; {priced} answers are charged by tokens and a price row, {by_bill} by their bill"
        ));
    }
    let assumed = trace.header().assumed.iter();
    let of_tokens = assumed.filter(|held| held.field.ends_with("_tokens"));
    for held in of_tokens {
        because.push_str(&format!("; assumed {}: {}", held.field, held.what));
    }
    Answer {
        about: "price",
        question: "Can every answer be priced by its tokens, at other prices too?",
        yes: all > 0 && tokens == all,
        because,
    }
}

fn latency(trace: &Trace, charged: Option<(&Stage<'_>, &Charged)>) -> Answer {
    let (recorded, all) = count(trace, |outcome| outcome.latency_ms.is_some());
    let mut because = format!("{recorded} of {all} outcomes have a latency");
    if let Some(charged) = charged {
        let [predicted, _] = facts(charged, [Fact::LatencyPredicted, Fact::Observed]);
        because.push_str(&format!(
            "; {predicted} answers have one predicted from the endpoint's card and their tokens"
        ));
    }
    Answer {
        about: "latency",
        question: "Is latency recorded, and not predicted?",
        yes: all > 0 && recorded == all,
        because,
    }
}

fn train(inspection: &Inspection) -> Answer {
    let because = match inspection.pairs.first() {
        None => "fewer than two models have outcomes".to_owned(),
        Some(pair) => format!(
            "{} requests have a prompt and the scores of `{}` and `{}`; at least {TRAINABLE} are \
             needed, and some that only one of the two gets right",
            pair.with_prompt, pair.driver, pair.specialist
        ),
    };
    let teaches = |pair: &PairRates| {
        let differ = pair.only_driver.unwrap_or(0.0) + pair.only_specialist.unwrap_or(0.0);
        pair.with_prompt >= TRAINABLE && differ > 0.0
    };
    Answer {
        about: "train",
        question: "Can a router be trained on it?",
        yes: inspection.pairs.first().is_some_and(teaches),
        because,
    }
}

fn splits(trace: &Trace, inspection: &Inspection) -> [Answer; 2] {
    let mut moments: Vec<_> = (0..trace.len()).filter_map(|row| trace.at(row)).collect();
    let timed = moments.len();
    moments.sort_unstable();
    moments.dedup();
    let tasks = inspection.tasks.len();
    [
        Answer {
            about: "split_by_time",
            question: "Can it be split by time?",
            yes: timed == trace.len() && moments.len() >= SPLITS,
            because: format!(
                "{timed} of {} requests have a time, {} distinct ones",
                trace.len(),
                moments.len()
            ),
        },
        Answer {
            about: "split_by_task",
            question: "Can it be split by task, to see how new traffic fares?",
            yes: tasks >= SPLITS,
            because: format!("{tasks} tasks are named; five folds need as many"),
        },
    ]
}
