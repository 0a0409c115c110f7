//! The path of a ranking: what has been gained and spent after each group of equal scores.
//!
//! Owns the arithmetic of the deferral curve on weighted rows; [`curve`](super::curve) says what
//! the figures mean.

use super::curve::PairRows;

/// Rows in descending order of a score.
#[derive(Debug)]
pub(super) struct Ranking {
    ranked: Vec<Ranked>,
    /// Where each group of equal scores ends.
    ends: Vec<usize>,
    costs_known: bool,
}

/// One row at its place in the order: every replicate walks them all, so they lie side by side.
#[derive(Debug, Clone, Copy)]
struct Ranked {
    row: usize,
    /// Millionths.
    driver: i64,
    gain: i64,
    /// Picodollars; 0 where unknown.
    driver_cost: i64,
    specialist_cost: i64,
}

/// What sending the rows so far to the specialist changes, in whole numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    rows: i64,
    /// Millionths.
    gain: i64,
    /// Rows that gain.
    better: i64,
    /// Picodollars.
    cost: i128,
}

/// The sums from none sent to all sent, one after each group of ties; straight in between.
#[derive(Debug, Clone)]
pub(super) struct Path {
    points: Vec<Sent>,
    /// What the driver alone gets right, millionths.
    driver: i64,
    /// What the driver alone costs, picodollars.
    driver_cost: Option<i128>,
}

/// How far below its level PGR counts as reaching it, for rounding.
const ROUNDING: f64 = 1e-12;

const MILLIONTHS: f64 = 1e6;
const PICOS: f64 = 1e12;

impl Ranking {
    /// The ranking by a score, which must be a number on every row.
    pub(super) fn new(rows: &PairRows, score: &[f64]) -> Self {
        let n = rows.driver.len();
        let lengths = [score.len(), rows.specialist.len()];
        assert!(lengths == [n, n], "columns of one length");
        let mut order: Vec<usize> = (0..n).collect();
        // Not `total_cmp`, which tells the two zeros apart.
        order.sort_by(|&a, &b| {
            let compared = score[b].partial_cmp(&score[a]);
            compared.unwrap_or(std::cmp::Ordering::Equal)
        });
        let ends = (1..=n)
            .filter(|&i| i == n || score[order[i]] != score[order[i - 1]])
            .collect();
        let costs = rows.costs.as_ref().ok();
        let ranked = order.into_iter().map(|row| Ranked {
            row,
            driver: rows.driver[row].into(),
            gain: i64::from(rows.specialist[row]) - i64::from(rows.driver[row]),
            driver_cost: costs.map_or(0, |costs| costs.driver[row]),
            specialist_cost: costs.map_or(0, |costs| costs.specialist[row]),
        });
        Self {
            ranked: ranked.collect(),
            ends,
            costs_known: costs.is_some(),
        }
    }

    /// The path where each row counts `weight` times.
    pub(super) fn path(&self, weight: impl Fn(usize) -> i64) -> Path {
        let mut sent = Sent::default();
        let (mut driver, mut driver_cost) = (0, 0);
        let mut points = Vec::with_capacity(self.ends.len() + 1);
        points.push(sent);
        let mut start = 0;
        for &end in &self.ends {
            let before = sent.rows;
            for ranked in &self.ranked[start..end] {
                let weight = weight(ranked.row);
                driver += weight * ranked.driver;
                sent.rows += weight;
                sent.gain += weight * ranked.gain;
                sent.better += if ranked.gain > 0 { weight } else { 0 };
                let (weight, cost) = (i128::from(weight), i128::from(ranked.driver_cost));
                driver_cost += weight * cost;
                sent.cost += weight * (i128::from(ranked.specialist_cost) - cost);
            }
            start = end;
            // A group of which nothing was drawn is no point of a resample's path.
            if sent.rows > before {
                points.push(sent);
            }
        }
        Path {
            points,
            driver,
            driver_cost: self.costs_known.then_some(driver_cost),
        }
    }
}

impl Path {
    fn all(&self) -> Sent {
        self.points.last().copied().unwrap_or_default()
    }

    /// All rows; `None` where there is none.
    fn rows(&self) -> Option<f64> {
        let rows = self.all().rows;
        (rows > 0).then_some(rows as f64)
    }

    /// The whole gain in millionths, where it is positive.
    fn gap(&self) -> Option<f64> {
        let gain = self.all().gain;
        (gain > 0).then_some(gain as f64)
    }

    /// A sum where the share `share` of all rows is sent, linear between the points.
    fn sum_at(&self, share: f64, sum: impl Fn(&Sent) -> f64) -> Option<f64> {
        let rows = share.clamp(0.0, 1.0) * self.rows()?;
        let next = self
            .points
            .partition_point(|sent| (sent.rows as f64) < rows);
        let after = &self.points[next.min(self.points.len() - 1)];
        let before = &self.points[next.saturating_sub(1)];
        let step = (after.rows - before.rows) as f64;
        let part = if step > 0.0 {
            (rows - before.rows as f64) / step
        } else {
            0.0
        };
        Some(sum(before) + (sum(after) - sum(before)) * part)
    }

    /// G(share): right answers gained, a request.
    pub(super) fn gain_at(&self, share: f64) -> Option<f64> {
        Some(self.sum_at(share, |sent| sent.gain as f64)? / MILLIONTHS / self.rows()?)
    }

    /// The share of right answers where `share` is sent.
    pub(super) fn success_at(&self, share: f64) -> Option<f64> {
        let sum = self.sum_at(share, |sent| (self.driver + sent.gain) as f64)?;
        Some(sum / MILLIONTHS / self.rows()?)
    }

    /// USD a request where `share` is sent.
    pub(super) fn cost_at(&self, share: f64) -> Option<f64> {
        let driver = self.driver_cost?;
        let sum = self.sum_at(share, |sent| (driver + sent.cost) as f64)?;
        Some(sum / PICOS / self.rows()?)
    }

    /// G(share) / G(1).
    pub(super) fn pgr_at(&self, share: f64) -> Option<f64> {
        Some(self.sum_at(share, |sent| sent.gain as f64)? / self.gap()?)
    }

    /// The integral of G(share) / G(1): trapezia, which are exact on straight pieces.
    pub(super) fn apgr(&self) -> Option<f64> {
        let twice: i128 = self
            .points
            .windows(2)
            .map(|pair| {
                let width = i128::from(pair[1].rows - pair[0].rows);
                width * i128::from(pair[0].gain + pair[1].gain)
            })
            .sum();
        Some(twice as f64 / (2.0 * self.rows()? * self.gap()?))
    }

    /// The smallest share of whole rows at which PGR reaches a level.
    pub(super) fn cpt(&self, level: f64) -> Option<f64> {
        let (rows, gap) = (self.rows()?, self.gap()?);
        let target = (level - ROUNDING) * gap;
        if target <= 0.0 {
            return Some(0.0);
        }
        let next = self
            .points
            .iter()
            .position(|sent| sent.gain as f64 >= target)?;
        // The first point has gained nothing, so there is one before.
        let (before, after) = (self.points[next - 1], self.points[next]);
        let step = after.rows - before.rows;
        let rise = (after.gain - before.gain) as f64 / step as f64;
        let reached = |sent: i64| before.gain as f64 + rise * sent as f64 >= target;
        let mut sent = ((target - before.gain as f64) / rise).ceil() as i64;
        // The division may round across a whole number, so its neighbours are looked at.
        sent = sent.clamp(1, step);
        while sent > 1 && reached(sent - 1) {
            sent -= 1;
        }
        while sent < step && !reached(sent) {
            sent += 1;
        }
        Some((before.rows + sent) as f64 / rows)
    }

    /// The chance that a row which gains stands before one which does not, ties counting half.
    pub(super) fn auroc(&self) -> Option<f64> {
        let all = self.all();
        let others = all.rows - all.better;
        let half_wins: i128 = self
            .points
            .windows(2)
            .map(|pair| {
                let others = (pair[1].rows - pair[1].better) - (pair[0].rows - pair[0].better);
                i128::from(others) * i128::from(pair[0].better + pair[1].better)
            })
            .sum();
        let pairs = i128::from(all.better) * i128::from(others);
        (pairs > 0).then(|| half_wins as f64 / (2.0 * pairs as f64))
    }

    /// The mean height of the non-decreasing convex hull over the cost of one role to the other's.
    pub(super) fn aiq(&self) -> Option<f64> {
        let (rows, driver_cost) = (self.rows()?, self.driver_cost?);
        let mut points: Vec<(f64, f64)> = self
            .points
            .iter()
            .map(|sent| {
                let cost = (driver_cost + sent.cost) as f64 / PICOS / rows;
                (cost, (self.driver + sent.gain) as f64 / MILLIONTHS / rows)
            })
            .collect();
        let ends = [points[0].0, points[points.len() - 1].0];
        let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        if low >= high {
            return None;
        }
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        Some(hull_area(&points, low, high) / (high - low))
    }
}

/// The integral from `low` to `high` of the least concave, non-decreasing function that lies on or
/// above the points, which are in ascending order and begin at or below `low`.
fn hull_area(points: &[(f64, f64)], low: f64, high: f64) -> f64 {
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for &point in points {
        // More money buys nothing worse: what is below the best so far is no corner.
        if hull.last().is_some_and(|best| point.1 <= best.1) {
            continue;
        }
        while let [.., a, b] = hull[..] {
            let below = (b.1 - a.1) * (point.0 - a.0) <= (point.1 - a.1) * (b.0 - a.0);
            if !below {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    let last = hull.last().copied().unwrap_or_default();
    hull.push((high.max(last.0), last.1));
    hull.windows(2)
        .map(|pair| {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            let (from, to) = (x0.max(low), x1.min(high));
            if to <= from {
                return 0.0;
            }
            let at = |x: f64| y0 + (y1 - y0) * ((x - x0) / (x1 - x0));
            (to - from) * (at(from) + at(to)) / 2.0
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hull_is_concave_and_never_falls() {
        // The dent at 1 is bridged, the fall after 2 is levelled.
        let points = [(0.0, 0.0), (1.0, 0.2), (2.0, 1.0), (4.0, 0.5)];
        assert_eq!(hull_area(&points, 0.0, 4.0), 1.0 + 2.0);
        assert_eq!(hull_area(&points, 1.0, 2.0), 0.75);
        // Two points of one cost: the better one counts.
        let points = [(0.0, 0.1), (0.0, 0.5), (1.0, 0.5)];
        assert_eq!(hull_area(&points, 0.0, 1.0), 0.5);
    }
}
