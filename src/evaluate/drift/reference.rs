//! What a router file keeps of the requests that it was trained on, so that others can be compared
//! with them: counts, bins and rates, but no text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weighbridge_router::{Router, prompt_group, surface2};

use super::bins;
use super::mean::{ClusteredMean, effective};
use crate::replay::{in_parts, unit_keys};
use crate::trace::Trace;

/// The only kind that there is.
const KIND: &str = "reference/1";
/// A bin is a digit or a letter.
const MOST_BINS: usize = 36;
/// Bands of input tokens: each goes up to that many, the last one on.
const BANDS: [u32; 6] = [64, 256, 1_024, 4_096, 16_384, u32::MAX];

/// The training requests of a router.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Training rows.
    pub rows: u64,
    /// How many independent rows they are worth.
    pub rows_effective: f64,
    /// The features that were binned.
    pub features: Vec<FeatureBins>,
    /// The bins of a sample of the training prompts, each once: row by row a bin a feature.
    pub codes: Vec<u8>,
    /// The unit (session, else prompt group) of each sampled prompt, by number.
    pub units: Vec<u64>,
    /// Task and training rows.
    pub tasks: BTreeMap<String, u64>,
    /// Training rows without a task.
    pub without_task: u64,
    /// Training rows in each band of recorded input tokens.
    pub input_tokens: Vec<u64>,
    /// Model and its scores.
    pub models: Vec<TrainingRate>,
    /// From which graded score an answer counted as right, where grades were not learned as they are.
    pub pass_at: Option<f64>,
}

/// A feature's bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureBins {
    /// The feature of `surface/2`.
    pub name: String,
    /// The edges between its bins, ascending; a value on an edge is in the bin below it.
    pub edges: Vec<f32>,
}

/// The mean score of a model on the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRate {
    /// The model.
    pub model: String,
    /// Rows with a known score.
    pub n: u64,
    /// Their mean score.
    pub mean: f64,
    /// Its standard error, clustered by unit; null for fewer than two units.
    pub error: Option<f64>,
}

/// Why there is nothing to compare with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// An older file, or a policy without heads.
    #[error(
        "the file does not keep what its router was trained on (`reference` in its provenance); \
         train it again with this version of `weighbridge train`"
    )]
    None,
    /// Something in it is not what training writes.
    #[error("provenance.reference.{field}: {message}; train the router again")]
    Broken {
        /// The field.
        field: &'static str,
        /// What is wrong.
        message: String,
    },
}

/// As it stands in a file.
#[derive(Serialize, Deserialize)]
struct Wire {
    kind: String,
    rows: u64,
    rows_effective: f64,
    features: Vec<FeatureBins>,
    codes: String,
    units: Vec<u64>,
    tasks: BTreeMap<String, u64>,
    without_task: u64,
    input_tokens: Vec<u64>,
    models: Vec<TrainingRate>,
}

impl Reference {
    /// What is kept of the training `rows` of a trace, all of which have a prompt; bins are made on
    /// the rows of `sample`, and `models` has each model's score on each of `rows`.
    #[must_use]
    pub fn measure(
        trace: &Trace,
        rows: &[usize],
        sample: &[usize],
        models: &[(&str, Vec<Option<f64>>)],
    ) -> Self {
        let keys = unit_keys(trace, 0, 1);
        let sample = distinct_prompts(trace, sample);
        let raw: Vec<f32> = sample
            .iter()
            .flat_map(|&row| measured(trace, row))
            .collect();
        let features: Vec<FeatureBins> = (0..surface2::COUNT)
            .map(|feature| FeatureBins {
                name: surface2::NAMES[feature].to_owned(),
                edges: bins::edges(
                    (raw.iter().skip(feature))
                        .step_by(surface2::COUNT)
                        .copied()
                        .collect(),
                ),
            })
            .collect();
        let codes = raw.chunks(surface2::COUNT).flat_map(|row| {
            let bins = row.iter().zip(&features);
            bins.map(|(value, feature)| bins::bin(&feature.edges, *value))
        });
        let rates = models.iter().filter_map(|(model, scores)| {
            let known = rows.iter().zip(scores);
            let known: Vec<(u64, f64)> = known
                .filter_map(|(&row, score)| Some((keys[row], (*score)?)))
                .collect();
            let mean = ClusteredMean::of(&known)?;
            Some(TrainingRate {
                model: (*model).to_owned(),
                n: mean.n,
                mean: mean.mean,
                error: mean.error,
            })
        });
        let (tasks, without_task) = tasks(trace, rows);
        Self {
            rows: rows.len() as u64,
            rows_effective: effective(rows.iter().map(|&row| keys[row])),
            codes: codes.collect(),
            features,
            units: numbered(sample.iter().map(|&row| keys[row])),
            tasks,
            without_task,
            input_tokens: input_bands(trace, rows),
            models: rates.collect(),
            pass_at: None,
        }
    }

    /// As it stands in a file's provenance.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let digit = |code: &u8| char::from_digit(u32::from(*code), MOST_BINS as u32).unwrap_or('z');
        let wire = Wire {
            kind: KIND.to_owned(),
            rows: self.rows,
            rows_effective: self.rows_effective,
            features: self.features.clone(),
            codes: self.codes.iter().map(digit).collect(),
            units: self.units.clone(),
            tasks: self.tasks.clone(),
            without_task: self.without_task,
            input_tokens: self.input_tokens.clone(),
            models: self.models.clone(),
        };
        serde_json::to_value(wire).unwrap_or_default()
    }

    /// What a router's file keeps.
    ///
    /// # Errors
    /// Where it keeps nothing, or what training does not write.
    pub fn of_router(router: &Router) -> Result<Self, ReferenceError> {
        let provenance: Value =
            serde_json::from_str(&router.parts().provenance).unwrap_or_default();
        let Some(value) = provenance.get("reference") else {
            return Err(ReferenceError::None);
        };
        let broken = |field, message: &dyn std::fmt::Display| ReferenceError::Broken {
            field,
            message: message.to_string(),
        };
        if value["kind"] != KIND {
            return Err(broken(
                "kind",
                &format!("{} is not `{KIND}`", value["kind"]),
            ));
        }
        let wire: Wire =
            serde_json::from_value(value.clone()).map_err(|error| broken("(all)", &error))?;
        check(&wire).map_err(|(field, message)| broken(field, &message))?;
        let code = |digit: char| digit.to_digit(MOST_BINS as u32).unwrap_or(0) as u8;
        Ok(Self {
            rows: wire.rows,
            rows_effective: wire.rows_effective,
            codes: wire.codes.chars().map(code).collect(),
            features: wire.features,
            units: wire.units,
            tasks: wire.tasks,
            without_task: wire.without_task,
            input_tokens: wire.input_tokens,
            models: wire.models,
            pass_at: provenance["options"]["pass_at"].as_f64(),
        })
    }

    /// The bins of the prompts of these rows, all of which have one: row by row a bin a feature.
    #[must_use]
    pub fn bin(&self, trace: &Trace, rows: &[usize], threads: usize) -> Vec<u8> {
        let places: Vec<usize> = (self.features.iter())
            .filter_map(|feature| place(&feature.name))
            .collect();
        let parts = in_parts(rows.len(), threads, |range| {
            let rows = rows[range].iter();
            let codes = rows.flat_map(|&row| {
                let values = measured(trace, row);
                let bins = places.iter().zip(&self.features);
                bins.map(|(&at, feature)| bins::bin(&feature.edges, values[at]))
                    .collect::<Vec<u8>>()
            });
            codes.collect::<Vec<u8>>()
        });
        parts.concat()
    }
}

/// What the rest relies on.
fn check(wire: &Wire) -> Result<(), (&'static str, String)> {
    let width = wire.features.len();
    for feature in &wire.features {
        if place(&feature.name).is_none() {
            let message = format!("this version does not know the feature `{}`", feature.name);
            return Err(("features", message));
        }
        if feature.edges.len() >= MOST_BINS || !feature.edges.is_sorted_by(|a, b| a < b) {
            let message = format!(
                "the edges of `{}` are too many or do not rise",
                feature.name
            );
            return Err(("features", message));
        }
    }
    if wire.codes.len() != width * wire.units.len() {
        return Err((
            "codes",
            format!(
                "{} bins are not {width} for each of {} prompts",
                wire.codes.len(),
                wire.units.len()
            ),
        ));
    }
    let within = |(at, digit): (usize, char)| {
        let code = digit.to_digit(MOST_BINS as u32);
        code.is_some_and(|code| code as usize <= wire.features[at % width].edges.len())
    };
    if let Some(at) = (wire.codes.chars().enumerate()).position(|digit| !within(digit)) {
        return Err(("codes", format!("no such bin at {at}")));
    }
    if wire.input_tokens.len() != BANDS.len() {
        return Err(("input_tokens", format!("not {} bands", BANDS.len())));
    }
    let share = |x: f64| (0.0..=1.0).contains(&x);
    let rate = |rate: &TrainingRate| share(rate.mean) && rate.error.is_none_or(share);
    if !wire.models.iter().all(rate) {
        return Err((
            "models",
            "a mean or its error is not from 0 to 1".to_owned(),
        ));
    }
    if !(wire.rows_effective >= 0.0 && wire.rows_effective.is_finite()) {
        return Err(("rows_effective", "it is not a number of rows".to_owned()));
    }
    let counts = wire.tasks.values().chain(&wire.input_tokens);
    if counts
        .chain([&wire.without_task, &wire.rows])
        .any(|n| *n > MOST_ROWS)
    {
        return Err(("tasks", "a count is beyond any trace".to_owned()));
    }
    Ok(())
}

/// Counts below that add up without overflow.
const MOST_ROWS: u64 = 1 << 40;

fn place(name: &str) -> Option<usize> {
    surface2::NAMES.iter().position(|held| *held == name)
}

/// The features of a row's prompt.
fn measured(trace: &Trace, row: usize) -> [f32; surface2::COUNT] {
    let mut out = [0.0; surface2::COUNT];
    surface2::measure(trace.prompt(row).unwrap_or_default(), &mut out);
    out.map(|value| value as f32)
}

/// The first of the rows of each prompt group.
pub(super) fn distinct_prompts(trace: &Trace, rows: &[usize]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let first = |row: &&usize| {
        let prompt = trace.prompt(**row);
        prompt.is_some_and(|prompt| seen.insert(prompt_group(prompt)))
    };
    rows.iter().filter(first).copied().collect()
}

/// Rows by task, and without one.
pub(super) fn tasks(trace: &Trace, rows: &[usize]) -> (BTreeMap<String, u64>, u64) {
    let mut tasks = BTreeMap::new();
    let mut without = 0;
    for &row in rows {
        match trace.request(row).task {
            Some(task) => *tasks.entry(task.to_owned()).or_default() += 1,
            None => without += 1,
        }
    }
    (tasks, without)
}

/// Rows by band of recorded input tokens. Estimates are left out: two recorders may count what the
/// prompt does not show, or not.
pub(super) fn input_bands(trace: &Trace, rows: &[usize]) -> Vec<u64> {
    let mut bands = vec![0; BANDS.len()];
    let tokens = rows
        .iter()
        .filter_map(|&row| trace.request(row).input_tokens);
    for tokens in tokens {
        let band = BANDS.partition_point(|upto| *upto <= tokens.0);
        bands[band.min(BANDS.len() - 1)] += 1;
    }
    bands
}

/// The keys as small numbers in order of appearance: which rows belong together, and no more.
fn numbered(keys: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut numbers = BTreeMap::new();
    keys.map(|key| {
        let next = numbers.len() as u64;
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}
