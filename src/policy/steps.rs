//! How share, success and cost of a calibration sample go with the value of a right answer.
//!
//! A row's net value at an endpoint is a line over the value: its slope the probability of a right
//! answer, its height at 0 what a wrong one, the bill and the wait take off. The row goes to the
//! highest line, so that it changes endpoints where two lines cross, and never back to a smaller
//! slope: success only grows with the value. Between the crossings of all rows nothing changes,
//! which makes every figure a step function that can be walked exactly, for any number of models.

use weighbridge_router::{Trade, Usd};

use super::sample::{Fate, Sample};

/// No value above that is tried, USD.
const MOST_USD: f64 = 1e6;
/// Sums of costs are of picodollars, sums of probabilities of this part of one.
const PARTS: f64 = 1e12;
/// What rounding to parts may take off a mean of probabilities.
pub(super) const ROUNDING: f64 = 1.0 / PARTS;

/// A span of values over which every row goes where it goes, with the sums over all rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Where it begins, USD.
    pub(super) from: f64,
    /// Where it ends.
    pub(super) to: f64,
    /// An amount well within.
    pub(super) value: Usd,
    /// Rows that another model than the driver takes.
    pub(super) others: u64,
    /// Expected right answers, in parts of 1e-12.
    pub(super) success: i128,
    /// Expected cost, in picodollars.
    pub(super) cost: i128,
}

/// One row leaves one endpoint for another.
struct Crossing {
    value: f64,
    from: Fate,
    to: Fate,
}

impl Step {
    fn add(&mut self, fate: Fate) {
        self.others += u64::from(fate.other);
        self.success += (fate.success * PARTS).round() as i128;
        self.cost += (fate.cost_usd * PARTS).round() as i128;
    }

    fn cross(&mut self, crossing: &Crossing) {
        self.others -= u64::from(crossing.from.other);
        self.success -= (crossing.from.success * PARTS).round() as i128;
        self.cost -= (crossing.from.cost_usd * PARTS).round() as i128;
        self.add(crossing.to);
    }

    /// The share of right answers among so many rows.
    pub(super) fn success_of(&self, rows: u64) -> f64 {
        self.success as f64 / PARTS / rows as f64
    }

    /// USD a request among so many rows.
    pub(super) fn cost_of(&self, rows: u64) -> f64 {
        self.cost as f64 / PARTS / rows as f64
    }

    /// The step with the amount of the fewest decimal places that is well within; none where it is
    /// too narrow for one.
    fn valued(self) -> Option<Self> {
        let quarter = (self.to - self.from) / 4.0;
        let middle = self.from + 2.0 * quarter;
        let value = (0..=12).find_map(|places| {
            let scale = 10f64.powi(places);
            let value = (middle * scale).round() / scale;
            let within = value > self.from + quarter && value < self.to - quarter;
            Usd::try_from_f64(value).ok().filter(|_| within)
        })?;
        Some(Self { value, ..self })
    }
}

/// The steps from value 0 up, under the wrong and the second of a trade, and how many rows count.
/// Steps too narrow for an amount of money are left out; the last never is.
pub(super) fn steps(sample: &Sample<'_>, trade: &Trade) -> (Vec<Step>, u64) {
    let at_zero = Trade {
        value: Usd::ZERO,
        ..*trade
    };
    let mut step = Step {
        from: 0.0,
        to: MOST_USD,
        value: Usd::ZERO,
        others: 0,
        success: 0,
        cost: 0,
    };
    let (mut rows, mut crossings) = (0, Vec::new());
    for row in &sample.rows {
        let Some(start) = sample.fate(row, &at_zero) else {
            continue;
        };
        rows += 1;
        step.add(start);
        climb(&sample.weighed(row, &at_zero), &mut crossings);
    }
    crossings.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut steps = Vec::new();
    for crossing in &crossings {
        if crossing.value > step.from {
            steps.push(Step {
                to: crossing.value,
                ..step
            });
            step.from = crossing.value;
        }
        step.cross(crossing);
    }
    // The last step never ends; a value near its beginning is one that people can read.
    step.to = if step.from > 0.0 {
        (2.0 * step.from).max(step.from + 1e-6)
    } else {
        1.0
    };
    steps.push(step);
    (steps.into_iter().filter_map(Step::valued).collect(), rows)
}

/// The crossings of a row's lines, from the best at 0 upward; `lines` are (slope and fate, height),
/// the best at 0 first, as the decider breaks ties.
fn climb(lines: &[(Fate, f64)], crossings: &mut Vec<Crossing>) {
    let Some(&(mut held, mut height)) = lines.first() else {
        return;
    };
    let mut value = 0.0f64;
    loop {
        let mut next: Option<(f64, Fate, f64)> = None;
        for &(fate, at_zero) in lines.iter().filter(|(fate, _)| fate.success > held.success) {
            let crossing = ((height - at_zero) / (fate.success - held.success)).max(value);
            let nearer = next.is_none_or(|(best, line, _)| {
                crossing < best || (crossing == best && fate.success > line.success)
            });
            if nearer {
                next = Some((crossing, fate, at_zero));
            }
        }
        let Some((crossing, fate, at_zero)) = next.filter(|(crossing, ..)| *crossing < MOST_USD)
        else {
            return;
        };
        crossings.push(Crossing {
            value: crossing,
            from: held,
            to: fate,
        });
        (value, held, height) = (crossing, fate, at_zero);
    }
}
