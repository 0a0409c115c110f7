//! The steps and heads of all models on one training set.
//!
//! In three rounds, each a number of independent jobs: what the words say of each model, out of
//! fold and on all rows; the heads on the dense columns, likewise; and what is made of the
//! out-of-fold predictions: the kind of head, its calibration, the smearing of tokens.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use weighbridge_router::{LogLinear, Recipe, Shrink, Step, Success, WordScores};

use super::boost::{self, Binned};
use super::error::LearnError;
use super::heads::{self, HeadKind, Members};
use super::jobs::{self, Progress};
use super::labels::Labels;
use super::logistic::Copies;
use super::matrix::{Dense, Matrix, Sparse, WordCounts};
use super::recipe::{self, FeatureGroups, WEIGHT};
use super::split::{self, Group};
use super::{logistic, shrink, tokens, words};
use crate::stats;
use crate::trace::Trace;

/// The L2 penalty of the linear head against a loss that is a sum over rows.
const ALPHA: f64 = 10.0;
/// The most that a row may weigh against one of the largest task.
const MAX_TIMES: f64 = 8.0;
/// Where grades multiply the rows, there are about so many of them.
const MAX_COPIES: f64 = 200_000.0;
/// What the dense matrices of fits that run at the same time may take together.
const DENSE_BYTES: usize = 2 << 30;

/// What a fit is made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct FitOptions<'a> {
    pub(super) groups: &'a FeatureGroups,
    pub(super) kind: HeadKind,
    /// How many out-of-fold folds.
    pub(super) folds: usize,
    /// What the folds are keyed by.
    pub(super) seed: u64,
    pub(super) threads: usize,
    /// Whether heads for output tokens are wanted.
    pub(super) tokens: bool,
    /// Whether the heads are calibrated, which takes out-of-fold predictions.
    pub(super) calibrated: bool,
    /// Mean cost of a request by model, USD; what the kind of head is chosen by.
    pub(super) costs: &'a [f64],
}

impl FitOptions<'_> {
    /// Fits of the heads of a model, out of fold ones first.
    fn head_fits(&self) -> usize {
        let out_of_fold = self.calibrated || self.kind == HeadKind::Auto;
        if out_of_fold { self.folds + 1 } else { 1 }
    }

    /// How many jobs a fit for `models` models is.
    pub(super) fn jobs(&self, models: usize) -> usize {
        let words = if self.groups.has("words") {
            self.folds + 1
        } else {
            0
        };
        models * (words + self.head_fits())
    }
}

/// The steps of a router file that a new model's heads must fit.
pub(super) struct Frozen {
    /// All but the word scores.
    pub(super) shared: Vec<Step>,
    pub(super) words: Option<WordScores>,
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
    /// The kind that was chosen, where it was to be chosen.
    pub(super) kind: HeadKind,
    /// In the order of the labels.
    pub(super) models: Vec<FittedModel>,
    /// What takes the models' differences back; none of a single model.
    pub(super) shrink: Option<Shrink>,
}

/// One model's heads, and what they say of rows that they were not fitted on.
pub(super) struct FittedModel {
    pub(super) success: Success,
    /// The calibrated out-of-fold probability of each training row, not shrunk; empty where not
    /// asked for.
    pub(super) success_out_of_fold: Vec<f64>,
    /// The token head, where it was wanted.
    pub(super) output_tokens: Option<LogLinear>,
    /// The out-of-fold logarithm of the tokens of each training row, not smeared.
    pub(super) log_tokens_out_of_fold: Vec<f64>,
}

/// What one model is fitted on.
struct ModelRows {
    /// Places among the rows with a known score, the scores, and the rows' weights.
    scored: Vec<usize>,
    scores: Vec<f64>,
    /// The scores as multiples of one over `grades`.
    graded: Vec<f64>,
    grades: u32,
    cases: Vec<f64>,
    /// The mean weight of all rows of the set.
    unit: f64,
    /// Places with known tokens, and the tokens.
    counted: Vec<usize>,
    tokens: Vec<f64>,
}

/// What the first round fitted.
struct OwnWords {
    /// The step of the recipe.
    step: WordScores,
    /// Each model's column.
    columns: Vec<Vec<f64>>,
}

/// What one job of the second round fitted.
pub(super) struct HeadFit {
    pub(super) members: Result<Members, String>,
    pub(super) tokens: Option<LogLinear>,
}

/// Fits steps and heads; with `frozen`, on that file's steps.
///
/// # Errors
/// Where there are too many tasks, or a model cannot be fitted.
pub(super) fn fit(
    set: &TrainingSet<'_>,
    frozen: Option<&Frozen>,
    options: &FitOptions<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Fitted, LearnError> {
    let shared = match frozen {
        Some(frozen) => frozen.shared.clone(),
        None => recipe::fit(set.trace, &set.rows, options.groups)?,
    };
    let tasks = match shared.last() {
        Some(Step::Tag(tag)) => tag.values.len(),
        _ => 0,
    };
    let matrix = Matrix::compute(&Recipe::try_new(shared.clone())?, set.trace, &set.rows);
    let fold_of = |group| split::fold_of(options.seed, options.folds, group);
    let folds: Vec<usize> = set.groups.iter().map(fold_of).collect();
    let cases = set.cases();
    let rows_of = |labels| set.rows_of(labels, &cases, options.seed);
    let models: Vec<ModelRows> = set.labels.iter().map(rows_of).collect();
    let done = AtomicUsize::new(0);
    let tick = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress(Progress {
            done,
            total: options.jobs(models.len()),
        });
    };
    let job = Job {
        set,
        options,
        matrix: &matrix,
        tasks: matrix.columns() - tasks..matrix.columns(),
        folds: &folds,
        models: &models,
        tick: &tick,
    };
    let own = job.words(frozen)?;
    let columns: Vec<Option<&[f64]>> = match &own {
        Some(own) => own.columns.iter().map(|column| Some(&column[..])).collect(),
        None => vec![None; models.len()],
    };
    let fits = job.heads(&columns);
    let known = frozen.and_then(|frozen| Some(frozen.words.as_ref()?.scores.len()));
    let layout = heads::Layout {
        shared: matrix.columns(),
        before: known.unwrap_or(0),
        scores: own.as_ref().map_or(0, |own| own.step.scores.len()),
    };
    let fitted = job.assemble(fits, &columns, layout)?;
    let mut steps = shared;
    steps.extend(own.map(|own| Step::WordScores(own.step)));
    Ok(Fitted {
        steps,
        shrink: shrink::shrink(set.labels, &set.rows),
        ..fitted
    })
}

impl TrainingSet<'_> {
    /// The weight of each row: one over the root of the number of rows of its task, at least 1. A
    /// task of many rows counts for more than one of few, but not in proportion, since new tasks
    /// are drawn from tasks and not from rows.
    fn cases(&self) -> Vec<f64> {
        let mut counts = BTreeMap::new();
        for &row in &self.rows {
            *counts.entry(self.trace.task(row)).or_insert(0.0) += 1.0;
        }
        let most = counts.values().copied().fold(1.0, f64::max);
        let case = |row: &usize| (most / counts[&self.trace.task(*row)]).sqrt();
        self.rows
            .iter()
            .map(|row| case(row).min(MAX_TIMES))
            .collect()
    }

    fn rows_of(&self, labels: &Labels, cases: &[f64], seed: u64) -> ModelRows {
        let total: f64 = cases.iter().sum();
        let known = self.rows.iter().filter_map(|&row| labels.score[row]);
        let graded = known.clone().any(|score| score != 0.0 && score != 1.0);
        let room = MAX_COPIES / (known.count().max(1) as f64);
        let mut found = ModelRows {
            unit: total / cases.len().max(1) as f64,
            grades: if graded {
                (room as u32).clamp(2, 10)
            } else {
                1
            },
            scored: Vec::new(),
            scores: Vec::new(),
            graded: Vec::new(),
            cases: Vec::new(),
            counted: Vec::new(),
            tokens: Vec::new(),
        };
        for (place, &row) in self.rows.iter().enumerate() {
            if let Some(score) = labels.score[row] {
                found.scored.push(place);
                found.scores.push(score);
                // Rounded up or down by a draw, so that grades are right on the mean.
                let draw = stats::uniform(seed, "grade", &self.groups[place]);
                let grades = f64::from(found.grades);
                found.graded.push((score * grades + draw).floor() / grades);
                found.cases.push(cases[place]);
            }
            if let Some(tokens) = labels.tokens[row] {
                found.counted.push(place);
                found.tokens.push(tokens);
            }
        }
        found
    }
}

impl ModelRows {
    /// Those weights with a mean of 1 over the whole set.
    fn scaled(&self, cases: &[f64]) -> Vec<f64> {
        cases.iter().map(|case| case / self.unit).collect()
    }
}

/// What all rounds of a fit share.
pub(super) struct Job<'a> {
    set: &'a TrainingSet<'a>,
    pub(super) options: &'a FitOptions<'a>,
    pub(super) matrix: &'a Matrix,
    /// The columns of the tasks, which are the last of the shared ones.
    tasks: Range<usize>,
    pub(super) folds: &'a [usize],
    models: &'a [ModelRows],
    tick: &'a (dyn Fn() + Sync),
}

impl Job<'_> {
    /// The step of word scores, and each model's column; none where words are off.
    fn words(&self, frozen: Option<&Frozen>) -> Result<Option<OwnWords>, LearnError> {
        let known = frozen.and_then(|frozen| frozen.words.clone());
        let on = match frozen {
            Some(_) => known.is_some(),
            None => self.options.groups.has("words"),
        };
        if !on {
            return Ok(None);
        }
        let mut step = known.unwrap_or(WordScores {
            bits: words::BITS,
            idf: Vec::new(),
            weight: WEIGHT,
            scores: Vec::new(),
        });
        let counts = WordCounts::of(step.bits, self.set.trace, &self.set.rows);
        if step.idf.is_empty() {
            step.idf = counts.idf();
        }
        let sparse: Sparse = counts.weighed(&step.idf);
        let fits = self.options.folds + 1;
        let found = jobs::run(fits * self.models.len(), self.options.threads, |job| {
            let (model, left_out) = (&self.models[job / fits], self.left_out(job % fits));
            let places = self.kept(&model.scored, &model.scored, left_out);
            let scores = self.kept(&model.scored, &model.scores, left_out);
            let cases = self.kept(&model.scored, &model.cases, left_out);
            let fit = words::fit(&sparse, &places, &scores, &model.scaled(&cases));
            (self.tick)();
            fit
        });
        let mut columns = Vec::with_capacity(self.models.len());
        for (labels, fits) in self.set.labels.iter().zip(found.chunks(fits)) {
            let fitted = words::assemble(&labels.model, &sparse, self.folds, fits);
            step.scores.push(fitted.score);
            columns.push(fitted.column);
        }
        Ok(Some(OwnWords { step, columns }))
    }

    /// The heads of each model: one fit a fold, where they are wanted, the last on all rows.
    fn heads(&self, columns: &[Option<&[f64]>]) -> Vec<Vec<HeadFit>> {
        let fits = self.options.head_fits();
        let shared = self.matrix.columns();
        let value = |row: usize, column: usize| self.matrix.row(row)[column];
        let trees = self.options.kind != HeadKind::Logistic;
        let binned =
            trees.then(|| Binned::new(self.set.rows.len(), shared, self.tasks.clone(), value));
        let dense = 3 * self.set.rows.len() * (shared + 1) * size_of::<f64>();
        let threads = self.options.threads.min(DENSE_BYTES / dense.max(1)).max(1);
        let found = jobs::run(fits * self.models.len(), threads, |job| {
            let model = job / fits;
            let left_out = if fits == 1 {
                None
            } else {
                self.left_out(job % fits)
            };
            let fit = self.head(
                &self.models[model],
                columns[model],
                binned.as_ref(),
                left_out,
            );
            (self.tick)();
            fit
        });
        let mut found = found.into_iter();
        (0..self.models.len())
            .map(|_| found.by_ref().take(fits).collect())
            .collect()
    }

    /// The heads of a model on the rows outside a fold.
    fn head(
        &self,
        model: &ModelRows,
        own: Option<&[f64]>,
        binned: Option<&Binned>,
        left_out: Option<usize>,
    ) -> HeadFit {
        let places = self.kept(&model.scored, &model.scored, left_out);
        let scores = self.kept(&model.scored, &model.scores, left_out);
        let graded = self.kept(&model.scored, &model.graded, left_out);
        let cases = self.kept(&model.scored, &model.cases, left_out);
        let copies = Copies {
            cases: &cases,
            grades: model.grades,
            unit: model.unit,
        };
        let dense = |places| Dense {
            matrix: self.matrix,
            own,
            places,
        };
        let linear = (self.options.kind != HeadKind::Trees)
            .then(|| match left_out {
                None => logistic::fit(&dense(&places), &graded, copies, ALPHA),
                Some(_) => {
                    let cases = model.scaled(&cases);
                    Ok(logistic::copy(&dense(&places), &scores, &cases, ALPHA))
                }
            })
            .transpose();
        let trees =
            binned.map(|binned| boost::fit(binned, &places, &scores, &model.scaled(&cases)));
        let tokens = self.options.tokens.then(|| {
            let places = self.kept(&model.counted, &model.counted, left_out);
            let seen = self.kept(&model.counted, &model.tokens, left_out);
            let shared = Dense {
                matrix: self.matrix,
                own: None,
                places: &places,
            };
            tokens::fit(&shared, &seen)
        });
        HeadFit {
            members: linear.map(|linear| Members { linear, trees }),
            tokens,
        }
    }

    /// Those of the values, one for each of the places, whose row is outside a fold.
    fn kept<T: Copy>(&self, places: &[usize], values: &[T], left_out: Option<usize>) -> Vec<T> {
        let rows = places.iter().zip(values);
        rows.filter(|(place, _)| Some(self.folds[**place]) != left_out)
            .map(|(_, value)| *value)
            .collect()
    }

    /// The fold that a fit leaves out; the last leaves none out.
    fn left_out(&self, fit: usize) -> Option<usize> {
        Some(fit).filter(|fold| *fold < self.options.folds)
    }

    pub(super) fn model_name(&self, model: usize) -> &str {
        &self.set.labels[model].model
    }

    pub(super) fn models(&self) -> usize {
        self.models.len()
    }

    /// The score of each training row for a model, none where unknown.
    pub(super) fn score(&self, model: usize, place: usize) -> Option<f64> {
        self.set.labels[model].score[self.set.rows[place]]
    }

    /// The tokens of each training row for a model.
    pub(super) fn tokens_of(&self, model: usize, place: usize) -> Option<f64> {
        self.set.labels[model].tokens[self.set.rows[place]]
    }
}
