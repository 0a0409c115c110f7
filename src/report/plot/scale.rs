//! Where a number stands on an axis, and which round numbers stand beside it.

/// An axis of so many cells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    cells: usize,
}

/// Positive numbers that span more than this stand on a logarithmic axis.
const WIDE: f64 = 20.0;

impl Scale {
    /// The axis that shows all these numbers; `None` where there are none. `stretch` lets it be
    /// logarithmic where the numbers ask for that.
    pub(super) fn over(numbers: &[f64], cells: usize, stretch: bool) -> Option<Self> {
        let low = numbers.iter().copied().reduce(f64::min)?;
        let high = numbers.iter().copied().reduce(f64::max)?;
        let logarithmic = stretch && low > 0.0 && high / low > WIDE;
        // One number stands in the middle.
        let room = match low {
            _ if high > low => 0.0,
            0.0 => 0.5,
            x => x.abs() * 0.05,
        };
        Some(Self {
            low: low - room,
            high: high + room,
            logarithmic,
            cells,
        })
    }

    /// The cell of a number; one beyond an end stands at that end.
    pub(super) fn cell(&self, x: f64) -> usize {
        let along = (self.of(x) - self.of(self.low)) / (self.of(self.high) - self.of(self.low));
        (along.clamp(0.0, 1.0) * (self.cells - 1) as f64).round() as usize
    }

    /// The number in the middle of a cell.
    pub(super) fn at(&self, cell: usize) -> f64 {
        let along = cell as f64 / (self.cells.max(2) - 1) as f64;
        let [low, high] = [self.of(self.low), self.of(self.high)];
        let x = low + along * (high - low);
        if self.logarithmic { x.exp() } else { x }
    }

    fn of(&self, x: f64) -> f64 {
        if self.logarithmic { x.ln() } else { x }
    }

    /// At most so many round numbers within the axis, with their cells, from the least.
    pub(super) fn ticks(&self, most: usize) -> Vec<(usize, String)> {
        let numbers = if self.logarithmic {
            self.powers(most)
        } else {
            self.steps(most)
        };
        let mut ticks: Vec<(usize, String)> = Vec::new();
        for (x, places) in numbers {
            let cell = self.cell(x);
            if ticks.last().is_none_or(|(last, _)| *last < cell) {
                ticks.push((cell, format!("{x:.places$}")));
            }
        }
        ticks
    }

    /// Multiples of the smallest step of 1, 2 or 5 times a power of ten of which few enough fit.
    fn steps(&self, most: usize) -> Vec<(f64, usize)> {
        let span = self.high - self.low;
        let least = (span / most as f64).log10().floor() as i32;
        for exponent in least..least + 3 {
            for digit in [1.0, 2.0, 5.0] {
                let step = digit * 10f64.powi(exponent);
                let [first, last] = [(self.low / step).ceil(), (self.high / step).floor()];
                if last - first < most as f64 {
                    let places = usize::try_from(-exponent).unwrap_or(0);
                    let count = (last - first).max(-1.0) as i64 + 1;
                    return (0..count)
                        // A zero of negative sign would be written as such.
                        .map(|i| ((first + i as f64) * step + 0.0, places))
                        .collect();
                }
            }
        }
        Vec::new()
    }

    /// 1, 2 and 5 times the powers of ten, or the powers alone where these are too many.
    fn powers(&self, most: usize) -> Vec<(f64, usize)> {
        let exponents = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let within = |digits: &[f64]| -> Vec<(f64, usize)> {
            let all = exponents.clone().flat_map(|exponent| {
                let places = usize::try_from(-exponent).unwrap_or(0);
                digits
                    .iter()
                    .map(move |digit| (digit * 10f64.powi(exponent), places))
            });
            all.filter(|(x, _)| (self.low..=self.high).contains(x))
                .collect()
        };
        let fine = within(&[1.0, 2.0, 5.0]);
        if fine.len() <= most {
            return fine;
        }
        let coarse = within(&[1.0]);
        let every = coarse.len().div_ceil(most).max(1);
        coarse.into_iter().step_by(every).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<(usize, String)>) -> Vec<String> {
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn round_numbers_stand_beside_an_axis() {
        let scale = Scale::over(&[86.9, 89.6], 20, true).unwrap();
        assert_eq!(
            labels(scale.ticks(6)),
            ["87.0", "87.5", "88.0", "88.5", "89.0", "89.5"]
        );
        let scale = Scale::over(&[-0.31, 0.29], 20, true).unwrap();
        assert_eq!(labels(scale.ticks(4)), ["-0.2", "0.0", "0.2"]);
    }

    #[test]
    fn numbers_far_apart_stand_on_a_logarithmic_axis_if_they_may() {
        let scale = Scale::over(&[0.1, 1000.0], 41, true).unwrap();
        assert_eq!(
            [scale.cell(0.1), scale.cell(10.0), scale.cell(1000.0)],
            [0, 20, 40]
        );
        assert_eq!(labels(scale.ticks(5)), ["0.1", "1", "10", "100", "1000"]);
        let scale = Scale::over(&[0.1, 1000.0], 41, false).unwrap();
        assert_eq!(scale.cell(10.0), 0);
    }

    #[test]
    fn one_number_and_none_have_an_axis_that_makes_sense() {
        assert_eq!(Scale::over(&[], 10, true), None);
        for x in [0.0, 3.0, -3.0] {
            let scale = Scale::over(&[x], 11, true).unwrap();
            assert_eq!(scale.cell(x), 5, "{x}");
        }
        let around_zero = Scale::over(&[0.0], 11, true).unwrap();
        assert_eq!(labels(around_zero.ticks(3)), ["-0.5", "0.0", "0.5"]);
    }

    #[test]
    fn a_cell_gives_the_number_that_stands_in_it() {
        for stretch in [false, true] {
            let scale = Scale::over(&[1.0, 100.0], 34, stretch).unwrap();
            for cell in 0..34 {
                assert_eq!(scale.cell(scale.at(cell)), cell);
            }
        }
    }
}
