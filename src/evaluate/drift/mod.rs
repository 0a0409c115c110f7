//! Does new traffic look like what a router was trained on, and do models still do on it what the
//! router says?
//!
//! Owns what a router file keeps of its training ([`Reference`]), the comparison with it and the
//! alarms. Does not fit the classifier that tries to tell new prompts from those of training: its
//! scores come from `learn`. Start at [`drift`].

mod bins;
mod incoming;
mod mean;
mod rates;
mod reference;
mod separation;
mod shift;
#[cfg(test)]
mod tests;
mod verdict;

use serde::Serialize;
use weighbridge_router::{Router, surface2};

use crate::evaluate::figure::Figure;
use crate::replay::{Charged, Stage};
use crate::stats::Z_95;

pub use incoming::Incoming;
pub use mean::ClusteredMean;
pub use rates::{RateShift, RateTest};
pub use reference::{FeatureBins, Reference, ReferenceError, TrainingRate};
pub use separation::Scored;
pub use shift::Shift;
pub use verdict::{Alarm, AlarmKind, DriftVerdict};

use mean::effective;
use shift::Counts;

/// Where alarms begin; the same for everybody, and printed with every result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DriftLimits {
    /// Population stability index of a figure, and beyond its noise.
    pub psi_alarm: f64,
    /// From there it is watched.
    pub psi_watch: f64,
    /// Lower end of the interval of the classifier's area under the curve.
    pub separability: f64,
    /// Rate of right answers, up or down, and told from zero after Holm's correction.
    pub rate: f64,
    /// Share of requests whose task the training did not have.
    pub new_tasks: f64,
    /// Different prompts, or outcomes of a model, without which nothing can be told.
    pub least: u64,
}

/// The limits.
pub const DRIFT_LIMITS: DriftLimits = DriftLimits {
    psi_alarm: shift::ALARM,
    psi_watch: shift::WATCH,
    separability: 0.65,
    rate: rates::ALARM,
    new_tasks: 0.10,
    least: 100,
};

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As in training, as far as these requests tell.
    Same,
    /// It has moved, but not far.
    Watch,
    /// It has moved far.
    Alarm,
    /// Too little is known.
    CannotTell,
}

impl State {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Watch => "watch",
            Self::Alarm => "ALARM",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// New traffic beside that of training; its JSON form is described in `docs/formats.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// `weighbridge.drift/1`.
    pub format: &'static str,
    /// The version that wrote it.
    pub version: &'static str,
    /// The router file.
    pub router: String,
    /// Requests of the new trace.
    pub requests: u64,
    /// Those without a prompt, left out.
    pub without_prompt: u64,
    /// Those that the router was trained on, left out.
    pub trained_on: u64,
    /// Those that were compared.
    pub compared: u64,
    /// Different prompts among them.
    pub prompts: u64,
    /// Training rows of the router.
    pub training_rows: u64,
    /// Prompts that the file keeps of them.
    pub reference_prompts: u64,
    /// What it comes to.
    pub verdict: DriftVerdict,
    /// What to do.
    pub advice: String,
    /// All that is beyond its limit.
    pub alarms: Vec<Alarm>,
    /// The limits.
    pub limits: DriftLimits,
    /// The area under the curve of a classifier that tells new prompts from those of training, out
    /// of fold: .5 where it cannot.
    pub separability: Figure,
    /// Features, tasks and input tokens, the furthest moved first.
    pub shifts: Vec<Shift>,
    /// Share of requests whose task the training did not have.
    pub new_task_share: Figure,
    /// Those tasks, the most frequent first, at most twenty.
    pub new_tasks: Vec<NewTask>,
    /// Right answers, by model.
    pub rates: Vec<RateShift>,
    /// What a reader should know before he believes any of it.
    pub warnings: Vec<String>,
}

/// A task that the training did not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewTask {
    /// The task.
    pub task: String,
    /// Its requests.
    pub requests: u64,
}

/// What is compared, and by which router.
#[derive(Debug, Clone, Copy)]
pub struct DriftInput<'a> {
    /// The name of the router's file.
    pub name: &'a str,
    /// The router.
    pub router: &'a Router,
    /// What it keeps of its training.
    pub reference: &'a Reference,
    /// The new requests.
    pub incoming: &'a Incoming,
    /// What a classifier says of prompts of both, out of fold.
    pub scored: &'a [Scored],
}

/// Compare new requests with those of a router's training. The stage must have the router's
/// endpoints, and its trace the router's `pass_at`.
#[must_use]
pub fn drift(
    stage: &Stage<'_>,
    charged: &Charged,
    input: DriftInput<'_>,
    threads: usize,
) -> DriftReport {
    let DriftInput {
        reference,
        incoming,
        ..
    } = input;
    let least = DRIFT_LIMITS.least;
    let few =
        (incoming.prompt_units.len() as u64) < least || (reference.units.len() as u64) < least;
    let (new_task_share, new_tasks) = new_tasks(stage, input);
    let mut report = DriftReport {
        format: "weighbridge.drift/1",
        version: env!("CARGO_PKG_VERSION"),
        router: input.name.to_owned(),
        requests: incoming.requests,
        without_prompt: incoming.without_prompt,
        trained_on: incoming.trained_on,
        compared: incoming.rows.len() as u64,
        prompts: incoming.prompt_units.len() as u64,
        training_rows: reference.rows,
        reference_prompts: reference.units.len() as u64,
        verdict: DriftVerdict::TooFew,
        advice: String::new(),
        alarms: Vec::new(),
        limits: DRIFT_LIMITS,
        separability: separation::auroc(input.scored),
        shifts: shift::shifts(counts(stage, input), few),
        new_task_share,
        new_tasks,
        rates: rates::rates(
            (stage, charged),
            input.router,
            reference,
            incoming,
            (least, threads),
        ),
        warnings: warnings(input, few),
    };
    if !few {
        report.alarms = verdict::alarms(&report);
        report.verdict = verdict::verdict(&report);
    }
    report.advice = report.verdict.advice().to_owned();
    report
}

/// The counts of all that is compared by bins.
fn counts(stage: &Stage<'_>, input: DriftInput<'_>) -> Vec<Counts> {
    let (reference, incoming) = (input.reference, input.incoming);
    let prompts = [
        effective(reference.units.iter().copied()),
        effective(incoming.prompt_units.iter().copied()),
    ];
    let rows = [
        reference.rows_effective,
        effective(incoming.units.iter().copied()),
    ];
    let width = reference.features.len();
    let features = reference.features.iter().enumerate();
    let mut all: Vec<Counts> = features
        .map(|(feature, bins)| {
            let count = |codes: &[u8]| {
                let mut counts = vec![0; bins.edges.len() + 1];
                let codes = codes.iter().skip(feature).step_by(width);
                codes.for_each(|code| counts[usize::from(*code)] += 1);
                counts
            };
            Counts {
                of: "feature",
                name: bins.name.clone(),
                group: (surface2::NAMES.iter().position(|name| *name == bins.name))
                    .map(|at| surface2::GROUPS[at]),
                trained: count(&reference.codes),
                new: count(&incoming.codes),
                effective: prompts,
                why: None,
            }
        })
        .collect();
    let trace = stage.trace();
    let (tasks, without) = reference::tasks(trace, &incoming.rows);
    // The training's tasks, all others as one, and none.
    let known = |task: &String| tasks.get(task).copied().unwrap_or(0);
    let mut new: Vec<u64> = reference.tasks.keys().map(known).collect();
    new.push(incoming.rows.len() as u64 - without - new.iter().sum::<u64>());
    new.push(without);
    let mut trained: Vec<u64> = reference.tasks.values().copied().collect();
    trained.extend([0, reference.without_task]);
    let row = |of: &'static str, trained, new, why| Counts {
        of,
        name: of.to_owned(),
        group: None,
        trained,
        new,
        effective: rows,
        why,
    };
    all.push(row("task", trained, new, None));
    let bands = reference::input_bands(trace, &incoming.rows);
    let least = DRIFT_LIMITS.least;
    let few = [&reference.input_tokens, &bands].map(|bands| bands.iter().sum::<u64>() < least);
    let why = match few {
        [true, _] => Some("the training recorded no input tokens".to_owned()),
        [_, true] => Some(format!("fewer than {least} requests record input tokens")),
        _ => None,
    };
    all.push(row(
        "input_tokens",
        reference.input_tokens.clone(),
        bands,
        why,
    ));
    all
}

/// The share of requests of tasks that the training did not have, and those tasks.
fn new_tasks(stage: &Stage<'_>, input: DriftInput<'_>) -> (Figure, Vec<NewTask>) {
    let (reference, incoming) = (input.reference, input.incoming);
    if reference.tasks.is_empty() {
        let figure = Figure::unknown("share", "the training had no tasks");
        return (figure, Vec::new());
    }
    let is_new = |row: usize| {
        let task = stage.request(row).task;
        task.is_some_and(|task| !reference.tasks.contains_key(task))
    };
    let values: Vec<(u64, f64)> = (incoming.rows.iter().zip(&incoming.units))
        .map(|(&row, unit)| (*unit, f64::from(u8::from(is_new(row)))))
        .collect();
    let figure = match ClusteredMean::of(&values) {
        None => Figure::unknown("share", "no request was compared"),
        Some(held) => {
            let mut figure = Figure::known(held.mean, "share", held.n).on("full");
            let half = held.error.map(|error| Z_95 * error);
            figure.ci95 =
                half.map(|half| [(held.mean - half).max(0.0), (held.mean + half).min(1.0)]);
            figure
        }
    };
    let (tasks, _) = reference::tasks(stage.trace(), &incoming.rows);
    let mut new: Vec<NewTask> = (tasks.into_iter())
        .filter(|(task, _)| !reference.tasks.contains_key(task))
        .map(|(task, requests)| NewTask { task, requests })
        .collect();
    new.sort_by_key(|held| std::cmp::Reverse(held.requests));
    new.truncate(MOST_NEW_TASKS);
    (figure, new)
}

/// So many new tasks are listed.
const MOST_NEW_TASKS: usize = 20;

fn warnings(input: DriftInput<'_>, few: bool) -> Vec<String> {
    let (reference, incoming) = (input.reference, input.incoming);
    let mut warnings = Vec::new();
    if few {
        warnings.push(format!(
            "{} different prompts that the router was not trained on, against {} of its training, are too few to tell anything; {} of each are needed",
            incoming.prompt_units.len(),
            reference.units.len(),
            DRIFT_LIMITS.least
        ));
    }
    let with_prompt = incoming.requests - incoming.without_prompt;
    if 5 * incoming.trained_on > with_prompt {
        warnings.push(format!(
            "{} of {with_prompt} requests have prompts that the router was trained on; they are left out, so the rest looks newer than the traffic is",
            incoming.trained_on
        ));
    }
    warnings
}
