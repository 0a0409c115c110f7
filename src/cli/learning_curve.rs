//! `train --learning-curve`: would more rows help?

use std::slice;

use weighbridge_router::Router;

use super::eval::pair;
use super::exit::{Failure, says_no};
use super::output::Console;
use super::train::advance;
use super::train_measure::REPLICATES;
use crate::catalog::Catalog;
use crate::evaluate::{self, EvalOptions, Fold, GrowthStep, LearningCurve};
use crate::learn::{self, CurveStep, Progress, TrainOptions, Trained};
use crate::replay::{Charged, Stage};
use crate::trace::Trace;

/// Train on shares of the training rows, with the kind of head and the trade of the router that
/// ships, and measure each on the held-out rows, or by cross-validation where there are none.
pub(super) fn learning_curve(
    trained: &Trained,
    router: &Router,
    (trace, catalog): (&Trace, &Catalog),
    options: &TrainOptions,
    console: &Console,
) -> Result<LearningCurve, Failure> {
    let options = TrainOptions {
        model: trained.head,
        ..options.clone()
    };
    let trade = router.trade().unwrap_or_default();
    let bar = console.progress("learning curve", 1);
    let progress = |progress: Progress| advance(&bar, progress);
    let held_out = &trained.held_out;
    let steps = learn::learning_curve(trace, catalog, &options, trade, held_out, &progress)
        .map_err(says_no)?;
    bar.finish_and_clear();
    // The routers of all steps have the endpoints of this one.
    let stage = Stage::new(trace, catalog, slice::from_ref(router), None);
    let charged = Charged::new(&stage, None, console.threads);
    let bound = router.parts().roles.iter().cloned().collect();
    let pair = pair(&stage, catalog, &bound)?;
    let grown: Vec<GrowthStep<'_>> = steps.iter().map(grown).collect();
    let options = EvalOptions {
        seed: console.seed,
        replicates: REPLICATES,
        threads: console.threads,
        ..EvalOptions::default()
    };
    evaluate::learning_curve(&stage, &charged, &grown, pair, &options).map_err(says_no)
}

fn grown(step: &CurveStep) -> GrowthStep<'_> {
    let folds = step.folds.iter().map(|fold| Fold {
        router: &fold.router,
        rows: fold.rows.clone(),
    });
    GrowthStep {
        rows: step.rows,
        folds: folds.collect(),
    }
}
