//! Training on splits that somebody else has drawn, for measurement by another program.
//!
//! Each split trains as [`super::train`] does, success heads only, and predicts its test rows. The
//! task, where it is on, is a feature of protocols whose name ends in `-tag`; such a protocol is added for every
//! given one whose test rows all have a task that its training rows have too, on the same splits.

use std::collections::BTreeSet;
use std::io::{self, Write};

use weighbridge_router::{FeatureScratch, Recipe, Trade};

use super::assemble;
use super::error::LearnError;
use super::fit::{self, TrainingSet};
use super::jobs::Progress;
use super::labels::Labels;
use super::options::TrainOptions;
use super::split::{self, Group};
use super::split_file::GivenSplit;
use crate::catalog::Catalog;
use crate::trace::Trace;

/// What follows the name of a protocol that lets the heads see the task.
const TAGGED: &str = "-tag";

/// The predictions for the test rows of one split.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedSplit {
    /// The protocol's name.
    pub protocol: String,
    /// Which repetition.
    pub seed: u64,
    /// Which fold of it.
    pub fold: u64,
    /// Row of the trace, probability that the specialist is right, probability that the driver is.
    pub rows: Vec<(usize, f64, f64)>,
}

/// Trains on each split and predicts its test rows. `options.holdout` has no say here, and the task
/// is looked at under tagged protocols alone.
///
/// # Errors
/// As [`super::train`]; other than two models; a test row without a prompt.
pub fn predict_splits(
    trace: &Trace,
    catalog: &Catalog,
    options: &TrainOptions,
    splits: &[GivenSplit],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<PredictedSplit>, LearnError> {
    options.check()?;
    let targets = options.targets(catalog)?;
    let labels = options.labels(&targets, trace, catalog)?;
    if targets.len() != 2 {
        return Err(LearnError::Option {
            option: "models",
            message: "predictions on given splits are of two models, driver and specialist".into(),
        });
    }
    let bare = assemble::bare_parts(&targets, catalog, Trade::default());
    let costs = assemble::mean_costs(&bare, &labels, trace);
    let groups = split::groups(trace);
    let todo = with_tagged(splits, trace);
    let untagged = TrainOptions {
        features: options.features.clone().without("task"),
        ..options.clone()
    };
    let mut predicted = Vec::with_capacity(todo.len());
    for (number, (protocol, given)) in todo.iter().enumerate() {
        let progress = |within: Progress| {
            progress(Progress {
                done: number * within.total + within.done,
                total: todo.len() * within.total,
            });
        };
        let tagged = protocol.ends_with(TAGGED);
        let options = if tagged { options } else { &untagged };
        predicted.push(PredictedSplit {
            protocol: protocol.clone(),
            seed: given.seed,
            fold: given.fold,
            rows: predict(
                Task {
                    trace,
                    labels: &labels,
                    groups: &groups,
                    costs: &costs,
                },
                given,
                options,
                &progress,
            )?,
        });
    }
    Ok(predicted)
}

/// Writes predictions as CSV: `protocol,seed,fold,id,p_strong,p_weak`, the specialist being the
/// strong model.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write_predictions(
    predicted: &[PredictedSplit],
    trace: &Trace,
    out: impl Write,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["protocol", "seed", "fold", "id", "p_strong", "p_weak"])?;
    for split in predicted {
        let key = [split.seed.to_string(), split.fold.to_string()];
        for &(row, strong, weak) in &split.rows {
            let [strong, weak] = [strong, weak].map(|p| p.to_string());
            let record = [
                &split.protocol,
                &key[0],
                &key[1],
                trace.id(row),
                &strong,
                &weak,
            ];
            writer.write_record(record)?;
        }
    }
    writer.flush()
}

/// What all splits share.
#[derive(Clone, Copy)]
struct Task<'a> {
    trace: &'a Trace,
    labels: &'a [Labels],
    groups: &'a [Option<Group>],
    costs: &'a [f64],
}

/// The splits by protocol name, with the tagged protocols that can be added.
fn with_tagged<'a>(splits: &'a [GivenSplit], trace: &Trace) -> Vec<(String, &'a GivenSplit)> {
    let own = splits.iter().map(|split| (split.protocol.clone(), split));
    let names: BTreeSet<&str> = splits.iter().map(|split| split.protocol.as_str()).collect();
    let tasks_are_known = |split: &GivenSplit| {
        let known: BTreeSet<_> = split.train.iter().map(|&row| trace.task(row)).collect();
        let told = |&row: &usize| trace.task(row).is_some() && known.contains(&trace.task(row));
        split.test.iter().all(told)
    };
    let can_be_tagged = |name: &str| {
        let mut mine = splits.iter().filter(|split| split.protocol == name);
        !name.ends_with(TAGGED)
            && !names.contains(format!("{name}{TAGGED}").as_str())
            && mine.all(tasks_are_known)
    };
    let tagged: BTreeSet<&str> = names
        .iter()
        .copied()
        .filter(|name| can_be_tagged(name))
        .collect();
    let added = splits
        .iter()
        .filter(|split| tagged.contains(split.protocol.as_str()))
        .map(|split| (format!("{}{TAGGED}", split.protocol), split));
    own.chain(added).collect()
}

fn predict(
    task: Task<'_>,
    given: &GivenSplit,
    options: &TrainOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<(usize, f64, f64)>, LearnError> {
    let set = TrainingSet::of(
        task.trace,
        task.labels,
        given.train.iter().copied(),
        task.groups,
    );
    let fit_options = fit::FitOptions {
        tokens: false,
        ..options.fit_options(task.costs)
    };
    let fitted = fit::fit(&set, None, &fit_options, progress)?;
    let recipe = Recipe::try_new(fitted.steps)?;
    let mut scratch = FeatureScratch::default();
    let rows = given.test.iter().map(|&row| {
        let request = task.trace.request(row);
        if request.prompt.is_none() {
            return Err(LearnError::Option {
                option: "split",
                message: format!(
                    "the test row `{}` has no prompt to predict from; leave it out",
                    task.trace.id(row)
                ),
            });
        }
        recipe.compute(&request, &mut scratch);
        let p = |model: usize| fitted.models[model].success.probability(scratch.entries());
        // The labels are in the order driver, specialist.
        let (weak, strong) = (p(0), p(1));
        Ok(match &fitted.shrink {
            None => (row, strong, weak),
            Some(shrink) => {
                let shared = shrink.shared([weak, strong].into_iter());
                (
                    row,
                    shrink.of(1, strong, shared),
                    shrink.of(0, weak, shared),
                )
            }
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::read_splits;
    use crate::trace::{OutcomeRef, Row, TraceBuilder};
    use weighbridge_router::RequestRef;

    /// `gpt-4` is right where the prompt says `plain`, the other model at random.
    fn trace() -> Trace {
        let mut builder = TraceBuilder::default();
        for i in 0..120_u32 {
            let plain = i % 3 > 0;
            let kind = if plain { "plain" } else { "odd" };
            let lucky = crate::stats::uniform(3, "lucky", &i.to_le_bytes()) < 0.5;
            let outcome = |model, right| OutcomeRef {
                model,
                score: Some(f64::from(u8::from(right))),
                ..OutcomeRef::default()
            };
            let prompt = format!("a {kind} question {i}");
            let row = Row {
                id: &format!("r{i}"),
                request: RequestRef {
                    prompt: (i != 119).then_some(prompt.as_str()),
                    task: Some(["x", "y"][(i % 2) as usize]),
                    ..RequestRef::default()
                },
                outcomes: &[
                    outcome("gpt-4-1106-preview", plain),
                    outcome("mixtral-8x7b-instruct-v0.1", lucky),
                ],
                logged: None,
                extra: None,
            };
            builder.push(&row).unwrap();
        }
        builder.finish().unwrap().0
    }

    fn predicted(trace: &Trace, file: &str) -> Result<Vec<PredictedSplit>, LearnError> {
        let options = TrainOptions {
            models: vec![
                "mixtral-8x7b-instruct-v0.1".into(),
                "gpt-4-1106-preview".into(),
            ],
            ..TrainOptions::default()
        };
        let splits = read_splits("s.csv", file.as_bytes(), trace).unwrap();
        predict_splits(trace, &Catalog::builtin(), &options, &splits, &|_| {})
    }

    fn file(rows: impl Iterator<Item = (&'static str, u32, &'static str)>) -> String {
        let lines = rows.map(|(protocol, i, part)| format!("{protocol},4,1,r{i},{part}\n"));
        "protocol,seed,fold,id,part\n".to_owned() + &lines.collect::<String>()
    }

    #[test]
    fn known_tasks_add_a_tagged_protocol_and_the_specialist_comes_first() {
        let trace = trace();
        let part = |test: bool| if test { "test" } else { "train" };
        let by_row = (0..118).map(|i| ("A", i, part(i >= 100)));
        let by_task = (0..118).map(|i| ("B", i, part(i % 2 == 0)));
        let splits = predicted(&trace, &file(by_row.chain(by_task))).unwrap();
        let names: Vec<&str> = splits.iter().map(|split| split.protocol.as_str()).collect();
        assert_eq!(names, ["A", "B", "A-tag"]);
        assert_eq!((splits[0].seed, splits[0].fold), (4, 1));
        assert_eq!(splits[0].rows.len(), 18);
        assert_ne!(splits[0].rows, splits[2].rows);
        for &(row, strong, weak) in &splits[0].rows {
            let plain = trace.prompt(row).unwrap().contains("plain");
            assert_eq!(strong > 0.5, plain, "{strong}");
            assert!((weak - 0.5).abs() < 0.3, "{weak}");
        }
        let mut csv = Vec::new();
        write_predictions(&splits, &trace, &mut csv).unwrap();
        let text = String::from_utf8(csv).unwrap();
        let (row, strong, weak) = splits[0].rows[0];
        let first = format!("A,4,1,{},{strong},{weak}", trace.id(row));
        let lines: Vec<&str> = text.lines().take(2).collect();
        assert_eq!(lines, ["protocol,seed,fold,id,p_strong,p_weak", &first]);
    }

    #[test]
    fn a_test_row_without_a_prompt_is_named() {
        let rows = (0..120).map(|i| ("A", i, if i == 119 { "test" } else { "train" }));
        let refused = predicted(&trace(), &file(rows)).unwrap_err().to_string();
        assert!(refused.contains("`r119` has no prompt"), "{refused}");
    }
}
