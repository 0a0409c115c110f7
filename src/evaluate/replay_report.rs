//! The result of a replay: every policy beside its floors.

use std::collections::BTreeMap;

use serde::Serialize;
use weighbridge_router::Trade;

use super::break_even::{BreakEven, break_evens};
use super::compare::{Comparison, compare};
use super::decision::{Decision, NET, decide};
use super::endpoints::{EndpointSummary, endpoints};
use super::gain_curve::{GainAtValue, SegmentGain, front, gains, segment_gain};
use super::summary::{PolicyFigures, Reader};
use super::sums::{ReplaySums, replay_sums};
use super::yardsticks::{BEST_SINGLE, yardsticks};
use crate::replay::{
    Cell, Charged, Decisions, SegmentKey, Segments, Stage, Tally, TallyInput, TallySpec, unit_keys,
};
use crate::trace::Assumption;

/// What a replay was asked for.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The worth of an answer for requests that bring none.
    pub trade: Option<Trade>,
    /// Groups that figures are also given for.
    pub segments: Vec<SegmentKey>,
    /// Role and model or endpoint, where known.
    pub roles: BTreeMap<String, String>,
    /// The seed of folds and bootstrap.
    pub seed: u64,
    /// Bootstrap replicates; 0 for no intervals.
    pub replicates: usize,
    /// Threads.
    pub threads: usize,
    /// Whether to add up what sliders and spend over time need.
    pub sums: bool,
}

/// A replay's result; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayReport {
    /// `weighbridge.replay/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// What was replayed.
    pub trace: TraceSummary,
    /// What each endpoint admits and asks.
    pub endpoints: Vec<EndpointSummary>,
    /// The worth of an answer that was charged.
    pub trade: Option<TradeSummary>,
    /// The seed.
    pub seed: u64,
    /// Bootstrap replicates behind each interval.
    pub replicates: usize,
    /// The policies, in the order of the call.
    pub policies: Vec<PolicyFigures>,
    /// What they must beat, and hindsight.
    pub floors: Vec<PolicyFigures>,
    /// Policies against the first one and against the best fixed choice.
    pub comparisons: Vec<Comparison>,
    /// What all of it comes to.
    pub decision: Decision,
    /// For each pair that is compared, the worth of a right answer at which both are worth the same.
    pub break_evens: Vec<BreakEven>,
    /// The policies and floors, hindsight aside, that no other beats in success at no more cost,
    /// cheapest first.
    pub front: Vec<String>,
    /// What each policy gains over the best fixed choice, by the worth of a right answer; none where
    /// requests bring values of their own.
    pub gains: Vec<GainAtValue>,
    /// What routing gains over the best fixed choice on each segment, the greatest gain first.
    pub segment_gains: Vec<SegmentGain>,
    /// What sliders and spend over time need, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sums: Option<ReplaySums>,
    /// What a reader should know before he believes any of it.
    pub warnings: Vec<String>,
}

/// What was replayed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TraceSummary {
    /// Requests that count.
    pub requests: u64,
    /// Outcomes of them.
    pub outcomes: u64,
    /// Sum of row hashes modulo 2^256.
    pub fingerprint: String,
    /// Requests left out because a router may have learned from their prompt group.
    pub dropped_training_rows: u64,
    /// Requests on which every policy's success is known.
    pub compared: u64,
    /// How the rows were made up, where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<String>,
    /// Where the rows come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// v, e and w in USD.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TradeSummary {
    /// Worth of a right answer.
    pub value_usd: f64,
    /// Cost of a wrong answer that nobody catches.
    pub wrong_usd: f64,
    /// Worth of a second of waiting.
    pub second_usd: f64,
}

impl From<Trade> for TradeSummary {
    fn from(trade: Trade) -> Self {
        Self {
            value_usd: trade.value.to_f64(),
            wrong_usd: trade.wrong.to_f64(),
            second_usd: trade.second.to_f64(),
        }
    }
}

/// The name of hindsight among the floors.
pub const HINDSIGHT: &str = "hindsight";

/// Work out every figure of a replay.
///
/// `decisions` are those of the policies, in their order; floors are added here.
#[must_use]
pub fn replay_report(
    stage: &Stage<'_>,
    charged: &Charged,
    decisions: Vec<Decisions>,
    options: &ReplayOptions,
) -> ReplayReport {
    let segments: Vec<Segments> = options
        .segments
        .iter()
        .map(|&key| Segments::by(stage.trace(), key))
        .collect();
    let units = if options.replicates > 0 {
        unit_keys(stage.trace(), options.seed, options.threads)
    } else {
        Vec::new()
    };
    let policies = decisions.len();
    let floors = yardsticks(stage, charged, &decisions, options);
    let all: Vec<Decisions> = decisions.into_iter().chain(floors).collect();
    let spec = spec(stage, &all, &segments, options);
    let input = TallyInput {
        charged,
        decisions: &all,
        units: &units,
        segments: &segments,
    };
    let tally = Tally::measure(&spec, input, options.threads);
    let report = Reporter {
        tally: &tally,
        decisions: &all,
        policies,
        assumed: &stage.trace().header().assumed,
        segments: &segments,
        options,
    };
    let figures = report.figures();
    let pairs = pairs(policies, &all);
    let total = report.reader(tally.total());
    let comparisons = compare(&total, &pairs);
    let (policies, floors) = figures.split_at(policies);
    let fixed = held_against(&all, policies.len());
    let fixed_name = fixed.map(|fixed| all[fixed].name());
    let decision = decide(policies, fixed_name, &comparisons, |a, b| {
        let compared = compare(&total, &[(a, b)]);
        compared.into_iter().find(|held| held.figure == NET)
    });
    let own = (0..stage.trace().len()).any(|row| stage.trace().request(row).value_usd.is_some());
    let value = options.trade.map(|trade| trade.value.to_f64());
    let break_evens = break_evens(&total, &pairs, value, own);
    let met: Vec<f64> = break_evens
        .iter()
        .filter_map(|met| met.value_usd.x)
        .collect();
    ReplayReport {
        format: "weighbridge.replay/1",
        version: env!("CARGO_PKG_VERSION"),
        trace: summary(stage, &tally),
        endpoints: endpoints(stage, charged),
        trade: options.trade.map(TradeSummary::from),
        seed: options.seed,
        replicates: options.replicates,
        warnings: warnings(stage, charged, policies),
        front: front(figures.iter().filter(|figures| figures.name != HINDSIGHT)),
        gains: fixed.filter(|_| !own).map_or_else(Vec::new, |fixed| {
            gains(&total, policies.len(), fixed, value, &met)
        }),
        segment_gains: report.segment_gains(&decision, fixed),
        sums: options
            .sums
            .then(|| replay_sums(stage, charged, &all, options.trade, options.threads)),
        policies: policies.to_vec(),
        floors: floors.to_vec(),
        comparisons,
        decision,
        break_evens,
    }
}

fn summary(stage: &Stage<'_>, tally: &Tally) -> TraceSummary {
    let trace = stage.trace();
    TraceSummary {
        requests: trace.len() as u64,
        outcomes: trace.outcome_count() as u64,
        fingerprint: trace.fingerprint().to_string(),
        dropped_training_rows: 0,
        compared: tally.total().support.success,
        synthetic: trace.header().synthetic.clone(),
        source: trace.header().source.clone(),
    }
}

/// Reads a tally, in total and by segment.
struct Reporter<'a> {
    tally: &'a Tally,
    /// Of policies, then floors.
    decisions: &'a [Decisions],
    policies: usize,
    assumed: &'a [Assumption],
    segments: &'a [Segments],
    options: &'a ReplayOptions,
}

impl Reporter<'_> {
    fn reader<'t>(&'t self, cell: &'t Cell) -> Reader<'t> {
        Reader {
            tally: self.tally,
            cell,
            hindsight: self.place(HINDSIGHT),
            assumed: self.assumed,
            has_trade: self.options.trade.is_some(),
        }
    }

    /// The place of a policy or floor, floors first where names are equal.
    fn place(&self, name: &str) -> Option<usize> {
        let floors = self.policies..self.decisions.len();
        floors
            .chain(0..self.policies)
            .find(|&place| self.decisions[place].name() == name)
    }

    /// Each segment's sums with the name of its field and its own.
    fn cells(&self) -> impl Iterator<Item = (&Cell, &'static str, &String)> {
        let families = self.options.segments.iter().enumerate();
        families.flat_map(|(family, key)| {
            let labels = self.segments[family].labels().iter();
            let cells = self.tally.segments(family).iter().zip(labels);
            cells.map(|(cell, label)| (cell, key.name(), label))
        })
    }

    fn figures(&self) -> Vec<PolicyFigures> {
        let total = self.reader(self.tally.total());
        let all = 0..self.decisions.len();
        let mut figures: Vec<PolicyFigures> = all.map(|policy| total.figures(policy)).collect();
        for (cell, by, label) in self.cells() {
            let reader = self.reader(cell);
            for (policy, figures) in figures.iter_mut().enumerate() {
                figures.segments.push(reader.segment(policy, by, label));
            }
        }
        figures
    }

    fn segment_gains(&self, decision: &Decision, fixed: Option<usize>) -> Vec<SegmentGain> {
        let routing = decision.routing.as_ref();
        let routing = routing.and_then(|name| {
            (0..self.policies).find(|&place| self.decisions[place].name() == name)
        });
        let Some(pair) = routing.zip(fixed).map(<[usize; 2]>::from) else {
            return Vec::new();
        };
        let whole = self.reader(self.tally.total());
        let of = |(cell, by, label): (&Cell, &'static str, &String)| {
            segment_gain(&self.reader(cell), pair, by, label, &whole)
        };
        let mut gains: Vec<SegmentGain> = self.cells().map(of).collect();
        let gain = |held: &SegmentGain| held.net_usd_per_request.x.unwrap_or(f64::NEG_INFINITY);
        // Stable: families stay together.
        gains.sort_by(|a, b| {
            let family = |by: &str| {
                self.options
                    .segments
                    .iter()
                    .position(|key| key.name() == by)
            };
            family(a.by)
                .cmp(&family(b.by))
                .then(gain(b).total_cmp(&gain(a)))
        });
        gains
    }
}

/// What a tally is about.
fn spec(
    stage: &Stage<'_>,
    all: &[Decisions],
    segments: &[Segments],
    options: &ReplayOptions,
) -> TallySpec {
    TallySpec {
        policies: all
            .iter()
            .map(|decisions| decisions.name().to_owned())
            .collect(),
        endpoints: stage
            .endpoints()
            .iter()
            .map(|endpoint| endpoint.id.clone())
            .collect(),
        segments: segments
            .iter()
            .map(|segments| segments.labels().to_vec())
            .collect(),
        trade: options.trade,
        seed: options.seed,
        replicates: options.replicates,
    }
}

/// The policy that stands for the best fixed choice in comparisons: the first where it is that,
/// else the floor.
fn held_against(all: &[Decisions], policies: usize) -> Option<usize> {
    let best = (policies..all.len()).find(|&floor| all[floor].name().starts_with(BEST_SINGLE))?;
    let first = policies > 0 && all[best].same_choices(&all[0]);
    Some(if first { 0 } else { best })
}

/// Every policy but the first against the first, and every policy against the best fixed choice.
fn pairs(policies: usize, all: &[Decisions]) -> Vec<(usize, usize)> {
    let against_first = (1..policies).map(|a| (a, 0));
    // Where the first policy is the best fixed choice, that has been said already.
    let best = held_against(all, policies).filter(|&best| best >= policies && policies > 0);
    let against_best = best
        .into_iter()
        .flat_map(|best| (0..policies).map(move |a| (a, best)));
    against_first.chain(against_best).collect()
}

fn warnings(stage: &Stage<'_>, charged: &Charged, figures: &[PolicyFigures]) -> Vec<String> {
    let mut warnings = Vec::new();
    let report = charged.report();
    let requests = stage.trace().len();
    if report.without_time > 0 {
        warnings.push(format!(
            "{} of {requests} requests have no time of their own: {}",
            report.without_time,
            stage.time_source()
        ));
    }
    let chosen = |endpoint: &str| {
        figures
            .iter()
            .any(|policy| policy.share.contains_key(endpoint))
    };
    for (endpoint, count) in report
        .without_price
        .iter()
        .filter(|(endpoint, _)| chosen(endpoint))
    {
        warnings.push(format!("{endpoint}: {count} outcomes have tokens but neither a bill nor a price row in force; their cost is unknown"));
    }
    if report.bills_differ > 0 {
        warnings.push(format!("{} recorded bills differ by more than 1% from tokens x price; the price row was charged", report.bills_differ));
    }
    for assumption in &stage.trace().header().assumed {
        warnings.push(format!(
            "assumed, not recorded: {} = {}",
            assumption.field, assumption.what
        ));
    }
    for policy in figures {
        if policy.unobserved > 0.0 {
            warnings.push(format!("{}: the trace does not tell {:.0} of {requests} answers; figures are for the others, bounds for all", policy.name, policy.unobserved));
        }
        if policy.unanswered > 0.0 {
            warnings.push(format!("{}: no eligible endpoint for {:.0} of {requests} requests; they count as failed at no cost", policy.name, policy.unanswered));
        }
    }
    if figures
        .iter()
        .any(|policy| policy.cost_top1pct_share.x.is_some_and(|share| share > 0.2))
    {
        warnings.push("the dearest 1% of answers make up more than a fifth of a bill: intervals of costs are too narrow".to_owned());
    }
    warnings
}
