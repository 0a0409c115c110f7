//! Tails of the two distributions that tests of counts and means refer to.

use std::f64::consts::SQRT_2;

/// The two-sided p-value of a standard normal deviate; 1 where it is not a number.
#[must_use]
pub fn normal_p_value(z: f64) -> f64 {
    if z.is_nan() {
        1.0
    } else {
        libm::erfc(z.abs() / SQRT_2)
    }
}

/// The standard normal quantile that is exceeded with probability `tail`, by bisection to within
/// 1e-12, held within -12 and 12. `None` where `tail` is not strictly between 0 and 1.
fn normal_upper(tail: f64) -> Option<f64> {
    if !(tail > 0.0 && tail < 1.0) {
        return None;
    }
    let (mut low, mut high) = (-12.0, 12.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if 0.5 * libm::erfc(middle / SQRT_2) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}

/// The chi-squared quantile with `freedom` degrees of freedom that is exceeded with probability
/// `tail`: `k (1 - 2 / 9k + z sqrt(2 / 9k))^3` (Wilson and Hilferty 1931), at most a
/// fiftieth too large from three degrees on and a twentieth below, at tails down to 1e-3.
///
/// `None` without degrees of freedom, or where `tail` is not strictly between 0 and 1.
#[must_use]
pub fn chi_squared_upper(tail: f64, freedom: usize) -> Option<f64> {
    let z = normal_upper(tail).filter(|_| freedom > 0)?;
    let k = freedom as f64;
    let part = 2.0 / (9.0 * k);
    let root = (1.0 - part + z * part.sqrt()).max(0.0);
    Some(k * root * root * root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        let near = |found: Option<f64>, wanted: f64, within: f64| {
            let found = found.unwrap();
            assert!((found / wanted - 1.0).abs() < within, "{found} {wanted}");
        };
        near(normal_upper(0.025), 1.959_963_984_540_054, 1e-11);
        near(normal_upper(0.999_5), -3.290_526_731_5, 1e-9);
        assert!((normal_p_value(-1.959_963_984_540_054) - 0.05).abs() < 1e-12);
        assert!(normal_p_value(f64::NAN) == 1.0);
        // Tables of the chi-squared distribution.
        near(chi_squared_upper(0.05, 9), 16.919, 0.002);
        near(chi_squared_upper(0.001, 9), 27.877, 0.01);
        near(chi_squared_upper(0.001, 3), 16.266, 0.02);
        near(chi_squared_upper(0.001, 1), 10.828, 0.05);
        let none = [
            chi_squared_upper(0.05, 0),
            normal_upper(0.0),
            normal_upper(1.0),
            normal_upper(f64::NAN),
        ];
        assert_eq!(none, [None; 4]);
    }
}
