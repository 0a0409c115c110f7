//! What the heads get to see: the feature groups that are on, and the steps that all models share.
//!
//! Fitted on training rows alone and without their labels, so that the out-of-fold fits of one
//! training set may share it. The word scores, which do look at labels, are fitted in
//! [`super::words`].

use std::collections::BTreeSet;
use std::str::FromStr;

use weighbridge_router::{Embedding, Scaling, Step, Surface2, Tag, surface2};

use super::error::LearnError;
use crate::trace::Trace;

/// Each task costs a dense column.
const MAX_TASKS: usize = 1000;
/// What standardised columns are multiplied by beside the task's 0 and 1: the smaller, the more
/// the penalty shrinks what is learned from them.
pub(super) const WEIGHT: f32 = 0.3;

/// The groups of features that a router may look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureGroups(Vec<&'static str>);

/// The groups beside those of the surface features.
const OTHER_GROUPS: [&str; 3] = ["words", "task", "embedding"];

impl FeatureGroups {
    /// The names of all groups: those of the surface features, `words`, `task`, `embedding`.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let mut names: Vec<&'static str> = Vec::new();
        for name in surface2::GROUPS.into_iter().chain(OTHER_GROUPS) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether a group is on.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// The same without one group.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|held| *held != name);
        self
    }

    /// The groups that are on, in a fixed order.
    #[must_use]
    pub fn on(&self) -> &[&'static str] {
        &self.0
    }
}

impl Default for FeatureGroups {
    fn default() -> Self {
        Self(Self::names())
    }
}

impl FromStr for FeatureGroups {
    type Err = String;

    /// `options,shape`: these alone; `-words,-task`: all but these; `all`: all.
    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::names();
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (list, name) = match part.strip_prefix('-') {
                Some(name) => (&mut off, name),
                None => (&mut on, part),
            };
            match names.iter().find(|known| **known == name) {
                Some(known) => list.push(*known),
                None if part == "all" => on.extend(&names),
                None => {
                    return Err(format!(
                        "there is no group `{name}`; there are {}, and `-` before a name takes it from all",
                        names.join(", ")
                    ));
                }
            }
        }
        let start = |name: &&str| on.is_empty() || on.contains(name);
        let kept = names.iter().copied().filter(start);
        let groups: Vec<&'static str> = kept.filter(|name| !off.contains(name)).collect();
        if groups.is_empty() {
            return Err("no group is left; heads need something to look at".to_owned());
        }
        Ok(Self(groups))
    }
}

/// Fits the shared steps on these rows of the trace, all of which have a prompt.
///
/// # Errors
/// Where there are too many tasks.
pub(super) fn fit(
    trace: &Trace,
    rows: &[usize],
    groups: &FeatureGroups,
) -> Result<Vec<Step>, LearnError> {
    let mut steps = vec![Step::Surface2(surface_step(trace, rows, groups))];
    if groups.has("embedding") {
        steps.extend(embedding_step(trace, rows).map(Step::Embedding));
    }
    if groups.has("task") {
        steps.extend(tag_step(trace, rows)?.map(Step::Tag));
    }
    Ok(steps)
}

/// The task's columns, in order of the names; none where no row has a task.
fn tag_step(trace: &Trace, rows: &[usize]) -> Result<Option<Tag>, LearnError> {
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
    Ok((!values.is_empty()).then_some(Tag { values }))
}

/// A feature of a group that is off keeps its column, with a scale of 0.
fn surface_step(trace: &Trace, rows: &[usize], groups: &FeatureGroups) -> Surface2 {
    let mut raw = Vec::with_capacity(rows.len() * surface2::COUNT);
    for prompt in rows.iter().filter_map(|&row| trace.prompt(row)) {
        let mut out = [0.0; surface2::COUNT];
        surface2::measure(prompt, &mut out);
        raw.extend(out);
    }
    let mut scaling = scaling(&raw, surface2::COUNT);
    for (scale, group) in scaling.scale.iter_mut().zip(surface2::GROUPS) {
        if !groups.has(group) {
            *scale = 0.0;
        }
    }
    Surface2(scaling)
}

/// The step for the length that most embeddings of the rows have, the shorter at a tie; none where
/// fewer than half of the rows have one of it.
fn embedding_step(trace: &Trace, rows: &[usize]) -> Option<Embedding> {
    let of = |row: usize| trace.request(row).embedding.filter(|x| !x.is_empty());
    let mut lengths: Vec<usize> = (rows.iter())
        .filter_map(|&row| Some(of(row)?.len()))
        .collect();
    lengths.sort_unstable();
    let runs = lengths.chunk_by(|a, b| a == b);
    let (length, count) = runs
        .map(|run| (run[0], run.len()))
        .max_by_key(|(length, count)| (*count, std::cmp::Reverse(*length)))?;
    if 2 * count < rows.len() {
        return None;
    }
    let mut raw = Vec::with_capacity(count * length);
    for embedding in rows.iter().filter_map(|&row| of(row)) {
        if embedding.len() == length {
            raw.extend(embedding.iter().map(|x| f64::from(*x)));
        }
    }
    Some(Embedding(scaling(&raw, length)))
}

/// Mean and one over the standard deviation of each column of row-major values (0 for a constant
/// one), in two passes, so that no digits cancel.
fn scaling(raw: &[f64], columns: usize) -> Scaling {
    let n = (raw.len() / columns.max(1)).max(1) as f64;
    let mut scaling = Scaling {
        weight: WEIGHT,
        ..Scaling::default()
    };
    for column in 0..columns {
        let values = || raw.iter().skip(column).step_by(columns);
        let mean = values().sum::<f64>() / n;
        let squares: f64 = values().map(|x| (x - mean).powi(2)).sum();
        let (mean, scale) = standard(mean, (squares / n).sqrt());
        scaling.mean.push(mean);
        scaling.scale.push(scale);
    }
    scaling
}

/// Mean and scale of a column with this mean and standard deviation. One that hardly varies is
/// constant but for rounding, or so rare that its scale would make one prompt outweigh all others.
pub(super) fn standard(mean: f64, sd: f64) -> (f32, f32) {
    let scale = if sd < 1e-6 { 0.0 } else { 1.0 / sd };
    (mean as f32, scale as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Row, TraceBuilder};
    use weighbridge_router::{Recipe, RequestRef};

    fn trace(rows: &[(&str, Option<&str>)]) -> Trace {
        let mut builder = TraceBuilder::default();
        for (i, (prompt, task)) in rows.iter().enumerate() {
            let embedding = [i as f32, 1.0];
            let row = Row {
                id: &format!("r{i}"),
                request: RequestRef {
                    prompt: Some(prompt),
                    task: *task,
                    embedding: (i < 2).then_some(&embedding[..]),
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

    #[test]
    fn a_recipe_is_fitted_on_the_rows_that_it_is_given() {
        let rows = [
            ("alpha beta", Some("z")),
            ("alpha, gamma delta?", Some("a")),
            ("never seen", Some("unseen")),
        ];
        let trace = trace(&rows);
        let all = FeatureGroups::default();
        let steps = fit(&trace, &[0, 1], &all).unwrap();
        let [
            Step::Surface2(surface),
            Step::Embedding(embedding),
            Step::Tag(tag),
        ] = &steps[..]
        else {
            panic!("three steps: {steps:?}");
        };
        assert_eq!(tag.values, ["a", "z"]);
        // The first feature is ln(1 + bytes): 10 and 19 bytes.
        let logs = [11.0_f64.ln(), 20.0_f64.ln()];
        assert!((f64::from(surface.0.mean[0]) - (logs[0] + logs[1]) / 2.0).abs() < 1e-6);
        assert!((f64::from(surface.0.scale[0]) - 2.0 / (logs[1] - logs[0])).abs() < 1e-5);
        // No prompt has code, so that column is constant.
        assert!(surface.0.scale.contains(&0.0));
        assert_eq!(embedding.0.mean, [0.5, 1.0]);
        assert_eq!(embedding.0.scale, [2.0, 0.0]);
        assert!(Recipe::try_new(steps.clone()).is_ok());
        let bare = all.without("task").without("embedding").without("length");
        let steps = fit(&trace, &[0, 1], &bare).unwrap();
        let [Step::Surface2(without)] = &steps[..] else {
            panic!("one step: {steps:?}");
        };
        let of = surface2::GROUPS
            .iter()
            .position(|group| *group == "length")
            .unwrap();
        assert!(without.0.scale[of] == 0.0 && surface.0.scale[of] > 0.0);
    }

    #[test]
    fn rows_without_tasks_make_no_tag_and_too_many_tasks_are_refused() {
        let plain = trace(&[("a b", None), ("c d", None)]);
        let all = FeatureGroups::default();
        assert_eq!(fit(&plain, &[0, 1], &all).unwrap().len(), 2);
        let names: Vec<String> = (0..=MAX_TASKS).map(|i| format!("t{i}")).collect();
        let many: Vec<_> = (names.iter())
            .map(|name| ("a", Some(name.as_str())))
            .collect();
        let rows: Vec<usize> = (0..many.len()).collect();
        let refused = fit(&trace(&many), &rows, &all).unwrap_err().to_string();
        assert!(
            refused.ends_with("train with --features -task"),
            "{refused}"
        );
    }

    #[test]
    fn groups_are_named_alone_or_taken_from_all() {
        let on = |text: &str| text.parse::<FeatureGroups>();
        assert_eq!(on("all").unwrap(), FeatureGroups::default());
        assert_eq!(on("words, task").unwrap().on(), ["words", "task"]);
        let less = on("-words,-shape").unwrap();
        assert!(!less.has("words") && !less.has("shape") && less.has("options"));
        assert!(
            on("wrods")
                .unwrap_err()
                .contains("no group `wrods`; there are length,")
        );
        assert!(on("words,-words").unwrap_err().contains("no group is left"));
    }
}
