//! Whether predicted probabilities, and predicted gains, are what happens.
//!
//! Owns Brier score, log-loss, calibration error, reliability and the slope of the gain. Works on
//! columns; does not know which head predicted them.

use serde::Serialize;

use super::figure::Figure;
use super::resample::{Bootstrap, with_interval};

/// How many bins of equal mass calibration is measured on.
pub const CALIBRATION_BINS: usize = 15;

/// How well the predicted probabilities of success of one model hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Mean of (probability - success)^2, within 0 and 1; lower is better. Brier, 1950.
    pub brier: Figure,
    /// Mean of -(y ln p + (1 - y) ln(1 - p)) for success y, in nats; lower is better. p is held
    /// within 1e-15 of 0 and 1.
    pub log_loss: Figure,
    /// Expected calibration error on 15 bins of equal mass: the sum over bins of (rows of the bin /
    /// rows) times |mean probability - mean success|, within 0 and 1; lower is better. Naeini et
    /// al., 2015; equal masses as in Nguyen and O'Connor, 2015. Noise alone pushes it up, in a
    /// resample more than in the sample, so that its interval reads high.
    pub ece: Figure,
    /// The bins, in ascending order of probability.
    pub bins: Vec<Bin>,
    /// Rows that it rests on.
    pub n: u64,
}

/// How well the predicted gain, probability of the specialist less that of the driver, holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GainCalibration {
    /// The slope of the observed on the predicted gain, by least squares with an intercept; 1 where
    /// predictions are neither too bold (below) nor too timid (above). Null where all predictions
    /// are equal.
    pub slope: Figure,
    /// 15 bins of equal mass by predicted gain.
    pub bins: Vec<Bin>,
}

/// Rows with predictions that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Their mean prediction.
    pub mean_predicted: f64,
    /// The mean of what happened.
    pub mean_observed: f64,
    /// How many.
    pub n: u64,
}

/// Calibration of `predicted`, probabilities, against `observed`, successes in \[0, 1\], a value a
/// row; `bootstrap.units` has the unit of each. Everything is null without rows.
///
/// # Panics
/// Where the columns differ in length.
#[must_use]
pub fn calibration(
    predicted: &[f64],
    observed: &[f64],
    bootstrap: Bootstrap<'_>,
    evidence: &str,
) -> Calibration {
    let rows = Rows::new(predicted, observed);
    let losses = [squared_error, log_loss].map(|loss| rows.losses(loss));
    let point = rows.read(&losses, |_| 1);
    let replicates = bootstrap.replicates(|weights| rows.read(&losses, |row| weights[row].into()));
    let figure = |place: usize, unit| {
        let column: Vec<_> = replicates.iter().map(|values| values[place]).collect();
        rows.figure(point[place], unit, evidence, &column)
    };
    Calibration {
        brier: figure(0, "squared probability"),
        log_loss: figure(1, "nats"),
        ece: figure(2, "probability"),
        bins: rows.bins(|_| 1, CALIBRATION_BINS),
        n: predicted.len() as u64,
    }
}

/// Calibration of `predicted` against `observed` gains, both in \[-1, 1\], a value a row.
///
/// # Panics
/// Where the columns differ in length.
#[must_use]
pub fn gain_calibration(
    predicted: &[f64],
    observed: &[f64],
    bootstrap: Bootstrap<'_>,
    evidence: &str,
) -> GainCalibration {
    let rows = Rows::new(predicted, observed);
    let replicates = bootstrap.replicates(|weights| rows.slope(|row| weights[row].into()));
    let unit = "gain per predicted gain";
    GainCalibration {
        slope: rows.figure(rows.slope(|_| 1), unit, evidence, &replicates),
        bins: rows.bins(|_| 1, CALIBRATION_BINS),
    }
}

fn squared_error(p: f64, y: f64) -> f64 {
    (p - y) * (p - y)
}

fn log_loss(p: f64, y: f64) -> f64 {
    let p = p.clamp(1e-15, 1.0 - 1e-15);
    -(y * libm::log(p) + (1.0 - y) * libm::log1p(-p))
}

/// Predictions and what happened, with the order of the predictions.
struct Rows<'a> {
    predicted: &'a [f64],
    observed: &'a [f64],
    /// Ascending by prediction, ties in order of rows.
    order: Vec<usize>,
}

impl<'a> Rows<'a> {
    fn new(predicted: &'a [f64], observed: &'a [f64]) -> Self {
        assert_eq!(predicted.len(), observed.len(), "columns of one length");
        let mut order: Vec<usize> = (0..predicted.len()).collect();
        order.sort_by(|&a, &b| {
            let compared = predicted[a].partial_cmp(&predicted[b]);
            compared.unwrap_or(std::cmp::Ordering::Equal)
        });
        Self {
            predicted,
            observed,
            order,
        }
    }

    fn figure(
        &self,
        x: Option<f64>,
        unit: &'static str,
        evidence: &str,
        replicates: &[Option<f64>],
    ) -> Figure {
        match x {
            Some(x) => {
                let figure = Figure::known(x, unit, self.predicted.len() as u64).on(evidence);
                with_interval(figure, replicates)
            }
            None if self.predicted.is_empty() => {
                Figure::unknown(unit, "no row has both a prediction and an outcome")
            }
            None => Figure::unknown(unit, "all predictions are equal"),
        }
    }

    fn losses(&self, loss: fn(f64, f64) -> f64) -> Vec<f64> {
        let columns = self.predicted.iter().zip(self.observed);
        columns.map(|(&p, &y)| loss(p, y)).collect()
    }

    /// The mean of each loss, and the calibration error.
    fn read(&self, losses: &[Vec<f64>; 2], weight: impl Fn(usize) -> u32) -> [Option<f64>; 3] {
        let [brier, log_loss] = [0, 1].map(|place| mean(&losses[place], &weight));
        [brier, log_loss, self.ece(weight, CALIBRATION_BINS)]
    }

    /// Runs of rows in order of prediction whose masses differ by at most one, the larger first; a
    /// row that is drawn several times may lie in two of them.
    fn bins(&self, weight: impl Fn(usize) -> u32, bins: usize) -> Vec<Bin> {
        let all: u64 = self.order.iter().map(|&row| u64::from(weight(row))).sum();
        let bins = bins as u64;
        let size = |bin: u64| all / bins + u64::from(bin < all % bins);
        let mut found: Vec<Bin> = Vec::new();
        let (mut bin, mut sums, mut filled) = (0, (0.0, 0.0), 0);
        for &row in &self.order {
            let mut left = u64::from(weight(row));
            while left > 0 {
                let taken = left.min(size(bin) - filled);
                sums.0 += taken as f64 * self.predicted[row];
                sums.1 += taken as f64 * self.observed[row];
                filled += taken;
                left -= taken;
                if filled == size(bin) {
                    found.push(Bin {
                        mean_predicted: sums.0 / filled as f64,
                        mean_observed: sums.1 / filled as f64,
                        n: filled,
                    });
                    (bin, sums, filled) = (bin + 1, (0.0, 0.0), 0);
                }
            }
        }
        found
    }

    fn ece(&self, weight: impl Fn(usize) -> u32, bins: usize) -> Option<f64> {
        let bins = self.bins(weight, bins);
        let all: u64 = bins.iter().map(|bin| bin.n).sum();
        let distance = |bin: &Bin| (bin.mean_predicted - bin.mean_observed).abs();
        let sum: f64 = bins.iter().map(|bin| bin.n as f64 * distance(bin)).sum();
        (all > 0).then(|| sum / all as f64)
    }

    fn slope(&self, weight: impl Fn(usize) -> u32) -> Option<f64> {
        // Sums of what lies around the weighted middle, lest the squares cancel.
        let middle = |column: &[f64]| mean(column, &weight).unwrap_or(0.0);
        let (x_middle, y_middle) = (middle(self.predicted), middle(self.observed));
        let mut sums = [0.0; 5];
        for (row, (x, y)) in self.predicted.iter().zip(self.observed).enumerate() {
            let (weight, x, y) = (f64::from(weight(row)), x - x_middle, y - y_middle);
            let terms = [1.0, x, y, x * x, x * y];
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += weight * term;
            }
        }
        let [all, x, y, xx, xy] = sums;
        let (squares, products) = (xx - x * x / all, xy - x * y / all);
        // Equal predictions may leave squares of rounding errors of their mean.
        let spread = squares / all > 1e-24 * (1.0 + x_middle * x_middle);
        spread.then(|| products / squares)
    }
}

fn mean(column: &[f64], weight: impl Fn(usize) -> u32) -> Option<f64> {
    let (mut all, mut sum) = (0.0, 0.0);
    for (row, x) in column.iter().enumerate() {
        let weight = f64::from(weight(row));
        all += weight;
        sum += weight * x;
    }
    (all > 0.0).then(|| sum / all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: &Figure, expected: f64) -> bool {
        found.x.is_some_and(|x| (x - expected).abs() < 1e-12)
    }

    fn without(units: &[u64]) -> Bootstrap<'_> {
        Bootstrap {
            units,
            replicates: 0,
            threads: 1,
        }
    }

    #[test]
    fn two_rows_by_hand() {
        let found = calibration(&[0.5, 0.75], &[1.0, 0.0], without(&[]), "full");
        assert!(close(&found.brier, (0.25 + 0.5625) / 2.0));
        assert!(close(&found.log_loss, (2.0f64.ln() + 4.0f64.ln()) / 2.0));
        assert!(close(&found.ece, (0.5 + 0.75) / 2.0));
        assert_eq!((found.bins.len(), found.bins[1].n), (2, 1));
    }

    #[test]
    fn larger_bins_come_first_and_a_row_drawn_twice_may_lie_in_two() {
        let predicted: Vec<f64> = (0..17).map(f64::from).collect();
        let rows = Rows::new(&predicted, &predicted);
        let sizes: Vec<u64> = rows.bins(|_| 1, 15).iter().map(|bin| bin.n).collect();
        assert_eq!(sizes[..3], [2, 2, 1]);
        let twice = rows.bins(|row| u32::from(row < 8) * 2, 15);
        assert_eq!((twice.len(), twice[0].mean_predicted), (15, 0.0));
        assert_eq!(
            (twice[1].mean_predicted, twice[2].mean_predicted),
            (1.0, 1.0)
        );
    }

    #[test]
    fn the_slope_is_that_of_the_line_and_equal_predictions_have_none() {
        let line = gain_calibration(
            &[-0.5, 0.0, 0.5, 1.0],
            &[-0.15, 0.1, 0.35, 0.6],
            without(&[]),
            "full",
        );
        assert!(close(&line.slope, 0.5));
        let flat = gain_calibration(&[0.1; 7], &[0.0; 7], without(&[]), "full");
        assert!(flat.slope.x.is_none() && flat.slope.why.is_some());
        let none = calibration(&[], &[], without(&[]), "full");
        assert!(none.brier.x.is_none() && none.bins.is_empty());
    }

    proptest! {
        #[test]
        fn weights_count_as_repeated_rows(
            items in prop::collection::vec((0u8..=10, any::<bool>(), 0u32..4), 1..60),
        ) {
            let predicted: Vec<f64> = items.iter().map(|item| f64::from(item.0) / 10.0).collect();
            let observed: Vec<f64> = items.iter().map(|item| f64::from(u8::from(item.1))).collect();
            let repeated: Vec<usize> = (0..items.len())
                .flat_map(|row| vec![row; items[row].2 as usize])
                .collect();
            let pick = |column: &[f64]| -> Vec<f64> {
                repeated.iter().map(|&row| column[row]).collect()
            };
            let (p, y) = (pick(&predicted), pick(&observed));
            let (weighted, plain) = (Rows::new(&predicted, &observed), Rows::new(&p, &y));
            let weight = |row: usize| items[row].2;
            for (a, b) in [
                (weighted.ece(weight, 15), plain.ece(|_| 1, 15)),
                (weighted.slope(weight), plain.slope(|_| 1)),
                (mean(&weighted.losses(log_loss), weight), mean(&plain.losses(log_loss), |_| 1)),
            ] {
                prop_assert_eq!(a.is_some(), b.is_some());
                prop_assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-9);
            }
        }
    }
}
