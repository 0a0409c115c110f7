//! `train --learning-curve`: would more rows help?

use std::collections::BTreeMap;

use weighbridge_router::{Router, Trade};

use super::eval::pair;
use super::exit::{Failure, says_no, wrong_call};
use super::output::Console;
use super::train::advance;
use crate::catalog::Catalog;
use crate::evaluate::{self, EvalOptions, Fold, GrowthStep, LearningCurve};
use crate::learn::{self, Progress, TrainOptions};
use crate::replay::{Charged, Stage};
use crate::trace::Trace;

/// Train on shares of the training rows and measure each on the held-out rows, or by
/// cross-validation where there are none. `options` name the kind of head that ships.
pub(super) fn learning_curve(
    (trace, catalog): (&Trace, &Catalog),
    bound: &BTreeMap<String, String>,
    options: &TrainOptions,
    trade: Trade,
    (held_out, replicates): (&[usize], usize),
    console: &Console,
) -> Result<LearningCurve, Failure> {
    let bar = console.progress("learning curve", 1);
    let advance = |progress: Progress| advance(&bar, progress);
    let steps = learn::learning_curve(trace, catalog, options, trade, held_out, &advance)
        .map_err(says_no)?;
    bar.finish_and_clear();
    let routers: Vec<Router> = (steps.iter().flat_map(|step| &step.folds))
        .take(1)
        .map(|fold| fold.router.clone())
        .collect();
    // All of them have the same endpoints.
    let stage = Stage::new(trace, catalog, &routers, None);
    let charged = Charged::new(&stage, None, console.threads);
    let grown: Vec<GrowthStep<'_>> = (steps.iter())
        .map(|step| GrowthStep {
            rows: step.rows,
            folds: (step.folds.iter())
                .map(|fold| Fold {
                    router: &fold.router,
                    rows: fold.rows.clone(),
                })
                .collect(),
        })
        .collect();
    let eval_options = EvalOptions {
        seed: console.seed,
        replicates,
        threads: console.threads,
        values: Some(Vec::new()),
        ..EvalOptions::default()
    };
    let pair = pair(&stage, catalog, bound)?;
    evaluate::learning_curve(&stage, &charged, &grown, pair, &eval_options).map_err(wrong_call)
}
