//! Training as a whole: what is asked for, the hold-out, the fit, and the router that comes of it.

use serde_json::{Value, json};
use weighbridge_router::{
    Calibration, CalibrationModel, Choose, Endpoint, GroupFilter, Heads, LogLinear, Logistic,
    Parts, Router, Trade,
};

use super::error::LearnError;
use super::fit::{self, FitOptions, Fitted, TrainingSet};
use super::jobs::Progress;
use super::labels::{Labels, Target};
use super::recipe::RecipeOptions;
use super::split::{self, Group, is_held_out};
use crate::catalog::Catalog;
use crate::stats;
use crate::trace::Trace;

/// The version of the fitting library that is built in; a test compares it with the lock file.
const LINFA_LOGISTIC: &str = "0.8.1";

/// What to train, and how. The defaults of the numbers were chosen by cross-validation on the
/// training parts of RouteLLM's MMLU answers.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// The everyday model: a model, an alias, or an endpoint.
    pub driver: String,
    /// The expensive one.
    pub specialist: String,
    /// What the hold-out is keyed by.
    pub salt: String,
    /// What the out-of-fold folds and the calibration rows are keyed by.
    pub seed: u64,
    /// The share of prompt groups that is kept from training; from 0 to below 1.
    pub holdout: f64,
    /// How many out-of-fold folds; 2 to 20.
    pub folds: usize,
    /// Words are folded into `2^bits` columns; 4 to 12, for the fit is dense.
    pub bits: u8,
    /// The L2 penalty against a loss that is a sum over rows; above 0.
    pub alpha: f64,
    /// What standardised surface features are multiplied by: the smaller, the stronger the penalty
    /// on them beside that on words; 0 to 1,000.
    pub surface_weight: f64,
    /// Whether the task is a feature, where the trace has tasks.
    pub tags: bool,
    /// From which graded score an answer counts as right; else the header of the trace says.
    pub pass_at: Option<f64>,
    /// How many fits may run at a time; bears on no result.
    pub threads: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            driver: String::new(),
            specialist: String::new(),
            salt: "weighbridge".to_owned(),
            seed: 0,
            holdout: 0.4,
            folds: 5,
            bits: 10,
            alpha: 20.0,
            surface_weight: 0.1,
            tags: true,
            pass_at: None,
            threads: 1,
        }
    }
}

/// A trained router and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The router: chooses by the greatest predicted net value, else the driver.
    pub router: Router,
    /// The rows of the trace that were kept from training: those of the held-out prompt groups.
    pub held_out: Vec<usize>,
    /// Rows that were trained on: those with a prompt and a known outcome of either model.
    pub training_rows: usize,
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
    /// Those of them that it got right.
    pub right: usize,
    /// Those with a known number of output tokens.
    pub token_rows: usize,
    /// Whether Platt scaling is in the head: whether it helped on rows left out of its own fit.
    pub calibrated: bool,
}

/// Trains a pair of heads for each of the two models, and puts the router together.
///
/// The same trace, options and trade give the same router on one machine, whatever the threads.
/// `progress` is called from the fitting threads.
///
/// # Errors
/// An option outside its range, a model without outcomes or without a price, graded scores without
/// a pass mark, too few prompts, no output tokens, or one class of answers only.
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
    let bare = bare_parts(&targets, catalog, trade);
    // A missing price shows now and not after minutes of fitting.
    Router::try_new(with_empty_heads(bare.clone(), &targets))?;

    let groups = split::groups(trace);
    let draw = |group: &Group| is_held_out(&options.salt, options.holdout, group);
    let held_out = (0..trace.len())
        .filter(|&row| groups[row].as_ref().is_some_and(draw))
        .collect::<Vec<_>>();
    let candidates = (0..trace.len()).filter(|&row| !groups[row].as_ref().is_none_or(draw));
    let set = TrainingSet::of(trace, &labels, candidates, &groups);
    let fitted = fit::fit(&set, &options.fit_options(true), progress)?;

    let training_groups = split::distinct(set.groups.iter().copied());
    let without_prompt = groups.iter().filter(|group| group.is_none()).count();
    let models = model_rows(&set, &fitted);
    let counts = json!({
        "training": set.rows.len(), "training_groups": training_groups.len(), "held_out": held_out.len(),
        "without_prompt": without_prompt, "models": models.iter().map(ModelRows::to_json).collect::<Vec<_>>(),
    });
    let prices = price_sources(&bare, catalog);
    let router = Router::try_new(Parts {
        calibration: calibration(&set, &fitted, options.seed),
        steps: fitted.steps,
        heads: heads(&targets, fitted.models),
        training: Some(GroupFilter::of(&training_groups)),
        provenance: provenance(trace, options, &counts, &prices),
        ..bare
    })?;
    Ok(Trained {
        router,
        held_out,
        training_rows: set.rows.len(),
        training_groups: training_groups.len(),
        without_prompt,
        models,
    })
}

impl ModelRows {
    fn to_json(&self) -> Value {
        json!({
            "model": self.model, "rows": self.rows, "right": self.right,
            "token_rows": self.token_rows, "calibrated": self.calibrated,
        })
    }
}

impl TrainOptions {
    pub(super) fn check(&self) -> Result<(), LearnError> {
        let rules = [
            (
                "holdout",
                (0.0..1.0).contains(&self.holdout),
                self.holdout.to_string(),
                "a share from 0 to below 1",
            ),
            (
                "folds",
                (2..=20).contains(&self.folds),
                self.folds.to_string(),
                "from 2 to 20",
            ),
            (
                "bits",
                (4..=12).contains(&self.bits),
                self.bits.to_string(),
                "from 4 to 12",
            ),
            (
                "alpha",
                self.alpha > 0.0 && self.alpha <= 1e9,
                self.alpha.to_string(),
                "above 0 and up to 1e9",
            ),
            (
                "surface weight",
                (0.0..=1000.0).contains(&self.surface_weight),
                self.surface_weight.to_string(),
                "from 0 to 1000",
            ),
            (
                "pass_at",
                self.pass_at
                    .is_none_or(|score| (0.0..=1.0).contains(&score)),
                format!("{:?}", self.pass_at),
                "a score from 0 to 1",
            ),
        ];
        match rules.into_iter().find(|(_, kept, _, _)| !kept) {
            None => Ok(()),
            Some((option, _, value, range)) => Err(LearnError::Option {
                option,
                message: format!("{value} is not {range}"),
            }),
        }
    }

    /// Driver and specialist, in this order.
    pub(super) fn targets(&self, catalog: &Catalog) -> Result<[Target; 2], LearnError> {
        let targets = [
            Target::named("driver", &self.driver, catalog),
            Target::named("specialist", &self.specialist, catalog),
        ];
        if targets[0].model == targets[1].model {
            let model = &targets[0].model;
            return Err(LearnError::Option {
                option: "specialist",
                message: format!("`{model}` is the driver as well; name two different models"),
            });
        }
        Ok(targets)
    }

    pub(super) fn labels(
        &self,
        targets: &[Target],
        trace: &Trace,
        catalog: &Catalog,
    ) -> Result<Vec<Labels>, LearnError> {
        let pass_at = self.pass_at.or(trace.header().pass_at);
        targets
            .iter()
            .map(|target| Labels::of(target, trace, catalog, pass_at))
            .collect()
    }

    pub(super) fn fit_options(&self, tokens: bool) -> FitOptions {
        FitOptions {
            recipe: RecipeOptions {
                bits: self.bits,
                surface_weight: self.surface_weight as f32,
                tags: self.tags,
            },
            alpha: self.alpha,
            folds: self.folds,
            seed: self.seed,
            threads: self.threads,
            tokens,
        }
    }
}

impl<'a> TrainingSet<'a> {
    /// Those of the rows that have a prompt and a known outcome of one of the models.
    pub(super) fn of(
        trace: &'a Trace,
        labels: &'a [Labels],
        candidates: impl Iterator<Item = usize>,
        groups: &[Option<Group>],
    ) -> Self {
        let known = |row: usize| labels.iter().any(|labels| labels.right[row].is_some());
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

/// All but what is learned.
fn bare_parts(targets: &[Target], catalog: &Catalog, trade: Trade) -> Parts {
    let sold = catalog.cards().iter().map(|card| card.endpoint.clone());
    let known = |endpoint: &Endpoint| targets.iter().any(|target| target.model == endpoint.model);
    let mut endpoints: Vec<Endpoint> = sold.filter(known).collect();
    for target in targets {
        if !endpoints
            .iter()
            .any(|endpoint| endpoint.model == target.model)
        {
            endpoints.push(Endpoint::recorded_only(&target.model));
        }
    }
    let role = |target: &Target| (target.role.to_owned(), target.bound.clone());
    Parts {
        endpoints,
        choose: Some(Choose::Router(trade)),
        fallback: vec![targets[0].bound.clone()],
        roles: targets.iter().map(role).collect(),
        ..Parts::default()
    }
}

fn with_empty_heads(parts: Parts, targets: &[Target]) -> Parts {
    let heads = targets.iter().map(|target| Heads {
        model: target.model.clone(),
        success: Logistic {
            weights: Vec::new(),
            bias: 0.0,
            platt: [1.0, 0.0],
        },
        output_tokens: LogLinear {
            weights: Vec::new(),
            bias: 0.0,
            smearing: 1.0,
        },
    });
    Parts {
        heads: heads.collect(),
        ..parts
    }
}

fn heads(targets: &[Target], models: Vec<fit::FittedModel>) -> Vec<Heads> {
    let heads = targets.iter().zip(models).map(|(target, fitted)| Heads {
        model: target.model.clone(),
        success: fitted.success,
        output_tokens: fitted.output_tokens.expect("training asks for token heads"),
    });
    heads.collect()
}

fn model_rows(set: &TrainingSet<'_>, fitted: &Fitted) -> Vec<ModelRows> {
    let models = set.labels.iter().zip(&fitted.models);
    let rows = models.map(|(labels, fitted)| {
        let known = set.rows.iter().filter_map(|&row| labels.right[row]);
        let tokens = set.rows.iter().filter_map(|&row| labels.log_tokens[row]);
        ModelRows {
            model: labels.model.clone(),
            rows: known.clone().count(),
            right: known.filter(|right| *right).count(),
            token_rows: tokens.count(),
            calibrated: fitted.success.platt != [1.0, 0.0],
        }
    });
    rows.collect()
}

/// A sample of the training rows by keyed hash of their ids, in the order of the trace.
fn calibration(set: &TrainingSet<'_>, fitted: &Fitted, seed: u64) -> Calibration {
    let key = |row: usize| stats::unit_hash(seed, "calibration", set.trace.id(row).as_bytes());
    let mut drawn: Vec<(u64, usize)> = (set.rows.iter().enumerate())
        .map(|(at, &row)| (key(row), at))
        .collect();
    drawn.sort_unstable();
    drawn.truncate(Calibration::MAX_ROWS);
    let mut places: Vec<usize> = drawn.into_iter().map(|(_, at)| at).collect();
    places.sort_unstable();
    let input = |&at: &usize| {
        let tokens = set.trace.request(set.rows[at]).input_tokens_or_estimate();
        tokens.map_or(0, |tokens| tokens.0)
    };
    let models = set.labels.iter().zip(&fitted.models);
    let models = models.map(|(labels, fitted)| CalibrationModel {
        model: labels.model.clone(),
        success: pick(&fitted.success_out_of_fold, &places),
        log_output_tokens: pick(&fitted.log_tokens_out_of_fold, &places),
    });
    Calibration {
        requests_per_day: set.trace.header().requests_per_day,
        input_tokens: places.iter().map(input).collect(),
        models: models.collect(),
    }
}

fn pick(values: &[f64], places: &[usize]) -> Vec<f32> {
    places.iter().map(|&at| values[at] as f32).collect()
}

/// The sources of each endpoint's prices.
fn price_sources(parts: &Parts, catalog: &Catalog) -> Value {
    let sources = parts.endpoints.iter().filter_map(|endpoint| {
        let rows = &catalog.endpoint(&endpoint.id)?.price_sources;
        let sources: Vec<&str> = rows.iter().map(|row| row.source.as_str()).collect();
        Some((endpoint.id.clone(), json!(sources)))
    });
    Value::Object(sources.collect())
}

/// Where the router came from, as the text of a JSON object; whoever has measured it adds to it.
fn provenance(trace: &Trace, options: &TrainOptions, counts: &Value, prices: &Value) -> String {
    let header = trace.header();
    let assumed: Vec<&str> = (header.assumed.iter()).map(|it| it.what.as_str()).collect();
    json!({
        "trace": {
            "fingerprint": trace.fingerprint().to_string(), "requests": trace.len(), "source": header.source,
            "licence": header.licence, "synthetic": header.synthetic, "assumed": assumed,
        },
        "split": {
            "salt": options.salt, "holdout": options.holdout, "seed": options.seed, "folds": options.folds,
        },
        "rows": counts,
        "options": {
            "bits": options.bits, "alpha": options.alpha, "surface_weight": options.surface_weight,
            "tags": options.tags, "pass_at": options.pass_at.or(header.pass_at),
        },
        "versions": {"weighbridge": env!("CARGO_PKG_VERSION"), "linfa-logistic": LINFA_LOGISTIC},
        "price_sources": prices,
    })
    .to_string()
}

#[cfg(test)]
mod tests;
