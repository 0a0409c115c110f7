//! What each policy gains over the best fixed choice, by the worth of a right answer and by segment;
//! and which policies no other beats.
//!
//! Owns the differences that a decision maker looks at. The policies are as they are shipped: none
//! is decided anew at another value.

use serde::Serialize;

use super::figure::Figure;
use super::summary::{PolicyFigures, Reader, Sum};

/// What each policy gains at one worth of a right answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GainAtValue {
    /// The worth of a right answer, USD.
    pub value_usd: f64,
    /// Net value of each policy less that of the best fixed choice, USD a request, paired.
    pub policies: Vec<Figure>,
}

/// What routing gains on one segment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentGain {
    /// The field that groups.
    pub by: &'static str,
    /// Its value.
    pub segment: String,
    /// Requests of the segment.
    pub requests: u64,
    /// Their share of all requests.
    pub share_of_requests: f64,
    /// Their share of the routing policy's bill; null where costs are unknown.
    pub share_of_bill: Option<f64>,
    /// Net value of the routing policy less that of the best fixed choice, USD a request of the
    /// segment, paired.
    pub net_usd_per_request: Figure,
    /// The same difference in success.
    pub success: Figure,
    /// The same difference in cost.
    pub cost_usd_per_request: Figure,
}

/// Values below and above the middle, and how many to a doubling: break-evens of use lie below.
const BELOW: i32 = 10;
const ABOVE: i32 = 6;
const PER_DOUBLING: f64 = 2.0;

/// Gains of the first `policies` policies over `fixed` at values around `value`, else around the
/// middle of the break-evens `met`. None where success and net value are not known on the same
/// requests.
pub(super) fn gains(
    reader: &Reader<'_>,
    policies: usize,
    fixed: usize,
    value: Option<f64>,
    met: &[f64],
) -> Vec<GainAtValue> {
    let priced = if value.is_some() { Sum::Net } else { Sum::Cost };
    if reader.support(priced) == 0 || reader.support(priced) != reader.support(Sum::Success) {
        return Vec::new();
    }
    let lines: Vec<Line> = (0..policies)
        .map(|policy| Line::new(reader, [policy, fixed], priced, value))
        .collect();
    let middle = value
        .filter(|&value| value > 0.0)
        .or(middle(met))
        .unwrap_or(1.0);
    let at = |value_usd: f64| GainAtValue {
        value_usd,
        policies: lines
            .iter()
            .map(|line| line.at(value_usd, reader.support(priced)))
            .collect(),
    };
    let points = (-BELOW..=ABOVE).map(|step| middle * libm::exp2(f64::from(step) / PER_DOUBLING));
    // Two digits, so that a command can name them.
    let mut values: Vec<f64> = points
        .filter_map(|x| format!("{x:.1e}").parse().ok())
        .collect();
    if let Some(value) = value.filter(|&value| value > 0.0) {
        values[BELOW.unsigned_abs() as usize] = value;
    }
    values.into_iter().map(at).collect()
}

fn middle(met: &[f64]) -> Option<f64> {
    let mut met = met.to_vec();
    met.sort_unstable_by(f64::total_cmp);
    met.get(met.len() / 2).copied()
}

/// A policy less the fixed choice: success and what does not depend on the value, in the sample and
/// in each resample.
struct Line {
    sample: Option<[f64; 2]>,
    resamples: Vec<[f64; 2]>,
}

impl Line {
    fn new(reader: &Reader<'_>, [a, b]: [usize; 2], priced: Sum, value: Option<f64>) -> Self {
        let constant = |gain: f64, priced: f64| match value {
            Some(value) => [gain, priced - value * gain],
            None => [gain, -priced],
        };
        let difference = |sum| {
            reader
                .mean_of(a, sum)
                .zip(reader.mean_of(b, sum))
                .map(|(a, b)| a - b)
        };
        let differences = |sum| {
            let pairs = reader
                .replicates(a, sum)
                .into_iter()
                .zip(reader.replicates(b, sum));
            pairs.map(|(a, b)| a - b).collect::<Vec<f64>>()
        };
        let sample = difference(Sum::Success).zip(difference(priced));
        let resamples = differences(Sum::Success)
            .into_iter()
            .zip(differences(priced));
        Self {
            sample: sample.map(|(gain, priced)| constant(gain, priced)),
            resamples: resamples
                .map(|(gain, priced)| constant(gain, priced))
                .collect(),
        }
    }

    fn at(&self, value: f64, n: u64) -> Figure {
        let net = |[gain, constant]: &[f64; 2]| value * gain + constant;
        match &self.sample {
            None => Figure::unknown("USD", "no request is known"),
            Some(sample) => Figure::known(net(sample), "USD", n)
                .with_replicates(self.resamples.iter().map(net).collect())
                .on("paired, the policies as they are"),
        }
    }
}

/// What `routing` gains over `fixed` on one segment.
pub(super) fn segment_gain(
    reader: &Reader<'_>,
    [routing, fixed]: [usize; 2],
    by: &'static str,
    segment: &str,
    whole: &Reader<'_>,
) -> SegmentGain {
    let difference = |sum, unit| {
        let means = reader.mean_of(routing, sum).zip(reader.mean_of(fixed, sum));
        let Some((a, b)) = means else {
            return Figure::unknown(unit, "no request of the segment is known");
        };
        let pairs = reader
            .replicates(routing, sum)
            .into_iter()
            .zip(reader.replicates(fixed, sum));
        Figure::known(a - b, unit, reader.support(sum))
            .with_replicates(pairs.map(|(a, b)| a - b).collect())
            .on("paired")
    };
    let bill = |reader: &Reader<'_>| reader.cell.policies[routing].cost as f64;
    SegmentGain {
        by,
        segment: segment.to_owned(),
        requests: reader.cell.requests,
        share_of_requests: reader.cell.requests as f64 / whole.cell.requests.max(1) as f64,
        share_of_bill: (bill(whole) > 0.0).then(|| bill(reader) / bill(whole)),
        net_usd_per_request: difference(Sum::Net, "USD"),
        success: difference(Sum::Success, "share"),
        cost_usd_per_request: difference(Sum::Cost, "USD"),
    }
}

/// The names of those that no other beats in success at no more cost, cheapest first.
pub(super) fn front<'p>(all: impl Iterator<Item = &'p PolicyFigures>) -> Vec<String> {
    let known = |it: &PolicyFigures| {
        let cost = it.cost_usd_per_request.x?;
        Some((cost, it.success.x?, it.name.clone()))
    };
    let mut all: Vec<(f64, f64, String)> = all.filter_map(known).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    all.retain(|(_, success, _)| {
        let beats = *success > best;
        best = best.max(*success);
        beats
    });
    all.into_iter().map(|(.., name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_gain_at_any_value_with_its_interval() {
        let line = Line {
            sample: Some([0.1, -1.0]),
            resamples: vec![[0.05, -1.0], [0.15, -1.0]],
        };
        let figure = line.at(20.0, 7);
        assert_eq!((figure.x, figure.n), (Some(1.0), 7));
        let [low, high] = figure.ci95.unwrap();
        assert!(low < 0.1 && high > 1.9, "{low} {high}");
        assert_eq!(middle(&[9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(middle(&[]), None);
    }
}
