//! A trace to a router.

use serde_json::{Value, json};
use weighbridge_router::{GroupFilter, Parts, Router, Trade};

use super::assemble;
use super::error::LearnError;
use super::fit::{self, Fitted, TrainingSet};
use super::heads::HeadKind;
use super::jobs::Progress;
use super::labels::{Labels, Target};
use super::options::TrainOptions;
use super::reference;
use super::shrink;
use super::split::{self, Group, is_held_out};
use crate::catalog::Catalog;
use crate::trace::Trace;

/// Fewer prompts than this teach nothing, and could leave a fold without rows.
const MIN_GROUPS: usize = 20;

/// A trained router and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The router: chooses by the greatest predicted net value, else the driver.
    pub router: Router,
    /// The kind of head that was chosen.
    pub head: HeadKind,
    /// The rows of the trace that were kept from training: those of the held-out prompt groups.
    pub held_out: Vec<usize>,
    /// Rows that were trained on: those with a prompt and a known outcome of some model.
    pub training_rows: usize,
    /// Those of them where the outcomes of all models are known.
    pub informative_rows: usize,
    /// The prompt groups that they are of.
    pub training_groups: usize,
    /// Rows without a prompt; they are neither trained on nor held out.
    pub without_prompt: usize,
    /// What each model's heads rest on, driver first.
    pub models: Vec<ModelRows>,
}

/// The training rows of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRows {
    /// The model.
    pub model: String,
    /// Those with a known outcome.
    pub rows: usize,
    /// The sum of their scores.
    pub right: f64,
    /// Those with a known number of output tokens.
    pub token_rows: usize,
    /// Whether Platt scaling is in the head: whether it helped on rows left out of its own fit.
    pub calibrated: bool,
}

/// Trains a pair of heads for each of the models, and puts the router together.
///
/// The same trace, options and trade give the same router on one machine, whatever the threads.
/// `progress` is called from the fitting threads.
///
/// # Errors
/// An option outside its range, a model without outcomes or without a price, too few prompts, no
/// output tokens, or one class of answers only.
pub fn train(
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    trade: Trade,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Trained, LearnError> {
    options.check()?;
    let targets = options.targets(catalog)?;
    let labels = options.labels(&targets, trace, catalog)?;
    let bare = assemble::bare_parts(&targets, catalog, trade);
    // A missing price shows now and not after minutes of fitting.
    Router::try_new(assemble::with_empty_heads(bare.clone(), &targets))?;

    let (set, held_out) = training_set(trace, &labels, options);
    for labels in &labels {
        check_labels(&set, labels)?;
    }
    let costs = assemble::mean_costs(&bare, &labels, trace);
    let fitted = fit::fit(&set, None, &options.fit_options(&costs), progress)?;

    let training_groups = split::distinct(set.groups.iter().copied());
    let without_prompt = (0..trace.len())
        .filter(|&row| trace.prompt(row).is_none())
        .count();
    let models = model_rows(&set, &fitted);
    let counts = json!({
        "training": set.rows.len(), "training_groups": training_groups.len(), "held_out": held_out.len(),
        "without_prompt": without_prompt, "models": models.iter().map(ModelRows::to_json).collect::<Vec<_>>(),
    });
    let prices = assemble::price_sources(&bare, catalog);
    let mut provenance = assemble::provenance(&set, options, fitted.kind, &counts, &prices);
    let places = assemble::sample(&set, options.seed);
    provenance["reference"] = reference::reference(&set, &places);
    let rows = labels.iter().zip(&fitted.models);
    let mut sampled: Vec<_> = rows
        .map(|(labels, fitted)| assemble::calibration_model(&labels.model, fitted, &places))
        .collect();
    shrink::apply(fitted.shrink.as_ref(), &mut sampled);
    let router = Router::try_new(Parts {
        calibration: assemble::calibration(&set, &places, sampled),
        heads: assemble::heads(&targets, &fitted.models),
        steps: fitted.steps,
        shrink: fitted.shrink,
        training: Some(GroupFilter::of(&training_groups)),
        provenance: provenance.to_string(),
        ..bare
    })?;
    let known = |row: &&usize| labels.iter().all(|labels| labels.score[**row].is_some());
    Ok(Trained {
        router,
        head: fitted.kind,
        held_out,
        training_rows: set.rows.len(),
        informative_rows: set.rows.iter().filter(known).count(),
        training_groups: training_groups.len(),
        without_prompt,
        models,
    })
}

/// The rows to train on, and those of the held-out groups.
pub(super) fn training_set<'a>(
    trace: &'a Trace,
    labels: &'a [Labels],
    options: &TrainOptions,
) -> (TrainingSet<'a>, Vec<usize>) {
    let groups = split::groups(trace);
    let draw = |group: &Group| is_held_out(&options.salt, options.holdout, group);
    let held_out = (0..trace.len())
        .filter(|&row| groups[row].as_ref().is_some_and(draw))
        .collect();
    let candidates = (0..trace.len()).filter(|&row| !groups[row].as_ref().is_none_or(draw));
    (
        TrainingSet::of(trace, labels, candidates, &groups),
        held_out,
    )
}

impl<'a> TrainingSet<'a> {
    /// Those of the rows that have a prompt and a known outcome of one of the models.
    pub(super) fn of(
        trace: &'a Trace,
        labels: &'a [Labels],
        candidates: impl Iterator<Item = usize>,
        groups: &[Option<Group>],
    ) -> Self {
        let known = |row: usize| labels.iter().any(|labels| labels.score[row].is_some());
        let (rows, groups) = candidates
            .filter(|&row| known(row))
            .filter_map(|row| Some((row, groups[row]?)))
            .unzip();
        Self {
            trace,
            labels,
            rows,
            groups,
        }
    }
}

/// Whether there is something to learn of a model.
pub(super) fn check_labels(set: &TrainingSet<'_>, labels: &Labels) -> Result<(), LearnError> {
    let model = || labels.model.clone();
    let groups_with = |known: &dyn Fn(usize) -> bool| {
        let rows = set.rows.iter().zip(&set.groups);
        let groups = rows
            .filter(|(row, _)| known(**row))
            .map(|(_, group)| *group);
        split::distinct(groups).len()
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
    let groups = groups_with(&|row| labels.score[row].is_some());
    if groups < MIN_GROUPS {
        return too_few("outcome", groups, "");
    }
    let scores: Vec<f64> = set
        .rows
        .iter()
        .filter_map(|&row| labels.score[row])
        .collect();
    for (class, percent) in [(0.0, 0), (1.0, 100)] {
        if scores.iter().all(|score| *score == class) {
            return Err(LearnError::OneClass {
                model: model(),
                percent,
                rows: scores.len(),
            });
        }
    }
    let groups = groups_with(&|row| labels.tokens[row].is_some());
    if groups < MIN_GROUPS {
        let hint = ", or import the trace with --assume-output-tokens";
        return too_few("number of output tokens", groups, hint);
    }
    Ok(())
}

impl ModelRows {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "model": self.model, "rows": self.rows, "right": self.right,
            "token_rows": self.token_rows, "calibrated": self.calibrated,
        })
    }
}

pub(super) fn model_rows(set: &TrainingSet<'_>, fitted: &Fitted) -> Vec<ModelRows> {
    let models = set.labels.iter().zip(&fitted.models);
    let rows = models.map(|(labels, fitted)| {
        let known: Vec<f64> = (set.rows.iter())
            .filter_map(|&row| labels.score[row])
            .collect();
        ModelRows {
            model: labels.model.clone(),
            rows: known.len(),
            right: known.iter().sum(),
            token_rows: set
                .rows
                .iter()
                .filter(|&&row| labels.tokens[row].is_some())
                .count(),
            calibrated: fitted.success.platt() != [1.0, 0.0],
        }
    });
    rows.collect()
}

/// The models of a fit that a router can be put together from, without sample and filter: what a
/// fold is measured with.
pub(super) fn fold_router(
    bare: &Parts,
    targets: &[Target],
    fitted: Fitted,
) -> Result<Router, LearnError> {
    Ok(Router::try_new(Parts {
        heads: assemble::heads(targets, &fitted.models),
        steps: fitted.steps,
        shrink: fitted.shrink,
        ..bare.clone()
    })?)
}

#[cfg(test)]
mod tests;
