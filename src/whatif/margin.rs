//! What the next hundredth of the traffic would gain and cost at the specialist.

use serde::Serialize;

use super::paired::Differences;
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
        gain: gain.figure(PER, "right answers", bootstrap).0,
        cost_usd: bill.figure(PER, "USD", bootstrap).0,
        minutes: Differences::new(from, to, wait)
            .figure(PER, "minutes", bootstrap)
            .0,
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
