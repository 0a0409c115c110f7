//! The heads of all models on one training set: out of fold for calibration, then on all rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use weighbridge_router::{LogLinear, Logistic, Recipe, Step};

use super::error::LearnError;
use super::jobs::{self, Progress};
use super::labels::Labels;
use super::matrix::Matrix;
use super::recipe::{self, RecipeOptions};
use super::split::{self, Group};
use super::{logistic, platt, tokens};
use crate::trace::Trace;

/// Fewer prompts than this teach nothing, and could leave a fold without rows.
const MIN_GROUPS: usize = 20;
/// What the dense matrices of fits that run at the same time may take together.
const DENSE_BYTES: usize = 2 << 30;

/// What a fit is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct FitOptions {
    pub(super) recipe: RecipeOptions,
    /// The penalty on the success heads, see [`logistic`].
    pub(super) alpha: f64,
    /// How many out-of-fold folds.
    pub(super) folds: usize,
    /// What the folds are keyed by.
    pub(super) seed: u64,
    pub(super) threads: usize,
    /// Whether heads for output tokens are wanted.
    pub(super) tokens: bool,
}

/// Rows to train on, all with a prompt.
pub(super) struct TrainingSet<'a> {
    pub(super) trace: &'a Trace,
    /// Each model's labels, for all rows of the trace.
    pub(super) labels: &'a [Labels],
    pub(super) rows: Vec<usize>,
    /// The prompt group of each of `rows`.
    pub(super) groups: Vec<Group>,
}

/// The heads of all models.
pub(super) struct Fitted {
    pub(super) steps: Vec<Step>,
    pub(super) recipe: Recipe,
    /// In the order of the labels.
    pub(super) models: Vec<FittedModel>,
}

/// One model's heads, and what they say of rows that they were not fitted on.
pub(super) struct FittedModel {
    /// Fitted on all training rows, calibrated out of fold.
    pub(super) success: Logistic,
    /// The calibrated out-of-fold probability of each training row.
    pub(super) success_out_of_fold: Vec<f64>,
    /// The token head, where it was wanted.
    pub(super) output_tokens: Option<LogLinear>,
    /// The out-of-fold logarithm of the tokens of each training row, not smeared.
    pub(super) log_tokens_out_of_fold: Vec<f64>,
}

/// The heads that one job fitted.
struct Pair {
    success: Result<Logistic, String>,
    output_tokens: Option<LogLinear>,
}

/// Fits the recipe and the heads.
///
/// # Errors
/// Where a model has too few rows, rows of one class only, or cannot be fitted.
pub(super) fn fit(
    set: &TrainingSet<'_>,
    options: &FitOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Fitted, LearnError> {
    for labels in set.labels {
        set.check(labels, options.tokens)?;
    }
    let steps = recipe::fit(set.trace, &set.rows, &options.recipe)?;
    let recipe = Recipe::try_new(steps.clone())?;
    let matrix = Matrix::compute(&recipe, set.trace, &set.rows);
    let fold_of = |group| split::fold_of(options.seed, options.folds, group);
    let folds: Vec<usize> = set.groups.iter().map(fold_of).collect();

    let fits = fits_of(options.folds);
    let total = fits * set.labels.len();
    let done = AtomicUsize::new(0);
    let dense = set.rows.len() * matrix.columns() * size_of::<f64>();
    let threads = options.threads.min(DENSE_BYTES / dense.max(1)).max(1);
    let pairs = jobs::run(total, threads, |job| {
        // The last fit of a model leaves no fold out.
        let left_out = Some(job % fits).filter(|fold| *fold < options.folds);
        let kept = |at: &usize| Some(folds[*at]) != left_out;
        let pair = set.pair(&set.labels[job / fits], &matrix, options, kept);
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress(Progress { done, total });
        pair
    });
    let mut pairs = pairs.into_iter();
    let models = set
        .labels
        .iter()
        .map(|labels| set.calibrated(labels, &matrix, &folds, pairs.by_ref().take(fits).collect()))
        .collect::<Result<_, _>>()?;
    Ok(Fitted {
        steps,
        recipe,
        models,
    })
}

/// How many fits a model takes.
pub(super) fn fits_of(folds: usize) -> usize {
    folds + 1
}

impl TrainingSet<'_> {
    fn check(&self, labels: &Labels, tokens: bool) -> Result<(), LearnError> {
        let model = || labels.model.clone();
        let groups_with = |known: &dyn Fn(usize) -> bool| {
            let rows = self.rows.iter().zip(&self.groups);
            split::distinct(
                rows.filter(|(row, _)| known(**row))
                    .map(|(_, group)| *group),
            )
            .len()
        };
        let too_few = |what, groups, hint| {
            Err(LearnError::TooFew {
                model: model(),
                what,
                groups,
                needed: MIN_GROUPS,
                hint,
            })
        };
        let groups = groups_with(&|row| labels.right[row].is_some());
        if groups < MIN_GROUPS {
            return too_few("outcome", groups, "");
        }
        let right: Vec<bool> = (self.rows.iter())
            .filter_map(|&row| labels.right[row])
            .collect();
        for (class, percent) in [(false, 0), (true, 100)] {
            if right.iter().all(|right| *right == class) {
                return Err(LearnError::OneClass {
                    model: model(),
                    percent,
                    rows: right.len(),
                });
            }
        }
        let groups = groups_with(&|row| labels.log_tokens[row].is_some());
        if tokens && groups < MIN_GROUPS {
            let hint = ", or import the trace with --assume-output-tokens";
            return too_few("number of output tokens", groups, hint);
        }
        Ok(())
    }

    /// The heads of a model on those rows of the matrix that are kept and known.
    fn pair(
        &self,
        labels: &Labels,
        matrix: &Matrix,
        options: &FitOptions,
        kept: impl Fn(&usize) -> bool,
    ) -> Pair {
        let (mut at, mut right) = (Vec::new(), Vec::new());
        let (mut counted, mut logs) = (Vec::new(), Vec::new());
        for i in (0..self.rows.len()).filter(kept) {
            if let Some(label) = labels.right[self.rows[i]] {
                at.push(i);
                right.push(label);
            }
            if let Some(log) = labels.log_tokens[self.rows[i]] {
                counted.push(i);
                logs.push(log);
            }
        }
        Pair {
            success: logistic::fit(matrix, &at, &right, options.alpha),
            output_tokens: options
                .tokens
                .then(|| tokens::fit(matrix, &counted, &logs, tokens::ALPHA)),
        }
    }

    /// One model's heads from its fits: one a fold, the last on all rows.
    fn calibrated(
        &self,
        labels: &Labels,
        matrix: &Matrix,
        folds: &[usize],
        pairs: Vec<Pair>,
    ) -> Result<FittedModel, LearnError> {
        let (mut successes, mut token_heads) = (Vec::new(), Vec::new());
        for pair in pairs {
            let success = pair.success.map_err(|message| LearnError::Fit {
                model: labels.model.clone(),
                message: message.replace('\n', " "),
            })?;
            successes.push(success);
            token_heads.extend(pair.output_tokens);
        }
        let mut success = successes.pop().expect("there is a fit on all rows");
        let scores: Vec<f64> = (folds.iter().enumerate())
            .map(|(i, &fold)| logistic::score(&successes[fold], matrix.row(i)))
            .collect();
        let scored = (self.rows.iter().zip(folds).zip(&scores))
            .filter_map(|((&row, &fold), &z)| {
                let right = labels.right[row]?;
                Some(platt::Scored { z, right, fold })
            })
            .collect::<Vec<_>>();
        success.platt = platt::gated(&scored, successes.len());
        let success_out_of_fold = (folds.iter().enumerate())
            .map(|(i, &fold)| {
                successes[fold].platt = success.platt;
                successes[fold].probability(matrix.row(i))
            })
            .collect();
        let mut output_tokens = token_heads.pop();
        let mut log_tokens_out_of_fold = Vec::new();
        if let Some(head) = &mut output_tokens {
            let log =
                |(i, &fold): (usize, &usize)| tokens::log_of(&token_heads[fold], matrix.row(i));
            log_tokens_out_of_fold = folds.iter().enumerate().map(log).collect();
            let residuals: Vec<f64> = (self.rows.iter().zip(&log_tokens_out_of_fold))
                .filter_map(|(&row, predicted)| Some(labels.log_tokens[row]? - predicted))
                .collect();
            head.smearing = tokens::smearing(&residuals);
        }
        Ok(FittedModel {
            success,
            success_out_of_fold,
            output_tokens,
            log_tokens_out_of_fold,
        })
    }
}
