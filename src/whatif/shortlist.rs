//! The policies that are worth replaying on the other half of the requests.

use std::collections::BTreeSet;

use super::margin::neighbours;
use super::options::PlanOptions;
use super::search::{Kind, Measured, Search, best};

/// At most so many policies of the front are shown.
const FRONT: usize = 10;

/// The policies that are replayed again, by their places among the finalists.
pub(super) struct Shortlist<'s> {
    pub(super) finalists: Vec<&'s Measured>,
    pub(super) fixed: Option<usize>,
    pub(super) routing: Option<usize>,
    /// The best of all, or where none attains the goal the nearest to it.
    pub(super) nearest: usize,
    pub(super) front: Vec<usize>,
    /// The pair that the next hundredth of the traffic lies between, beginning at the best fixed
    /// choice and at the best of all.
    pub(super) margins: [Option<[usize; 2]>; 2],
    /// Each model that any policy gives requests to, the best policy that does, and the best that
    /// gives it none; none where no policy attains the goal.
    pub(super) models: Vec<(String, [Option<usize>; 2])>,
    /// Whether any policy attains the goal.
    pub(super) attained: bool,
    /// Whether the best policy that routes is better than the best fixed choice where both were
    /// chosen.
    pub(super) leads: bool,
}

impl<'s> Shortlist<'s> {
    pub(super) fn of(search: &'s Search<'_>, options: &PlanOptions) -> Self {
        let all = &search.measured;
        let is_fixed = |it: &&Measured| it.contender.kind == Kind::Fixed;
        let fixed = best(all.iter().filter(is_fixed), options);
        let routing = best(all.iter().filter(|it| !is_fixed(it)), options);
        let top = best(all.iter(), options);
        let near = |it: &&'s Measured| it.nearness(options);
        let nearest = all.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        let mut short = Self {
            finalists: Vec::new(),
            fixed: None,
            routing: None,
            nearest: 0,
            front: Vec::new(),
            margins: [None; 2],
            models: Vec::new(),
            attained: top.is_some(),
            leads: match (routing, fixed) {
                (Some(routing), Some(fixed)) => routing.merit(options) > fixed.merit(options),
                (routing, _) => routing.is_some(),
            },
        };
        // The first is what the others are compared with.
        short.fixed = fixed.map(|it| short.place(it));
        short.routing = routing.map(|it| short.place(it));
        if let Some(nearest) = top.or(nearest) {
            short.nearest = short.place(nearest);
        }
        short.front = front(all).into_iter().map(|it| short.place(it)).collect();
        let (short_fixed, short_top) = (short.fixed, short.nearest);
        let mut pair = |place: usize| {
            let pair = neighbours(search, short.finalists[place])?;
            Some(pair.map(|measured| short.place(measured)))
        };
        let (fixed, top) = (short_fixed.and_then(&mut pair), pair(short_top));
        short.margins = [fixed, top];
        if short.attained {
            short.models = short.with_and_without(all, options);
        }
        short
    }

    fn with_and_without(
        &mut self,
        all: &'s [Measured],
        options: &PlanOptions,
    ) -> Vec<(String, [Option<usize>; 2])> {
        let models: BTreeSet<&String> = all.iter().flat_map(|it| &it.models).collect();
        let mut pair = |model: &String| {
            [true, false].map(|with| {
                let some = all.iter().filter(|it| it.models.contains(model) == with);
                best(some, options).map(|it| self.place(it))
            })
        };
        models
            .into_iter()
            .map(|model| (model.clone(), pair(model)))
            .collect()
    }

    /// The place of a policy among the finalists.
    fn place(&mut self, measured: &'s Measured) -> usize {
        let held = self
            .finalists
            .iter()
            .position(|it| it.contender == measured.contender);
        held.unwrap_or_else(|| {
            self.finalists.push(measured);
            self.finalists.len() - 1
        })
    }
}

/// Those that no other beats in both cost and success, cheapest first; evenly thinned.
fn front(measured: &[Measured]) -> Vec<&Measured> {
    let mut all: Vec<&Measured> = measured.iter().collect();
    all.sort_by(|a, b| {
        a.cost
            .total_cmp(&b.cost)
            .then(b.success.total_cmp(&a.success))
    });
    let mut front: Vec<&Measured> = Vec::new();
    for it in all {
        if front.last().is_none_or(|last| it.success > last.success) {
            front.push(it);
        }
    }
    let last = front.len().saturating_sub(1);
    if last < FRONT {
        return front;
    }
    (0..FRONT).map(|i| front[last * i / (FRONT - 1)]).collect()
}
