//! What a router is worth in USD: net value at its own trade and at others, beside what it must
//! beat, every difference paired.

use std::collections::BTreeMap;

use serde::Serialize;
use weighbridge_router::{Trade, Usd};

use super::frame::Frame;
use super::ground::{At, Ground};
use super::policies::{Choice, PolicyKind, PolicyNet, choices};
use crate::evaluate::compare::{Comparison, Difference, Verdict, judge};
use crate::evaluate::figure::Figure;
use crate::evaluate::replay_report::TradeSummary;
use crate::replay::in_parts;
use crate::stats::Replicates;

/// Net value at one trade: the router re-decided at it and charged by it, like everything beside it.
/// A request that brings its own value keeps it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetAtValue {
    /// v, e and w.
    pub trade: TradeSummary,
    /// Requests on which what comes of every policy is known.
    pub n: u64,
    /// Requests left out because the trace does not tell what comes of some policy.
    pub unobserved: u64,
    /// The router first.
    pub policies: Vec<PolicyNet>,
    /// The router against chance, the best single endpoint and each rule, in net value.
    pub comparisons: Vec<Comparison>,
    /// Endpoint and the share of requests that the router sends there.
    pub sent: BTreeMap<String, f64>,
}

/// Whether a router is worth having at its own trade.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetVerdict {
    /// The figures.
    #[serde(flatten)]
    pub at: NetAtValue,
    /// The better of the best single endpoint and the best rule, by net value on these requests;
    /// a little flattered, since it was chosen on them.
    pub best_simple: String,
    /// Net value of the router less that of the best simple policy, USD a request.
    pub difference: Figure,
    /// The probability of such a difference were there none, corrected for all floors (Holm).
    pub p_adjusted: Option<f64>,
    /// Whether the router is better than the best simple policy.
    pub verdict: Verdict,
    /// Net value of the router less that of the best single endpoint, with standard errors by unit
    /// and by task.
    pub over_fixed: Clustered,
    /// The cheapest fixed choice or rule that costs less than the router and whose success is not
    /// below the router's by more than their paired interval; null where there is none.
    pub cheaper: Option<PolicyNet>,
}

/// A mean difference with standard errors that allow for requests which are alike: the root of
/// G / (G - 1) times the sum over G clusters of the squared sum of their deviations, over n
/// (Liang and Zeger 1986; the factor as in Cameron and Miller 2015).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clustered {
    /// The endpoint that the router is compared with, as the one fixed choice.
    pub against: String,
    /// The mean, USD a request.
    pub mean: f64,
    /// By session, else prompt group; null for fewer than two.
    pub se_by_unit: Option<f64>,
    /// By task, else as above: for claims about tasks that are new; null for fewer than two.
    pub se_by_task: Option<f64>,
    /// Sessions or prompt groups.
    pub units: u64,
    /// Tasks.
    pub tasks: u64,
    /// Requests.
    pub n: u64,
}

/// The points of a grid of values, and the factor between them.
const POINTS: i32 = 9;
const FACTOR: f64 = 2.0;

/// The net value at the file's own trade; `None` where it has none, or no endpoint has a net value.
pub(super) fn verdict(frame: &Frame<'_>, ground: &Ground<'_>) -> Option<NetVerdict> {
    if ground.endpoints.is_empty() || ground.worthless() {
        return None;
    }
    let at = At::new(ground, ground.trade);
    let measured = Measured::new(frame, &at, true);
    let net = |place: usize| measured.total(place, 0);
    let simple = measured.places(&[PolicyKind::BestSingle, PolicyKind::BestRule]);
    let best = simple.into_iter().rev().max_by_key(|&place| net(place))?;
    let fixed = measured
        .places(&[PolicyKind::BestSingle])
        .first()
        .copied()?;
    let at = measured.at_value();
    let name = &measured.choices[best].name;
    let against = at.comparisons.iter().find(|held| held.b == *name);
    let against = against.cloned();
    Some(NetVerdict {
        best_simple: name.clone(),
        difference: against.as_ref().map_or_else(
            || Figure::unknown("USD", NO_REQUESTS),
            |held| held.difference.clone(),
        ),
        p_adjusted: against.as_ref().and_then(|held| held.p_adjusted),
        verdict: against.map_or(Verdict::CannotTell, |held| held.verdict),
        over_fixed: measured.clustered(fixed),
        cheaper: measured.cheaper().map(|place| at.policies[place].clone()),
        at,
    })
}

/// The net value at the values asked for, else around the value at which the second of `pair` pays.
pub(super) fn sweep(
    frame: &Frame<'_>,
    ground: &Ground<'_>,
    pair: Option<[u16; 2]>,
) -> Vec<NetAtValue> {
    if ground.endpoints.is_empty() {
        return Vec::new();
    }
    let values = frame.options.values.clone();
    let values = values.unwrap_or_else(|| grid(ground, pair));
    let measure = |value| {
        let trade = Trade {
            value,
            ..ground.trade
        };
        Measured::new(frame, &At::new(ground, trade), false).at_value()
    };
    values.into_iter().map(measure).collect()
}

/// The routers' own net value at their trade, with the resamples that it rests on.
pub(super) struct OwnNet {
    pub(super) figure: Figure,
    means: Vec<Option<f64>>,
    /// The requests, and what came of each.
    rows: Vec<usize>,
    column: Vec<i64>,
}

/// As in [`verdict`], without what it is compared with.
pub(super) fn own(frame: &Frame<'_>, ground: &Ground<'_>) -> Option<OwnNet> {
    if ground.endpoints.is_empty() {
        return None;
    }
    let mut measured = Measured::new(frame, &At::new(ground, ground.trade), false);
    Some(OwnNet {
        figure: measured.figure(0, 0, true),
        means: measured.means(0, 0),
        column: measured.columns.swap_remove(0),
        rows: measured.rows,
    })
}

impl OwnNet {
    /// Less that of other routers; `None` where they were not measured on the same requests.
    pub(super) fn less(&self, names: [&str; 2], other: &Self) -> Option<Comparison> {
        let x = self.figure.x.zip(other.figure.x).map(|(a, b)| a - b)?;
        if self.rows != other.rows {
            return None;
        }
        let pairs = self.means.iter().zip(&other.means);
        let differences: Vec<Option<f64>> =
            pairs.map(|(a, b)| a.zip(*b).map(|(a, b)| a - b)).collect();
        let mut difference =
            Difference::paired(names, x, "USD", self.rows.len() as u64, &differences);
        difference.same = self.column == other.column;
        judge("net_usd_per_request", true, vec![difference]).pop()
    }
}

/// A geometric grid around the break-even value of the pair, else around the file's own value, else
/// around one dollar; each rounded to two digits.
fn grid(ground: &Ground<'_>, pair: Option<[u16; 2]>) -> Vec<Usd> {
    let own = Some(ground.trade.value.to_f64()).filter(|&value| value > 0.0);
    let even = pair.and_then(|pair| Ground::break_even(ground.extra(pair)));
    let middle = even.or(own).unwrap_or(1.0);
    let points = (0..POINTS).map(|point| {
        let value = middle * FACTOR.powi(point - POINTS / 2);
        Usd::parse(&format!("{value:.1e}")).ok()
    });
    let mut values: Vec<Usd> = points
        .flatten()
        .filter(|value| *value > Usd::ZERO)
        .collect();
    values.dedup();
    values
}

const NO_REQUESTS: &str = "the trace tells what comes of every policy on no request";

/// The choices at one trade, added up over the requests that all of them know.
struct Measured<'a> {
    frame: &'a Frame<'a>,
    trade: Trade,
    choices: Vec<Choice>,
    sent: BTreeMap<String, f64>,
    /// The measured rows on which everything is known.
    rows: Vec<usize>,
    all: usize,
    /// By choice, then net value, success and cost: a value a row.
    columns: Vec<Vec<i64>>,
    /// The last column counts requests.
    replicates: Replicates,
    evidence: String,
}

impl<'a> Measured<'a> {
    fn new(frame: &'a Frame<'a>, at: &At<'_>, detailed: bool) -> Self {
        let made = choices(at, detailed);
        let known = |&i: &usize| made.all.iter().all(|choice| choice.made[i].is_some());
        let places: Vec<usize> = (0..at.ground.rows.len()).filter(known).collect();
        let column = |choice: &Choice, term: usize| -> Vec<i64> {
            let made = places.iter().map(|&i| choice.made[i]);
            made.map(|made| made.map_or(0, |made| made[term])).collect()
        };
        let columns: Vec<Vec<i64>> = made
            .all
            .iter()
            .flat_map(|choice| [0, 1, 2].map(|term| column(choice, term)))
            .collect();
        let rows: Vec<usize> = places.iter().map(|&i| at.ground.rows[i]).collect();
        let mut resampled: Vec<&[i64]> = columns.iter().map(Vec::as_slice).collect();
        let ones = vec![1; rows.len()];
        let zeros = vec![0; rows.len()];
        if !detailed {
            // Only net values are compared; columns of zeros cost nothing.
            let sums = resampled.iter_mut().enumerate();
            sums.filter(|(k, _)| k % 3 > 0)
                .for_each(|(_, column)| *column = &zeros);
        }
        resampled.push(&ones);
        Self {
            replicates: replicates(frame, &rows, &resampled),
            evidence: Self::evidence(frame, at, &rows),
            frame,
            trade: at.trade,
            all: at.ground.rows.len(),
            choices: made.all,
            sent: made.sent,
            rows,
            columns,
        }
    }

    fn evidence(frame: &Frame<'_>, at: &At<'_>, rows: &[usize]) -> String {
        let costs = frame.cost_evidence(&at.ground.endpoints, rows);
        match at.ground.rows.len() {
            all if all == rows.len() => format!("full; {costs}"),
            all => format!("{} of {all} requests; {costs}", rows.len()),
        }
    }

    /// The places of the choices of some kinds.
    fn places(&self, kinds: &[PolicyKind]) -> Vec<usize> {
        let places = 0..self.choices.len();
        places
            .filter(|&place| kinds.contains(&self.choices[place].kind))
            .collect()
    }

    fn total(&self, place: usize, term: usize) -> i128 {
        let column = self.columns[3 * place + term].iter();
        column.map(|&x| i128::from(x)).sum()
    }

    /// A mean in each resample, in USD or right answers; none without resamples of that term.
    fn means(&self, place: usize, term: usize) -> Vec<Option<f64>> {
        let counts = self.replicates.sums(self.columns.len());
        let sums = self.replicates.sums(3 * place + term).iter();
        sums.zip(counts)
            .map(|(&sum, &count)| (count > 0).then(|| sum as f64 / SCALE[term] / count as f64))
            .collect()
    }

    fn mean(&self, place: usize, term: usize) -> f64 {
        self.total(place, term) as f64 / SCALE[term] / self.rows.len() as f64
    }

    /// A figure of a policy; without an interval where its term was not resampled.
    fn figure(&self, place: usize, term: usize, resampled: bool) -> Figure {
        let unit = UNITS[term];
        if self.rows.is_empty() {
            return Figure::unknown(unit, NO_REQUESTS);
        }
        let figure = Figure::known(self.mean(place, term), unit, self.rows.len() as u64);
        let figure = figure.on(self.evidence.as_str());
        if resampled {
            crate::evaluate::resample::with_interval(figure, &self.means(place, term))
        } else {
            figure
        }
    }

    fn at_value(&self) -> NetAtValue {
        // Successes and costs are resampled at the file's own trade alone, with the fixed choices.
        let detailed = self
            .choices
            .iter()
            .any(|choice| choice.kind == PolicyKind::Fixed);
        let policies = self
            .choices
            .iter()
            .enumerate()
            .map(|(place, choice)| PolicyNet {
                name: choice.name.clone(),
                kind: choice.kind,
                net_usd_per_request: self.figure(place, 0, true),
                success: self.figure(place, 1, detailed),
                cost_usd_per_request: self.figure(place, 2, detailed),
            });
        NetAtValue {
            trade: self.trade.into(),
            n: self.rows.len() as u64,
            unobserved: (self.all - self.rows.len()) as u64,
            policies: policies.collect(),
            comparisons: self.comparisons(),
            sent: self.sent.clone(),
        }
    }

    fn comparisons(&self) -> Vec<Comparison> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let floors = self.places(&[
            PolicyKind::RandomMixture,
            PolicyKind::BestSingle,
            PolicyKind::Rule,
            PolicyKind::BestRule,
        ]);
        // Choices that come to the same on every request are one hypothesis, and one verdict.
        let twin = |place: usize| {
            let same = |&&other: &&usize| self.columns[3 * other] == self.columns[3 * place];
            floors.iter().find(same).copied().unwrap_or(place)
        };
        let different: Vec<usize> = floors
            .iter()
            .copied()
            .filter(|&place| twin(place) == place)
            .collect();
        let family = different.iter().map(|&place| self.difference(0, place, 0));
        let judged = judge("net_usd_per_request", true, family.collect());
        let of = |place: usize| {
            let at = different.iter().position(|&held| held == twin(place))?;
            Some(Comparison {
                b: self.choices[place].name.clone(),
                ..judged[at].clone()
            })
        };
        floors.iter().filter_map(|&place| of(place)).collect()
    }

    /// A term of one choice less that of another.
    fn difference(&self, a: usize, b: usize, term: usize) -> Difference {
        let pairs = self.means(a, term).into_iter().zip(self.means(b, term));
        let differences: Vec<Option<f64>> =
            pairs.map(|(a, b)| a.zip(b).map(|(a, b)| a - b)).collect();
        let x = self.mean(a, term) - self.mean(b, term);
        let names = [a, b].map(|place| self.choices[place].name.as_str());
        let mut difference =
            Difference::paired(names, x, UNITS[term], self.rows.len() as u64, &differences);
        difference.same = self.columns[3 * a + term] == self.columns[3 * b + term];
        difference
    }

    /// The cheapest fixed choice or rule that costs less than the router and is not worse.
    fn cheaper(&self) -> Option<usize> {
        let simple = self.places(&[PolicyKind::Fixed, PolicyKind::Rule, PolicyKind::BestRule]);
        let not_worse = |&place: &usize| {
            let difference = self.difference(place, 0, 1).difference;
            let high = difference
                .ci95
                .map_or(difference.x, |interval| Some(interval[1]));
            high.is_some_and(|high| high >= 0.0)
        };
        simple
            .into_iter()
            .filter(|&place| self.total(place, 2) < self.total(0, 2))
            .filter(not_worse)
            .min_by_key(|&place| self.total(place, 2))
    }

    /// The router's net value less that of a fixed choice.
    fn clustered(&self, fixed: usize) -> Clustered {
        let columns = self.columns[0].iter().zip(&self.columns[3 * fixed]);
        let differences: Vec<f64> = columns.map(|(a, b)| (a - b) as f64 / 1e12).collect();
        let n = differences.len();
        let mean = differences.iter().sum::<f64>() / n.max(1) as f64;
        let error = |unit: &dyn Fn(usize) -> u64| {
            let mut clusters: BTreeMap<u64, f64> = BTreeMap::new();
            for (&row, difference) in self.rows.iter().zip(&differences) {
                *clusters.entry(unit(row)).or_default() += difference - mean;
            }
            let groups = clusters.len() as f64;
            let squares: f64 = clusters.values().map(|sum| sum * sum).sum();
            let error = (squares * groups / (groups - 1.0)).sqrt() / n as f64;
            ((clusters.len() > 1).then_some(error), clusters.len() as u64)
        };
        let (se_by_unit, units) = error(&|row| self.frame.unit(row));
        let (se_by_task, tasks) = error(&|row| self.frame.task_unit(row));
        Clustered {
            against: self.choices[fixed].endpoint.clone().unwrap_or_default(),
            mean,
            se_by_unit,
            se_by_task,
            units,
            tasks,
            n: n as u64,
        }
    }
}

/// Picodollars and millionths.
const SCALE: [f64; 3] = [1e12, 1e6, 1e12];
const UNITS: [&str; 3] = ["USD", "share", "USD"];

/// The sums of columns in each resample of the rows' units.
fn replicates(frame: &Frame<'_>, rows: &[usize], columns: &[&[i64]]) -> Replicates {
    let count = frame.options.replicates;
    let units: Vec<u64> = rows.iter().map(|&row| frame.unit(row)).collect();
    let parts = in_parts(rows.len(), frame.options.threads, |range| {
        let mut part = Replicates::new(columns.len(), count);
        let columns: Vec<&[i64]> = columns
            .iter()
            .map(|column| &column[range.clone()])
            .collect();
        part.add_block(&units[range], &columns);
        part
    });
    let mut parts = parts.into_iter();
    let mut whole = parts
        .next()
        .unwrap_or_else(|| Replicates::new(columns.len(), count));
    parts.for_each(|part| whole.merge(&part));
    whole
}
