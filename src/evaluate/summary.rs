//! From sums to figures: what each policy costs, gains and leaves unanswered.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figure::Figure;
use crate::replay::{Cell, Fact, PolicyCell, Tally, half_even};
use crate::trace::Assumption;

/// The figures of one policy or floor on one group of requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyFigures {
    /// Its name.
    pub name: String,
    /// Requests that it answered, in expectation.
    pub answered: f64,
    /// Requests that no eligible endpoint took.
    pub unanswered: f64,
    /// Requests whose answer the trace does not tell.
    pub unobserved: f64,
    /// Requests that its fallback chain took.
    pub fell_back: f64,
    /// Endpoint and its share of all requests.
    pub share: BTreeMap<String, f64>,
    /// Share of right answers, on the requests where every policy's is known.
    pub success: Figure,
    /// Bounds of the success over all requests: the unobserved all wrong, all right.
    pub success_bounds: Option<[f64; 2]>,
    /// What all of it costs.
    pub cost_usd_total: Figure,
    /// What a request costs.
    pub cost_usd_per_request: Figure,
    /// What a right answer costs.
    pub cost_usd_per_success: Figure,
    /// The share of the bill that the dearest hundredth of the answers makes up.
    pub cost_top1pct_share: Figure,
    /// Value less errors, cost and waiting, a request.
    pub net_usd_per_request: Figure,
    /// How much less than with hindsight.
    pub regret_usd_per_request: Figure,
    /// Median latency.
    pub latency_ms_p50: Figure,
    /// Latency that one in twenty exceeds.
    pub latency_ms_p95: Figure,
    /// Latency that one in a hundred exceeds.
    pub latency_ms_p99: Figure,
    /// The same by segment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentFigures>,
}

/// The figures of one policy on one segment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentFigures {
    /// The field that groups.
    pub by: &'static str,
    /// Its value.
    pub segment: String,
    /// Requests of the segment.
    pub requests: u64,
    /// Endpoint and its share of the segment's requests.
    pub share: BTreeMap<String, f64>,
    /// Share of right answers.
    pub success: Figure,
    /// What all of it costs.
    pub cost_usd_total: Figure,
    /// What a request costs.
    pub cost_usd_per_request: Figure,
    /// Value less errors, cost and waiting, a request.
    pub net_usd_per_request: Figure,
}

impl PolicyFigures {
    /// Its figures by their names in the report.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, &Figure); 10] {
        [
            ("success", &self.success),
            ("cost_usd_total", &self.cost_usd_total),
            ("cost_usd_per_request", &self.cost_usd_per_request),
            ("cost_usd_per_success", &self.cost_usd_per_success),
            ("cost_top1pct_share", &self.cost_top1pct_share),
            ("net_usd_per_request", &self.net_usd_per_request),
            ("regret_usd_per_request", &self.regret_usd_per_request),
            ("latency_ms_p50", &self.latency_ms_p50),
            ("latency_ms_p95", &self.latency_ms_p95),
            ("latency_ms_p99", &self.latency_ms_p99),
        ]
    }
}

impl SegmentFigures {
    /// Its figures by their names in the report.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, &Figure); 4] {
        [
            ("success", &self.success),
            ("cost_usd_total", &self.cost_usd_total),
            ("cost_usd_per_request", &self.cost_usd_per_request),
            ("net_usd_per_request", &self.net_usd_per_request),
        ]
    }
}

/// Parts per million, millionths and picodollars in one unit of each.
const PPM: f64 = 1e6;
const MILLIONTHS_PPM: f64 = 1e12;
const PICOS_PPM: f64 = 1e18;

/// Reads the figures of one cell.
pub(super) struct Reader<'a> {
    pub(super) tally: &'a Tally,
    pub(super) cell: &'a Cell,
    /// The place of hindsight among the policies.
    pub(super) hindsight: Option<usize>,
    /// What the importer assumed.
    pub(super) assumed: &'a [Assumption],
    pub(super) has_trade: bool,
}

/// Which of the three sums of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    Success = 0,
    Cost = 1,
    Net = 2,
}

impl Sum {
    const fn scale(self) -> f64 {
        match self {
            Self::Success => MILLIONTHS_PPM,
            Self::Cost | Self::Net => PICOS_PPM,
        }
    }
}

impl Reader<'_> {
    pub(super) fn figures(&self, policy: usize) -> PolicyFigures {
        let cell = &self.cell.policies[policy];
        let requests = self.cell.requests as f64;
        let of_mass = |mass: u64| mass as f64 / PPM;
        PolicyFigures {
            name: self.tally.spec().policies[policy].clone(),
            answered: requests - of_mass(cell.unanswered) - of_mass(cell.unobserved),
            unanswered: of_mass(cell.unanswered),
            unobserved: of_mass(cell.unobserved),
            fell_back: of_mass(cell.fell_back),
            share: self.share(cell),
            success: self.mean(policy, Sum::Success, "share"),
            success_bounds: self
                .cell
                .success_bounds(policy)
                .map(|(low, high)| [low, high]),
            cost_usd_total: self.cost_total(policy),
            cost_usd_per_request: self.mean(policy, Sum::Cost, "USD"),
            cost_usd_per_success: self.cost_per_success(policy),
            cost_top1pct_share: match cell.cost_spread.top_share(0.01) {
                Some(share) => Figure::known(share, "share", self.cell.support.cost)
                    .on(self.cost_evidence(cell)),
                None => Figure::unknown("share", "no cost is known"),
            },
            net_usd_per_request: self.net(policy),
            regret_usd_per_request: self.regret(policy),
            latency_ms_p50: self.latency(cell, 0.50),
            latency_ms_p95: self.latency(cell, 0.95),
            latency_ms_p99: self.latency(cell, 0.99),
            segments: Vec::new(),
        }
    }

    pub(super) fn segment(&self, policy: usize, by: &'static str, segment: &str) -> SegmentFigures {
        SegmentFigures {
            by,
            segment: segment.to_owned(),
            requests: self.cell.requests,
            share: self.share(&self.cell.policies[policy]),
            success: self.mean(policy, Sum::Success, "share"),
            cost_usd_total: self.cost_total(policy),
            cost_usd_per_request: self.mean(policy, Sum::Cost, "USD"),
            net_usd_per_request: self.net(policy),
        }
    }

    fn share(&self, cell: &PolicyCell) -> BTreeMap<String, f64> {
        let whole = self.cell.requests as f64 * PPM;
        let endpoints = self.tally.spec().endpoints.iter().zip(&cell.share);
        endpoints
            .filter(|&(_, &mass)| mass > 0)
            .map(|(id, &mass)| (id.clone(), mass as f64 / whole))
            .collect()
    }

    pub(super) fn support(&self, sum: Sum) -> u64 {
        let support = self.cell.support;
        match sum {
            Sum::Success => support.success,
            Sum::Cost => support.cost,
            Sum::Net => support.net,
        }
    }

    fn sum(&self, policy: usize, sum: Sum) -> i128 {
        let cell = &self.cell.policies[policy];
        match sum {
            Sum::Success => cell.success,
            Sum::Cost => cell.cost,
            Sum::Net => cell.net,
        }
    }

    /// The mean of a sum over its support.
    pub(super) fn mean_of(&self, policy: usize, sum: Sum) -> Option<f64> {
        let n = self.support(sum);
        (n > 0).then(|| self.sum(policy, sum) as f64 / sum.scale() / n as f64)
    }

    /// The mean in each bootstrap replicate.
    pub(super) fn replicates(&self, policy: usize, sum: Sum) -> Vec<f64> {
        if self.tally.spec().replicates == 0 {
            return Vec::new();
        }
        let sums = self.cell.replicate_sums(policy)[sum as usize];
        let support = self.cell.replicate_support()[sum as usize];
        sums.iter()
            .zip(support)
            .filter(|&(_, &n)| n > 0)
            .map(|(&sum_, &n)| sum_ as f64 / sum.scale() / n as f64)
            .collect()
    }

    /// The standard error of the difference of two mean costs, USD, from their sums of products:
    /// the root of (mean square difference - squared mean difference) / n.
    pub(super) fn cost_difference_error(&self, a: usize, b: usize) -> Option<f64> {
        let n = self.support(Sum::Cost) as f64;
        let difference = self.mean_of(a, Sum::Cost)? - self.mean_of(b, Sum::Cost)?;
        let product = |a, b| self.cell.cost_product(a, b);
        let squares = (product(a, a) - 2 * product(a, b) + product(b, b)) as f64 / 1e12;
        let variance = squares / n - difference * difference;
        (variance > 0.0).then(|| (variance / n).sqrt())
    }

    fn mean(&self, policy: usize, sum: Sum, unit: &'static str) -> Figure {
        let Some(x) = self.mean_of(policy, sum) else {
            return Figure::unknown(unit, self.why_unknown(sum));
        };
        let evidence = self.evidence(policy, sum);
        Figure::known(x, unit, self.support(sum))
            .with_replicates(self.replicates(policy, sum))
            .on(evidence)
    }

    fn why_unknown(&self, sum: Sum) -> &'static str {
        match sum {
            Sum::Success => "no request has a known outcome for every policy",
            Sum::Cost => {
                "no request has a known cost for every policy: the trace has neither bills nor tokens with a price row"
            }
            Sum::Net if !self.has_trade => "no value of a right answer is given: --value USD",
            Sum::Net => "no request has a known success and cost for every policy",
        }
    }

    fn net(&self, policy: usize) -> Figure {
        self.mean(policy, Sum::Net, "USD")
    }

    fn cost_total(&self, policy: usize) -> Figure {
        let n = self.support(Sum::Cost);
        if n == 0 {
            return Figure::unknown("USD", self.why_unknown(Sum::Cost));
        }
        let picos = half_even(self.sum(policy, Sum::Cost), 1_000_000);
        let mut figure =
            Figure::known(picos as f64 / 1e12, "USD", n).on(self.evidence(policy, Sum::Cost));
        if self.tally.spec().replicates > 0 {
            let sums = self.cell.replicate_sums(policy)[Sum::Cost as usize];
            figure =
                figure.with_replicates(sums.iter().map(|&sum| sum as f64 / PICOS_PPM).collect());
        }
        figure.exact = Some(exact_usd(picos));
        figure
    }

    fn cost_per_success(&self, policy: usize) -> Figure {
        let support = self.cell.support;
        if support.success != support.cost || support.cost == 0 {
            return Figure::unknown("USD", "success and cost are not known on the same requests");
        }
        let (cost, success) = (self.sum(policy, Sum::Cost), self.sum(policy, Sum::Success));
        if success == 0 {
            return Figure::unknown("USD", "there is no right answer");
        }
        let ratio = |cost: i128, success: i128| {
            (cost as f64 / PICOS_PPM) / (success as f64 / MILLIONTHS_PPM)
        };
        let mut figure = Figure::known(ratio(cost, success), "USD", support.cost)
            .on(self.evidence(policy, Sum::Cost));
        if self.tally.spec().replicates > 0 {
            let [successes, costs, _] = self.cell.replicate_sums(policy);
            let pairs = costs
                .iter()
                .zip(successes)
                .filter(|&(_, &success)| success > 0);
            figure = figure.with_replicates(
                pairs
                    .map(|(&cost, &success)| ratio(cost, success))
                    .collect(),
            );
        }
        figure
    }

    fn regret(&self, policy: usize) -> Figure {
        let Some(hindsight) = self.hindsight else {
            return Figure::unknown("USD", "hindsight was not worked out");
        };
        match self
            .mean_of(hindsight, Sum::Net)
            .zip(self.mean_of(policy, Sum::Net))
        {
            None => Figure::unknown("USD", self.why_unknown(Sum::Net)),
            Some((best, own)) => {
                let pairs = self
                    .replicates(hindsight, Sum::Net)
                    .into_iter()
                    .zip(self.replicates(policy, Sum::Net));
                Figure::known(best - own, "USD", self.support(Sum::Net))
                    .with_replicates(pairs.map(|(best, own)| best - own).collect())
                    .on(self.evidence(policy, Sum::Net))
            }
        }
    }

    fn latency(&self, cell: &PolicyCell, q: f64) -> Figure {
        match cell.latency.quantile(q) {
            None => Figure::unknown(
                "ms",
                "latency is neither recorded nor predictable (no output tokens, or no speed in the catalog)",
            ),
            Some(ms) => {
                let known = u64::try_from(cell.latency.mass() / 1_000_000).unwrap_or(u64::MAX);
                let predicted =
                    cell.resting_on(Fact::LatencyPredicted) as f64 / cell.latency.mass() as f64;
                let how = match predicted {
                    0.0 => "recorded".to_owned(),
                    1.0 => format!(
                        "predicted from the endpoint's card{}",
                        self.assumptions(&["output_tokens"])
                    ),
                    share => format!(
                        "{:.0}% predicted from the endpoint's card, the rest recorded",
                        share * 100.0
                    ),
                };
                Figure::known(ms as f64, "ms", known)
                    .on(how)
                    .because("quantiles carry no interval")
            }
        }
    }

    fn evidence(&self, policy: usize, sum: Sum) -> String {
        let (n, all) = (self.support(sum), self.cell.requests);
        let mut parts = vec![if n == all {
            "full".to_owned()
        } else {
            format!("{n} of {all} requests")
        }];
        if sum != Sum::Success {
            parts.push(self.cost_evidence(&self.cell.policies[policy]));
        }
        parts.join("; ")
    }

    fn cost_evidence(&self, cell: &PolicyCell) -> String {
        let (priced, billed) = (cell.resting_on(Fact::Priced), cell.resting_on(Fact::Billed));
        let mut text = match (priced, billed) {
            (0, 0) => "no costs".to_owned(),
            (_, 0) => "tokens x price".to_owned(),
            (0, _) => "recorded bills".to_owned(),
            (priced, billed) => format!(
                "{:.0}% recorded bills, the rest tokens x price",
                100.0 * billed as f64 / (priced + billed) as f64
            ),
        };
        if cell.resting_on(Fact::InputEstimated) > 0 {
            text.push_str(", input tokens estimated from the prompt");
        }
        if cell.resting_on(Fact::OtherEndpoint) > 0 {
            text.push_str(", tokens of another endpoint of the model");
        }
        if priced > 0 {
            text.push_str(&self.assumptions(&["output_tokens", "input_tokens"]));
        }
        text
    }

    fn assumptions(&self, fields: &[&str]) -> String {
        let of_fields = self
            .assumed
            .iter()
            .filter(|assumption| fields.contains(&assumption.field.as_str()));
        of_fields
            .map(|assumption| format!(", assumed {}: {}", assumption.field, assumption.what))
            .collect()
    }
}

/// Picodollars as an exact decimal number of USD.
fn exact_usd(picos: i128) -> String {
    let (sign, magnitude) = (if picos < 0 { "-" } else { "" }, picos.unsigned_abs());
    let text = format!(
        "{sign}{}.{:012}",
        magnitude / 1_000_000_000_000,
        magnitude % 1_000_000_000_000
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
