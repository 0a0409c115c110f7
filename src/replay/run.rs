//! One pass over the requests: each is looked at once, charged at every endpoint and decided by
//! every router; and many routers that differ in their trade alone.

use weighbridge_router::{Router, Trade};

use super::charge::{Charged, Charger};
use super::decisions::{Decider, Decisions, in_parts, join};
use super::stage::Stage;

/// Requests that one router decides before the next one does: few enough to stay in the first
/// cache, and enough for the processor to learn the router's branches.
const BLOCK: usize = 64;

/// Charge every outcome of the stage, and decide every request by every router. `trade` holds for
/// requests that bring none of their own.
#[must_use]
pub fn run(
    stage: &Stage<'_>,
    routers: &[(String, &Router)],
    trade: Option<Trade>,
    threads: usize,
) -> (Charged, Vec<Decisions>) {
    let rows = stage.trace().len();
    let parts = in_parts(rows, threads, |range| {
        let mut charger = Charger::new(stage, trade);
        let mut deciders: Vec<Decider<'_>> = routers
            .iter()
            .map(|(name, router)| Decider::new(stage, name, router, range.len()))
            .collect();
        let mut requests = Vec::with_capacity(BLOCK);
        for start in range.clone().step_by(BLOCK) {
            let end = range.end.min(start + BLOCK);
            requests.clear();
            requests.extend((start..end).map(|row| stage.request(row)));
            (start..end)
                .zip(&requests)
                .for_each(|(row, request)| charger.charge(row, request));
            for decider in &mut deciders {
                requests.iter().for_each(|request| decider.decide(request));
            }
        }
        let decisions = deciders.into_iter().map(|decider| decider.decisions);
        (charger, decisions.collect::<Vec<Decisions>>())
    });
    let (charges, decisions) = parts.into_iter().unzip();
    (Charged::join(stage, charges), join(decisions, rows))
}

/// What a router chooses for some of the requests, `rows` of the trace, in their order.
#[must_use]
pub fn decide(
    stage: &Stage<'_>,
    name: &str,
    router: &Router,
    rows: &[usize],
    threads: usize,
) -> Decisions {
    let parts = in_parts(rows.len(), threads, |range| {
        let mut decider = Decider::new(stage, name, router, range.len());
        for &row in &rows[range] {
            decider.decide(&stage.request(row));
        }
        vec![decider.decisions]
    });
    let mut joined = join(parts, rows.len());
    joined.pop().unwrap_or_else(|| Decisions::new(name))
}

/// Decide every request by every router of a family: routers that differ in their trade alone, so
/// that a request is predicted once for all of them. The decisions are those of [`run`].
#[must_use]
pub fn decide_family(
    stage: &Stage<'_>,
    routers: &[(String, &Router)],
    threads: usize,
) -> Vec<Decisions> {
    let rows = stage.trace().len();
    let parts = in_parts(rows, threads, |range| {
        let mut deciders: Vec<Decider<'_>> = routers
            .iter()
            .map(|(name, router)| Decider::new(stage, name, router, range.len()))
            .collect();
        for row in range {
            Decider::decide_all(&mut deciders, &stage.request(row));
        }
        let decisions = deciders.into_iter().map(|decider| decider.decisions);
        decisions.collect::<Vec<Decisions>>()
    });
    join(parts, rows)
}
