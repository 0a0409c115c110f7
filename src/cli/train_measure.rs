//! What a training is worth, on rows that it did not learn from: the held-out ones, and routers
//! trained like it with groups, late rows and tasks left out.

use std::slice;

use serde_json::{Map, Value};
use weighbridge_router::{Router, Trade};

use super::eval::pair;
use super::exit::{Failure, says_no};
use super::output::Console;
use super::train::advance;
use crate::catalog::Catalog;
use crate::evaluate::{
    Clustered, EvalOptions, Fold, NetVerdict, RouterEvaluation, Splits, evaluate_folds,
    side_by_side,
};
use crate::learn::{
    FoldRouter, Guard, Progress, SplitKind, TrainOptions, Trained, cross_validate, fenced,
    other_tasks,
};
use crate::replay::{Charged, SegmentKey, Stage};
use crate::report::TrainingParts;
use crate::trace::Trace;

/// Bootstrap replicates behind the intervals of a training's own evaluation.
pub(super) const REPLICATES: usize = 500;

/// What was measured.
pub(super) struct Measured {
    /// The router that ships on the held-out rows; none where none were kept.
    held_out: Option<RouterEvaluation>,
    /// Cross-validated on the training rows, with the reason where that cannot be.
    by_kind: Vec<(SplitKind, Result<RouterEvaluation, String>)>,
    splits: Splits,
    /// The gain on tasks that were left out, before any was left to a fixed choice.
    raw_on_tasks: Option<Clustered>,
    /// What takes tasks that the router was not trained on.
    other_tasks: Option<String>,
}

/// Measures a router that was trained with these options and has its trade.
pub(super) fn measure(
    trained: &Trained,
    router: &Router,
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    guarded: bool,
    console: &Console,
) -> Result<Measured, Failure> {
    let trade = router.trade().unwrap_or_default();
    let whole = EvalOptions {
        seed: console.seed,
        replicates: REPLICATES,
        threads: console.threads,
        values: None,
        by: vec![SegmentKey::Task, SegmentKey::Length],
        rules: Vec::new(),
        resample_tasks: false,
    };
    let held_out = match trained.held_out.is_empty() {
        true => None,
        false => {
            let fold = FoldRouter {
                router: router.clone(),
                rows: trained.held_out.clone(),
            };
            Some(evaluated(&[fold], trace, catalog, &whole)?)
        }
    };
    // Where rows were held out, the details are measured there.
    let light = match &held_out {
        Some(_) => EvalOptions {
            values: Some(Vec::new()),
            by: Vec::new(),
            ..whole.clone()
        },
        None => whole,
    };
    let (mut by_kind, mut raw_on_tasks, mut left) = (Vec::new(), None, None);
    for kind in SplitKind::ALL {
        let folds = folds(kind, trained, trade, trace, catalog, options, console)?;
        let measured = match folds {
            Ok(folds) => {
                let light = EvalOptions {
                    resample_tasks: kind == SplitKind::Task,
                    ..light.clone()
                };
                let raw = evaluated(&folds, trace, catalog, &light)?;
                if kind == SplitKind::Task {
                    raw_on_tasks = raw.net.as_ref().map(|net| net.over_fixed.clone());
                    left = raw_on_tasks
                        .as_ref()
                        .filter(|_| guarded)
                        .and_then(other_tasks);
                }
                Ok(match &left {
                    Some(to) => evaluated(&fences(folds, to)?, trace, catalog, &light)?,
                    None => raw,
                })
            }
            Err(why) => Err(why.to_owned()),
        };
        by_kind.push((kind, measured));
    }
    let named: Vec<(&str, Result<&RouterEvaluation, String>)> = by_kind
        .iter()
        .map(|(kind, measured)| (kind.name(), measured.as_ref().map_err(Clone::clone)))
        .collect();
    let splits = side_by_side(&named, None);
    Ok(Measured {
        held_out,
        by_kind,
        splits,
        raw_on_tasks,
        other_tasks: left,
    })
}

/// The folds with routers that leave the tasks which they do not know to a target, as the router
/// that ships will.
fn fences(folds: Vec<FoldRouter>, to: &str) -> Result<Vec<FoldRouter>, Failure> {
    let fence = |fold: FoldRouter| {
        let router = fenced(fold.router, to).map_err(says_no)?;
        Ok(FoldRouter { router, ..fold })
    };
    folds.into_iter().map(fence).collect()
}

fn folds(
    kind: SplitKind,
    trained: &Trained,
    trade: Trade,
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    console: &Console,
) -> Result<Result<Vec<FoldRouter>, &'static str>, Failure> {
    let bar = console.progress(&format!("cross-validating by {}", kind.name()), 1);
    let head = (kind, trained.head);
    let progress = |progress: Progress| advance(&bar, progress);
    let folds = cross_validate(trace, catalog, options, trade, head, &progress).map_err(says_no)?;
    bar.finish_and_clear();
    Ok(folds)
}

fn evaluated(
    folds: &[FoldRouter],
    trace: &Trace,
    catalog: &Catalog,
    options: &EvalOptions,
) -> Result<RouterEvaluation, Failure> {
    // All of them have the same endpoints and roles.
    let first = &folds[0].router;
    let stage = Stage::new(trace, catalog, slice::from_ref(first), None);
    let charged = Charged::new(&stage, None, options.threads);
    let bound = first.parts().roles.iter().cloned().collect();
    let pair = pair(&stage, catalog, &bound)?;
    let folds: Vec<Fold<'_>> = (folds.iter())
        .map(|fold| Fold {
            router: &fold.router,
            rows: fold.rows.clone(),
        })
        .collect();
    evaluate_folds(&stage, &charged, &folds, pair, options).map_err(says_no)
}

impl Measured {
    fn of(&self, kind: SplitKind) -> Option<&RouterEvaluation> {
        let found = self.by_kind.iter().find(|(held, _)| *held == kind)?;
        found.1.as_ref().ok()
    }

    /// On more traffic of the same kind: on the held-out rows, else cross-validated by group.
    pub(super) fn net(&self) -> Option<&NetVerdict> {
        let group = self.of(SplitKind::Group);
        self.held_out.as_ref().or(group)?.net.as_ref()
    }

    /// The guard, with the gain on tasks that were left out, where there are several.
    pub(super) fn guard(&self, trained: &Trained, router: &Router, off: bool) -> Guard {
        let by_group = self.of(SplitKind::Group).and_then(|held| held.net.as_ref());
        let by_group = by_group.map(|net| net.over_fixed.clone());
        let gain = self.raw_on_tasks.clone().or(by_group);
        let driver = &router.parts().fallback[0];
        Guard::of(trained.informative_rows, gain, driver, off)
            .with_other_tasks(self.other_tasks.clone())
    }

    /// What the router file keeps of it.
    pub(super) fn provenance(&self) -> Result<Map<String, Value>, serde_json::Error> {
        let mut found = Map::new();
        found.insert("splits".into(), serde_json::to_value(&self.splits.splits)?);
        if let Some(held_out) = &self.held_out {
            let all = serde_json::to_value(held_out)?;
            let kept = [
                "n",
                "apgr",
                "cpt50",
                "cpt80",
                "pgr05",
                "pgr10",
                "auroc",
                "aiq",
                "gain_slope",
                "gap",
            ];
            let metrics = kept
                .iter()
                .filter_map(|&name| Some((name.to_owned(), all.get(name)?.clone())))
                .collect();
            found.insert("held_out".into(), Value::Object(metrics));
        }
        Ok(found)
    }

    pub(super) fn into_parts(self) -> TrainingParts {
        let cross_validated = match self.held_out {
            Some(_) => None,
            None => self
                .by_kind
                .into_iter()
                .find_map(|(kind, held)| held.ok().filter(|_| kind == SplitKind::Group)),
        };
        TrainingParts {
            evaluation: self.held_out,
            cross_validated,
            splits: self.splits,
        }
    }
}
