//! The search: a function of one number, tried on a grid, and between its points wherever its sign
//! changes.
//!
//! No sign is missed but one that changes twice between two neighbours of the grid. The function
//! need not be continuous: policies that are decided anew jump.

/// A number that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::whatif) struct Sample {
    /// The number.
    pub(in crate::whatif) x: f64,
    /// The function; none where it is unknown.
    pub(in crate::whatif) y: Option<f64>,
    /// The function in each replicate.
    pub(in crate::whatif) draws: Vec<Option<f64>>,
}

/// The sign of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::whatif) enum State {
    Less,
    Equal,
    Greater,
    Unknown,
}

/// More numbers than that are not tried between those of the grid.
const MOST_TRIED: usize = 300;
/// Closer than that, as a share of them, two numbers are one.
const CLOSE: f64 = 1e-5;

impl Sample {
    pub(in crate::whatif) fn state(&self) -> State {
        State::of(self.y)
    }
}

impl State {
    pub(in crate::whatif) fn of(y: Option<f64>) -> Self {
        match y {
            None => Self::Unknown,
            Some(y) if y < 0.0 => Self::Less,
            Some(y) if y > 0.0 => Self::Greater,
            Some(_) => Self::Equal,
        }
    }

    /// Whether it is the other sign.
    pub(in crate::whatif) fn opposes(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Less, Self::Greater) | (Self::Greater, Self::Less)
        )
    }
}

/// Whether two numbers are one for us; `unit` is the smallest step of the grid.
pub(super) fn close([a, b]: [f64; 2], unit: f64) -> bool {
    (b - a).abs() <= CLOSE * a.abs().max(b.abs()).max(unit)
}

/// The smallest step of a grid.
pub(super) fn unit(tried: impl IntoIterator<Item = f64>) -> f64 {
    let mut least = f64::INFINITY;
    let mut before = None;
    for x in tried {
        least = before.map_or(least, |before: f64| least.min(x - before));
        before = Some(x);
    }
    least
}

/// Try between the numbers of a rising grid where the sign changes, until it is known where. Returns
/// all that was tried, in order, and whether the search came to its end.
pub(in crate::whatif) fn refined(
    grid: Vec<Sample>,
    try_at: &mut dyn FnMut(f64) -> Sample,
) -> (Vec<Sample>, bool) {
    let unit = unit(grid.iter().map(|sample| sample.x));
    let mut left = MOST_TRIED;
    let mut all: Vec<Sample> = Vec::new();
    for sample in grid {
        if let Some(before) = all.last().cloned() {
            let mut counted = |x: f64| {
                left = left.checked_sub(1)?;
                Some(try_at(x))
            };
            between([before, sample.clone()], unit, &mut counted, &mut all);
        }
        all.push(sample);
    }
    all.sort_by(|a, b| a.x.total_cmp(&b.x));
    all.dedup_by(|a, b| a.x == b.x);
    (all, left > 0)
}

/// Try numbers between two whose signs differ until they are close.
fn between(
    pair: [Sample; 2],
    unit: f64,
    try_at: &mut dyn FnMut(f64) -> Option<Sample>,
    all: &mut Vec<Sample>,
) {
    let mut pairs = vec![pair];
    while let Some([mut a, mut b]) = pairs.pop() {
        let mut by_line = true;
        loop {
            let (from, to) = (a.state(), b.state());
            let unknown = from == State::Unknown || to == State::Unknown;
            if from == to || unknown || close([a.x, b.x], unit) {
                break;
            }
            let x = match (by_line, zero([&a, &b])) {
                (true, Some(x)) if a.x < x && x < b.x => x,
                _ => middle(a.x, b.x),
            };
            by_line = !by_line;
            if x <= a.x || x >= b.x {
                break;
            }
            let Some(sample) = try_at(x) else {
                return;
            };
            all.push(sample.clone());
            match sample.state() {
                state if state == from => a = sample,
                state if state == to => b = sample,
                _ if crosses(&sample, from, unit, try_at, all) => break,
                _ => {
                    pairs.push([sample.clone(), b]);
                    b = sample;
                }
            }
        }
    }
}

/// Whether the function goes through 0 right there, and is not 0 for a while.
fn crosses(
    at: &Sample,
    from: State,
    unit: f64,
    try_at: &mut dyn FnMut(f64) -> Option<Sample>,
    all: &mut Vec<Sample>,
) -> bool {
    let step = 0.4 * CLOSE * at.x.abs().max(unit);
    let sides = [at.x - step, at.x + step].map(&mut *try_at);
    let [Some(before), Some(after)] = sides else {
        return false;
    };
    let crosses = before.state() == from && after.state().opposes(from);
    all.extend([before, after]);
    crosses
}

/// Where the line through two points is 0.
pub(super) fn zero([a, b]: [&Sample; 2]) -> Option<f64> {
    a.y.zip(b.y).map(|(low, high)| cut([a.x, b.x], [low, high]))
}

/// Where the line through two points of opposite signs is 0.
pub(super) fn cut([a, b]: [f64; 2], [low, high]: [f64; 2]) -> f64 {
    a + (b - a) * (low / (low - high))
}

/// Between two numbers: by factors where both are above 0 and far apart.
fn middle(a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 4.0 * a {
        (a * b).sqrt()
    } else {
        a + (b - a) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(tried: &[f64], y: &dyn Fn(f64) -> Option<f64>) -> Vec<Sample> {
        let mut sample = |x| Sample {
            x,
            y: y(x),
            draws: Vec::new(),
        };
        let grid = tried.iter().map(|&x| sample(x)).collect();
        let (all, ended) = refined(grid, &mut sample);
        assert!(ended && all.is_sorted_by(|a, b| a.x < b.x));
        all
    }

    /// The numbers between which the sign changes.
    fn changes(samples: &[Sample]) -> Vec<(f64, State)> {
        let pairs = samples.windows(2);
        let changes = pairs.filter(|pair| pair[0].state() != pair[1].state());
        changes.map(|pair| (pair[0].x, pair[1].state())).collect()
    }

    #[test]
    fn a_line_is_cut_at_once_and_exactly() {
        let samples = search(&[0.0, 1e-6, 1e6], &|x| Some(x - 0.3));
        assert!(samples.iter().any(|sample| sample.x == 0.3), "{samples:?}");
        assert!(samples.len() < 12, "{}", samples.len());
    }

    #[test]
    fn jumps_curves_and_several_changes_are_found() {
        let step = |x: f64| Some(if x < 2.0_f64.sqrt() { -1.0 } else { 3.0 });
        let [(at, State::Greater)] = changes(&search(&[0.0, 10.0], &step))[..] else {
            panic!("one change");
        };
        assert!((at - 2.0_f64.sqrt()).abs() < 2e-5, "{at}");
        let tried: Vec<f64> = (0..20).map(f64::from).collect();
        let waves = changes(&search(&tried, &|x| Some((x / 2.0 + 0.1).sin())));
        let signs: Vec<State> = waves.iter().map(|&(_, state)| state).collect();
        assert_eq!(signs, [State::Less, State::Greater, State::Less]);
        assert!((waves[1].0 - (4.0 * std::f64::consts::PI - 0.2)).abs() < 2e-4);
    }

    #[test]
    fn a_stretch_of_equals_has_its_ends_found_even_inside_a_step() {
        let tie = |x: f64| Some((x - 3.0).max(0.0) + (x - 2.0).min(0.0));
        let found = changes(&search(&[0.0, 5.5], &tie));
        assert_eq!((found[0].1, found[1].1), (State::Equal, State::Greater));
        assert!((found[0].0 - 2.0).abs() < 1e-4 && (found[1].0 - 3.0).abs() < 1e-4);
    }

    #[test]
    fn what_is_unknown_stops_no_search() {
        let half = |x: f64| (x >= 1.0).then_some(x - 3.0);
        let found = changes(&search(&[0.0, 1.0, 2.0, 9.0], &half));
        assert_eq!(found[0], (0.0, State::Less));
        assert!((found[1].0 - 3.0).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn a_function_of_many_signs_ends_the_search() {
        let tried: Vec<f64> = (0..400).map(f64::from).collect();
        let y = |x: f64| {
            Some(if (x as u64).is_multiple_of(2) {
                1.0
            } else {
                -1.0
            })
        };
        let mut sample = |x| Sample {
            x,
            y: y(x),
            draws: Vec::new(),
        };
        let grid = tried.iter().map(|&x| sample(x)).collect();
        let (all, ended) = refined(grid, &mut sample);
        assert!(!ended && all.len() <= 400 + MOST_TRIED);
    }
}
