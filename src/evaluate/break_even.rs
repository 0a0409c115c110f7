//! The worth of a right answer at which two policies are worth the same.
//!
//! Net value is a straight line in it: v times the success, less what does not depend on v. So two
//! policies, as they are shipped, meet at one value or at none, and which side belongs to whom
//! follows from who is right more often.

use serde::Serialize;

use super::figure::Figure;
use super::summary::{Reader, Sum};
use crate::stats::percentile_interval;

/// Where two policies are worth the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakEven {
    /// The policy.
    pub a: String,
    /// What it is compared with.
    pub b: String,
    /// The worth of a right answer at which both have the same net value, USD: the difference of
    /// what they cost, errors and waiting at their prices included, over the difference in success.
    /// Null, with why, where there is none above zero. An interval without an upper end has the
    /// lower one in `why`.
    pub value_usd: Figure,
    /// Which of the two is worth more above it, or at any value where there is none; null where they
    /// are the same at any value, and where nothing is known.
    pub better_above: Option<String>,
}

/// A difference of two policies: success, and cost with errors and waiting at their prices.
#[derive(Debug, Clone, Copy)]
struct Apart {
    gain: f64,
    extra: f64,
}

impl Apart {
    fn value(self) -> f64 {
        self.extra / self.gain
    }
}

const UNIT: &str = "USD";

/// The break-even of each pair. `value` is the worth at which net values were charged; `None` where
/// there was none, and then only costs are weighed. `own` says that requests bring values of their
/// own, under which no common value exists.
pub(super) fn break_evens(
    reader: &Reader<'_>,
    pairs: &[(usize, usize)],
    value: Option<f64>,
    own: bool,
) -> Vec<BreakEven> {
    let names = &reader.tally.spec().policies;
    let of = |&(a, b): &(usize, usize)| {
        let (value_usd, above) = if own {
            let why = "requests bring values of their own";
            (Figure::unknown(UNIT, why), None)
        } else {
            meet(reader, a, b, value)
        };
        BreakEven {
            a: names[a].clone(),
            b: names[b].clone(),
            value_usd,
            better_above: above.map(|policy| names[policy].clone()),
        }
    };
    pairs.iter().map(of).collect()
}

/// Where `a` and `b` meet, and which is worth more above.
fn meet(reader: &Reader<'_>, a: usize, b: usize, value: Option<f64>) -> (Figure, Option<usize>) {
    let priced = if value.is_some() { Sum::Net } else { Sum::Cost };
    let n = reader.support(priced);
    if n == 0 || n != reader.support(Sum::Success) {
        let why = "success and what it is worth are not known on the same requests";
        return (Figure::unknown(UNIT, why), None);
    }
    let Some(point) = apart(
        [Sum::Success, priced].map(|sum| reader.mean_of(a, sum)),
        [Sum::Success, priced].map(|sum| reader.mean_of(b, sum)),
        value,
    ) else {
        return (Figure::unknown(UNIT, "no request is known"), None);
    };
    if point.gain == 0.0 {
        let (why, better) = match point.extra {
            0.0 => (
                "never: the two are right equally often and cost the same",
                None,
            ),
            extra => (
                "never: the two are right equally often",
                Some(if extra < 0.0 { a } else { b }),
            ),
        };
        return (Figure::unknown(UNIT, why), better);
    }
    let better = if point.gain > 0.0 { a } else { b };
    if point.value() <= 0.0 {
        let why = format!(
            "never: `{}` is right more often and costs no more",
            reader.tally.spec().policies[better]
        );
        return (Figure::unknown(UNIT, why), Some(better));
    }
    let columns =
        [a, b].map(|policy| [Sum::Success, priced].map(|sum| reader.replicates(policy, sum)));
    let figure = Figure::known(point.value(), UNIT, n).on("paired, the policies as they are");
    (
        with_open_interval(figure, point, &columns, value),
        Some(better),
    )
}

fn apart(a: [Option<f64>; 2], b: [Option<f64>; 2], value: Option<f64>) -> Option<Apart> {
    let gain = a[0]? - b[0]?;
    let priced = a[1]? - b[1]?;
    Some(Apart {
        gain,
        extra: value.map_or(priced, |value| value * gain - priced),
    })
}

/// The interval of the resamples; one in which the other policy is right more often has no such
/// value and counts as infinitely far up.
fn with_open_interval(
    figure: Figure,
    point: Apart,
    [a, b]: &[[Vec<f64>; 2]; 2],
    value: Option<f64>,
) -> Figure {
    let resamples = a[0].len().min(a[1].len());
    let resample = |i: usize| {
        let of = |held: &[Vec<f64>; 2]| [held[0].get(i).copied(), held[1].get(i).copied()];
        apart(of(a), of(b), value)
            .filter(|found| found.gain * point.gain > 0.0)
            .map_or(f64::INFINITY, Apart::value)
    };
    let mut values: Vec<f64> = (0..resamples).map(resample).collect();
    match percentile_interval(&mut values, 0.95) {
        Some((low, high)) if high.is_finite() => Figure {
            ci95: Some([low, high]),
            ..figure
        },
        Some((low, _)) if low.is_finite() => {
            figure.because(format!("95%: from {low:.3e} USD up, perhaps never"))
        }
        Some(_) => figure.because("95%: perhaps never"),
        None => figure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(columns: [[Vec<f64>; 2]; 2], value: Option<f64>) -> Figure {
        let point = apart(
            [columns[0][0].first(), columns[0][1].first()].map(Option::<&f64>::copied),
            [columns[1][0].first(), columns[1][1].first()].map(Option::<&f64>::copied),
            value,
        )
        .unwrap();
        let figure = Figure::known(point.value(), UNIT, 9);
        with_open_interval(figure, point, &columns, value)
    }

    #[test]
    fn the_value_is_extra_cost_over_gain_whatever_value_was_charged() {
        // Success 0.9 and 0.8, cost 3 and 1: 2 / 0.1. At a value of 5: net 1.5 and 3.
        for (priced, value) in [([3.0, 1.0], None), ([1.5, 3.0], Some(5.0))] {
            let columns = [
                [vec![0.9; 200], vec![priced[0]; 200]],
                [vec![0.8; 200], vec![priced[1]; 200]],
            ];
            let found = figure(columns, value);
            assert!((found.x.unwrap() - 20.0).abs() < 1e-9, "{found:?}");
            assert!(found.ci95.is_some());
        }
    }

    #[test]
    fn resamples_in_which_the_other_is_right_more_often_leave_no_upper_end() {
        let mut success = vec![0.9; 200];
        success[100..].fill(0.7);
        let columns = [[success, vec![3.0; 200]], [vec![0.8; 200], vec![1.0; 200]]];
        let found = figure(columns, None);
        assert_eq!(found.ci95, None);
        assert!(found.why.unwrap().contains("perhaps never"));
    }
}
