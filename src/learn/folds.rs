//! Cross-validation: routers that were trained without some rows, and those rows.
//!
//! Three ways to leave rows out ask three questions. By prompt group: how well does the router do
//! on more of the same traffic? By time: on next week's? By task: on work of a kind that it never
//! saw? The last is what new traffic feels like.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_router::{Router, Trade};

use super::assemble;
use super::error::LearnError;
use super::fit::{self, TrainingSet};
use super::heads::HeadKind;
use super::jobs::Progress;
use super::labels::{Labels, Target};
use super::options::TrainOptions;
use super::split::Group;
use super::train::{fold_router, training_set};
use crate::catalog::Catalog;
use crate::stats;
use crate::trace::Trace;

/// Folds by group and by task.
pub(super) const FOLDS: usize = 5;
/// The share of rows, the latest, that the split by time leaves out.
const LATE: f64 = 0.3;
/// More rows than this make cross-validation slow and its intervals no narrower than one can use.
const MAX_ROWS: usize = 20_000;

/// How rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitKind {
    /// By prompt group.
    Group,
    /// The latest rows.
    Time,
    /// By task.
    Task,
}

impl SplitKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Group, Self::Time, Self::Task];

    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Time => "time",
            Self::Task => "task",
        }
    }
}

/// A router, and the rows of the trace that it did not learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldRouter {
    /// Trained as the router that ships, on the other rows.
    pub router: Router,
    /// The rows that were left out.
    pub rows: Vec<usize>,
}

/// Trains on the training rows of `options` but for each fold in turn; `head` is the kind of head
/// that ships. The text says why there are no folds, where there are none.
///
/// # Errors
/// As [`super::train`].
pub fn cross_validate(
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    trade: Trade,
    (kind, head): (SplitKind, HeadKind),
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Result<Vec<FoldRouter>, &'static str>, LearnError> {
    let targets = options.targets(catalog)?;
    let labels = options.labels(&targets, trace, catalog)?;
    let (whole, _) = training_set(trace, &labels, options);
    let set = whole.thinned(options.seed);
    let folds = match kind {
        SplitKind::Group => Ok(by_group(&set, options.seed)),
        SplitKind::Time => by_time(&set),
        SplitKind::Task => by_task(&set),
    };
    let folds = match folds {
        Ok(folds) => folds,
        Err(why) => return Ok(Err(why)),
    };
    let bare = assemble::bare_parts(&targets, catalog, trade);
    let count = folds.iter().flatten().max().map_or(0, |last| last + 1);
    let options = TrainOptions {
        model: head,
        ..options.clone()
    };
    let mut routers = Vec::with_capacity(count);
    for fold in 0..count {
        let within = |held: Progress| {
            progress(Progress {
                done: fold * held.total + held.done,
                total: count * held.total,
            });
        };
        let part = Part {
            set: &set,
            labels: &labels,
            targets: &targets,
        };
        let left_out: Vec<bool> = folds.iter().map(|of| *of == Some(fold)).collect();
        let mut fit_options = options.fit_options(&[]);
        // Calibration helps on traffic of the same kind alone; elsewhere its slope is near 1 and
        // what is wrong is the base rate, which nothing in training can see.
        fit_options.calibrated = kind == SplitKind::Group;
        match part.train(&left_out, &fit_options, &bare, &within)? {
            Some(router) => routers.push(router),
            None => return Ok(Err("a fold leaves too few rows of a model to train on")),
        }
    }
    Ok(Ok(routers))
}

/// What folds share.
struct Part<'a> {
    set: &'a TrainingSet<'a>,
    labels: &'a [Labels],
    targets: &'a [Target],
}

impl Part<'_> {
    /// A router without the rows that are left out, nor any near-equal to them; none where a model
    /// has no rows left.
    fn train(
        &self,
        left_out: &[bool],
        options: &fit::FitOptions<'_>,
        bare: &weighbridge_router::Parts,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Option<FoldRouter>, LearnError> {
        let places = 0..self.set.rows.len();
        let unseen: BTreeSet<Group> = (places.clone())
            .filter(|&at| left_out[at])
            .map(|at| self.set.groups[at])
            .collect();
        let (rows, groups): (Vec<usize>, Vec<Group>) = (places.clone())
            .filter(|&at| !left_out[at] && !unseen.contains(&self.set.groups[at]))
            .map(|at| (self.set.rows[at], self.set.groups[at]))
            .unzip();
        let set = TrainingSet {
            trace: self.set.trace,
            labels: self.labels,
            rows,
            groups,
        };
        let known = |labels: &Labels| {
            let mut rows = set.rows.iter();
            let scores = rows.clone().any(|&row| labels.score[row].is_some());
            scores && rows.any(|&row| labels.tokens[row].is_some())
        };
        if !self.labels.iter().all(known) {
            return Ok(None);
        }
        let fitted = fit::fit(&set, None, options, progress)?;
        let rows = places.filter(|&at| left_out[at]);
        Ok(Some(FoldRouter {
            router: fold_router(bare, self.targets, fitted)?,
            rows: rows.map(|at| self.set.rows[at]).collect(),
        }))
    }
}

impl TrainingSet<'_> {
    /// At most [`MAX_ROWS`] of the rows, whole prompt groups by keyed hash.
    pub(super) fn thinned(mut self, seed: u64) -> Self {
        let share = MAX_ROWS as f64 / self.rows.len().max(1) as f64;
        if share < 1.0 {
            let kept = |group: &Group| stats::uniform(seed, "thinned", group) < share;
            let rows = self.rows.into_iter().zip(self.groups);
            (self.rows, self.groups) = rows.filter(|(_, group)| kept(group)).unzip();
        }
        self
    }
}

/// For each place the fold that leaves it out, if one does.
pub(super) type Folds = Vec<Option<usize>>;

pub(super) fn by_group(set: &TrainingSet<'_>, seed: u64) -> Folds {
    let fold = |group: &Group| Some(stats::fold(seed, "cross-validation", group, FOLDS));
    set.groups.iter().map(fold).collect()
}

/// Rows from the time on that leaves about 30% of them out.
fn by_time(set: &TrainingSet<'_>) -> Result<Folds, &'static str> {
    let at = |row: &usize| set.trace.request(*row).at;
    let mut times: Vec<_> = set.rows.iter().filter_map(at).collect();
    times.sort_unstable();
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Err("no request has a time");
    };
    if first == last {
        return Err("all requests have the same time");
    }
    let goal = ((1.0 - LATE) * times.len() as f64) as usize;
    // A time that many share goes wholly to one side.
    let cut = times[goal.min(times.len() - 1)].max(times[times.partition_point(|t| t == first)]);
    let late = |row: &usize| at(row).is_some_and(|at| at >= cut).then_some(0);
    Ok(set.rows.iter().map(late).collect())
}

/// Tasks, the largest first, each to the fold with the fewest rows so far. Rows without a task are
/// trained on in every fold.
fn by_task(set: &TrainingSet<'_>) -> Result<Folds, &'static str> {
    let mut counts = BTreeMap::new();
    for row in &set.rows {
        if let Some(task) = set.trace.request(*row).task {
            *counts.entry(task).or_insert(0_usize) += 1;
        }
    }
    if counts.len() < 2 {
        return Err("there are fewer than two tasks");
    }
    let mut tasks: Vec<(&str, usize)> = counts.into_iter().collect();
    tasks.sort_by_key(|(task, count)| (std::cmp::Reverse(*count), *task));
    let mut sizes = vec![0; FOLDS.min(tasks.len())];
    let mut fold_of = BTreeMap::new();
    for (task, count) in tasks {
        let fold = (0..sizes.len())
            .min_by_key(|&fold| sizes[fold])
            .unwrap_or(0);
        sizes[fold] += count;
        fold_of.insert(task, fold);
    }
    let fold = |row: &usize| fold_of.get(set.trace.request(*row).task?).copied();
    Ok(set.rows.iter().map(fold).collect())
}
