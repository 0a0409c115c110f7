//! Intervals, tests and sample sizes: what a figure or a difference can be relied on for.

/// The 0.975 quantile of the standard normal distribution: two-sided 95%.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The 0.8 quantile of the standard normal distribution: 80% power.
const Z_POWER_80: f64 = 0.841_621_233_572_914_2;

/// The standard error of a figure: the standard deviation of its bootstrap replicates, with
/// `n - 1` in the denominator, in the figure's unit.
///
/// `None` for fewer than two replicates, or where one is not finite.
#[must_use]
pub fn standard_error(replicates: &[f64]) -> Option<f64> {
    if replicates.len() < 2 || replicates.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let n = replicates.len() as f64;
    let mean = replicates.iter().sum::<f64>() / n;
    let squares: f64 = replicates
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    Some((squares / (n - 1.0)).sqrt())
}

/// The two-sided bootstrap p-value of "the difference is zero": twice the share of replicate
/// differences on the rarer side of zero, `2 (k + 1) / (R + 1)`, at most 1 (Davison and Hinkley,
/// *Bootstrap methods and their application*, 1997, sections 4.2 and 5.4).
///
/// Replicates of exactly zero count on both sides. Never 0: the smallest value is `2 / (R + 1)`.
/// `None` without replicates, or where one is not a number.
#[must_use]
pub fn bootstrap_p_value(differences: &[f64]) -> Option<f64> {
    if differences.is_empty() || differences.iter().any(|difference| difference.is_nan()) {
        return None;
    }
    let not_above = differences
        .iter()
        .filter(|&&difference| difference <= 0.0)
        .count();
    let not_below = differences
        .iter()
        .filter(|&&difference| difference >= 0.0)
        .count();
    let rarer = not_above.min(not_below) as f64;
    Some((2.0 * (rarer + 1.0) / (differences.len() as f64 + 1.0)).min(1.0))
}

/// Holm's adjusted p-values (1979), in the order given: with the p-values sorted, the `i`-th of `m`
/// (from 1) becomes the largest of `(m - j + 1) p(j)` over `j <= i`, at most 1.
///
/// Rejecting where the adjusted value is below alpha keeps the chance of any false verdict below
/// alpha. Empty for none; what is not a number stays so, and counts as a comparison.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    // Numbers first, whatever the sign of those that are none.
    order.sort_by(|&a, &b| {
        let key = |at: usize| (p_values[at].is_nan(), p_values[at]);
        let ((a_nan, a), (b_nan, b)) = (key(a), key(b));
        a_nan.cmp(&b_nan).then(a.total_cmp(&b))
    });
    let mut adjusted = p_values.to_vec();
    let mut largest = 0.0f64;
    for (rank, &at) in order.iter().enumerate() {
        if !p_values[at].is_nan() {
            largest = largest
                .max((p_values.len() - rank) as f64 * p_values[at])
                .min(1.0);
            adjusted[at] = largest;
        }
    }
    adjusted
}

/// About how many units would tell the difference from zero, at 80% power and a two-sided 5%
/// level: `n ((z.975 + z.8) SE / difference)^2`, rounded up, with a normal approximation and a
/// standard error that falls as one over the root of the units.
///
/// `difference` was observed over `units` units with `standard_error`, in the difference's unit.
/// At least 1. `None` where there are no units, the difference is 0, or either is not finite, or
/// where the answer is beyond `u64`.
#[must_use]
pub fn units_to_tell(difference: f64, units: u64, standard_error: f64) -> Option<u64> {
    if units == 0 || difference == 0.0 || !difference.is_finite() || !standard_error.is_finite() {
        return None;
    }
    let ratio = (Z_95 + Z_POWER_80) * standard_error / difference;
    let needed = (units as f64 * ratio * ratio).ceil();
    (needed < u64::MAX as f64).then_some((needed as u64).max(1))
}

/// About how many units would tell `difference` from zero, at 80% power and a two-sided 5% level:
/// `(z.975 + z.8)^2 variance / difference^2`, rounded up; `variance` is that of one unit.
///
/// `None` where the difference is 0, or the answer not finite.
#[must_use]
pub fn variance_to_tell(difference: f64, variance: f64) -> Option<f64> {
    let ratio = (Z_95 + Z_POWER_80) / difference;
    let needed = (ratio * ratio * variance).ceil();
    needed.is_finite().then_some(needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_standard_error_is_the_replicates_deviation() {
        assert_eq!(standard_error(&[1.0, 3.0, 5.0]), Some(2.0));
        assert_eq!(
            (
                standard_error(&[1.0]),
                standard_error(&[1.0, f64::INFINITY])
            ),
            (None, None)
        );
    }

    #[test]
    fn p_values_count_the_other_side_twice_and_are_never_zero() {
        let mut differences = vec![1.0; 99];
        assert_eq!(bootstrap_p_value(&differences), Some(0.02));
        differences[..4].copy_from_slice(&[-1.0, -2.0, 0.0, -0.5]);
        assert_eq!(bootstrap_p_value(&differences), Some(0.1));
        assert_eq!(bootstrap_p_value(&[0.0; 9]), Some(1.0));
        assert_eq!(
            (bootstrap_p_value(&[]), bootstrap_p_value(&[f64::NAN])),
            (None, None)
        );
    }

    #[test]
    fn holm_steps_down_and_keeps_the_order_given() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
        let with_none = holm(&[-f64::NAN, 0.02]);
        assert!(with_none[0].is_nan() && with_none[1] == 0.04);
    }

    #[test]
    fn a_difference_of_2_8_standard_errors_needs_just_the_units_it_has() {
        assert_eq!(units_to_tell(-(Z_95 + Z_POWER_80), 100, 1.0), Some(100));
        // Half the difference, four times the units.
        assert_eq!(
            units_to_tell((Z_95 + Z_POWER_80) / 2.0, 100, 1.0),
            Some(400)
        );
        assert_eq!(units_to_tell(1.0, 100, 0.0), Some(1));
        for (difference, units, se) in [
            (0.0, 9, 1.0),
            (1.0, 0, 1.0),
            (f64::NAN, 9, 1.0),
            (1.0, 9, f64::NAN),
            (1e-300, 9, 1.0),
        ] {
            assert_eq!(units_to_tell(difference, units, se), None);
        }
    }

    #[test]
    fn units_to_tell_from_a_variance_are_those_from_its_standard_error() {
        let (difference, variance): (f64, f64) = (0.029, 0.1026);
        let error = (variance / 30.0).sqrt();
        let told = units_to_tell(difference, 30, error);
        assert_eq!(
            variance_to_tell(difference, variance),
            told.map(|n| n as f64)
        );
        assert_eq!(variance_to_tell(0.0, 1.0), None);
    }

    proptest! {

        #[test]
        fn holm_lies_between_the_raw_values_and_bonferroni(p in prop::collection::vec(0.0..=1.0f64, 1..9)) {
            let adjusted = holm(&p);
            for (adjusted, raw) in adjusted.iter().zip(&p) {
                prop_assert!(raw <= adjusted && *adjusted <= (raw * p.len() as f64).min(1.0));
            }
        }
    }
}
