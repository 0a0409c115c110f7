//! The measured requests and what the routers predict for them, each request by its own router.
//!
//! Owns the columns of predictions and the units of resampling. Does not know what they are
//! compared with.

use std::collections::BTreeSet;

use weighbridge_router::{Heads, Scratch};

use super::{EvalError, EvalOptions, Fold};
use crate::evaluate::resample::Bootstrap;
use crate::replay::{Charged, Fact, Stage, in_parts, unit_keys};
use crate::stats::{fold, unit_hash};
use weighbridge_router::prompt_group;

/// What is resampled together, a key a row of the trace.
fn units(stage: &Stage<'_>, options: &EvalOptions) -> Vec<u64> {
    let trace = stage.trace();
    let mut units = unit_keys(trace, options.seed, options.threads);
    if options.resample_tasks {
        for (row, unit) in units.iter_mut().enumerate() {
            if let Some(task) = trace.request(row).task {
                *unit = unit_hash(options.seed, "bootstrap task", task.as_bytes());
            }
        }
    }
    units
}

/// How many folds the floors of a single router are fitted on.
const FOLDS: usize = 5;

/// The measured requests.
pub(super) struct Frame<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) charged: &'a Charged,
    pub(super) folds: &'a [Fold<'a>],
    pub(super) options: &'a EvalOptions,
    /// Of all requests of the trace.
    units: Vec<u64>,
    /// The rows of all folds with their fold, in order of the trace.
    rows: Vec<(usize, usize)>,
    /// Those of them that have a prompt.
    predicted: Vec<usize>,
    /// A value a predicted row each.
    pub(super) models: Vec<ModelColumns>,
}

/// What the heads of one model predict.
pub(super) struct ModelColumns {
    pub(super) model: String,
    /// An endpoint that speaks for the model, by its place in the stage.
    pub(super) endpoint: Option<u16>,
    /// Probability of success.
    pub(super) success: Vec<f64>,
    /// The same before Platt's sigmoid; `None` where it cannot be told.
    pub(super) raw: Option<Vec<f64>>,
    pub(super) output_tokens: Vec<f64>,
}

/// An endpoint with a role, and the place of its model among the heads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    pub(super) endpoint: u16,
    pub(super) model: usize,
}

impl Role {
    pub(super) fn place(self) -> usize {
        usize::from(self.endpoint)
    }
}

/// One request as one router sees it.
struct Seen {
    row: usize,
    /// By model: probability, raw probability, tokens.
    models: Vec<[f64; 3]>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        stage: &'a Stage<'a>,
        charged: &'a Charged,
        folds: &'a [Fold<'a>],
        options: &'a EvalOptions,
    ) -> Result<Self, EvalError> {
        let heads = folds.first().map_or(&[][..], |fold| fold.router.heads());
        let mut seen: Vec<Seen> = Vec::new();
        for (place, fold) in folds.iter().enumerate() {
            let places = places(place, fold, heads)?;
            seen.extend(see(stage, fold, &places, options.threads));
        }
        seen.sort_by_key(|seen| seen.row);
        let column = |model: usize, term: usize| -> Vec<f64> {
            seen.iter().map(|seen| seen.models[model][term]).collect()
        };
        let models = heads.iter().enumerate().map(|(model, heads)| {
            let raw = column(model, 1);
            ModelColumns {
                model: heads.model.clone(),
                endpoint: place_of(stage, &heads.model),
                success: column(model, 0),
                raw: raw.iter().all(|p| p.is_finite()).then_some(raw),
                output_tokens: column(model, 2),
            }
        });
        let rows = folds.iter().enumerate();
        let mut rows: Vec<(usize, usize)> = rows
            .flat_map(|(place, fold)| fold.rows.iter().map(move |&row| (row, place)))
            .collect();
        rows.sort_unstable();
        Ok(Self {
            stage,
            charged,
            folds,
            options,
            units: units(stage, options),
            rows,
            models: models.collect(),
            predicted: seen.into_iter().map(|seen| seen.row).collect(),
        })
    }

    /// All rows with their fold, in order of the trace.
    pub(super) fn rows(&self) -> &[(usize, usize)] {
        &self.rows
    }

    /// How many of them have a prompt.
    pub(super) fn predicted(&self) -> usize {
        self.predicted.len()
    }

    /// Those that have a prompt.
    pub(super) fn predicted_rows(&self) -> &[usize] {
        &self.predicted
    }

    /// Different tasks of the rows.
    pub(super) fn tasks(&self) -> u64 {
        let tasks = self.rows.iter();
        let tasks: BTreeSet<_> = tasks
            .filter_map(|&(row, _)| self.stage.trace().task(row))
            .collect();
        tasks.len() as u64
    }

    /// The endpoints in the two roles, with their heads.
    pub(super) fn roles(&self, pair: [u16; 2]) -> Result<[Role; 2], EvalError> {
        let role = |role: &'static str, endpoint: u16| {
            let model = &self.stage.endpoints()[usize::from(endpoint)].model;
            let place = self.models.iter().position(|held| held.model == *model);
            let known = || match &self.models[..] {
                [] => "no model".to_owned(),
                models => {
                    let names: Vec<_> = models
                        .iter()
                        .map(|held| format!("`{}`", held.model))
                        .collect();
                    names.join(", ")
                }
            };
            let model = place.ok_or_else(|| EvalError::NoHeads {
                role,
                model: model.clone(),
                known: known(),
            })?;
            Ok(Role { endpoint, model })
        };
        Ok([role("driver", pair[0])?, role("specialist", pair[1])?])
    }

    /// The unit of resampling of a request.
    pub(super) fn unit(&self, row: usize) -> u64 {
        self.units[row]
    }

    /// The unit of claims about new tasks: the task, else the request's own unit.
    pub(super) fn task_unit(&self, row: usize) -> u64 {
        let trace = self.stage.trace();
        let task = trace.task(row).and_then(|task| trace.names().get(task));
        task.map_or(self.units[row], |task| {
            unit_hash(self.options.seed, "task", task.as_bytes())
        })
    }

    pub(super) fn bootstrap<'u>(&self, units: &'u [u64]) -> Bootstrap<'u> {
        Bootstrap {
            units,
            replicates: self.options.replicates,
            threads: self.options.threads,
        }
    }

    pub(super) fn score(&self, endpoint: u16, row: usize) -> Option<i32> {
        self.charged.score(endpoint, row)
    }

    /// Which part each row is in, and how many parts there are, for floors that are fitted on the
    /// rows of the other parts: the folds themselves, so that a floor knows as little of a row as
    /// its router does; five by prompt group where there is one router.
    pub(super) fn parts(&self, rows: impl Iterator<Item = usize>) -> (Vec<usize>, usize) {
        let several = self
            .folds
            .iter()
            .filter(|fold| !fold.rows.is_empty())
            .count()
            > 1;
        let trace = self.stage.trace();
        let part = |row: usize| {
            if several {
                let at = self.rows.binary_search_by_key(&row, |held| held.0);
                return at.map_or(0, |at| self.rows[at].1);
            }
            let unit = trace.prompt(row).map(prompt_group);
            let unit = unit.as_ref().map_or(trace.id(row).as_bytes(), |unit| unit);
            fold(self.options.seed, "floors", unit, FOLDS)
        };
        let parts = if several { self.folds.len() } else { FOLDS };
        (rows.map(part).collect(), parts)
    }

    /// How many of the predicted rows a figure rests on, in words.
    pub(super) fn evidence(&self, known: usize) -> String {
        match self.predicted() {
            all if all == known => "full".to_owned(),
            all => format!("{known} of {all} held-out requests with a prompt"),
        }
    }

    /// What the costs of some endpoints rest on, in words.
    pub(super) fn cost_evidence(&self, endpoints: &[u16], rows: &[usize]) -> String {
        let count = |fact| {
            let facts = endpoints.iter().flat_map(|&endpoint| {
                let rows = rows.iter();
                rows.map(move |&row| self.charged.facts(endpoint, row))
            });
            facts.filter(|facts| facts.has(fact)).count()
        };
        let (priced, billed) = (count(Fact::Priced), count(Fact::Billed));
        let mut text = match (priced, billed) {
            (_, 0) => "tokens x price".to_owned(),
            (0, _) => "recorded bills".to_owned(),
            _ => format!("{billed} recorded bills, the rest tokens x price"),
        };
        if count(Fact::InputEstimated) > 0 {
            text.push_str(", input tokens estimated from the prompt");
        }
        if priced > 0 {
            text.push_str(&self.assumed("output_tokens"));
        }
        text
    }

    /// What the importer assumed about a field, to be appended.
    pub(super) fn assumed(&self, field: &str) -> String {
        let assumed = &self.stage.trace().header().assumed;
        let of_field = assumed.iter().filter(|held| held.field == field);
        of_field
            .map(|held| format!(", assumed {}: {}", held.field, held.what))
            .collect()
    }
}

/// The places in a fold's router of the heads of the first router's models.
fn places(place: usize, fold: &Fold<'_>, heads: &[Heads]) -> Result<Vec<usize>, EvalError> {
    let own = fold.router.heads();
    let places = heads.iter().map(|wanted| {
        let found = own.iter().position(|held| held.model == wanted.model);
        found.ok_or_else(|| EvalError::FoldsDiffer {
            fold: place,
            model: wanted.model.clone(),
        })
    });
    places.collect()
}

/// What the router of a fold predicts for those of its rows that have a prompt.
fn see(stage: &Stage<'_>, fold: &Fold<'_>, places: &[usize], threads: usize) -> Vec<Seen> {
    let heads = fold.router.heads();
    let parts = in_parts(fold.rows.len(), threads, |range| {
        let mut scratch = Scratch::default();
        let mut part = Vec::with_capacity(range.len());
        for &row in &fold.rows[range] {
            let predictions = fold.router.predict(&stage.request(row), &mut scratch);
            if predictions.is_empty() {
                continue;
            }
            let models = places.iter().map(|&place| {
                let predicted = predictions[place];
                let p = predicted.success.get();
                [
                    p,
                    uncalibrated(p, heads[place].success.platt()),
                    predicted.output_tokens,
                ]
            });
            part.push(Seen {
                row,
                models: models.collect(),
            });
        }
        part
    });
    parts.into_iter().flatten().collect()
}

/// The probability that Platt's sigmoid made `p` of: p = 1 / (1 + exp(-(a z + b))), solved for z.
/// Not a number where the slope is 0, so that nothing can be told.
fn uncalibrated(p: f64, [a, b]: [f64; 2]) -> f64 {
    if [a, b] == [1.0, 0.0] {
        return p;
    }
    if a == 0.0 {
        return f64::NAN;
    }
    let z = (libm::log(p) - libm::log1p(-p) - b) / a;
    1.0 / (1.0 + libm::exp(-z))
}

/// The first endpoint of a model on the stage.
fn place_of(stage: &Stage<'_>, model: &str) -> Option<u16> {
    let endpoints = stage.endpoints().iter();
    let first = endpoints.clone().find(|held| held.model == model)?;
    stage.find(&first.id)
}
