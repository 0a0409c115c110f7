//! From samples in order to break-evens and to stretches between them.

use super::bracket::{NEAR, Sample, State, unit, within, zero};
use super::replicates::{Ends, ends, places};
use super::result::{Greater, Root, Stretch};
use super::unknown::Unknown;
use crate::evaluate::Figure;

/// What samples tell.
pub(super) struct Found {
    pub(super) roots: Vec<Root>,
    pub(super) stretches: Vec<Stretch>,
    pub(super) notes: Vec<String>,
}

/// Samples in a row of one sign.
struct Run<'s> {
    state: State,
    first: &'s Sample,
    last: &'s Sample,
    /// Too short to matter: policies that hardly differ change places often.
    brief: bool,
}

/// Break-evens and stretches of samples in order. `n`: how many requests they rest on.
pub(super) fn found(samples: &[Sample], unknown: &Unknown, n: u64) -> Found {
    let runs = runs(samples, unit(unknown.tried.iter().copied()));
    let mut found = Found {
        roots: Vec::new(),
        stretches: Vec::new(),
        notes: Vec::new(),
    };
    let add = |found: &mut Found, at, states| {
        found.roots.push(root(samples, unknown, (at, n), states));
    };
    let first = samples.first().map_or(0.0, |sample| sample.x);
    let last = samples.last().map_or(0.0, |sample| sample.x);
    let lasting: Vec<usize> = (0..runs.len()).filter(|&run| !runs[run].brief).collect();
    let (Some(&begin), Some(&end)) = (lasting.first(), lasting.last()) else {
        found.stretches.push(stretch(first, last, State::Equal));
        return found;
    };
    // The sides meet at the very beginning, or at the end.
    if begin > 0 {
        add(&mut found, first, [State::Equal, runs[begin].state]);
    }
    let mut from = first;
    for pair in lasting.windows(2) {
        let (before, between, after) =
            (&runs[pair[0]], &runs[pair[0] + 1..pair[1]], &runs[pair[1]]);
        let at = place(before, between, after);
        if between.len() > 1 {
            found.notes.push(format!(
                "around {at} the sides change places {} times within 1%",
                between.len() + 1
            ));
        }
        if before.state == after.state {
            continue;
        }
        let states = [before.state, after.state];
        if !states.contains(&State::Unknown) {
            add(&mut found, at, states);
        }
        found.stretches.push(stretch(from, at, before.state));
        from = at;
    }
    found.stretches.push(stretch(from, last, runs[end].state));
    if end + 1 < runs.len() {
        add(&mut found, last, [runs[end].state, State::Equal]);
    }
    found
}

fn runs(samples: &[Sample], unit: f64) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for sample in samples {
        match runs.last_mut() {
            Some(run) if run.state == sample.state() => run.last = sample,
            _ => runs.push(Run {
                state: sample.state(),
                first: sample,
                last: sample,
                brief: false,
            }),
        }
    }
    for place in 0..runs.len() {
        let before = place.checked_sub(1).map(|before| runs[before].last.x);
        let after = runs.get(place + 1).map(|after| after.first.x);
        let run = &mut runs[place];
        run.brief = match (before, after) {
            (Some(before), Some(after)) => within([before, after], NEAR, unit),
            // At an end of what was tried only a point where the sides meet.
            (None, None) => false,
            _ => run.state == State::Equal && within([run.first.x, run.last.x], NEAR, unit),
        };
    }
    runs
}

/// Where one side gives way to the other: at the point where they meet, if there is one.
fn place(before: &Run<'_>, between: &[Run<'_>], after: &Run<'_>) -> f64 {
    match between {
        [] => border(before, after),
        [met] => met.first.x,
        [first, ..] => border(before, first),
    }
}

/// Where one run ends and the next begins.
fn border(before: &Run<'_>, after: &Run<'_>) -> f64 {
    let pair = [before.last, after.first];
    if before.state.opposes(after.state) {
        return zero(pair).unwrap_or(before.last.x);
    }
    // The end of a run of equals is one of the equals.
    if before.state == State::Equal {
        before.last.x
    } else {
        after.first.x
    }
}

fn stretch(from: f64, to: f64, state: State) -> Stretch {
    Stretch {
        from,
        to,
        greater: state.into(),
    }
}

fn root(
    samples: &[Sample],
    unknown: &Unknown,
    (at, n): (f64, u64),
    [before, after]: [State; 2],
) -> Root {
    let mut root = Root {
        at: Figure::known(at, unknown.unit(), n),
        low: None,
        high: None,
        below: 0.0,
        above: 0.0,
        greater_before: before.into(),
        greater_after: after.into(),
    };
    if !before.opposes(after) {
        root.at.why = Some(
            "no interval: the sides are equal on one side of it, whatever is resampled".to_owned(),
        );
        return root;
    }
    let places = places(samples, before, at);
    match ends(&places) {
        Some(ends) => {
            let finite = |x: f64| x.is_finite().then_some(x);
            (root.low, root.high) = (finite(ends.low), finite(ends.high));
            (root.below, root.above) = (ends.below, ends.above);
            root.at.ci95 = root.low.zip(root.high).map(|(low, high)| [low, high]);
            root.at.why = told(&ends);
        }
        None if places.is_empty() => {}
        None => {
            root.at.why =
                Some("no interval: too many resamples have no such break-even".to_owned());
        }
    }
    root
}

/// What the interval does not say.
fn told(ends: &Ends) -> Option<String> {
    let shares = [
        (ends.below, "lie below what was tried"),
        (ends.above, "lie above what was tried"),
        (ends.nowhere, "have none and are left out of the interval"),
    ];
    let told = shares.iter().filter(|(share, _)| *share > 0.0);
    let told: Vec<String> = told
        .map(|(share, what)| format!("{:.1}% of the resamples {what}", 100.0 * share))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

impl From<State> for Greater {
    fn from(state: State) -> Self {
        match state {
            State::Less => Self::Right,
            State::Greater => Self::Left,
            State::Equal => Self::Neither,
            State::Unknown => Self::Unknown,
        }
    }
}
