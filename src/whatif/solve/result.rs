//! From samples to break-evens, with their intervals.

use serde::Serialize;

use super::bracket::{Sample, State, close, refined, unit, zero};
use super::equation::{Equation, level};
use super::replicates::{Ends, changing, ends, places};
use super::unknown::Unknown;
use crate::evaluate::Figure;
use crate::whatif::base::Base;
use crate::whatif::error::ScenarioError;
use crate::whatif::setting::Setting;
use crate::whatif::sweep::SettingText;
use crate::whatif::world::{Mode, World};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What is to hold.
    pub equation: Equation,
    /// What is sought.
    pub unknown: Unknown,
    /// What holds beside it.
    pub settings: Vec<Setting>,
}

/// Where an equation holds, for the shipped files and for policies compiled anew; its JSON form is
/// described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Solved {
    /// As it was written.
    pub equation: String,
    /// Its left side.
    pub left: String,
    /// Its right side.
    pub right: String,
    /// Whether the greater side is the better one; null where that cannot be said.
    pub greater_is_better: Option<bool>,
    /// What was sought.
    pub name: String,
    /// `=`, `*=` or `+=`: what is done to it.
    pub op: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The smallest and the greatest value that were tried.
    pub range: [f64; 2],
    /// What holds beside it.
    pub settings: Vec<SettingText>,
    /// The shipped files decide.
    pub frozen: BreakEven,
    /// The policies are compiled anew for each value.
    pub redecided: BreakEven,
}

/// Where an equation holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakEven {
    /// The break-evens, rising; empty for never, and then `stretches` says which side is greater
    /// throughout.
    pub roots: Vec<Root>,
    /// Which side is greater from where to where.
    pub stretches: Vec<Stretch>,
    /// Where there is no break-even: share of the resamples that have one.
    pub resamples_with_root: Option<f64>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// A break-even.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Root {
    /// The value of the unknown.
    pub at: Figure,
    /// The lower end of its 95% interval; null where it lies below what was tried, or is unknown
    /// (`below`, and `why` of the figure, say which).
    pub low: Option<f64>,
    /// The upper end, likewise.
    pub high: Option<f64>,
    /// Share of the resamples whose break-even lies below what was tried.
    pub below: f64,
    /// Share of the resamples whose break-even lies above what was tried.
    pub above: f64,
    /// Which side is greater below it.
    pub greater_before: Greater,
    /// Which side is greater above it.
    pub greater_after: Greater,
}

/// Values between which one side is greater.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stretch {
    /// From there.
    pub from: f64,
    /// To there.
    pub to: f64,
    /// Which side.
    pub greater: Greater,
}

/// The greater side of an equation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Greater {
    /// The left one.
    Left,
    /// The right one.
    Right,
    /// Both are equal.
    Neither,
    /// A figure is unknown there.
    Unknown,
}

/// The ends of intervals are tried so often, so that curves between the points of the grid do not
/// matter.
const ROUNDS: usize = 2;

/// What tells what policies come to under settings.
pub trait Worlds {
    /// In one world.
    ///
    /// # Errors
    /// Settings that mean nothing, or that nothing is known for.
    fn at(&self, settings: &[Setting], mode: Mode) -> Result<World, ScenarioError>;

    /// In many worlds, frozen and re-decided.
    ///
    /// # Errors
    /// As [`Self::at`], of any of them.
    fn all(&self, worlds: &[Vec<Setting>]) -> Result<Vec<[World; 2]>, ScenarioError> {
        let both = |settings: &Vec<Setting>| {
            Ok([
                self.at(settings, Mode::Frozen)?,
                self.at(settings, Mode::Redecided)?,
            ])
        };
        worlds.iter().map(both).collect()
    }
}

impl Worlds for Base<'_> {
    fn at(&self, settings: &[Setting], mode: Mode) -> Result<World, ScenarioError> {
        Self::at(self, settings, mode)
    }

    fn all(&self, worlds: &[Vec<Setting>]) -> Result<Vec<[World; 2]>, ScenarioError> {
        Self::all(self, worlds)
    }
}

/// Find where an equation holds, in both modes.
///
/// # Errors
/// Where no value of the unknown gives the figures of the equation; the error of the first value
/// where each has one.
pub fn solve(asked: &Asked, worlds: &dyn Worlds) -> Result<Solved, ScenarioError> {
    let grid: Vec<Vec<Setting>> = asked.unknown.tried.iter().map(|&x| asked.at(x)).collect();
    // Where a value cannot be tried, each is tried by itself.
    let grid = worlds.all(&grid).unwrap_or_default();
    let of_mode = |place: usize| grid.iter().map(|worlds| &worlds[place]).collect();
    let (frozen, redecided): (Vec<&World>, Vec<&World>) = (of_mode(0), of_mode(1));
    let Asked {
        equation, unknown, ..
    } = asked;
    let [left, right] = equation.sides().map(str::to_owned);
    Ok(Solved {
        equation: equation.to_string(),
        left,
        right,
        greater_is_better: equation.greater_is_better(),
        name: unknown.name.to_string(),
        op: unknown.op.sign(),
        unit: unknown.unit(),
        range: unknown.range(),
        settings: asked.settings.iter().map(SettingText::from).collect(),
        frozen: asked.in_mode(Mode::Frozen, &frozen, worlds)?,
        redecided: asked.in_mode(Mode::Redecided, &redecided, worlds)?,
    })
}

/// What is learned while values are tried.
#[derive(Default)]
struct Learned {
    error: Option<ScenarioError>,
    why: Option<String>,
    n: u64,
}

impl Asked {
    /// The settings of a value of the unknown.
    fn at(&self, x: f64) -> Vec<Setting> {
        let mut settings = self.settings.clone();
        settings.push(self.unknown.at(x));
        settings
    }

    fn in_mode(
        &self,
        mode: Mode,
        grid: &[&World],
        worlds: &dyn Worlds,
    ) -> Result<BreakEven, ScenarioError> {
        let mut learned = Learned::default();
        let tried = self.unknown.tried.iter().enumerate();
        let grid: Vec<Sample> = tried
            .map(|(place, &x)| match grid.get(place) {
                Some(world) => self.seen(x, world, &mut learned),
                None => self.sample(x, mode, worlds, &mut learned),
            })
            .collect();
        let (mut samples, ended) =
            refined(grid, &mut |x| self.sample(x, mode, worlds, &mut learned));
        if samples.iter().all(|sample| sample.y.is_none()) {
            let why = learned.why.unwrap_or_default();
            let unknown = || ScenarioError::data(&self.equation, why);
            return Err(learned.error.unwrap_or_else(unknown));
        }
        for _ in 0..ROUNDS {
            let wanted = interval_ends(&found(&samples, &self.unknown, 0).0);
            for x in wanted {
                samples.push(self.sample(x, mode, worlds, &mut learned));
            }
            samples.sort_by(|a, b| a.x.total_cmp(&b.x));
            samples.dedup_by(|a, b| a.x == b.x);
        }
        let (roots, stretches) = found(&samples, &self.unknown, learned.n);
        let mut notes = Vec::new();
        if let Some(error) = learned.error {
            notes.push(format!("some values cannot be tried: {error}"));
        }
        if !ended {
            notes.push("the sides change places so often that the search was stopped".to_owned());
        }
        let resamples_with_root = if roots.is_empty() {
            changing(&samples)
        } else {
            None
        };
        Ok(BreakEven {
            roots,
            stretches,
            resamples_with_root,
            notes,
        })
    }

    fn seen(&self, x: f64, world: &World, learned: &mut Learned) -> Sample {
        let (y, draws) = self.equation.differences(world);
        match y {
            Some(_) => learned.n = self.equation.n(world),
            None => learned.why = Some(self.equation.why(world)),
        }
        let y = y.map(level);
        Sample { x, y, draws }
    }

    fn sample(&self, x: f64, mode: Mode, worlds: &dyn Worlds, learned: &mut Learned) -> Sample {
        match worlds.at(&self.at(x), mode) {
            Ok(world) => self.seen(x, &world, learned),
            Err(error) => {
                learned.error.get_or_insert(error);
                Sample {
                    x,
                    y: None,
                    draws: Vec::new(),
                }
            }
        }
    }
}

fn interval_ends(roots: &[Root]) -> Vec<f64> {
    let ends = roots.iter().flat_map(|root| [root.low, root.high]);
    ends.flatten().collect()
}

/// Samples in a row of one sign.
struct Run<'s> {
    state: State,
    first: &'s Sample,
    last: &'s Sample,
}

/// Break-evens and stretches of samples in order.
fn found(samples: &[Sample], unknown: &Unknown, n: u64) -> (Vec<Root>, Vec<Stretch>) {
    let unit = unit(unknown.tried.iter().copied());
    let mut runs: Vec<Run<'_>> = Vec::new();
    for sample in samples {
        match runs.last_mut() {
            Some(run) if run.state == sample.state() => run.last = sample,
            _ => runs.push(Run {
                state: sample.state(),
                first: sample,
                last: sample,
            }),
        }
    }
    // A run of equals that is a point is where others meet.
    let point = |run: &Run<'_>| {
        run.state == State::Equal && close([run.first.x, run.last.x], unit) && samples.len() > 1
    };
    let (mut roots, mut stretches) = (Vec::new(), Vec::<Stretch>::new());
    let mut begins = samples.first().map_or(0.0, |sample| sample.x);
    let mut held: Option<(&Run<'_>, Option<f64>)> = None;
    for run in &runs {
        if point(run) {
            match &mut held {
                Some((_, met)) => *met = Some(run.first.x),
                None => {
                    let states = [
                        State::Equal,
                        runs.get(1).map_or(State::Equal, |it| it.state),
                    ];
                    roots.push(root(samples, unknown, (run.first.x, n), states));
                }
            }
            continue;
        }
        if let Some((before, met)) = held {
            let at = met.unwrap_or_else(|| border(before, run));
            if before.state != run.state {
                if ![before.state, run.state].contains(&State::Unknown) {
                    roots.push(root(samples, unknown, (at, n), [before.state, run.state]));
                }
                stretches.push(stretch(begins, at, before.state));
                begins = at;
            }
        }
        held = Some((run, None));
    }
    let end = samples.last().map_or(0.0, |sample| sample.x);
    match held {
        Some((last, met)) => {
            if let Some(at) = met {
                roots.push(root(samples, unknown, (at, n), [last.state, State::Equal]));
            }
            stretches.push(stretch(begins, end, last.state));
        }
        None => stretches.push(stretch(begins, end, State::Equal)),
    }
    (roots, stretches)
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

#[cfg(test)]
mod tests;
