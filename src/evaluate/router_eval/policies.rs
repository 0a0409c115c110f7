//! What a router is compared with at one trade: fixed choices, chance, rules fitted on other
//! requests, rules that were given, and hindsight.
//!
//! Owns the choices. Whether one is better than another is for [`net`](super::net).

use std::collections::BTreeMap;

use serde::Serialize;

use super::ground::{At, Made, UNANSWERED, expected};
use crate::evaluate::figure::Figure;
use crate::replay::decide;

/// What sort of choice a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// The evaluated router, or routers.
    Router,
    /// The router's own shares, dealt at random.
    RandomMixture,
    /// The fixed choice that did best on these very requests.
    BestSingle,
    /// A rule: one of two fitted on the other folds, or one that was given.
    Rule,
    /// The rule that did best on the other folds.
    BestRule,
    /// The best choice with outcomes known; nobody can reach it.
    Hindsight,
    /// A fixed choice.
    Fixed,
}

/// What a policy comes to on the requests that all compared policies answer in the trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyNet {
    /// Its name.
    pub name: String,
    /// What sort of choice it is.
    pub kind: PolicyKind,
    /// v * success - e * (1 - success) - cost - w * seconds.
    pub net_usd_per_request: Figure,
    /// The share of right answers.
    pub success: Figure,
    /// What a request costs.
    pub cost_usd_per_request: Figure,
}

/// A policy's choices, by what came of them.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) kind: PolicyKind,
    /// The endpoint of a fixed choice.
    pub(super) endpoint: Option<String>,
    /// By request.
    pub(super) made: Vec<Made>,
}

/// Choices, the router's first.
pub(super) struct Choices {
    pub(super) all: Vec<Choice>,
    /// Endpoint and the share of requests that the router sends there.
    pub(super) sent: BTreeMap<String, f64>,
}

/// The weight of the overall net value in a task's, in requests.
const SHRINKAGE: f64 = 5.0;

const ROUTER: &str = "the router";

/// Everything that a router is compared with; every fixed choice as well where `detailed`.
pub(super) fn choices(at: &At<'_>, detailed: bool) -> Choices {
    let (router, shares) = router(at);
    let fitting = Fitting::new(at);
    let singles = fitting.singles();
    let mut rules = vec![fitting.length(), fitting.table()];
    rules.extend(given(at));
    let mut all = vec![router, fitting.mixture(&shares)];
    all.extend(best_single(&singles));
    let best_rule = best_rule(at, &rules);
    all.extend(rules);
    all.push(best_rule);
    all.push(fitting.hindsight());
    if detailed {
        all.extend(singles);
    }
    let whole = at.ground.rows.len().max(1) as f64 * 1e6;
    let sent = shares.into_iter().map(|(endpoint, ppm)| {
        let name = at.ground.name(endpoint).to_owned();
        (name, ppm as f64 / whole)
    });
    Choices {
        sent: sent.collect(),
        all,
    }
}

/// The routers of the folds, each on its own rows at this trade; with the mass, in ppm, that they
/// send to each endpoint.
fn router(at: &At<'_>) -> (Choice, BTreeMap<u16, u64>) {
    let (ground, frame) = (at.ground, at.ground.frame);
    let mut made: Vec<Made> = vec![None; ground.rows.len()];
    let mut shares = BTreeMap::new();
    for fold in frame.folds {
        let router = fold.router.clone().with_trade(at.trade);
        let threads = frame.options.threads;
        let decisions = decide(frame.stage, ROUTER, &router, &fold.rows, threads);
        for (place, row) in fold.rows.iter().enumerate() {
            let assignment = decisions.get(place);
            let i = ground.rows.partition_point(|held| held < row);
            made[i] = at.of_assignment(assignment, i);
            for &(endpoint, share) in &assignment.masses {
                *shares.entry(endpoint).or_default() += u64::from(share.0);
            }
        }
    }
    let choice = Choice {
        name: ROUTER.to_owned(),
        kind: PolicyKind::Router,
        endpoint: None,
        made,
    };
    (choice, shares)
}

fn best_single(singles: &[Choice]) -> Option<Choice> {
    let net = |single: &&Choice| -> i128 {
        let known = single.made.iter().flatten();
        known.map(|made| i128::from(made[0])).sum()
    };
    // The last of equals would win, and the first is meant.
    let best = singles.iter().rev().max_by_key(net)?;
    Some(Choice {
        kind: PolicyKind::BestSingle,
        ..best.clone()
    })
}

/// The rule policies that the caller gave.
fn given(at: &At<'_>) -> Vec<Choice> {
    let rules = at.ground.frame.options.rules.iter();
    let choice = |decisions: &crate::replay::Decisions| {
        let rows = at.ground.rows.iter().enumerate();
        let made = rows.map(|(i, &row)| at.of_assignment(decisions.get(row), i));
        Choice {
            name: decisions.name().to_owned(),
            kind: PolicyKind::Rule,
            endpoint: None,
            made: made.collect(),
        }
    };
    rules.map(choice).collect()
}

/// For each part the rule that did best on the other parts.
fn best_rule(at: &At<'_>, rules: &[Choice]) -> Choice {
    let ground = at.ground;
    let common: Vec<bool> = (0..ground.rows.len())
        .map(|i| rules.iter().all(|rule| rule.made[i].is_some()))
        .collect();
    let elsewhere = |rule: &Choice, part: usize| -> i128 {
        let rows = (0..ground.rows.len()).filter(|&i| common[i] && ground.part[i] != part);
        rows.filter_map(|i| Some(i128::from(rule.made[i]?[0])))
            .sum()
    };
    let best = (0..ground.parts).map(|part| {
        let places = (0..rules.len()).rev();
        places
            .max_by_key(|&rule| elsewhere(&rules[rule], part))
            .unwrap_or(0)
    });
    let best: Vec<usize> = best.collect();
    let mut used: Vec<usize> = ground.part.iter().map(|&part| best[part]).collect();
    let made = used
        .iter()
        .enumerate()
        .map(|(i, &rule)| rules[rule].made[i]);
    let made = made.collect();
    used.sort_unstable();
    used.dedup();
    let names: Vec<&str> = used.iter().map(|&rule| rules[rule].name.as_str()).collect();
    Choice {
        name: format!("best rule: {}", names.join(", ")),
        kind: PolicyKind::BestRule,
        endpoint: None,
        made,
    }
}

/// What fixed choices and rules are made of and fitted on: what comes of wanting each endpoint, and
/// sums of its net value over the parts.
struct Fitting<'g> {
    at: &'g At<'g>,
    /// By endpoint of the portfolio and request; `None` where it may not be chosen.
    made: Vec<Vec<Made>>,
    /// The same where the fallback, the endpoint with the greatest net value on all requests that
    /// may be chosen, takes what another may not.
    wanted: Vec<Vec<Made>>,
    /// Net value of `wanted` by part and endpoint, over the other parts.
    elsewhere: Vec<Vec<i128>>,
}

impl<'g> Fitting<'g> {
    fn new(at: &'g At<'g>) -> Self {
        let ground = at.ground;
        let column = |&endpoint: &u16| -> Vec<Made> {
            let rows = 0..ground.rows.len();
            rows.map(|i| {
                let eligible = ground.eligible(endpoint, i);
                at.made(endpoint, i).filter(|_| eligible)
            })
            .collect()
        };
        let made: Vec<Vec<Made>> = ground.endpoints.iter().map(column).collect();
        let mut fallback: Vec<&Vec<Made>> = made.iter().collect();
        fallback.sort_by_key(|column| {
            let known = column.iter();
            std::cmp::Reverse(known.map(|made| net(*made)).sum::<i128>())
        });
        let or_fallback = |column: &Vec<Made>| -> Vec<Made> {
            let rows = column.iter().enumerate();
            rows.map(|(i, made)| {
                let otherwise = || fallback.iter().find_map(|column| column[i]);
                made.or_else(otherwise).or(UNANSWERED)
            })
            .collect()
        };
        let wanted: Vec<Vec<Made>> = made.iter().map(or_fallback).collect();
        let mut here = vec![vec![0i128; made.len()]; ground.parts];
        for (place, column) in wanted.iter().enumerate() {
            for (i, made) in column.iter().enumerate() {
                here[ground.part[i]][place] += net(*made);
            }
        }
        let whole: Vec<i128> = (0..made.len())
            .map(|place| here.iter().map(|sums| sums[place]).sum())
            .collect();
        let others = here.iter().map(|here| {
            let sums = whole.iter().zip(here);
            sums.map(|(all, here)| all - here).collect()
        });
        Self {
            at,
            elsewhere: others.collect(),
            made,
            wanted,
        }
    }

    /// Each endpoint of the portfolio for every request.
    fn singles(&self) -> Vec<Choice> {
        let ground = self.at.ground;
        let places = ground.endpoints.iter().enumerate();
        places
            .map(|(place, &endpoint)| {
                let id = ground.name(endpoint);
                let name = format!("always {id}");
                Choice {
                    endpoint: Some(id.to_owned()),
                    ..self.choice(&name, PolicyKind::Fixed, |_| place)
                }
            })
            .collect()
    }

    /// The wanted endpoint of each request, or its fallback.
    fn choice(&self, name: &str, kind: PolicyKind, wanted: impl Fn(usize) -> usize) -> Choice {
        let rows = 0..self.at.ground.rows.len();
        Choice {
            name: name.to_owned(),
            kind,
            endpoint: None,
            made: rows.map(|i| self.wanted[wanted(i)][i]).collect(),
        }
    }

    /// The endpoint with the greatest of some sums, the first of equals.
    fn best(sums: &[i128]) -> (i128, usize) {
        let places = (0..sums.len()).rev();
        let best = places.max_by_key(|&place| sums[place]).unwrap_or(0);
        (sums.get(best).copied().unwrap_or(0), best)
    }

    /// The router's shares of each endpoint at random, among those that may be chosen.
    fn mixture(&self, shares: &BTreeMap<u16, u64>) -> Choice {
        let ground = self.at.ground;
        let all: u64 = shares.values().sum::<u64>().max(1);
        // Below 2^32: a share of a million.
        let weight = |endpoint| {
            let mass = u128::from(shares.get(endpoint).copied().unwrap_or(0));
            u32::try_from(mass * 1_000_000 / u128::from(all)).unwrap_or(0)
        };
        let weights: Vec<u32> = ground.endpoints.iter().map(weight).collect();
        let pick = |i: usize| {
            let columns = weights.iter().zip(&self.made);
            let held: Vec<(u32, [i64; 3])> = columns
                .filter_map(|(&weight, column)| Some((weight, column[i]?)))
                .filter(|(weight, _)| *weight > 0)
                .collect();
            match held.iter().map(|(weight, _)| weight).sum() {
                0 => self.wanted[0][i],
                all => expected(&held, all),
            }
        };
        Choice {
            name: "random mixture in the router's shares".to_owned(),
            kind: PolicyKind::RandomMixture,
            endpoint: None,
            made: (0..ground.rows.len()).map(pick).collect(),
        }
    }

    /// Prompt length alone: one endpoint up to a limit in bytes, another above it, all three fitted
    /// on the other parts.
    fn length(&self) -> Choice {
        let ground = self.at.ground;
        let trace = ground.frame.stage.trace();
        let bytes: Vec<usize> = ground
            .rows
            .iter()
            .map(|&row| trace.prompt(row).map_or(0, str::len))
            .collect();
        let mut order: Vec<usize> = (0..bytes.len()).collect();
        order.sort_by_key(|&i| bytes[i]);
        let limits: Vec<(usize, [usize; 2])> = (0..ground.parts)
            .map(|part| self.limit(part, &order, &bytes))
            .collect();
        self.choice("prompt length", PolicyKind::Rule, |i| {
            let (limit, sides) = limits[ground.part[i]];
            sides[usize::from(bytes[i] > limit)]
        })
    }

    /// The limit and the endpoints on its two sides with the greatest net value on the other parts;
    /// the best endpoint on both where no limit beats it.
    fn limit(&self, part: usize, order: &[usize], bytes: &[usize]) -> (usize, [usize; 2]) {
        let all = &self.elsewhere[part];
        let (mut most, best) = Self::best(all);
        let mut found = (0, [best; 2]);
        let mut below = vec![0i128; all.len()];
        let others = order.iter().filter(|&&i| self.at.ground.part[i] != part);
        let others: Vec<usize> = others.copied().collect();
        for (k, &i) in others.iter().enumerate() {
            let columns = below.iter_mut().zip(&self.wanted);
            columns.for_each(|(sum, column)| *sum += net(column[i]));
            let next = others.get(k + 1);
            if next.is_none_or(|&next| bytes[next] == bytes[i]) {
                continue;
            }
            let above = all.iter().zip(&below).map(|(all, below)| all - below);
            let (low, high) = (Self::best(&below), Self::best(&above.collect::<Vec<_>>()));
            if low.0 + high.0 > most {
                most = low.0 + high.0;
                found = (bytes[i], [low.1, high.1]);
            }
        }
        found
    }

    /// For each task the endpoint with the greatest net value on the other parts, drawn towards that
    /// of all tasks by the weight of five requests.
    fn table(&self) -> Choice {
        let ground = self.at.ground;
        let trace = ground.frame.stage.trace();
        let task = |i: usize| {
            trace
                .task(ground.rows[i])
                .map_or(0, |task| task.index() + 1)
        };
        let tasks = trace.names().len() + 1;
        let endpoints = self.made.len();
        // Net values by endpoint and, last, requests: by part and task, and by task.
        let mut here: Vec<BTreeMap<usize, Vec<i128>>> = vec![BTreeMap::new(); ground.parts];
        let mut all = vec![vec![0i128; endpoints + 1]; tasks];
        let mut rows = vec![0i128; ground.parts];
        for (i, &part) in ground.part.iter().enumerate() {
            rows[part] += 1;
            let own = here[part]
                .entry(task(i))
                .or_insert_with(|| vec![0; endpoints + 1]);
            for sums in [own, &mut all[task(i)]] {
                let columns = sums.iter_mut().zip(&self.wanted);
                columns.for_each(|(sum, column)| *sum += net(column[i]));
                sums[endpoints] += 1;
            }
        }
        let count: i128 = rows.iter().sum();
        let best = |part: usize, task: usize| -> usize {
            let own = here[part].get(&task);
            let of = |place: usize| (all[task][place] - own.map_or(0, |own| own[place])) as f64;
            let overall = |place: usize| {
                self.elsewhere[part][place] as f64 / (count - rows[part]).max(1) as f64
            };
            let score = |place: usize| {
                (of(place) + SHRINKAGE * overall(place)) / (of(endpoints) + SHRINKAGE)
            };
            let places = (0..endpoints).rev();
            let best = places.max_by(|&a, &b| score(a).total_cmp(&score(b)));
            best.unwrap_or(0)
        };
        let tables: Vec<BTreeMap<usize, usize>> = here
            .iter()
            .enumerate()
            .map(|(part, own)| own.keys().map(|&task| (task, best(part, task))).collect())
            .collect();
        self.choice("per-task table", PolicyKind::Rule, |i| {
            tables[ground.part[i]][&task(i)]
        })
    }

    /// The greatest net value with outcomes known.
    fn hindsight(&self) -> Choice {
        self.choice("hindsight", PolicyKind::Hindsight, |i| {
            let places = (0..self.made.len()).rev();
            let open = places.filter(|&place| self.made[place][i].is_some());
            let best = open.max_by_key(|&place| self.made[place][i].map(|made| made[0]));
            best.unwrap_or(0)
        })
    }
}

fn net(made: Made) -> i128 {
    made.map_or(0, |made| i128::from(made[0]))
}
