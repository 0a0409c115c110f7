//! What fixed and fitted choices are made of: the endpoints of the portfolio, the measured requests,
//! and what each endpoint is worth on each of them at a trade.
//!
//! Owns no choice; [`policies`](super::policies) makes them.

use weighbridge_router::{Trade, Usd};

use super::frame::Frame;
use crate::replay::{Assignment, Fact, Worth, half_even};

/// The measured requests and the endpoints among which a router and its floors choose.
pub(super) struct Ground<'a> {
    pub(super) frame: &'a Frame<'a>,
    /// The routers' own trade.
    pub(super) trade: Trade,
    /// The measured rows of the trace, with a prompt or without.
    pub(super) rows: Vec<usize>,
    /// The part of each, for what is fitted on the other parts.
    pub(super) part: Vec<usize>,
    pub(super) parts: usize,
    /// The endpoints of the routers whose net value is known wherever they may be chosen.
    pub(super) endpoints: Vec<u16>,
    /// Endpoints of the routers that are left out, with how many requests they lack.
    lacking: Vec<(u16, usize)>,
}

/// What came of one request: net value and cost in picodollars, success in millionths; `None` where
/// the trace does not tell.
pub(super) type Made = Option<[i64; 3]>;

/// Nobody answers: no success, at no cost.
pub(super) const UNANSWERED: Made = Some([0; 3]);

impl<'a> Ground<'a> {
    pub(super) fn new(frame: &'a Frame<'a>, trade: Trade) -> Self {
        let rows: Vec<usize> = frame.rows().iter().map(|held| held.0).collect();
        let (part, parts) = frame.parts(rows.iter().copied());
        let mut ground = Self {
            frame,
            trade,
            rows,
            part,
            parts,
            endpoints: Vec::new(),
            lacking: Vec::new(),
        };
        let at = At::new(&ground, trade);
        let mut endpoints = Vec::new();
        let mut lacking = Vec::new();
        for endpoint in ground.portfolio() {
            let eligible = (0..ground.rows.len()).filter(|&i| ground.eligible(endpoint, i));
            let known = eligible
                .clone()
                .filter(|&i| at.made(endpoint, i).is_some())
                .count();
            match eligible.count() - known {
                0 if known > 0 => endpoints.push(endpoint),
                missing => lacking.push((endpoint, missing)),
            }
        }
        (ground.endpoints, ground.lacking) = (endpoints, lacking);
        ground
    }

    /// Every endpoint that a router of the folds may choose, in the first router's order.
    fn portfolio(&self) -> Vec<u16> {
        let first = self.frame.folds.first();
        let endpoints = first.map_or(&[][..], |fold| fold.router.endpoints());
        let stage = self.frame.stage;
        endpoints
            .iter()
            .filter_map(|held| stage.find(&held.id))
            .collect()
    }

    /// Whether the endpoint's card admits a request.
    pub(super) fn eligible(&self, endpoint: u16, i: usize) -> bool {
        let facts = self.frame.charged.facts(endpoint, self.rows[i]);
        facts.has(Fact::Eligible)
    }

    pub(super) fn name(&self, endpoint: u16) -> &str {
        &self.frame.stage.endpoints()[usize::from(endpoint)].id
    }

    /// Whether no answer is worth anything: the file has no trade, and no request has its own value.
    pub(super) fn worthless(&self) -> bool {
        let stage = self.frame.stage;
        let valued = |&row: &usize| stage.request(row).value_usd.is_some();
        self.trade == Trade::default() && !self.rows.iter().any(valued)
    }

    /// Why there is no net value at the file's trade; `None` where there is one.
    pub(super) fn why_no_net(&self) -> Option<String> {
        if !self.endpoints.is_empty() {
            let why = "the file does not say what an answer is worth, so there is no net value at its own trade";
            return self.worthless().then(|| why.to_owned());
        }
        let lacks = |&(endpoint, missing): &(u16, usize)| {
            let name = self.name(endpoint);
            match missing {
                0 => format!("`{name}` may answer no request"),
                _ => format!(
                    "`{name}` lacks outcome, cost or seconds on {missing} requests that it may answer"
                ),
            }
        };
        let why = self
            .lacking
            .first()
            .map_or_else(|| "there are no endpoints".to_owned(), lacks);
        Some(format!(
            "net value is not known of any endpoint of the portfolio: {why}"
        ))
    }

    /// The endpoint that is cheapest on average and the one that is right most often, among those
    /// that may answer at least half of the requests; `None` where they are the same.
    pub(super) fn cheapest_and_best(&self) -> Option<[u16; 2]> {
        let at = At::new(self, self.trade);
        let means = |&endpoint: &u16| -> Option<(u16, [f64; 3])> {
            let rows = (0..self.rows.len()).filter(|&i| self.eligible(endpoint, i));
            let made: Vec<[i64; 3]> = rows.filter_map(|i| at.made(endpoint, i)).collect();
            let mean = |term: usize| {
                let sum: i128 = made.iter().map(|made| i128::from(made[term])).sum();
                sum as f64 / made.len() as f64
            };
            (2 * made.len() >= self.rows.len().max(1)).then(|| (endpoint, [0, 1, 2].map(mean)))
        };
        let means: Vec<(u16, [f64; 3])> = self.endpoints.iter().filter_map(means).collect();
        let cheapest = means.iter().min_by(|a, b| a.1[2].total_cmp(&b.1[2]))?.0;
        let best = means
            .iter()
            .rev()
            .max_by(|a, b| a.1[1].total_cmp(&b.1[1]))?
            .0;
        (cheapest != best).then_some([cheapest, best])
    }

    /// The value of a right answer at which the second of a pair pays for itself on average: extra
    /// cost over extra success, USD; `None` where it gains nothing or costs nothing extra.
    pub(super) fn break_even([cost, gain]: [i128; 2]) -> Option<f64> {
        (cost > 0 && gain > 0).then(|| cost as f64 / 1e12 / (gain as f64 / 1e6))
    }

    /// Extra cost in picodollars and extra success in millionths of the second of a pair, over the
    /// requests where both are known.
    pub(super) fn extra(&self, [cheap, dear]: [u16; 2]) -> [i128; 2] {
        let charged = self.frame.charged;
        let extra = |&row: &usize| {
            let of = |endpoint| {
                let cost = charged.cost(endpoint, row).map(Usd::picos)?;
                Some([cost, i64::from(charged.score(endpoint, row)?)])
            };
            let (cheap, dear) = (of(cheap)?, of(dear)?);
            Some([0, 1].map(|term| i128::from(dear[term] - cheap[term])))
        };
        let all = self.rows.iter().filter_map(extra);
        all.fold([0; 2], |sums, extra| {
            [sums[0] + extra[0], sums[1] + extra[1]]
        })
    }
}

/// The ground at one trade.
pub(super) struct At<'g> {
    pub(super) ground: &'g Ground<'g>,
    pub(super) trade: Trade,
    worth: Vec<Option<Worth>>,
}

impl<'g> At<'g> {
    pub(super) fn new(ground: &'g Ground<'g>, trade: Trade) -> Self {
        let stage = ground.frame.stage;
        let worth = ground.rows.iter();
        Self {
            ground,
            trade,
            worth: worth
                .map(|&row| Worth::of(&stage.request(row), Some(trade)))
                .collect(),
        }
    }

    /// What an endpoint made of a request, eligible or not.
    pub(super) fn made(&self, endpoint: u16, i: usize) -> Made {
        let (charged, row) = (self.ground.frame.charged, self.ground.rows[i]);
        let net = charged.net_at(endpoint, row, self.worth[i]?)?;
        let score = charged.score(endpoint, row)?;
        Some([
            net.picos(),
            i64::from(score),
            charged.cost(endpoint, row)?.picos(),
        ])
    }

    /// What comes of an assignment, in expectation.
    pub(super) fn of_assignment(&self, assignment: &Assignment, i: usize) -> Made {
        if let [(endpoint, share)] = assignment.masses[..]
            && share.0 == 1_000_000
        {
            return self.made(endpoint, i);
        }
        let masses = assignment.masses.iter();
        let made: Option<Vec<(u32, [i64; 3])>> = masses
            .map(|&(endpoint, share)| Some((share.0, self.made(endpoint, i)?)))
            .collect();
        expected(&made?, 1_000_000)
    }
}

/// The mean of weighted results, half-even, with weights that add up to `all` or less.
pub(super) fn expected(weighted: &[(u32, [i64; 3])], all: u32) -> Made {
    let mut sums = [0i128; 3];
    for (weight, made) in weighted {
        for (sum, &term) in sums.iter_mut().zip(made) {
            *sum += i128::from(*weight) * i128::from(term);
        }
    }
    let mut mean = [0; 3];
    for (mean, sum) in mean.iter_mut().zip(sums) {
        *mean = i64::try_from(half_even(sum, i128::from(all))).ok()?;
    }
    Some(mean)
}
