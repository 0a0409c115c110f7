//! What each policy chooses for each request: a number a request, into a short table of
//! distributions.
//!
//! A policy that always answers alike has one distribution; a router between two models has two.
//! So a decision takes two bytes, whatever the kind of the policy.

use std::ops::Range;
use std::thread;

use weighbridge_router::{Decision, EndpointIndex, Ppm, Prediction, RequestRef, Router, Scratch};

use super::stage::Stage;

/// A distribution over the endpoints of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Each endpoint, by its place in the stage, with its share.
    pub masses: Vec<(u16, Ppm)>,
    /// The share that nobody takes.
    pub unanswered: Ppm,
    /// The share that went down the fallback chain.
    pub fell_back: Ppm,
}

impl Assignment {
    /// All to one endpoint.
    #[must_use]
    pub fn all_to(endpoint: u16) -> Self {
        Self {
            masses: vec![(endpoint, Ppm::ONE)],
            ..Self::default()
        }
    }

    /// No answer at all.
    #[must_use]
    pub fn unanswered() -> Self {
        Self {
            unanswered: Ppm::ONE,
            ..Self::default()
        }
    }

    /// The one endpoint that takes everything, where there is one.
    pub(super) fn sole(&self) -> Option<u16> {
        match self.masses[..] {
            [(endpoint, Ppm::ONE)] => Some(endpoint),
            _ => None,
        }
    }
}

/// What one policy, or one floor, chooses for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decisions {
    pub(super) name: String,
    pub(super) codes: Vec<u16>,
    pub(super) table: Vec<Assignment>,
}

impl Decisions {
    /// No decisions yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            codes: Vec::new(),
            table: Vec::new(),
        }
    }

    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many requests are decided.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The decision for a request.
    #[must_use]
    pub fn get(&self, row: usize) -> &Assignment {
        &self.table[usize::from(self.codes[row])]
    }

    /// The one endpoint that takes a request as a whole, where there is one.
    #[must_use]
    pub fn sole(&self, row: usize) -> Option<u16> {
        self.get(row).sole()
    }

    /// Whether another policy chooses the same for every request.
    #[must_use]
    pub fn same_choices(&self, other: &Self) -> bool {
        self.len() == other.len()
            && (0..self.len()).all(|row| self.get(row).masses == other.get(row).masses)
    }

    /// Tells for a request whether another policy over the same requests chooses otherwise.
    pub fn differs<'d>(&'d self, other: &'d Self) -> impl Fn(usize) -> bool + use<'d> {
        let width = other.table.len();
        let pairs = self
            .table
            .iter()
            .flat_map(|own| other.table.iter().map(move |theirs| (own, theirs)));
        let differs: Vec<bool> = pairs
            .map(|(own, theirs)| own.masses != theirs.masses || own.unanswered != theirs.unanswered)
            .collect();
        move |row| differs[usize::from(self.codes[row]) * width + usize::from(other.codes[row])]
    }

    /// Append the decision for the next request.
    pub fn push(&mut self, assignment: &Assignment) {
        // Most requests are decided like the one before.
        let last = self
            .codes
            .last()
            .copied()
            .filter(|&code| self.table[usize::from(code)] == *assignment);
        let code = last.unwrap_or_else(|| self.code(assignment));
        self.codes.push(code);
    }

    fn code(&mut self, assignment: &Assignment) -> u16 {
        let place = self
            .table
            .iter()
            .position(|held| held == assignment)
            .unwrap_or_else(|| {
                self.table.push(assignment.clone());
                self.table.len() - 1
            });
        // The distributions of a policy are the leaves of its file, each with the endpoints that
        // can be out: far fewer than 65,536.
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    fn append(&mut self, part: &Self) {
        let renumbered: Vec<u16> = part
            .table
            .iter()
            .map(|assignment| self.code(assignment))
            .collect();
        self.codes
            .extend(part.codes.iter().map(|&code| renumbered[usize::from(code)]));
    }
}

/// The decisions of several parts of the requests, put together in their order.
pub(super) fn join(parts: Vec<Vec<Decisions>>, rows: usize) -> Vec<Decisions> {
    let mut parts = parts.into_iter();
    // The first part is taken over as it is.
    let mut whole = parts.next().unwrap_or_default();
    for decisions in &mut whole {
        decisions.codes.reserve_exact(rows - decisions.codes.len());
    }
    for part in parts {
        whole
            .iter_mut()
            .zip(&part)
            .for_each(|(whole, part)| whole.append(part));
    }
    whole
}

/// One router at work.
pub(super) struct Decider<'a> {
    router: &'a Router,
    /// The place in the stage of each of its endpoints.
    places: Vec<u16>,
    scratch: Scratch,
    decision: Decision,
    /// The codes of the decisions for one endpoint met so far: by the endpoint, and whether all of
    /// it fell back. Nearly all decisions are of this sort.
    sole: Vec<[Option<u16>; 2]>,
    /// The other decisions met so far, and their codes.
    met: Vec<(Decision, u16)>,
    pub(super) decisions: Decisions,
}

impl<'a> Decider<'a> {
    pub(super) fn new(stage: &Stage<'_>, name: &str, router: &'a Router, rows: usize) -> Self {
        // The stage was built from these routers, so every endpoint is on it.
        let places: Vec<u16> = router
            .endpoints()
            .iter()
            .map(|endpoint| stage.find(&endpoint.id).unwrap_or(u16::MAX))
            .collect();
        Self {
            router,
            sole: vec![[None; 2]; places.len()],
            places,
            scratch: Scratch::default(),
            decision: Decision::default(),
            met: Vec::new(),
            decisions: Decisions {
                codes: Vec::with_capacity(rows),
                ..Decisions::new(name)
            },
        }
    }

    /// Decide the next request.
    pub(super) fn decide(&mut self, request: &RequestRef<'_>) {
        self.router
            .decide_into(request, &mut self.scratch, &mut self.decision);
        let code = self.code();
        self.decisions.codes.push(code);
    }

    /// Decide the next request by deciders whose routers differ in their trade alone: the first
    /// predicts for all of them.
    pub(super) fn decide_all(family: &mut [Self], request: &RequestRef<'_>) {
        let Some((first, others)) = family.split_first_mut() else {
            return;
        };
        first.decide(request);
        for decider in others {
            decider
                .router
                .decide_again(request, &mut first.scratch, &mut decider.decision);
            let code = decider.code();
            decider.decisions.codes.push(code);
        }
    }

    /// What the heads predict for the request that was decided last.
    pub(super) fn predictions(&mut self, request: &RequestRef<'_>) -> &[Prediction] {
        self.router.predictions(request, &mut self.scratch)
    }

    /// Decide the next request on these predictions.
    pub(super) fn decide_holding(&mut self, request: &RequestRef<'_>, predictions: &[Prediction]) {
        self.router
            .decide_holding(request, predictions, &mut self.scratch, &mut self.decision);
        let code = self.code();
        self.decisions.codes.push(code);
    }

    /// All of the next request goes to one endpoint of the router.
    pub(super) fn send(&mut self, endpoint: EndpointIndex) {
        let endpoint = usize::from(endpoint.0);
        let code = self.sole[endpoint][0].unwrap_or_else(|| {
            let code = self
                .decisions
                .code(&Assignment::all_to(self.places[endpoint]));
            self.sole[endpoint][0] = Some(code);
            code
        });
        self.decisions.codes.push(code);
    }

    /// The code of the decision just made.
    fn code(&mut self) -> u16 {
        let fell_back = self.decision.fell_back();
        let whole = fell_back == Ppm(0) || fell_back == Ppm::ONE;
        match self.decision.sole().filter(|_| whole) {
            Some(endpoint) => {
                let (endpoint, fell_back) =
                    (usize::from(endpoint.0), usize::from(fell_back == Ppm::ONE));
                if let Some(code) = self.sole[endpoint][fell_back] {
                    return code;
                }
                let code = self.new_code();
                self.sole[endpoint][fell_back] = Some(code);
                code
            }
            None => {
                if let Some((_, code)) = self.met.iter().find(|(met, _)| *met == self.decision) {
                    return *code;
                }
                let code = self.new_code();
                self.met.push((self.decision.clone(), code));
                code
            }
        }
    }

    fn new_code(&mut self) -> u16 {
        let masses = self
            .decision
            .masses()
            .iter()
            .map(|&(index, share)| (self.places[usize::from(index.0)], share));
        let assignment = Assignment {
            masses: masses.collect(),
            unanswered: self.decision.unanswered(),
            fell_back: self.decision.fell_back(),
        };
        self.decisions.code(&assignment)
    }
}

/// Parts of the requests start at multiples of it.
pub(super) const GRAIN: usize = 1024;

/// Work on `0..rows` in contiguous parts, one a thread; the results in order of the parts.
pub(crate) fn in_parts<T: Send>(
    rows: usize,
    threads: usize,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let grains = rows.div_ceil(GRAIN);
    let parts = threads.clamp(1, grains.max(1));
    if parts == 1 {
        return vec![work(0..rows)];
    }
    let bound = |part: usize| rows.min(grains * part / parts * GRAIN);
    let bounds: Vec<Range<usize>> = (0..parts)
        .map(|part| bound(part)..bound(part + 1))
        .collect();
    thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = bounds
            .into_iter()
            .map(|range| scope.spawn(move || work(range)))
            .collect();
        handles
            .into_iter()
            .map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}
