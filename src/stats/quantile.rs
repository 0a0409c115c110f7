//! Exact quantiles of values that fit in memory, and the intervals made of them.

/// The `q`-quantile of values in ascending order: linear between the order statistics around
/// `(n - 1) * q` (type 7 of Hyndman and Fan, *Sample quantiles in statistical packages*, 1996).
///
/// In the unit of the values; `q` is held within 0 and 1. `None` without values, or where `q` is
/// not a number. Values out of order give some value between the smallest and the largest.
#[must_use]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    if sorted.is_empty() || q.is_nan() {
        return None;
    }
    let position = (sorted.len() - 1) as f64 * q.clamp(0.0, 1.0);
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = position - below as f64;
    // Weighted instead of stepping from the lower one: a step over the whole range may overflow.
    Some(sorted[below] * (1.0 - part) + sorted[above] * part)
}

/// The percentile interval of replicate values (Efron, 1981): their `(1 - level) / 2` and
/// `(1 + level) / 2` quantiles, e.g. 0.025 and 0.975 for a `level` of 0.95.
///
/// Sorts the values. `None` without values, where one is not a number, or where `level` is not
/// within 0 and 1.
#[must_use]
pub fn percentile_interval(values: &mut [f64], level: f64) -> Option<(f64, f64)> {
    if !(0.0..=1.0).contains(&level) || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Some((
        quantile_sorted(values, tail)?,
        quantile_sorted(values, 1.0 - tail)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_those_of_type_7() {
        let values = [1.0, 2.0, 4.0, 8.0];
        let at = |q| quantile_sorted(&values, q);
        assert_eq!(
            [at(0.0), at(0.5), at(0.75), at(1.0)],
            [1.0, 3.0, 5.0, 8.0].map(Some)
        );
        assert_eq!(
            (at(-3.0), at(7.0), at(f64::NAN)),
            (Some(1.0), Some(8.0), None)
        );
        assert_eq!(quantile_sorted(&[], 0.5), None);
        assert_eq!(quantile_sorted(&[6.0], 0.9), Some(6.0));
    }

    #[test]
    fn an_interval_cuts_both_tails_and_needs_numbers() {
        let mut values: Vec<f64> = (0..=1_000).rev().map(f64::from).collect();
        let (low, high) = percentile_interval(&mut values, 0.95).unwrap();
        assert!((low - 25.0).abs() < 1e-9 && (high - 975.0).abs() < 1e-9);
        assert_eq!(percentile_interval(&mut [], 0.95), None);
        assert_eq!(percentile_interval(&mut [1.0, f64::NAN], 0.95), None);
        assert_eq!(percentile_interval(&mut [1.0], 1.5), None);
    }

    proptest! {
        #[test]
        fn wider_levels_hold_narrower_ones(
            mut values in prop::collection::vec(-1e9..1e9f64, 1..60), level in 0.0..0.99f64,
        ) {
            let narrow = percentile_interval(&mut values, level).unwrap();
            let wide = percentile_interval(&mut values, level + 0.01).unwrap();
            let slack = 1e-6;
            prop_assert!(wide.0 <= narrow.0 + slack && narrow.0 <= narrow.1 + slack);
            prop_assert!(narrow.1 <= wide.1 + slack);
        }
    }
}
