//! From a dial to the value of a right answer that comes to the same, and what that promises.
//!
//! Works on the calibration sample of the router itself: out-of-fold predictions of training rows,
//! which have no outcomes here. So a promise is what the router expects of itself; replaying the
//! compiled file says what came of it.

use weighbridge_router::{Router, Trade, Usd};

use super::dial::{Dial, DialError, Expected, Goal, Promise, SolveOptions};
use super::sample::{Fate, Sample};
use super::steps::{ROUNDING, Step, steps};
use crate::stats::{percentile_interval, unit_hash, weights_into};

/// The trade with which the router's learned choice does what the dial says, and what is to be
/// expected of it on requests like those of the calibration sample.
///
/// A share is met by the step nearest to it, a day's spending by the most right answers within it,
/// a least success at the lowest value that has it. Deterministic: the same router, dial and
/// options give the same trade and promise.
///
/// # Errors
/// No sample to solve on, nobody in the role that a share is counted against, an unknown number of
/// requests a day, or a goal that no value attains.
pub fn solve(
    router: &Router,
    dial: &Dial,
    options: &SolveOptions,
) -> Result<(Trade, Promise), DialError> {
    let sample = Sample::new(router, options.at)?;
    let per_day = options
        .requests_per_day
        .or(router.parts().calibration.requests_per_day);
    let mut trade = Trade {
        value: Usd::ZERO,
        wrong: dial.wrong,
        second: dial.second,
    };
    trade.value = match dial.goal {
        Goal::Value(value) => value,
        Goal::Share(_) if !sample.has_driver => return Err(DialError::NoDriver),
        Goal::SpendPerDay(_) if per_day.is_none() => return Err(DialError::NoTraffic),
        goal => {
            let (steps, rows) = steps(&sample, &trade);
            if rows == 0 {
                return Err(DialError::NoSample);
            }
            value_of(&goal, &steps, rows, per_day.unwrap_or_default())?
        }
    };
    Ok((trade, promise(&sample, dial.goal, trade, per_day, options)))
}

/// Values of a right answer at which the router's choices on its calibration sample differ, at most
/// `most` of them (at least 2), from low to high: what a search over its trade has to try. Those
/// between two values, where that is asked. Empty without a sample.
#[must_use]
pub fn telling_values(
    router: &Router,
    trade: Trade,
    options: &SolveOptions,
    between: Option<(Usd, Usd)>,
    most: usize,
) -> Vec<Usd> {
    let Ok(sample) = Sample::new(router, options.at) else {
        return Vec::new();
    };
    let (low, high) = between.unwrap_or((Usd::ZERO, Usd::from_picos(i64::MAX)));
    let values: Vec<Usd> = steps(&sample, &trade)
        .0
        .into_iter()
        .map(|step| step.value)
        .filter(|value| (low..=high).contains(value))
        .collect();
    let parts = most.max(2) - 1;
    let last = values.len().saturating_sub(1);
    if last <= parts {
        return values;
    }
    (0..=parts).map(|i| values[last * i / parts]).collect()
}

fn value_of(goal: &Goal, steps: &[Step], rows: u64, per_day: f64) -> Result<Usd, DialError> {
    let n = rows as f64;
    let share_of = |step: &Step| step.others as f64 / n;
    let spend = |step: &Step| step.cost_of(rows) * per_day;
    let fault = |of: &dyn Fn(&Step) -> f64| DialError::Unattainable {
        goal: goal.name(),
        asked: goal.asked(),
        least: steps.iter().map(of).fold(f64::INFINITY, f64::min),
        most: steps.iter().map(of).fold(f64::NEG_INFINITY, f64::max),
    };
    let found = match goal {
        Goal::Value(value) => return Ok(*value),
        Goal::Share(share) => return nearest(share * n, steps).ok_or_else(|| fault(&share_of)),
        // Of all that can be paid for, the most right answers, and those at the least cost.
        Goal::SpendPerDay(usd) => steps
            .iter()
            .filter(|step| spend(step) <= usd.to_f64())
            .reduce(|best, step| {
                let more = step.success > best.success;
                let cheaper = step.success == best.success && step.cost < best.cost;
                if more || cheaper { step } else { best }
            })
            .ok_or_else(|| fault(&spend))?,
        Goal::MinSuccess(least) => steps
            .iter()
            .find(|step| step.success_of(rows) >= *least - ROUNDING)
            .ok_or_else(|| fault(&|step| step.success_of(rows)))?,
    };
    Ok(found.value)
}

/// The value of the step whose other-than-driver rows are nearest to so many; none where every step
/// is beyond half a row on one side.
fn nearest(wanted: f64, steps: &[Step]) -> Option<Usd> {
    let others = |step: &Step| step.others as f64;
    let reached = steps.iter().any(|step| others(step) >= wanted - 0.5)
        && steps.iter().any(|step| others(step) <= wanted + 0.5);
    let far = |step: &Step| (others(step) - wanted).abs();
    let found = steps.iter().min_by(|a, b| far(a).total_cmp(&far(b)))?;
    reached.then_some(found.value)
}

/// What the router expects of a trade on its sample.
fn promise(
    sample: &Sample<'_>,
    goal: Goal,
    trade: Trade,
    per_day: Option<f64>,
    options: &SolveOptions,
) -> Promise {
    let fates: Vec<Fate> = sample
        .rows
        .iter()
        .filter_map(|row| sample.fate(row, &trade))
        .collect();
    let resamples = Resamples::new(fates.len(), options);
    let mean = |of: &dyn Fn(&Fate) -> f64| resamples.mean(fates.iter().map(of));
    let cost = mean(&|fate| fate.cost_usd);
    let known = fates.iter().all(|fate| fate.seconds.is_some());
    Promise {
        goal,
        trade,
        nested: false,
        at: options.at,
        requests_per_day: per_day,
        rows: fates.len() as u64,
        left_out: (sample.rows.len() - fates.len()) as u64,
        share: sample
            .has_driver
            .then(|| mean(&|fate| f64::from(u8::from(fate.other)))),
        success: mean(&|fate| fate.success),
        cost_usd_per_request: cost,
        spend_usd_per_day: per_day.map(|n| Expected {
            x: cost.x * n,
            ci95: cost.ci95.map(|ends| ends.map(|usd| usd * n)),
        }),
        seconds: known.then(|| mean(&|fate| fate.seconds.unwrap_or_default())),
    }
}

/// The Poisson weights of the calibration rows, replicate after replicate of each row.
struct Resamples {
    replicates: usize,
    weights: Vec<u8>,
    /// The sum of the weights of each replicate.
    totals: Vec<f64>,
}

impl Resamples {
    fn new(rows: usize, options: &SolveOptions) -> Self {
        let replicates = options.replicates;
        let mut weights = vec![0; rows * replicates];
        let mut totals = vec![0.0; replicates];
        for (row, weights) in weights.chunks_exact_mut(replicates.max(1)).enumerate() {
            let key = unit_hash(options.seed, "calibration row", &(row as u64).to_le_bytes());
            weights_into(key, weights);
            let sums = totals.iter_mut().zip(weights);
            sums.for_each(|(total, weight)| *total += f64::from(*weight));
        }
        Self {
            replicates,
            weights,
            totals,
        }
    }

    /// The mean over the rows, with its interval; 0 without rows.
    fn mean(&self, values: impl ExactSizeIterator<Item = f64> + Clone) -> Expected {
        let n = values.len().max(1) as f64;
        let x = values.clone().sum::<f64>() / n;
        let mut sums = vec![0.0; self.replicates];
        for (value, weights) in values.zip(self.weights.chunks_exact(self.replicates.max(1))) {
            let sums = sums.iter_mut().zip(weights);
            sums.for_each(|(sum, weight)| *sum += value * f64::from(*weight));
        }
        let drawn = sums
            .iter()
            .zip(&self.totals)
            .filter(|(_, total)| **total > 0.0);
        let mut means: Vec<f64> = drawn.map(|(sum, total)| sum / total).collect();
        let ci95 = percentile_interval(&mut means, 0.95).map(|(low, high)| [low, high]);
        Expected { x, ci95 }
    }
}

#[cfg(test)]
mod tests;
