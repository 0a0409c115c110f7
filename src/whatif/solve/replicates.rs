//! The interval of a break-even: where the function of each replicate changes its sign.
//!
//! A replicate may have no break-even within the values that were tried; it then lies below or above
//! them all, or nowhere, and the interval is open on that side (Fieller's interval of a ratio is open
//! in the same cases). So nothing is left out that would make it look narrower than it is.

use super::bracket::{Sample, State, cut};

/// The 95% interval of a break-even.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::whatif) struct Ends {
    /// Its lower end; minus infinity below all that was tried.
    pub(in crate::whatif) low: f64,
    /// Its upper end; infinity above all that was tried.
    pub(in crate::whatif) high: f64,
    /// Share of the replicates whose break-even lies below all that was tried.
    pub(in crate::whatif) below: f64,
    /// The same, above.
    pub(in crate::whatif) above: f64,
    /// Share of the replicates that never change sign that way, and yet do not stay on one side.
    pub(in crate::whatif) nowhere: f64,
}

/// With more replicates than that without a place there is no interval.
const MOST_NOWHERE: f64 = 0.05;

/// The interval of places, some of them infinite; those without a place are counted.
pub(in crate::whatif) fn ends(places: &[Option<f64>]) -> Option<Ends> {
    let mut known: Vec<f64> = places.iter().copied().flatten().collect();
    let share = |count: usize| count as f64 / places.len().max(1) as f64;
    let nowhere = share(places.len() - known.len());
    if known.is_empty() || nowhere > MOST_NOWHERE {
        return None;
    }
    known.sort_unstable_by(f64::total_cmp);
    let count = |of: f64| share(known.iter().filter(|&&x| x == of).count());
    Some(Ends {
        low: quantile(&known, 0.025),
        high: quantile(&known, 0.975),
        below: count(f64::NEG_INFINITY),
        above: count(f64::INFINITY),
        nowhere,
    })
}

/// Type 7, as `stats` has it, of numbers of which some are infinite: between a number and infinity
/// is infinity.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let (a, b) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    if a == b || b.is_infinite() {
        b
    } else if a.is_infinite() {
        a
    } else {
        a + (b - a) * place.fract()
    }
}

/// Where each replicate changes its sign from `from`: the place nearest to `near`.
pub(super) fn places(samples: &[Sample], from: State, near: f64) -> Vec<Option<f64>> {
    let replicates = samples.iter().map(|sample| sample.draws.len()).max();
    (0..replicates.unwrap_or_default())
        .map(|replicate| place(samples, replicate, from, near))
        .collect()
}

/// The share of the replicates that change their sign at all.
pub(super) fn changing(samples: &[Sample]) -> Option<f64> {
    let replicates = samples.iter().map(|sample| sample.draws.len()).max();
    let all = replicates.filter(|&n| n > 0)?;
    let changing = (0..all).filter(|&replicate| {
        let mut signs = series(samples, replicate).filter(|(_, y)| *y != 0.0);
        let first = signs.next().map(|(_, y)| y > 0.0);
        signs.any(|(_, y)| Some(y > 0.0) != first)
    });
    Some(changing.count() as f64 / all as f64)
}

fn series(samples: &[Sample], replicate: usize) -> impl Iterator<Item = (f64, f64)> {
    samples.iter().filter_map(move |sample| {
        let y = sample.draws.get(replicate).copied().flatten()?;
        Some((sample.x, y))
    })
}

fn place(samples: &[Sample], replicate: usize, from: State, near: f64) -> Option<f64> {
    let mut held: Option<(f64, f64)> = None;
    let mut first_zero = None;
    let mut first = State::Equal;
    let mut best: Option<f64> = None;
    for (x, y) in series(samples, replicate) {
        if y == 0.0 {
            first_zero = first_zero.or(Some(x));
            continue;
        }
        let state = State::of(Some(y));
        match held {
            None => first = state,
            Some((before, old)) if State::of(Some(old)) == from && state.opposes(from) => {
                let at = first_zero.unwrap_or_else(|| cut([before, x], [old, y]));
                let closer = best.is_none_or(|best| apart(at, near) < apart(best, near));
                best = if closer { Some(at) } else { best };
            }
            Some(_) => {}
        }
        (held, first_zero) = (Some((x, y)), None);
    }
    let last = State::of(held.map(|(_, y)| y));
    best.or_else(|| match (first, last) {
        (first, last) if first != last || last == State::Unknown => None,
        (first, _) if first == from => Some(f64::INFINITY),
        _ => Some(f64::NEG_INFINITY),
    })
}

/// How far two places are apart: by factors where that is possible.
fn apart(a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 0.0 {
        libm::log(a / b).abs()
    } else {
        (a - b).abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(xs: &[f64], draws: &[&dyn Fn(f64) -> Option<f64>]) -> Vec<Sample> {
        let sample = |&x: &f64| Sample {
            x,
            y: None,
            draws: draws.iter().map(|draw| draw(x)).collect(),
        };
        xs.iter().map(sample).collect()
    }

    #[test]
    fn each_replicate_has_its_place_or_says_on_which_side_it_is() {
        let all = samples(
            &[0.0, 1.0, 2.0, 4.0],
            &[
                &|x| Some(x - 1.5),
                &|x| Some(x - 9.0),
                &|x| Some(x + 1.0),
                &|x| Some(1.5 - x),
                &|_| None,
                &|x| Some((x - 2.0).max(0.0) + (x - 1.0).min(0.0)),
            ],
        );
        let found = places(&all, State::Less, 1.0);
        let (above, below) = (Some(f64::INFINITY), Some(f64::NEG_INFINITY));
        assert_eq!(found, [Some(1.5), above, below, None, None, Some(1.0)]);
        assert_eq!(changing(&all), Some(0.5));
    }

    #[test]
    fn the_nearest_of_several_places_counts() {
        let all = samples(
            &[0.0, 1.0, 2.0, 3.0, 4.0],
            &[&|x| Some([-1.0, 1.0, -1.0, 3.0, 3.0][x as usize])],
        );
        assert_eq!(places(&all, State::Less, 0.7), [Some(0.5)]);
        assert_eq!(places(&all, State::Less, 3.0), [Some(2.25)]);
        assert_eq!(places(&all, State::Greater, 3.0), [Some(1.5)]);
    }

    #[test]
    fn an_interval_is_open_where_replicates_have_no_place() {
        let mut places: Vec<Option<f64>> = (0..95).map(|i| Some(f64::from(i))).collect();
        places.extend([Some(f64::INFINITY); 5]);
        let open = ends(&places).unwrap();
        assert_eq!((open.high, open.above), (f64::INFINITY, 0.05));
        assert!(open.low > 2.0 && open.low < 3.0);
        places.extend([None; 20]);
        assert_eq!(ends(&places), None);
        assert_eq!(ends(&[]), None);
    }
}
