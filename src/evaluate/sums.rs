//! What the requests of each policy add up to, endpoint by endpoint and through time: enough to
//! work out its net value at any trade and any factor on prices, and its bill as it came.
//!
//! Owns one pass over charges and decisions. Sums are whole numbers until the end, so that threads
//! change no byte.

use serde::Serialize;
use weighbridge_router::{Timestamp, Trade};

use super::periods::Periods;
use crate::replay::{Assignment, Charged, Decisions, Fact, Stage, in_parts};

/// Sums for sliders and for spend over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplaySums {
    /// The endpoints, in the order of `per_endpoint`.
    pub endpoints: Vec<String>,
    /// Requests whose score, cost and net value (where one was charged) are known for every policy
    /// and floor: what the sums are over.
    pub n: u64,
    /// Whether the latency of every choice on them is known, so that `seconds` is.
    pub timed: bool,
    /// The policies and floors.
    pub policies: Vec<PolicySums>,
    /// What was spent through time; null where no request has a time of its own.
    pub spend: Option<Spend>,
}

/// One policy's sums.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicySums {
    /// Its name.
    pub name: String,
    /// Of the requests, those that nobody answers: success, cost and net 0.
    pub unanswered: f64,
    /// By endpoint.
    pub per_endpoint: Vec<EndpointSums>,
}

/// What a policy sends to one endpoint, each request weighted with the probability that it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct EndpointSums {
    /// Requests.
    pub n: f64,
    /// Scores of requests without a value of their own.
    pub score: f64,
    /// 1 less the score, of requests without their own cost of a wrong answer.
    pub wrong: f64,
    /// What they cost, USD.
    pub cost_usd: f64,
    /// The part of it that was recorded as a bill, USD: no price changes it.
    pub billed_usd: f64,
    /// Seconds of requests without their own worth of a second; null where some are unknown.
    pub seconds: Option<f64>,
    /// What the requests bring themselves comes to, USD: their own values, less their own costs of
    /// wrong answers and of waiting. 0 for most traces.
    pub own_usd: f64,
}

/// What each policy spent in equal stretches of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spend {
    /// How long a stretch is, in hours.
    pub hours: u64,
    /// Requests that are in no stretch, without a time or without a known cost for every policy.
    pub left_out: u64,
    /// The stretches, in order, empty ones too.
    pub periods: Vec<Period>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Period {
    /// When it begins.
    pub from: String,
    /// Requests in it.
    pub requests: u64,
    /// What they cost under each policy and floor, in their order, USD.
    pub cost_usd: Vec<f64>,
}

/// Picodollars, millionths and ms, each times ppm, in units.
const PICOS_PPM: f64 = 1e18;
const MILLIONTHS_PPM: f64 = 1e12;
const MS_PPM: f64 = 1e9;
const PPM: f64 = 1e6;
const RIGHT: i64 = 1_000_000;

/// What policies come to that were decided on a stage, where nobody has charged it yet.
#[must_use]
pub fn frozen_sums(
    stage: &Stage<'_>,
    decisions: &[Decisions],
    trade: Option<Trade>,
    threads: usize,
) -> ReplaySums {
    let charged = Charged::new(stage, trade, threads);
    replay_sums(stage, &charged, decisions, trade, threads)
}

/// Add up what `decisions` come to. `trade` is what requests without their own were charged by.
pub(super) fn replay_sums(
    stage: &Stage<'_>,
    charged: &Charged,
    decisions: &[Decisions],
    trade: Option<Trade>,
    threads: usize,
) -> ReplaySums {
    let periods = Periods::of(stage.trace());
    let parts = in_parts(charged.rows(), threads, |range| {
        let mut part = Part::new(
            stage,
            decisions.len(),
            periods.as_ref().map_or(0, Periods::len),
        );
        for row in range {
            part.add(stage, charged, decisions, row, trade, periods.as_ref());
        }
        part
    });
    let mut parts = parts.into_iter();
    let mut whole = parts
        .next()
        .unwrap_or_else(|| Part::new(stage, decisions.len(), 0));
    parts.for_each(|part| whole.merge(&part));
    whole.finish(stage, decisions, periods.as_ref())
}

/// One endpoint's part of one policy, in whole numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: i128,
    score: i128,
    wrong: i128,
    cost: i128,
    billed: i128,
    ms: i128,
    /// Picodollars times ppm.
    own: i128,
}

/// What one endpoint made of the request at hand, times one.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    score: i64,
    wrong: i64,
    cost: i64,
    billed: bool,
    ms: i64,
    own: i128,
    /// Score, cost and net value are known.
    valued: bool,
    costed: bool,
    timed: bool,
}

/// The sums of some of the requests.
struct Part {
    endpoints: usize,
    n: u64,
    timed: bool,
    /// By policy, then endpoint.
    sums: Vec<Sums>,
    unanswered: Vec<i128>,
    /// By period, then policy.
    spend: Vec<i128>,
    requests: Vec<u64>,
    left_out: u64,
    made: Vec<Made>,
}

impl Part {
    fn new(stage: &Stage<'_>, policies: usize, periods: usize) -> Self {
        let endpoints = stage.endpoints().len();
        Self {
            endpoints,
            n: 0,
            timed: true,
            sums: vec![Sums::default(); policies * endpoints],
            unanswered: vec![0; policies],
            spend: vec![0; policies * periods],
            requests: vec![0; periods],
            left_out: 0,
            made: vec![Made::default(); endpoints],
        }
    }

    fn add(
        &mut self,
        stage: &Stage<'_>,
        charged: &Charged,
        decisions: &[Decisions],
        row: usize,
        trade: Option<Trade>,
        periods: Option<&Periods>,
    ) {
        self.look(stage, charged, row, trade);
        let (made, mut valued, mut costed, mut timed) = (&self.made, true, true, true);
        for decisions in decisions {
            for &(endpoint, _) in &decisions.get(row).masses {
                let made = &made[usize::from(endpoint)];
                valued &= made.valued;
                costed &= made.costed;
                timed &= made.timed;
            }
        }
        let period = periods.and_then(|periods| periods.find(stage.trace().at(row)?));
        match period.filter(|_| costed) {
            Some(period) => {
                self.requests[period] += 1;
                let first = period * decisions.len();
                let spend = &mut self.spend[first..first + decisions.len()];
                for (spend, decisions) in spend.iter_mut().zip(decisions) {
                    let masses = decisions.get(row).masses.iter();
                    *spend += masses
                        .map(|&(endpoint, share)| {
                            i128::from(made[usize::from(endpoint)].cost) * i128::from(share.0)
                        })
                        .sum::<i128>();
                }
            }
            None => self.left_out += 1,
        }
        if valued {
            self.n += 1;
            self.timed &= timed;
            for (policy, decisions) in decisions.iter().enumerate() {
                self.add_to(policy, decisions.get(row));
            }
        }
    }

    /// What each endpoint made of a request.
    fn look(&mut self, stage: &Stage<'_>, charged: &Charged, row: usize, trade: Option<Trade>) {
        let request = stage.request(row);
        for (endpoint, made) in (0..).zip(&mut self.made) {
            let (score, cost) = (charged.score(endpoint, row), charged.cost(endpoint, row));
            let latency = charged.latency_ms(endpoint, row);
            // Without a trade there is no net value to know.
            let net = trade.is_none() || charged.net(endpoint, row).is_some();
            let score_ = i64::from(score.unwrap_or(0));
            let ms = latency.map_or(0, i64::from);
            let times = |usd: Option<weighbridge_router::Usd>, by: i64| {
                i128::from(usd.map_or(0, weighbridge_router::Usd::picos)) * i128::from(by)
            };
            let unless = |own: Option<weighbridge_router::Usd>, x: i64| match own {
                None => x,
                Some(_) => 0,
            };
            *made = Made {
                score: unless(request.value_usd, score_),
                wrong: unless(request.wrong_usd, RIGHT - score_),
                ms: unless(request.second_usd, ms),
                cost: cost.map_or(0, weighbridge_router::Usd::picos),
                billed: charged.facts(endpoint, row).has(Fact::Billed),
                own: (times(request.value_usd, score_)
                    - times(request.wrong_usd, RIGHT - score_)
                    - times(request.second_usd, ms) * 1000)
                    / i128::from(RIGHT),
                valued: score.is_some() && cost.is_some() && net,
                costed: cost.is_some(),
                timed: latency.is_some(),
            };
        }
    }

    fn add_to(&mut self, policy: usize, assignment: &Assignment) {
        self.unanswered[policy] += i128::from(assignment.unanswered.0);
        for &(endpoint, share) in &assignment.masses {
            let endpoint = usize::from(endpoint);
            let (made, share) = (self.made[endpoint], i128::from(share.0));
            let sums = &mut self.sums[policy * self.endpoints + endpoint];
            sums.n += share;
            sums.score += share * i128::from(made.score);
            sums.wrong += share * i128::from(made.wrong);
            sums.cost += share * i128::from(made.cost);
            if made.billed {
                sums.billed += share * i128::from(made.cost);
            }
            sums.ms += share * i128::from(made.ms);
            sums.own += share * made.own;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.timed &= other.timed;
        self.left_out += other.left_out;
        for (sums, other) in self.sums.iter_mut().zip(&other.sums) {
            sums.n += other.n;
            sums.score += other.score;
            sums.wrong += other.wrong;
            sums.cost += other.cost;
            sums.billed += other.billed;
            sums.ms += other.ms;
            sums.own += other.own;
        }
        let whole = [
            (&mut self.unanswered, &other.unanswered),
            (&mut self.spend, &other.spend),
        ];
        for (own, other) in whole {
            own.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
        }
        let requests = self.requests.iter_mut().zip(&other.requests);
        requests.for_each(|(sum, x)| *sum += x);
    }

    fn finish(
        &self,
        stage: &Stage<'_>,
        decisions: &[Decisions],
        periods: Option<&Periods>,
    ) -> ReplaySums {
        let of = |sums: &Sums| EndpointSums {
            n: sums.n as f64 / PPM,
            score: sums.score as f64 / MILLIONTHS_PPM,
            wrong: sums.wrong as f64 / MILLIONTHS_PPM,
            cost_usd: sums.cost as f64 / PICOS_PPM,
            billed_usd: sums.billed as f64 / PICOS_PPM,
            seconds: self.timed.then_some(sums.ms as f64 / MS_PPM),
            own_usd: sums.own as f64 / PICOS_PPM,
        };
        let ids = stage.endpoints().iter().map(|endpoint| endpoint.id.clone());
        let policies = decisions.iter().enumerate().map(|(policy, decisions)| {
            let first = policy * self.endpoints;
            let sums = &self.sums[first..first + self.endpoints];
            PolicySums {
                name: decisions.name().to_owned(),
                unanswered: self.unanswered[policy] as f64 / PPM,
                per_endpoint: sums.iter().map(of).collect(),
            }
        });
        ReplaySums {
            endpoints: ids.collect(),
            n: self.n,
            timed: self.timed,
            policies: policies.collect(),
            spend: periods.map(|periods| Spend {
                hours: periods.hours(),
                left_out: self.left_out,
                periods: self.periods(periods, decisions.len()),
            }),
        }
    }

    fn periods(&self, periods: &Periods, policies: usize) -> Vec<Period> {
        let period = |place: usize| {
            let spend = &self.spend[place * policies..(place + 1) * policies];
            Period {
                from: Timestamp::from_millis(periods.start(place)).to_string(),
                requests: self.requests[place],
                cost_usd: spend.iter().map(|&cost| cost as f64 / PICOS_PPM).collect(),
            }
        };
        (0..periods.len()).map(period).collect()
    }
}
