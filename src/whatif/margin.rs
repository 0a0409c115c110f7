//! What the next hundredth of the traffic would gain and cost at the specialist.

use serde::Serialize;

use super::search::{Kind, Measured, Search};
use crate::evaluate::{Bootstrap, Figure, with_interval};
use crate::replay::{Charged, Decisions};

/// The share of traffic that is asked about.
const STEP: f64 = 0.01;
/// Figures are for so many requests.
const PER: f64 = 1000.0;

/// What comes of sending more requests away from the driver, for each 1,000 requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Margin {
    /// The learned policy that picks the requests.
    pub policy: String,
    /// The share of requests that do not go to the driver before.
    pub share_from: f64,
    /// And after.
    pub share_to: f64,
    /// The worth of a right answer at which it picks them.
    pub value_usd: Option<f64>,
    /// Right answers gained.
    pub gain: Figure,
    /// USD more.
    pub cost_usd: Figure,
    /// Minutes of waiting more, over all of them.
    pub minutes: Figure,
    /// Worth of a right answer from which it pays, in USD, waiting aside.
    pub break_even_value_usd: Figure,
}

impl Margin {
    /// Its figures by their names in the plan.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, &Figure); 4] {
        [
            ("gain", &self.gain),
            ("cost_usd", &self.cost_usd),
            ("minutes", &self.minutes),
            ("break_even_value_usd", &self.break_even_value_usd),
        ]
    }
}

/// The two contenders of a learned policy between which the next hundredth lies, beginning at that
/// share; none where nothing learned is at hand or the share cannot grow.
pub(super) fn neighbours<'s>(search: &'s Search<'_>, from: &Measured) -> Option<[&'s Measured; 2]> {
    search.driver()?;
    let learned = |it: &&Measured| it.contender.kind == Kind::Learned;
    let base = if from.contender.kind == Kind::Learned {
        from.contender.base
    } else {
        // Of several learned policies the one that is best at about that share.
        let reached = |it: &&Measured| it.share >= from.share + STEP / 2.0;
        let all = search.measured.iter().filter(learned).filter(reached);
        all.min_by(|a, b| {
            let near = |it: &Measured| ((it.share - from.share - STEP) / STEP).round();
            near(a)
                .total_cmp(&near(b))
                .then(b.success.total_cmp(&a.success))
        })?
        .contender
        .base
    };
    let family = search.measured.iter().filter(learned);
    let family: Vec<&Measured> = family.filter(|it| it.contender.base == base).collect();
    let nearest = |share: f64| {
        let far = |it: &&&Measured| (it.share - share).abs();
        family
            .iter()
            .min_by(|a, b| far(a).total_cmp(&far(b)))
            .copied()
    };
    let before = nearest(from.share)?;
    let after = nearest(before.share + STEP).filter(|it| it.share > before.share)?;
    Some([before, after])
}

/// The margin between two policies that decided the same requests.
pub(super) fn margin(
    [before, after]: [&Measured; 2],
    charged: &Charged,
    [from, to]: [&Decisions; 2],
    bootstrap: Bootstrap<'_>,
) -> Margin {
    let score = |endpoint, row| {
        charged
            .score(endpoint, row)
            .map(|score| f64::from(score) / 1e6)
    };
    let cost = |endpoint, row| charged.cost(endpoint, row).map(|usd| usd.to_f64());
    let wait = |endpoint, row| {
        charged
            .latency_ms(endpoint, row)
            .map(|ms| f64::from(ms) / 60_000.0)
    };
    let gain = Differences::new(from, to, score);
    let bill = Differences::new(from, to, cost);
    Margin {
        policy: after.contender.name.clone(),
        share_from: before.share,
        share_to: after.share,
        value_usd: after.contender.trade.map(|trade| trade.value.to_f64()),
        break_even_value_usd: break_even(&gain, &bill, bootstrap),
        gain: gain.figure("right answers", bootstrap),
        cost_usd: bill.figure("USD", bootstrap),
        minutes: Differences::new(from, to, wait).figure("minutes", bootstrap),
    }
}

/// A figure of one policy less that of another, request by request.
struct Differences {
    /// 0 where a request is left out.
    values: Vec<f64>,
    /// Whether a request counts: both are known.
    known: Vec<bool>,
}

impl Differences {
    fn new(from: &Decisions, to: &Decisions, of: impl Fn(u16, usize) -> Option<f64>) -> Self {
        let expected = |decisions: &Decisions, row: usize| {
            let masses = decisions.get(row).masses.iter();
            masses
                .map(|&(endpoint, share)| Some(of(endpoint, row)? * f64::from(share.0) / 1e6))
                .sum::<Option<f64>>()
        };
        let difference = |row: usize| {
            // Where both choose alike there is no difference, known or not.
            if from.get(row).masses == to.get(row).masses {
                return Some(0.0);
            }
            Some(expected(to, row)? - expected(from, row)?)
        };
        let all: Vec<Option<f64>> = (0..from.len()).map(difference).collect();
        Self {
            values: all.iter().map(|it| it.unwrap_or(0.0)).collect(),
            known: all.iter().map(Option::is_some).collect(),
        }
    }

    fn count(&self) -> u64 {
        self.known.iter().filter(|known| **known).count() as u64
    }

    /// The sum of the values and of the requests that count.
    fn sums(&self, weight: impl Fn(usize) -> f64) -> (f64, f64) {
        let rows = (0..self.values.len()).filter(|&row| self.known[row]);
        rows.fold((0.0, 0.0), |(sum, count), row| {
            let weight = weight(row);
            (sum + weight * self.values[row], count + weight)
        })
    }

    fn figure(&self, unit: &'static str, bootstrap: Bootstrap<'_>) -> Figure {
        let mean = |(sum, count): (f64, f64)| (count > 0.0).then(|| PER * sum / count);
        let Some(x) = mean(self.sums(|_| 1.0)) else {
            return Figure::unknown(unit, "the trace tells it of no request");
        };
        let drawn = bootstrap.replicates(|weights| mean(self.sums(|row| f64::from(weights[row]))));
        let (n, all) = (self.count(), self.values.len());
        let evidence = if n == all as u64 {
            "full, paired".to_owned()
        } else {
            format!("{n} of {all} requests, paired")
        };
        with_interval(Figure::known(x, unit, n).on(evidence), &drawn)
    }
}

/// USD for each right answer gained; none where nothing is gained.
fn break_even(gain: &Differences, bill: &Differences, bootstrap: Bootstrap<'_>) -> Figure {
    let value = |weight: &dyn Fn(usize) -> f64| {
        let ((right, n), (usd, m)) = (gain.sums(weight), bill.sums(weight));
        (n > 0.0 && m > 0.0 && right > 0.0).then(|| (usd / m) / (right / n))
    };
    let Some(x) = value(&|_| 1.0) else {
        return Figure::unknown(
            "USD",
            "it gains no right answer, so that no value pays for it",
        );
    };
    let drawn = bootstrap.replicates(|weights| value(&|row| f64::from(weights[row])));
    with_interval(
        Figure::known(x, "USD", gain.count()).on("cost over gain, paired"),
        &drawn,
    )
}
