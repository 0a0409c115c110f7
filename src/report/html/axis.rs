//! Numbers to places, and the round numbers that an axis is marked with.

/// An axis: a range of numbers on a range of places.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

/// How an axis spreads its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// Evenly.
    Even,
    /// Evenly, and zero is on it.
    FromZero,
    /// By their logarithm, where all are above zero; else evenly.
    Log,
}

impl Axis {
    /// The axis that holds all of `numbers`, with a little room, from one place to another.
    pub(super) fn around(
        numbers: impl Iterator<Item = f64>,
        spread: Spread,
        [from, to]: [f64; 2],
    ) -> Self {
        let numbers: Vec<f64> = numbers.filter(|x| x.is_finite()).collect();
        let min = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let max = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (min, max) = if min > max { (0.0, 1.0) } else { (min, max) };
        let log = spread == Spread::Log && min > 0.0;
        let (low, high) = if log {
            if max / min < 1.2 {
                (min / 1.2, max * 1.2)
            } else {
                (min, max)
            }
        } else {
            let zero = spread == Spread::FromZero;
            let (low, high) = if zero {
                (min.min(0.0), max.max(0.0))
            } else {
                (min, max)
            };
            let room = if high > low {
                0.06 * (high - low)
            } else {
                (0.1 * high.abs()).max(1e-9)
            };
            let pad = |end: f64, by: f64| if zero && end == 0.0 { 0.0 } else { end + by };
            (pad(low, -room), pad(high, room))
        };
        Self {
            low,
            high,
            log,
            from,
            to,
        }
    }

    /// Where a number stands; numbers beyond the axis stand at its end.
    pub(super) fn place(&self, x: f64) -> f64 {
        let part = if self.log {
            (x.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (x - self.low) / (self.high - self.low)
        };
        let part = if part.is_nan() {
            0.0
        } else {
            part.clamp(0.0, 1.0)
        };
        self.from + (self.to - self.from) * part
    }

    /// Whether a number is on it.
    pub(super) fn holds(&self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// Some five round numbers on it.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let ticks = if self.log {
            self.log_ticks()
        } else {
            self.even_ticks(5.0)
        };
        ticks.into_iter().filter(|&x| self.holds(x)).collect()
    }

    fn even_ticks(&self, about: f64) -> Vec<f64> {
        let raw = (self.high - self.low) / about;
        let magnitude = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|step| step * magnitude)
            .find(|&step| step >= raw * 0.999)
            .unwrap_or(raw);
        let first = (self.low / step).ceil();
        // Few, whatever the numbers.
        (0..12)
            .map(|i| (first + f64::from(i)) * step)
            // Minus zero reads oddly.
            .map(|x| if x == 0.0 { 0.0 } else { x })
            .take_while(|&x| x <= self.high)
            .collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let [first, last] = [self.low.log10().floor(), self.high.log10().ceil()];
        let decades = last - first;
        if decades > 12.0 {
            return vec![self.low, (self.low * self.high).sqrt(), self.high];
        }
        let steps: &[f64] = match decades {
            x if x <= 2.0 => &[1.0, 2.0, 5.0],
            x if x <= 4.0 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        let mut exponent = first;
        while exponent <= last {
            ticks.extend(steps.iter().map(|step| step * 10f64.powf(exponent)));
            exponent += 1.0;
        }
        let within: Vec<f64> = ticks.into_iter().filter(|&x| self.holds(x)).collect();
        // Less than a decade has even steps.
        if within.len() < 3 {
            self.even_ticks(4.0)
        } else {
            within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(numbers: &[f64], spread: Spread) -> Axis {
        Axis::around(numbers.iter().copied(), spread, [0.0, 100.0])
    }

    #[test]
    fn ticks_are_round_and_few_on_any_axis() {
        assert_eq!(
            axis(&[0.0, 1.0], Spread::FromZero).ticks(),
            [0.0, 0.25, 0.5, 0.75, 1.0]
        );
        assert_eq!(axis(&[0.01, 100.0], Spread::Log).ticks().len(), 9);
        for numbers in [
            &[][..],
            &[5.0],
            &[0.0],
            &[-3.0, 7e9],
            &[1e-12, 1e-11],
            &[f64::NAN, f64::INFINITY, 2.0],
            &[1e-300, 1e300],
        ] {
            for spread in [Spread::Even, Spread::FromZero, Spread::Log] {
                let axis = axis(numbers, spread);
                let ticks = axis.ticks();
                assert!(ticks.len() <= 14, "{numbers:?} {ticks:?}");
                assert!(
                    ticks
                        .iter()
                        .all(|&x| (0.0..=100.0).contains(&axis.place(x)))
                );
            }
        }
    }
}
