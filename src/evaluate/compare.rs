//! Policies against each other, on the same requests and the same bootstrap resamples.

use serde::Serialize;

use super::figure::Figure;
use super::resample::with_interval;
use super::summary::{Reader, Sum};
use crate::stats::{Z_95, bootstrap_p_value, holm, normal_p_value, standard_error, units_to_tell};

/// One policy against another in one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The policy.
    pub a: String,
    /// What it is compared with.
    pub b: String,
    /// The figure's name in the report.
    pub figure: &'static str,
    /// The figure of `a` less that of `b`.
    pub difference: Figure,
    /// The probability of such a difference or a greater one were there none, after Holm's
    /// correction for all comparisons of this figure.
    pub p_adjusted: Option<f64>,
    /// Whether `a` is better.
    pub verdict: Verdict,
    /// How many such requests would tell a true difference of this size, at 80% power.
    pub requests_to_tell: Option<u64>,
}

/// What a comparison comes to, at 5%.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// `a` is better.
    Better,
    /// `a` is worse.
    Worse,
    /// The requests at hand cannot tell.
    CannotTell,
    /// The two are the same on every request.
    Same,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::CannotTell => "cannot tell",
            Self::Same => "the same",
        }
    }
}

const FIGURES: [(Sum, &str, &str); 3] = [
    (Sum::Net, "net_usd_per_request", "USD"),
    (Sum::Success, "success", "share"),
    (Sum::Cost, "cost_usd_per_request", "USD"),
];

/// Compare each pair (a, b) of policies in net value, success and cost.
pub(super) fn compare(reader: &Reader<'_>, pairs: &[(usize, usize)]) -> Vec<Comparison> {
    FIGURES
        .iter()
        .flat_map(|&(sum, figure, unit)| compare_figure(reader, pairs, sum, figure, unit))
        .collect()
}

fn compare_figure(
    reader: &Reader<'_>,
    pairs: &[(usize, usize)],
    sum: Sum,
    figure: &'static str,
    unit: &'static str,
) -> Vec<Comparison> {
    let names = &reader.tally.spec().policies;
    let mut family = Vec::new();
    for &(a, b) in pairs {
        let Some((x, y)) = reader.mean_of(a, sum).zip(reader.mean_of(b, sum)) else {
            continue;
        };
        let replicates: Vec<f64> = reader
            .replicates(a, sum)
            .into_iter()
            .zip(reader.replicates(b, sum))
            .map(|(a, b)| a - b)
            .collect();
        let n = reader.support(sum);
        let same = x == y && replicates.iter().all(|&difference| difference == 0.0);
        // Without resamples the products of costs still tell how far their difference varies.
        let analytic = if sum == Sum::Cost {
            reader.cost_difference_error(a, b)
        } else {
            None
        };
        let error = standard_error(&replicates).or(analytic);
        let p = bootstrap_p_value(&replicates)
            .or(analytic.map(|error| normal_p_value((x - y) / error)));
        let mut difference = Figure::known(x - y, unit, n)
            .with_replicates(replicates)
            .on("paired");
        if let (None, Some(error)) = (difference.ci95, analytic) {
            difference.ci95 = Some([x - y - Z_95 * error, x - y + Z_95 * error]);
        }
        family.push(Difference {
            a: names[a].clone(),
            b: names[b].clone(),
            difference,
            p,
            error,
            same,
        });
    }
    judge(figure, sum != Sum::Cost, family)
}

/// A figure of `a` less that of `b`, before it is judged beside the others of its family.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub(super) a: String,
    pub(super) b: String,
    pub(super) difference: Figure,
    /// The two-sided p-value of no difference, where it can be told.
    pub(super) p: Option<f64>,
    /// The standard error, where it can be told.
    pub(super) error: Option<f64>,
    /// Whether the two are the same on every request.
    pub(super) same: bool,
}

impl Difference {
    /// From the difference of the sample and those of the same resamples; one that has no value in
    /// more than a twentieth of them has neither interval nor p-value.
    pub(super) fn paired(
        [a, b]: [&str; 2],
        x: f64,
        unit: &'static str,
        n: u64,
        replicates: &[Option<f64>],
    ) -> Self {
        let difference = with_interval(Figure::known(x, unit, n).on("paired"), replicates);
        let known: Vec<f64> = replicates.iter().copied().flatten().collect();
        let told = difference.ci95.is_some();
        let error = standard_error(&known).filter(|_| told);
        Self {
            a: a.to_owned(),
            b: b.to_owned(),
            p: p_value(x, &known, error).filter(|_| told),
            error,
            same: x == 0.0 && told && known.iter().all(|&difference| difference == 0.0),
            difference,
        }
    }
}

/// The bootstrap's p-value; where no resample lies on the other side of zero, it says no more than
/// how many resamples there are, and the normal tail of their standard error takes over where it is
/// smaller.
fn p_value(x: f64, replicates: &[f64], error: Option<f64>) -> Option<f64> {
    let counted = bootstrap_p_value(replicates)?;
    let one_sided = replicates.iter().all(|&difference| difference * x > 0.0);
    let normal = error
        .filter(|_| one_sided)
        .map(|error| normal_p_value(x / error));
    Some(normal.map_or(counted, |normal| normal.min(counted)))
}

/// Verdicts on one figure of a family of pairs, by Holm's correction over all of them.
pub(super) fn judge(
    figure: &'static str,
    higher_is_better: bool,
    family: Vec<Difference>,
) -> Vec<Comparison> {
    let p = |held: &Difference| held.p.filter(|_| !held.same);
    let known: Vec<f64> = family.iter().filter_map(p).collect();
    let mut adjusted = holm(&known).into_iter();
    let judged = family.into_iter().map(|held| {
        let p_adjusted = p(&held).and_then(|_| adjusted.next());
        let x = held.difference.x.unwrap_or(0.0);
        let told = p_adjusted.is_some_and(|p| p < 0.05);
        let verdict = match (held.same, told, (x > 0.0) == higher_is_better) {
            (true, _, _) => Verdict::Same,
            (_, false, _) => Verdict::CannotTell,
            (_, true, true) => Verdict::Better,
            (_, true, false) => Verdict::Worse,
        };
        Comparison {
            a: held.a,
            b: held.b,
            figure,
            requests_to_tell: held
                .error
                .and_then(|error| units_to_tell(x, held.difference.n, error)),
            difference: held.difference,
            p_adjusted,
            verdict,
        }
    });
    judged.collect()
}
