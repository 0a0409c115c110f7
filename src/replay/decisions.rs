//! What each policy chooses for each request: a number a request, into a short table of
//! distributions.
//!
//! A policy that always answers alike has one distribution; a router between two models has two.
//! So a decision takes two bytes, whatever the kind of the policy.

use std::ops::Range;
use std::thread;

use weighbridge_router::{Decision, Ppm, Router, Scratch};

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

    /// Whether another policy chooses the same for every request.
    #[must_use]
    pub fn same_choices(&self, other: &Self) -> bool {
        self.len() == other.len()
            && (0..self.len()).all(|row| self.get(row).masses == other.get(row).masses)
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

/// Decide every request of the stage by every router.
#[must_use]
pub fn decide_all(
    stage: &Stage<'_>,
    routers: &[(String, &Router)],
    threads: usize,
) -> Vec<Decisions> {
    let parts = in_parts(stage.trace().len(), threads, |range| {
        decide_range(stage, routers, range)
    });
    let mut whole: Vec<Decisions> = routers
        .iter()
        .map(|(name, _)| Decisions::new(name.clone()))
        .collect();
    for part in parts {
        whole
            .iter_mut()
            .zip(&part)
            .for_each(|(whole, part)| whole.append(part));
    }
    whole
}

fn decide_range(
    stage: &Stage<'_>,
    routers: &[(String, &Router)],
    range: Range<usize>,
) -> Vec<Decisions> {
    let mut deciders: Vec<Decider<'_>> = routers
        .iter()
        .map(|(name, router)| Decider::new(stage, name, router))
        .collect();
    for row in range {
        let request = stage.request(row);
        for decider in &mut deciders {
            decider
                .router
                .decide_into(&request, &mut decider.scratch, &mut decider.decision);
            decider.record();
        }
    }
    deciders
        .into_iter()
        .map(|decider| decider.decisions)
        .collect()
}

/// One router at work.
struct Decider<'a> {
    router: &'a Router,
    /// The place in the stage of each of its endpoints.
    places: Vec<u16>,
    scratch: Scratch,
    decision: Decision,
    /// The decisions met so far, and their codes.
    met: Vec<(Decision, u16)>,
    decisions: Decisions,
}

impl<'a> Decider<'a> {
    fn new(stage: &Stage<'_>, name: &str, router: &'a Router) -> Self {
        // The stage was built from these routers, so every endpoint is on it.
        let places = router
            .endpoints()
            .iter()
            .map(|endpoint| stage.find(&endpoint.id).unwrap_or(u16::MAX))
            .collect();
        Self {
            router,
            places,
            scratch: Scratch::default(),
            decision: Decision::default(),
            met: Vec::new(),
            decisions: Decisions::new(name),
        }
    }

    fn record(&mut self) {
        if let Some((_, code)) = self.met.iter().find(|(met, _)| *met == self.decision) {
            self.decisions.codes.push(*code);
            return;
        }
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
        let code = self.decisions.code(&assignment);
        self.decisions.codes.push(code);
        self.met.push((self.decision.clone(), code));
    }
}

/// Work on `0..rows` in contiguous parts, one a thread; the results in order of the parts.
pub(crate) fn in_parts<T: Send>(
    rows: usize,
    threads: usize,
    work: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let parts = threads.clamp(1, rows.div_ceil(1024).max(1));
    if parts == 1 {
        return vec![work(0..rows)];
    }
    let bounds: Vec<Range<usize>> = (0..parts)
        .map(|part| rows * part / parts..rows * (part + 1) / parts)
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
