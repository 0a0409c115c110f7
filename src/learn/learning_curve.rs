//! What fewer training rows would have given: routers that were trained on nested shares of the
//! prompt groups, all to be measured on the same rows.

use weighbridge_router::{Parts, Router, Trade};

use super::assemble;
use super::error::LearnError;
use super::fit::{self, FitOptions, TrainingSet};
use super::folds::{FOLDS, FoldRouter, by_group};
use super::jobs::Progress;
use super::labels::{Labels, Target};
use super::options::TrainOptions;
use super::split;
use super::train::{check_labels, fold_router, training_set};
use crate::catalog::Catalog;
use crate::stats;
use crate::trace::Trace;

/// The shares of the prompt groups; each has those before it.
const SHARES: [f64; 4] = [0.125, 0.25, 0.5, 1.0];

/// Routers that were trained on so many rows.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveStep {
    /// The share of the training's prompt groups.
    pub share: f64,
    /// Training rows of a router, on average.
    pub rows: usize,
    /// The routers, and the rows that each may be measured on: together the same rows at each step.
    pub folds: Vec<FoldRouter>,
}

/// Trains on an eighth, a quarter, half and all of the prompt groups of the training rows of
/// `options`, with the kind of head that `options` name, to be measured on `held_out`; where that is
/// empty, each of them by cross-validation by prompt group. Shares with too few rows to train on are
/// left out; of more than 20,000 training rows as many are drawn.
///
/// # Errors
/// As [`super::train`].
pub fn learning_curve(
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    trade: Trade,
    held_out: &[usize],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<CurveStep>, LearnError> {
    options.check()?;
    let targets = options.targets(catalog)?;
    let labels = options.labels(&targets, trace, catalog)?;
    let (whole, _) = training_set(trace, &labels, options);
    let set = whole.thinned(options.seed);
    let bare = assemble::bare_parts(&targets, catalog, trade);
    let costs = assemble::mean_costs(&bare, &labels, trace);
    let job = Job {
        fold_of: match held_out {
            [] => by_group(&set, options.seed),
            _ => vec![None; set.rows.len()],
        },
        set: &set,
        labels: &labels,
        targets: &targets,
        bare: &bare,
        options: options.fit_options(&costs),
        held_out,
    };
    let folds = job.folds();
    let total = SHARES.len() * folds;
    let mut steps = Vec::new();
    for (at, share) in SHARES.into_iter().enumerate() {
        let within = |fold: usize, held: Progress| {
            progress(Progress {
                done: (at * folds + fold) * held.total + held.done,
                total: total * held.total,
            });
        };
        match job.step(share, &within) {
            Ok(step) => steps.push(step),
            // A small share may have too little to learn from; all of it must have enough.
            Err(LearnError::TooFew { .. } | LearnError::OneClass { .. }) if share < 1.0 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(steps)
}

/// What all steps share.
struct Job<'a> {
    set: &'a TrainingSet<'a>,
    labels: &'a [Labels],
    targets: &'a [Target],
    bare: &'a Parts,
    options: FitOptions<'a>,
    held_out: &'a [usize],
    /// For each place the fold that leaves it out, if one does.
    fold_of: Vec<Option<usize>>,
}

impl Job<'_> {
    fn folds(&self) -> usize {
        if self.held_out.is_empty() { FOLDS } else { 1 }
    }

    fn step(
        &self,
        share: f64,
        progress: &(dyn Fn(usize, Progress) + Sync),
    ) -> Result<CurveStep, LearnError> {
        let mut rows = 0;
        let folds = (0..self.folds()).map(|fold| {
            let kept = self.kept(share, fold);
            rows += kept.rows.len();
            Ok(FoldRouter {
                router: self.train(&kept, &|held: Progress| progress(fold, held))?,
                rows: self.measured(fold),
            })
        });
        let folds: Vec<FoldRouter> = folds.collect::<Result<_, LearnError>>()?;
        Ok(CurveStep {
            share,
            rows: rows / folds.len().max(1),
            folds,
        })
    }

    /// The rows of a share of the groups outside a fold.
    fn kept(&self, share: f64, fold: usize) -> TrainingSet<'_> {
        let seed = self.options.seed;
        let places = (0..self.set.rows.len()).filter(|&at| {
            let drawn = stats::uniform(seed, "learning curve", &self.set.groups[at]) < share;
            drawn && self.fold_of[at] != Some(fold)
        });
        let (rows, groups): (Vec<usize>, Vec<split::Group>) = places
            .map(|at| (self.set.rows[at], self.set.groups[at]))
            .unzip();
        TrainingSet {
            trace: self.set.trace,
            labels: self.labels,
            rows,
            groups,
        }
    }

    fn train(
        &self,
        set: &TrainingSet<'_>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Router, LearnError> {
        for labels in self.labels {
            check_labels(set, labels)?;
        }
        let fitted = fit::fit(set, None, &self.options, progress)?;
        fold_router(self.bare, self.targets, fitted)
    }

    /// The rows that a fold's router is measured on.
    fn measured(&self, fold: usize) -> Vec<usize> {
        if !self.held_out.is_empty() {
            return self.held_out.to_vec();
        }
        let places = 0..self.set.rows.len();
        let left_out = places.filter(|&at| self.fold_of[at] == Some(fold));
        left_out.map(|at| self.set.rows[at]).collect()
    }
}
