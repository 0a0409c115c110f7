//! Numbers to places, and the round numbers that an axis is marked with.

/// An axis: a range of numbers on a range of places.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    spread: Spread,
    /// Up to that a signed axis is even.
    unit: f64,
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
    /// The same, marked as clocks are: seconds, minutes, hours.
    Time,
    /// Evenly near zero, which is on it, and by the logarithm far from it on both sides.
    Signed,
}

/// Seconds that people count in.
const CLOCK: [f64; 14] = [
    0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 10_800.0, 86_400.0,
];

/// How far the even part of a signed axis reaches, of the greatest number.
const EVEN_PART: f64 = 0.004;

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
        let spread = match spread {
            Spread::Log | Spread::Time if min <= 0.0 => Spread::FromZero,
            spread => spread,
        };
        let zero = matches!(spread, Spread::FromZero | Spread::Signed);
        let (low, high) = match spread {
            Spread::Log | Spread::Time if max / min < 1.2 => (min / 1.2, max * 1.2),
            Spread::Log | Spread::Time => (min, max),
            // Zeros alone: any axis does that begins there.
            _ if min == 0.0 && max == 0.0 => (0.0, 1.0),
            _ if zero => (min.min(0.0), max.max(0.0)),
            _ => (min, max),
        };
        let room = match spread {
            Spread::Log | Spread::Time => 0.0,
            _ if high > low => 0.06 * (high - low),
            _ => 0.1 * high.abs(),
        };
        let pad = |end: f64, by: f64| {
            if zero && end == 0.0 && high > low {
                0.0
            } else {
                end + by
            }
        };
        Self {
            low: pad(low, -room),
            high: pad(high, room),
            spread,
            unit: EVEN_PART * low.abs().max(high.abs()).max(1e-9),
            from,
            to,
        }
    }

    /// Where a number stands; numbers beyond the axis stand at its end.
    pub(super) fn place(&self, x: f64) -> f64 {
        let bent = |x: f64| match self.spread {
            Spread::Log | Spread::Time => x.max(f64::MIN_POSITIVE).ln(),
            Spread::Signed => (x / self.unit).asinh(),
            Spread::Even | Spread::FromZero => x,
        };
        let part = (bent(x) - bent(self.low)) / (bent(self.high) - bent(self.low));
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
        let ticks = match self.spread {
            Spread::Log => self.log_ticks(),
            Spread::Time => {
                let on_clock = CLOCK.into_iter().filter(|&x| self.holds(x)).count();
                if on_clock < 2 {
                    self.log_ticks()
                } else {
                    CLOCK.to_vec()
                }
            }
            Spread::Signed => self.signed_ticks(),
            Spread::Even | Spread::FromZero => self.even_ticks(5.0),
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

    /// Zero, and powers of ten on both sides.
    fn signed_ticks(&self) -> Vec<f64> {
        let most = self.low.abs().max(self.high.abs()).log10().floor();
        let powers = [most - 2.0, most - 1.0, most].map(|exponent| 10f64.powf(exponent));
        let below = powers.iter().rev().map(|x| -x);
        let most = 5.0 * powers[2];
        let ticks = std::iter::once(-most).chain(below).chain([0.0]);
        ticks.chain(powers).chain([most]).collect()
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
        let even = axis(&[0.0, 1.0], Spread::FromZero).ticks();
        assert_eq!(even, [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(axis(&[0.01, 100.0], Spread::Log).ticks().len(), 9);
        assert_eq!(
            axis(&[5.0, 700.0], Spread::Time).ticks(),
            [10.0, 30.0, 60.0, 180.0, 600.0]
        );
        assert_eq!(
            axis(&[-2.0, 30.0], Spread::Signed).ticks(),
            [-1.0, -0.1, 0.0, 0.1, 1.0, 10.0]
        );
        let all = [
            &[][..],
            &[5.0],
            &[0.0],
            &[-3.0, 7e9],
            &[1e-12, 1e-11],
            &[f64::NAN, f64::INFINITY, 2.0],
            &[1e-300, 1e300],
        ];
        let spreads = [
            Spread::Even,
            Spread::FromZero,
            Spread::Log,
            Spread::Time,
            Spread::Signed,
        ];
        for (numbers, spread) in all.iter().flat_map(|it| spreads.map(|spread| (it, spread))) {
            let axis = axis(numbers, spread);
            let ticks = axis.ticks();
            assert!(ticks.len() <= 14, "{numbers:?} {spread:?} {ticks:?}");
            let places = ticks.iter().map(|&x| axis.place(x));
            assert!(places.into_iter().all(|x| (0.0..=100.0).contains(&x)));
        }
    }
}
