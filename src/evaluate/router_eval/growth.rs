//! Routers that were trained on more and more rows, measured on the same requests: are more rows
//! worth recording?
//!
//! Owns the comparison of each step with the one before and the verdict on the last. The routers
//! come from whoever trained them.

use serde::Serialize;

use super::frame::Frame;
use super::ground::Ground;
use super::{EvalError, EvalOptions, Fold, net, ranking, trade_of};
use crate::evaluate::compare::{Comparison, Verdict};
use crate::evaluate::curve::MeasuredRanking;
use crate::evaluate::figure::Figure;
use crate::replay::{Charged, Stage};

/// A gain of APGR that is not worth twice the rows.
const LITTLE_APGR: f64 = 0.02;
/// The same as a part of the net value.
const LITTLE_NET: f64 = 0.01;

/// Routers that were trained on so many rows, to be measured.
#[derive(Debug, Clone)]
pub struct GrowthStep<'a> {
    /// Training rows.
    pub rows: usize,
    /// The routers with the requests that each is measured on; at each step the same requests.
    pub folds: Vec<Fold<'a>>,
}

/// A learning curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearningCurve {
    /// Fewest rows first.
    pub steps: Vec<GrowthFigures>,
    /// Whether more rows are worth recording.
    pub verdict: Growth,
    /// That in words, with the figures that it rests on.
    pub sentence: String,
}

/// The figures of one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GrowthFigures {
    /// Training rows of a router.
    pub training_rows: u64,
    /// Requests that it was measured on.
    pub requests: u64,
    /// Area under the deferral curve.
    pub apgr: Figure,
    /// Net value at the trade, USD a request.
    pub net_usd_per_request: Figure,
    /// APGR less that of the step before, on the same requests and resamples; null at the first.
    pub apgr_gain: Option<Comparison>,
    /// Net value less that of the step before, likewise.
    pub net_gain: Option<Comparison>,
}

/// Whether more rows are worth recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// The last step gained for certain, and perhaps much.
    Rising,
    /// Whatever the last step gained is little.
    Flat,
    /// The last step lost.
    Falling,
    /// These requests cannot tell.
    CannotTell,
}

/// What is kept of a step to compare the next one with.
struct Measured {
    ranking: Option<MeasuredRanking>,
    net: Option<net::OwnNet>,
}

/// Measure routers that were trained on more and more rows.
///
/// `pair` has the places in the stage of driver and specialist; without it there is net value alone.
///
/// # Errors
/// Where a router has no heads for the model of either role, or not those of the first router.
pub fn learning_curve(
    stage: &Stage<'_>,
    charged: &Charged,
    steps: &[GrowthStep<'_>],
    pair: Option<[u16; 2]>,
    options: &EvalOptions,
) -> Result<LearningCurve, EvalError> {
    let mut figures: Vec<GrowthFigures> = Vec::with_capacity(steps.len());
    let mut before: Option<Measured> = None;
    for (at, step) in steps.iter().enumerate() {
        let frame = Frame::new(stage, charged, &step.folds, options)?;
        let roles = pair.map(|pair| frame.roles(pair)).transpose()?;
        let ground = Ground::new(&frame, trade_of(&step.folds));
        let measured = Measured {
            ranking: roles.map(|roles| ranking::of_router(&frame, roles)),
            net: net::own(&frame, &ground),
        };
        let rows = |at: usize| format!("{} rows", steps[at].rows);
        let gains = before.as_ref().map(|before| {
            let names = [rows(at), rows(at - 1)];
            measured.less(before, [&names[0], &names[1]])
        });
        let [apgr_gain, net_gain] = gains.unwrap_or_default();
        let no_net = || Figure::unknown("USD", "no endpoint of the portfolio has a net value");
        let no_roles = || Figure::unknown("ratio", "ranking figures are about two roles");
        figures.push(GrowthFigures {
            training_rows: step.rows as u64,
            requests: frame.predicted() as u64,
            apgr: (measured.ranking.as_ref())
                .map_or_else(no_roles, |held| held.metrics.apgr.clone()),
            net_usd_per_request: (measured.net.as_ref())
                .map_or_else(no_net, |held| held.figure.clone()),
            apgr_gain,
            net_gain,
        });
        before = Some(measured);
    }
    let (verdict, sentence) = judge(&figures);
    Ok(LearningCurve {
        steps: figures,
        verdict,
        sentence,
    })
}

impl Measured {
    /// APGR and net value less those of another step.
    fn less(&self, before: &Self, names: [&str; 2]) -> [Option<Comparison>; 2] {
        let rankings = self.ranking.as_ref().zip(before.ranking.as_ref());
        let apgr = rankings.and_then(|(own, other)| {
            let compared = own.against(names[0], &[(names[1], other)]);
            compared.into_iter().find(|held| held.figure == "apgr")
        });
        let nets = self.net.as_ref().zip(before.net.as_ref());
        [apgr, nets.and_then(|(own, other)| own.less(names, other))]
    }
}

/// The verdict on the last step: by APGR where there is one, else by net value.
fn judge(steps: &[GrowthFigures]) -> (Growth, String) {
    let last = steps
        .last()
        .zip(steps.len().checked_sub(2).map(|at| &steps[at]));
    let Some((last, before)) = last else {
        let why = "too few rows to train on parts of them: nothing tells whether more would help";
        return (Growth::CannotTell, why.to_owned());
    };
    let little_net = last
        .net_usd_per_request
        .x
        .map_or(0.0, |x| LITTLE_NET * x.abs());
    let judged = match (&last.apgr_gain, &last.net_gain) {
        (Some(gain), _) => Some((gain, LITTLE_APGR)),
        (None, Some(gain)) => Some((gain, little_net)),
        (None, None) => None,
    };
    let growth = judged.map_or(Growth::CannotTell, |(gain, little)| growth(gain, little));
    let shown = |gain: &Comparison, scale: f64, unit: &str| {
        let x = gain.difference.x.unwrap_or_default() * scale;
        let interval = gain
            .difference
            .ci95
            .map_or_else(String::new, |[low, high]| {
                format!(" [{:+.3}, {:+.3}]", low * scale, high * scale)
            });
        format!("{x:+.3}{interval} {unit}")
    };
    let gains = [
        last.apgr_gain.as_ref().map(|gain| shown(gain, 1.0, "APGR")),
        last.net_gain
            .as_ref()
            .map(|gain| shown(gain, 1000.0, "USD of net value a thousand requests")),
    ];
    let gains: Vec<String> = gains.into_iter().flatten().collect();
    let gained = match gains.is_empty() {
        true => "nothing that can be measured".to_owned(),
        false => gains.join(" and "),
    };
    let sentence = format!(
        "from {} to {} training rows the router gained {gained}: {}",
        before.training_rows,
        last.training_rows,
        growth.words()
    );
    (growth, sentence)
}

/// Little where the whole interval is below what is little; else by the comparison's own verdict.
fn growth(gain: &Comparison, little: f64) -> Growth {
    let high = gain.difference.ci95.map(|[_, high]| high);
    match (gain.verdict, high) {
        (Verdict::Worse, _) => Growth::Falling,
        (Verdict::Same, _) => Growth::Flat,
        (_, Some(high)) if high < little => Growth::Flat,
        (Verdict::Better, _) => Growth::Rising,
        _ => Growth::CannotTell,
    }
}

impl Growth {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Rising => "still rising, more rows are worth recording",
            Self::Flat => "more rows are hardly worth it",
            Self::Falling => "more rows made it worse; look whether the later ones are alike",
            Self::CannotTell => "these requests cannot tell whether more rows are worth it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(rows: u64, gain: Option<(f64, [f64; 2], Verdict)>) -> GrowthFigures {
        let comparison = |(x, ci95, verdict): (f64, [f64; 2], Verdict)| Comparison {
            a: "a".into(),
            b: "b".into(),
            figure: "apgr",
            difference: Figure {
                ci95: Some(ci95),
                ..Figure::known(x, "ratio", 500)
            },
            p_adjusted: Some(0.5),
            verdict,
            requests_to_tell: None,
        };
        GrowthFigures {
            training_rows: rows,
            requests: 500,
            apgr: Figure::known(0.7, "ratio", 500),
            net_usd_per_request: Figure::unknown("USD", "no"),
            apgr_gain: gain.map(comparison),
            net_gain: None,
        }
    }

    #[test]
    fn a_doubling_that_gains_little_for_certain_is_hardly_worth_it() {
        let verdict =
            |x, ci95, verdict| judge(&[step(500, None), step(1000, Some((x, ci95, verdict)))]).0;
        let told = [
            verdict(0.004, [-0.003, 0.011], Verdict::CannotTell),
            verdict(0.004, [0.001, 0.007], Verdict::Better),
            verdict(0.04, [0.01, 0.07], Verdict::Better),
            verdict(0.02, [-0.02, 0.06], Verdict::CannotTell),
            verdict(-0.04, [-0.06, -0.02], Verdict::Worse),
        ];
        let wanted = [
            Growth::Flat,
            Growth::Flat,
            Growth::Rising,
            Growth::CannotTell,
            Growth::Falling,
        ];
        assert_eq!(told, wanted);
        let few = judge(&[step(500, None)]);
        assert!(few.0 == Growth::CannotTell && few.1.contains("too few rows"));
        let gain = (0.004, [-0.003, 0.011], Verdict::CannotTell);
        assert_eq!(
            judge(&[step(500, None), step(1000, Some(gain))]).1,
            "from 500 to 1000 training rows the router gained +0.004 [-0.003, +0.011] APGR: more rows are hardly worth it"
        );
    }
}
