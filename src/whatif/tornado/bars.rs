//! The bars of a tornado: what the difference between the two best policies is at both ends of each
//! input's range.

use serde::Serialize;

use crate::evaluate::Figure;
use crate::whatif::base::Base;
use crate::whatif::error::ScenarioError;
use crate::whatif::setting::{Amount, Op, Setting, Sweep};
use crate::whatif::solve::{Sample, State, refined};
use crate::whatif::sweep::{SettingText, best};
use crate::whatif::world::{Mode, World, WorldPolicy, less, paired};

/// Which input the decision hangs on; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tornado {
    /// What holds beside the inputs.
    pub settings: Vec<SettingText>,
    /// Of the shipped files.
    pub frozen: Hanging,
    /// Of the policies compiled anew at each end.
    pub redecided: Hanging,
    /// Inputs that change nothing, or cannot be changed here.
    pub left_out: Vec<LeftOut>,
}

/// The two best policies, and what their difference hangs on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hanging {
    /// The policy with the greatest net value.
    pub best: String,
    /// The next one.
    pub second: String,
    /// Net value of the best less that of the second, USD a request.
    pub difference: Figure,
    /// The inputs, the one that moves the difference most first.
    pub bars: Vec<Bar>,
}

/// An input at both ends of its range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// Its name.
    pub name: String,
    /// `=`, `*=` or `+=`: what is done to it.
    pub op: &'static str,
    /// The unit of its ends.
    pub unit: &'static str,
    /// One end.
    pub low: Amount,
    /// The other.
    pub high: Amount,
    /// Net value of the best policy less that of the second at the low end, USD a request.
    pub at_low: Figure,
    /// The same at the high end.
    pub at_high: Figure,
    /// The second less the first, paired.
    pub swing: Figure,
    /// The policy with the greatest net value at the low end, of all.
    pub best_at_low: Option<String>,
    /// At the high end.
    pub best_at_high: Option<String>,
    /// Whether that is another one than without the change.
    pub flips: bool,
    /// Where the two policies are worth the same, if the ends do not agree on them.
    pub break_even: Option<f64>,
}

/// An input that has no bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// Net value of one policy less that of another one, in the whole and in each replicate.
struct Gap {
    figure: Figure,
    draws: Vec<Option<f64>>,
}

/// The two best policies of a world, by place.
type Two = [usize; 2];

impl Base<'_> {
    /// Move each input over its range, all else as it is, and see what becomes of the difference
    /// between the two best policies. `ranges` are taken in the place of those that are plausible;
    /// of each the first and the last value count.
    ///
    /// # Errors
    /// Where fewer than two policies have a net value, and as [`Base::at`] for settings and ranges.
    pub fn tornado(
        &self,
        settings: &[Setting],
        ranges: &[Sweep],
    ) -> Result<Tornado, ScenarioError> {
        let worlds = [
            self.at(settings, Mode::Frozen)?,
            self.at(settings, Mode::Redecided)?,
        ];
        let two = [two_best(&worlds[0])?, two_best(&worlds[1])?];
        let policies: Vec<&WorldPolicy> = worlds
            .iter()
            .zip(two)
            .flat_map(|(world, two)| two.map(|place| &world.policies[place]))
            .collect();
        let mut inputs = self.plausible(&policies);
        inputs.retain(|input| ranges.iter().all(|range| range.name != input.name));
        let plausible = inputs.len();
        inputs.extend(ranges.iter().cloned());
        let mut left_out = Vec::new();
        let mut bars = [Vec::new(), Vec::new()];
        for (place, input) in inputs.iter().enumerate() {
            let mut leave_out = |why: String| {
                let name = input.name.to_string();
                left_out.push(LeftOut { name, why });
            };
            match self.at_ends(settings, input) {
                Ok(ends) => {
                    let both = [0, 1].map(|mode| {
                        let ends = ends.each_ref().map(|worlds| &worlds[mode]);
                        let moved = Moved {
                            input,
                            settings,
                            held: &worlds[mode],
                            ends,
                        };
                        self.bar(&moved, two[mode])
                    });
                    if both.iter().all(Bar::is_idle) {
                        leave_out("changes nothing within its range".to_owned());
                    } else {
                        let all = bars.iter_mut().zip(both);
                        all.for_each(|(bars, bar)| bars.push(bar));
                    }
                }
                Err(error) if place >= plausible => return Err(error),
                Err(error) => leave_out(error.to_string()),
            }
        }
        let [frozen, redecided] = bars;
        Ok(Tornado {
            settings: settings.iter().map(SettingText::from).collect(),
            frozen: Hanging::new(&worlds[0], two[0], frozen),
            redecided: Hanging::new(&worlds[1], two[1], redecided),
            left_out,
        })
    }

    /// The worlds of both ends of a range.
    fn at_ends(
        &self,
        settings: &[Setting],
        input: &Sweep,
    ) -> Result<[[World; 2]; 2], ScenarioError> {
        let ends = ends(input)?.map(|end| with(settings, input, end));
        let worlds = self.all(&ends)?;
        let two: Result<[[World; 2]; 2], _> = worlds.try_into();
        Ok(two.expect("two worlds were asked for"))
    }

    fn bar(&self, moved: &Moved<'_>, two: Two) -> Bar {
        let Moved {
            input,
            ends: worlds,
            ..
        } = moved;
        let gaps = worlds.map(|world| Gap::of(world, two));
        let [best_at_low, best_at_high] = worlds.map(best);
        let held = best(moved.held);
        let ends = [input.values.first(), input.values.last()];
        let ends = ends.map(|end| end.copied().unwrap_or(Amount::Never));
        let break_even = match ends {
            [Amount::Number(low), Amount::Number(high)] => crossing([low, high], &gaps, &mut |x| {
                let settings = with(moved.settings, input, Amount::Number(x));
                let world = self.at(&settings, moved.held.mode).ok()?;
                Gap::of(&world, two).figure.x
            }),
            _ => None,
        };
        let swing = swing(&gaps);
        let [at_low, at_high] = gaps.map(|gap| gap.figure);
        Bar {
            name: input.name.to_string(),
            op: input.op.sign(),
            unit: match input.op {
                Op::Scale => "factor",
                _ => input.name.unit(),
            },
            low: ends[0],
            high: ends[1],
            at_low,
            at_high,
            swing,
            flips: best_at_low != held || best_at_high != held,
            best_at_low,
            best_at_high,
            break_even,
        }
    }
}

/// A world, and those of the two ends of an input.
struct Moved<'w> {
    input: &'w Sweep,
    settings: &'w [Setting],
    held: &'w World,
    ends: [&'w World; 2],
}

fn with(settings: &[Setting], input: &Sweep, end: Amount) -> Vec<Setting> {
    let mut settings = settings.to_vec();
    settings.push(input.at(end));
    settings
}

impl Bar {
    /// Whether the input changes nothing.
    fn is_idle(&self) -> bool {
        self.swing.x == Some(0.0) && !self.flips
    }
}

impl Hanging {
    fn new(world: &World, two: Two, mut bars: Vec<Bar>) -> Self {
        let size = |bar: &Bar| bar.swing.x.map_or(-1.0, f64::abs);
        bars.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.name.cmp(&b.name)));
        let [best, second] = two.map(|place| world.policies[place].name.clone());
        Self {
            best,
            second,
            difference: Gap::of(world, two).figure,
            bars,
        }
    }
}

/// The first and the last value of a range.
fn ends(input: &Sweep) -> Result<[Amount; 2], ScenarioError> {
    match (input.values.first(), input.values.last()) {
        (Some(&low), Some(&high)) if input.values.len() > 1 => Ok([low, high]),
        _ => Err(ScenarioError::value(&input.name, "a range is wanted here")),
    }
}

/// The policies of the two greatest net values; the first of equals.
fn two_best(world: &World) -> Result<Two, ScenarioError> {
    let policies = world.policies.iter().enumerate();
    let mut valued: Vec<(usize, f64)> = policies
        .filter_map(|(place, policy)| Some((place, policy.net_usd_per_request.x?)))
        .collect();
    valued.sort_by(|a, b| b.1.total_cmp(&a.1));
    match valued[..] {
        [(first, _), (second, _), ..] => Ok([first, second]),
        [_] => Err(ScenarioError::data(
            "--tornado",
            "a decision is between two policies at least that have a net value; give more of them with -p",
        )),
        [] => {
            let mut figures = world.policies.iter().map(|it| &it.net_usd_per_request);
            let why = figures.find_map(|figure| figure.why.clone());
            Err(ScenarioError::data("--tornado", why.unwrap_or_default()))
        }
    }
}

/// Where the gap is 0 between two ends of opposite signs: the first such place.
fn crossing(
    ends: [f64; 2],
    gaps: &[Gap; 2],
    gap: &mut dyn FnMut(f64) -> Option<f64>,
) -> Option<f64> {
    let [low, high] = gaps.each_ref().map(|gap| State::of(gap.figure.x));
    if !low.opposes(high) {
        return None;
    }
    let sample = |x, y| Sample {
        x,
        y,
        draws: Vec::new(),
    };
    let grid = ends.iter().zip(gaps);
    let grid = grid.map(|(&x, gap)| sample(x, gap.figure.x)).collect();
    let (samples, _) = refined(grid, &mut |x| sample(x, gap(x)));
    let mut after = samples.iter().filter(|sample| sample.state() != low);
    after.next().map(|sample| sample.x)
}

impl Gap {
    fn of(world: &World, two: Two) -> Self {
        let [a, b] = two.map(|place| &world.policies[place]);
        let draws = a.draws.net.iter().zip(&b.draws.net);
        Self {
            figure: paired(
                [&a.net_usd_per_request, &b.net_usd_per_request],
                [&a.draws.net, &b.draws.net],
            ),
            draws: draws.map(|(a, b)| Some(less((*a)?, (*b)?))).collect(),
        }
    }
}

fn swing([low, high]: &[Gap; 2]) -> Figure {
    paired([&high.figure, &low.figure], [&high.draws, &low.draws])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(x: f64) -> Gap {
        let figure = Figure::known(x, "USD", 9);
        let draws = Vec::new();
        Gap { figure, draws }
    }

    #[test]
    fn the_place_where_two_policies_are_worth_the_same_lies_between_opposite_ends() {
        let line = |x: f64| Some(x - 1.25);
        let ends = [gap(-0.75), gap(0.75)];
        let at = crossing([0.5, 2.0], &ends, &mut |x| line(x)).unwrap();
        assert!((at - 1.25).abs() < 1e-4);
        let none = crossing([1.5, 2.0], &[gap(0.25), gap(0.75)], &mut |x| line(x));
        assert_eq!(none, None);
    }
}
