//! Floors and hindsight: what a policy must beat, and what nobody can.
//!
//! None of them is a policy: they are worked out from outcomes, and need no learner. They choose
//! only among endpoints whose outcome is known, so that they take no request from the comparison.

use crate::replay::{Assignment, Charged, Decisions, Fact, Stage};
use crate::stats::fold;
use weighbridge_router::{Ppm, prompt_group};

/// How many folds the fitted floors are cross-fitted on.
const FOLDS: usize = 5;

/// What floors are worked out from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcomes<'a> {
    /// Endpoints and requests.
    pub stage: &'a Stage<'a>,
    /// What each endpoint made of each request.
    pub charged: &'a Charged,
    /// Whether net value is known, so that choosing can maximise it.
    pub valued: bool,
    /// The seed of the folds.
    pub seed: u64,
}

/// A fixed choice, and how it did on the requests where all fixed choices are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Single {
    /// The endpoint, by its place in the stage.
    pub endpoint: u16,
    /// Millionths.
    pub success: i128,
    /// Picodollars; `None` where a cost is unknown.
    pub cost: Option<i128>,
    /// Picodollars; `None` where a net value is unknown.
    pub net: Option<i128>,
}

impl Outcomes<'_> {
    /// Whether the endpoint may take the request and its outcome is known.
    fn can_choose(&self, endpoint: u16, row: usize) -> bool {
        let facts = self.charged.facts(endpoint, row);
        facts.has(Fact::Eligible) && self.charged.score(endpoint, row).is_some()
    }

    fn endpoints(&self) -> impl Iterator<Item = u16> + use<> {
        // A stage has fewer endpoints than `u16` counts.
        0..u16::try_from(self.stage.endpoints().len()).unwrap_or(u16::MAX)
    }

    /// Every endpoint whose outcome is known wherever it may be chosen, with its sums.
    #[must_use]
    pub(super) fn singles(&self) -> Vec<Single> {
        let complete = |endpoint: u16| {
            let mut some = false;
            (0..self.charged.rows()).all(|row| {
                let eligible = self.charged.facts(endpoint, row).has(Fact::Eligible);
                let known = self.charged.score(endpoint, row).is_some();
                some |= eligible && known;
                !eligible || known
            }) && some
        };
        self.endpoints()
            .filter(|&endpoint| complete(endpoint))
            .map(|endpoint| self.single(endpoint))
            .collect()
    }

    fn single(&self, endpoint: u16) -> Single {
        let mut sums = Single {
            endpoint,
            success: 0,
            cost: Some(0),
            net: Some(0),
        };
        for row in (0..self.charged.rows()).filter(|&row| self.can_choose(endpoint, row)) {
            let add = |sum: &mut Option<i128>, usd: Option<weighbridge_router::Usd>| {
                *sum = sum.zip(usd).map(|(sum, usd)| sum + i128::from(usd.picos()));
            };
            sums.success += i128::from(self.charged.score(endpoint, row).unwrap_or(0));
            add(&mut sums.cost, self.charged.cost(endpoint, row));
            add(&mut sums.net, self.charged.net(endpoint, row));
        }
        sums
    }

    /// Always that endpoint; requests that it may not take are unanswered.
    #[must_use]
    pub(super) fn always(&self, name: &str, endpoint: u16) -> Decisions {
        self.choose(name, |row| {
            self.charged
                .facts(endpoint, row)
                .has(Fact::Eligible)
                .then_some(endpoint)
        })
    }

    /// A random mixture of two endpoints, `share` of it to `best`; where one may not take a
    /// request, the other does.
    #[must_use]
    pub(super) fn mixture(&self, name: &str, cheapest: u16, best: u16, share: Ppm) -> Decisions {
        let mut both = Assignment::default();
        for (endpoint, share) in [(cheapest, Ppm(Ppm::ONE.0 - share.0)), (best, share)] {
            if share > Ppm(0) {
                both.masses.push((endpoint, share));
            }
        }
        both.masses.sort_unstable();
        let mut decisions = Decisions::new(name);
        for row in 0..self.charged.rows() {
            match [cheapest, best].map(|endpoint| self.can_choose(endpoint, row)) {
                [true, true] => decisions.push(&both),
                [true, false] => decisions.push(&Assignment::all_to(cheapest)),
                [false, true] => decisions.push(&Assignment::all_to(best)),
                [false, false] => decisions.push(&Assignment::unanswered()),
            }
        }
        decisions
    }

    /// The best choice with outcomes known: the greatest net value where it is known, else the
    /// greatest success and then the lower cost. It harvests noise, so nobody can reach it.
    #[must_use]
    pub(super) fn hindsight(&self) -> Decisions {
        self.choose("hindsight", |row| {
            let worth = |endpoint: u16| {
                let net = self.charged.net(endpoint, row).filter(|_| self.valued);
                let cost = self.charged.cost(endpoint, row).map(std::cmp::Reverse);
                (net, self.charged.score(endpoint, row), cost)
            };
            self.endpoints()
                .filter(|&endpoint| self.can_choose(endpoint, row))
                .max_by_key(|&endpoint| (worth(endpoint), std::cmp::Reverse(endpoint)))
        })
    }

    /// What the second of a pair gains over the first on a request, in picodollars; `None` where
    /// either may not be chosen.
    fn gain(&self, [cheap, dear]: [u16; 2], row: usize) -> Option<i64> {
        let both = self.can_choose(cheap, row) && self.can_choose(dear, row);
        let net = |endpoint| {
            self.charged
                .net(endpoint, row)
                .map(weighbridge_router::Usd::picos)
        };
        both.then(|| Some(net(dear)? - net(cheap)?)).flatten()
    }

    /// Prompt length alone: the dear endpoint for prompts longer than a limit that is fitted on
    /// the other folds.
    #[must_use]
    pub(super) fn length(&self, pair: [u16; 2]) -> Decisions {
        let folds = self.folds();
        let bytes = |row: usize| self.stage.trace().prompt(row).map_or(0, str::len);
        let limits: Vec<Option<usize>> = (0..FOLDS)
            .map(|fold| {
                let mut rows: Vec<(usize, i64)> = (0..folds.len())
                    .filter(|&row| folds[row] != fold)
                    .filter_map(|row| Some((bytes(row), self.gain(pair, row)?)))
                    .collect();
                rows.sort_unstable();
                best_limit(&rows)
            })
            .collect();
        self.choose("prompt length", |row| {
            let long = limits[folds[row]].is_some_and(|limit| bytes(row) > limit);
            self.either(pair, usize::from(long), row)
        })
    }

    /// A table by task: for each task the endpoint of the pair that gained more on the other folds.
    #[must_use]
    pub(super) fn task_table(&self, pair: [u16; 2]) -> Decisions {
        let folds = self.folds();
        let task = |row: usize| {
            self.stage
                .trace()
                .task(row)
                .map_or(0, |task| task.index() + 1)
        };
        let tasks = self.stage.trace().names().len() + 1;
        let mut whole = vec![0i128; tasks];
        let mut by_fold = vec![vec![0i128; tasks]; FOLDS];
        for row in 0..folds.len() {
            let gain = i128::from(self.gain(pair, row).unwrap_or(0));
            whole[task(row)] += gain;
            by_fold[folds[row]][task(row)] += gain;
        }
        self.choose("per-task table", |row| {
            let others = whole[task(row)] - by_fold[folds[row]][task(row)];
            self.either(pair, usize::from(others > 0), row)
        })
    }

    /// The wanted one of a pair, else the other, else nobody.
    fn either(&self, pair: [u16; 2], wanted: usize, row: usize) -> Option<u16> {
        [pair[wanted], pair[1 - wanted]]
            .into_iter()
            .find(|&endpoint| self.can_choose(endpoint, row))
    }

    fn choose(&self, name: &str, pick: impl Fn(usize) -> Option<u16>) -> Decisions {
        let mut decisions = Decisions::new(name);
        for row in 0..self.charged.rows() {
            decisions.push(&pick(row).map_or_else(Assignment::unanswered, Assignment::all_to));
        }
        decisions
    }

    /// The fold of each request, by prompt group, so that near-duplicates stay together.
    fn folds(&self) -> Vec<usize> {
        let trace = self.stage.trace();
        let of = |row: usize| match trace.prompt(row) {
            Some(prompt) => fold(self.seed, "floors", &prompt_group(prompt), FOLDS),
            None => fold(self.seed, "floors", trace.id(row).as_bytes(), FOLDS),
        };
        (0..trace.len()).map(of).collect()
    }
}

/// The limit above which the sum of gains is greatest; `None` where no limit gains anything.
/// Rows are (length, gain) in order of length.
fn best_limit(rows: &[(usize, i64)]) -> Option<usize> {
    let mut best = (0i128, None);
    let mut above = 0i128;
    for (i, &(length, gain)) in rows.iter().enumerate().rev() {
        above += i128::from(gain);
        let limit = length.checked_sub(1);
        let boundary = i == 0 || rows[i - 1].0 < length;
        if boundary && above > best.0 {
            best = (above, limit.or(Some(0)));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::best_limit;

    #[test]
    fn the_limit_takes_the_rows_that_gain() {
        assert_eq!(best_limit(&[(10, -5), (20, 1), (30, 4)]), Some(19));
        assert_eq!(best_limit(&[(10, 5), (20, -9), (30, 4)]), Some(29));
        assert_eq!(best_limit(&[(10, -5), (20, -1)]), None);
        assert_eq!(best_limit(&[(10, -5), (10, 6)]), Some(9));
        assert_eq!(best_limit(&[]), None);
    }
}
