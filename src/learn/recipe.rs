//! The feature recipe of a training set: means and scales of the surface features, idf of the
//! hashed words, the known tasks.
//!
//! Fitted on training rows alone and without their labels, so that the out-of-fold fits of one
//! training set may share it.

use std::collections::BTreeSet;

use weighbridge_router::{FeatureScratch, Step, Surface, Tag, Words, surface};

use super::error::LearnError;
use crate::trace::Trace;

/// Each task costs a dense column.
const MAX_TASKS: usize = 1000;

/// What the recipe is to be made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RecipeOptions {
    /// Words are folded into `2^bits` columns.
    pub(super) bits: u8,
    /// What standardised surface features are multiplied by.
    pub(super) surface_weight: f32,
    /// Whether the task is a feature, where rows have one.
    pub(super) tags: bool,
}

/// Fits the steps on these rows of the trace, all of which have a prompt.
///
/// # Errors
/// Where there are too many tasks.
pub(super) fn fit(
    trace: &Trace,
    rows: &[usize],
    options: &RecipeOptions,
) -> Result<Vec<Step>, LearnError> {
    let mut steps = vec![
        Step::Surface(surface_step(trace, rows, options.surface_weight)),
        Step::Words(words_step(trace, rows, options.bits)),
    ];
    if options.tags {
        let tasks: BTreeSet<_> = rows.iter().filter_map(|&row| trace.task(row)).collect();
        if tasks.len() > MAX_TASKS {
            return Err(LearnError::TooManyTasks {
                tasks: tasks.len(),
                limit: MAX_TASKS,
            });
        }
        let names = trace.names();
        let mut values: Vec<String> = tasks
            .into_iter()
            .filter_map(|task| names.get(task).map(str::to_owned))
            .collect();
        values.sort_unstable();
        if !values.is_empty() {
            steps.push(Step::Tag(Tag { values }));
        }
    }
    Ok(steps)
}

/// Mean and one over the standard deviation of each feature (0 for one that is constant), in two
/// passes, so that no digits cancel.
fn surface_step(trace: &Trace, rows: &[usize], weight: f32) -> Surface {
    let raw: Vec<[f64; surface::COUNT]> = prompts(trace, rows)
        .map(|prompt| {
            let mut out = [0.0; surface::COUNT];
            surface::measure(prompt, &mut out);
            out
        })
        .collect();
    let n = raw.len().max(1) as f64;
    let mut step = Surface {
        mean: Vec::with_capacity(surface::COUNT),
        scale: Vec::with_capacity(surface::COUNT),
        weight,
    };
    for feature in 0..surface::COUNT {
        let mean = raw.iter().map(|row| row[feature]).sum::<f64>() / n;
        let squares: f64 = raw.iter().map(|row| (row[feature] - mean).powi(2)).sum();
        let sd = (squares / n).sqrt();
        // Below this a column is constant but for rounding, or so rare that its scale would make
        // one prompt outweigh all others.
        let scale = if sd < 1e-6 { 0.0 } else { 1.0 / sd };
        step.mean.push(mean as f32);
        step.scale.push(scale as f32);
    }
    step
}

/// idf = ln((1 + n) / (1 + df)) + 1, where `df` of `n` prompts have a count in the column.
fn words_step(trace: &Trace, rows: &[usize], bits: u8) -> Words {
    let mut words = Words {
        bits,
        idf: Vec::new(),
        weight: 1.0,
    };
    let mut frequency = vec![0_u32; 1 << bits];
    let mut scratch = FeatureScratch::default();
    for prompt in prompts(trace, rows) {
        for &(column, _) in words.counts(prompt, &mut scratch) {
            frequency[column as usize] += 1;
        }
    }
    let n = 1.0 + rows.len() as f64;
    let idf = |df: u32| libm::log(n / (1.0 + f64::from(df))) + 1.0;
    words.idf = frequency.into_iter().map(|df| idf(df) as f32).collect();
    words
}

fn prompts<'a>(trace: &'a Trace, rows: &'a [usize]) -> impl Iterator<Item = &'a str> {
    rows.iter().filter_map(|&row| trace.prompt(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Row, TraceBuilder};
    use weighbridge_router::{Recipe, RequestRef};

    fn trace(rows: &[(&str, Option<&str>)]) -> Trace {
        let mut builder = TraceBuilder::default();
        for (i, (prompt, task)) in rows.iter().enumerate() {
            let row = Row {
                id: &format!("r{i}"),
                request: RequestRef {
                    prompt: Some(prompt),
                    task: *task,
                    ..RequestRef::default()
                },
                outcomes: &[],
                logged: None,
                extra: None,
            };
            builder.push(&row).unwrap();
        }
        builder.finish().unwrap().0
    }

    const OPTIONS: RecipeOptions = RecipeOptions {
        bits: 10,
        surface_weight: 0.5,
        tags: true,
    };

    #[test]
    fn a_recipe_is_fitted_on_the_rows_that_it_is_given() {
        let rows = [
            ("alpha beta", Some("z")),
            ("alpha, gamma delta?", Some("a")),
            ("never seen", Some("unseen")),
        ];
        let trace = trace(&rows);
        let steps = fit(&trace, &[0, 1], &OPTIONS).unwrap();
        let [Step::Surface(surface), Step::Words(words), Step::Tag(tag)] = &steps[..] else {
            panic!("three steps: {steps:?}");
        };
        assert_eq!(tag.values, ["a", "z"]);
        // The first feature is ln(1 + bytes): 10 and 19 bytes.
        let logs = [11.0_f64.ln(), 20.0_f64.ln()];
        assert!((f64::from(surface.mean[0]) - (logs[0] + logs[1]) / 2.0).abs() < 1e-6);
        assert!((f64::from(surface.scale[0]) - 2.0 / (logs[1] - logs[0])).abs() < 1e-5);
        // No prompt has code, so that column is constant.
        assert!(surface.scale.contains(&0.0));
        let idf = |df: f64| ((3.0 / (1.0 + df)).ln() + 1.0) as f32;
        let mut found = words.idf.clone();
        found.sort_by(f32::total_cmp);
        found.dedup();
        assert_eq!(found, [idf(2.0), idf(1.0), idf(0.0)]);
        assert_eq!(words.idf.iter().filter(|x| **x == idf(2.0)).count(), 1);
        assert!(Recipe::try_new(steps.clone()).is_ok());
        let untagged = RecipeOptions {
            tags: false,
            ..OPTIONS
        };
        assert_eq!(fit(&trace, &[0, 1], &untagged).unwrap(), steps[..2]);
    }

    #[test]
    fn rows_without_tasks_make_no_tag_and_too_many_tasks_are_refused() {
        let plain = trace(&[("a b", None), ("c d", None)]);
        assert_eq!(fit(&plain, &[0, 1], &OPTIONS).unwrap().len(), 2);
        let names: Vec<String> = (0..=MAX_TASKS).map(|i| format!("t{i}")).collect();
        let many: Vec<_> = names
            .iter()
            .map(|name| ("a", Some(name.as_str())))
            .collect();
        let all: Vec<usize> = (0..many.len()).collect();
        let refused = fit(&trace(&many), &all, &OPTIONS).unwrap_err().to_string();
        assert!(refused.ends_with("train with --no-task"), "{refused}");
    }
}
