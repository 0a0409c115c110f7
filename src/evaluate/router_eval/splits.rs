//! The same router, or recipe, measured on several splits of the traffic, side by side.
//!
//! A split by prompt group has the tasks of training in the test, which new traffic need not have; a
//! split by time has later requests; a split by task has tasks that training never saw. Owns their
//! comparison; the evaluations come from [`evaluate_folds`](super::evaluate_folds).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::RouterEvaluation;
use crate::evaluate::compare::Verdict;
use crate::evaluate::figure::Figure;

/// Several splits side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Splits {
    /// `group`, `time`, `task`.
    pub splits: BTreeMap<String, Split>,
    /// The split that says most of new traffic: `task` where it was measured, else `time`, else
    /// `group`.
    pub headline: String,
    /// What the training of the file recorded of its own splits, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    /// Where the split by group flatters.
    pub warnings: Vec<String>,
}

/// One split: its figures, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Split {
    /// The figures.
    #[serde(flatten)]
    pub figures: Option<SplitFigures>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The figures of an evaluation that splits are compared in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitFigures {
    /// Requests with a prompt.
    pub requests: u64,
    /// Different tasks among them.
    pub tasks: u64,
    /// Routers that they were measured on.
    pub folds: usize,
    /// Success of the specialist less that of the driver.
    pub gap: Figure,
    /// As in [`CurveMetrics`](crate::evaluate::CurveMetrics), with all that follow.
    pub apgr: Figure,
    /// See `apgr`.
    pub cpt50: Figure,
    /// See `apgr`.
    pub cpt80: Figure,
    /// See `apgr`.
    pub pgr05: Figure,
    /// See `apgr`.
    pub pgr10: Figure,
    /// See `apgr`.
    pub auroc: Figure,
    /// See `apgr`.
    pub aiq: Figure,
    /// See `apgr`.
    pub gain_per_1000_at_05: Figure,
    /// See `apgr`.
    pub gain_per_1000_at_10: Figure,
    /// Slope of the observed on the predicted gain.
    pub gain_slope: Figure,
    /// Model and its calibration error.
    pub ece: BTreeMap<String, Figure>,
    /// Net value at the file's trade.
    pub net_usd_per_request: Figure,
    /// The best simple policy; null where nothing has a net value.
    pub best_simple: Option<String>,
    /// Net value of the router less that of the best simple policy.
    pub difference: Figure,
    /// Whether the router is better.
    pub verdict: Verdict,
}

impl From<&RouterEvaluation> for SplitFigures {
    fn from(evaluation: &RouterEvaluation) -> Self {
        let ranking = evaluation.ranking.clone();
        let calibration = evaluation.calibration.iter();
        let net = evaluation.net.as_ref();
        let no_net = || Figure::unknown("USD", "there is no net value at the file's trade");
        Self {
            requests: evaluation.requests,
            tasks: evaluation.tasks,
            folds: evaluation.folds,
            gap: evaluation.gap.clone(),
            apgr: ranking.apgr,
            cpt50: ranking.cpt50,
            cpt80: ranking.cpt80,
            pgr05: ranking.pgr05,
            pgr10: ranking.pgr10,
            auroc: ranking.auroc,
            aiq: ranking.aiq,
            gain_per_1000_at_05: ranking.gain_per_1000_at_05,
            gain_per_1000_at_10: ranking.gain_per_1000_at_10,
            gain_slope: evaluation.gain_slope.clone(),
            ece: calibration
                .map(|(model, held)| (model.clone(), held.after.ece.clone()))
                .collect(),
            net_usd_per_request: net
                .and_then(|net| net.at.policies.first())
                .map_or_else(no_net, |router| router.net_usd_per_request.clone()),
            best_simple: net.map(|net| net.best_simple.clone()),
            difference: net.map_or_else(no_net, |net| net.difference.clone()),
            verdict: net.map_or(Verdict::CannotTell, |net| net.verdict),
        }
    }
}

/// Put evaluations of named splits side by side: `group`, `time` and `task`, each measured or with
/// the reason why it was not. `recorded` is what the file says of its own training.
#[must_use]
pub fn side_by_side(
    named: &[(&str, Result<&RouterEvaluation, String>)],
    recorded: Option<Value>,
) -> Splits {
    let splits: BTreeMap<String, Split> = named
        .iter()
        .map(|(name, evaluation)| {
            let split = Split {
                figures: evaluation
                    .as_ref()
                    .ok()
                    .map(|held| SplitFigures::from(*held)),
                why: evaluation.as_ref().err().cloned(),
            };
            ((*name).to_owned(), split)
        })
        .collect();
    let figures = |name: &str| splits.get(name)?.figures.as_ref();
    let headline = ["task", "time"]
        .into_iter()
        .find(|name| figures(name).is_some());
    let warnings = figures("group").zip(figures("task"));
    Splits {
        headline: headline.unwrap_or("group").to_owned(),
        warnings: warnings.map_or_else(Vec::new, |(group, task)| flattery(group, task)),
        recorded,
        splits,
    }
}

/// Where the split by group is better than the split by task by more than the interval of their
/// difference, taken as if the two were independent.
fn flattery(group: &SplitFigures, task: &SplitFigures) -> Vec<String> {
    let figures = [
        ("APGR", 1.0, &group.apgr, &task.apgr),
        (
            "net value over the best simple policy, USD per 1,000 requests,",
            1000.0,
            &group.difference,
            &task.difference,
        ),
    ];
    let half = |figure: &Figure| figure.ci95.map(|[low, high]| (high - low) / 2.0);
    let flatters = |(name, scale, group, task): (&str, f64, &Figure, &Figure)| {
        let (a, b) = group.x.zip(task.x)?;
        let width = libm::hypot(half(group)?, half(task)?);
        (a - b > width).then(|| {
            format!(
                "the split by prompt group flatters: its {name} is {:.4}, on tasks that were never seen it is {:.4}; new traffic feels like the latter",
                scale * a,
                scale * b
            )
        })
    };
    figures.into_iter().filter_map(flatters).collect()
}
