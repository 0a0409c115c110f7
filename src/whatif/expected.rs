//! What it means that a model were right more or less often.
//!
//! A recorded answer is right or wrong: a draw from the expected score of its request, which is what
//! an assumption shifts. The finest expected score that a trace itself tells is the mean of the
//! model's answers to a task. It is changed and clipped to [0, 1] there, and the answers of tasks
//! that were clipped are counted; where nothing is clipped the change is applied answer by answer,
//! which gives the same mean. Predictions of heads are expected scores themselves, and are changed
//! and clipped one by one.

use std::collections::BTreeMap;

use super::setting::Op;
use crate::replay::{Stage, in_parts};

/// The expected scores of one endpoint, by task; requests without one are a task too.
pub(super) struct Expected(BTreeMap<String, Task>);

/// The answers to a task.
#[derive(Debug, Clone, Copy, Default)]
struct Task {
    answers: u64,
    /// Millionths.
    sum: i64,
}

impl Task {
    fn mean(self) -> f64 {
        self.sum as f64 / 1e6 / self.answers as f64
    }
}

/// A score after what is done to it, before it is clipped.
pub(super) fn unclipped(score: f64, changes: &[(Op, f64)]) -> f64 {
    changes
        .iter()
        .fold(score, |score, &(op, by)| op.apply(score, by))
}

fn is_clipped(score: f64) -> bool {
    !(0.0..=1.0).contains(&score)
}

impl Expected {
    pub(super) fn new(stage: &Stage<'_>, endpoint: usize, threads: usize) -> Self {
        let place = u16::try_from(endpoint).unwrap_or(u16::MAX);
        let parts = in_parts(stage.trace().len(), threads, |range| {
            let mut tasks: BTreeMap<&str, Task> = BTreeMap::new();
            for row in range {
                let request = stage.request(row);
                if let Some(score) = stage.observe(row, place, &request).score {
                    let task = tasks.entry(request.task.unwrap_or_default()).or_default();
                    task.answers += 1;
                    task.sum += i64::from(score);
                }
            }
            tasks
        });
        let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
        for (name, part) in parts.into_iter().flatten() {
            let task = tasks.entry(name.to_owned()).or_default();
            task.answers += part.answers;
            task.sum += part.sum;
        }
        Self(tasks)
    }

    /// Whether the expected score of some task leaves [0, 1].
    pub(super) fn clips(&self, changes: &[(Op, f64)]) -> bool {
        let mut tasks = self.0.values();
        tasks.any(|task| is_clipped(unclipped(task.mean(), changes)))
    }

    /// An answer's score in millionths after what is done to it: an answer to a task that is clipped
    /// scores what that is clipped to.
    pub(super) fn changed(&self, score: i32, task: Option<&str>, changes: &[(Op, f64)]) -> i32 {
        let task = self.0.get(task.unwrap_or_default());
        let mean = unclipped(task.map_or(0.5, |task| task.mean()), changes);
        let score = if is_clipped(mean) {
            mean.clamp(0.0, 1.0)
        } else {
            unclipped(f64::from(score) / 1e6, changes)
        };
        (score * 1e6).round_ties_even() as i32
    }

    /// What is done to the scores of a model, in words; none where it has no answers.
    pub(super) fn told(&self, model: &str, changes: &[(Op, f64)]) -> Option<String> {
        let answers: u64 = self.0.values().map(|task| task.answers).sum();
        if answers == 0 {
            return None;
        }
        let (mut clipped, mut before, mut after) = (0, 0.0, 0.0);
        for task in self.0.values() {
            let (mean, n) = (task.mean(), task.answers as f64);
            let is = unclipped(mean, changes);
            clipped += if is_clipped(is) { task.answers } else { 0 };
            before += mean * n;
            after += is.clamp(0.0, 1.0) * n;
        }
        let what: Vec<String> = changes
            .iter()
            .map(|(op, by)| format!("{}{by}", op.sign()))
            .collect();
        Some(format!(
            "the expected score of {model} changes by {}: its mean goes from {:.4} to {:.4}; {clipped} of {answers} answers are to tasks whose expected score was clipped to [0, 1]",
            what.join(" "),
            before / answers as f64,
            after / answers as f64,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Expected {
        let task = |answers, right: i64| Task {
            answers,
            sum: right * 1_000_000,
        };
        let tasks = [("chat", task(10, 10)), ("math", task(10, 4))];
        Expected(tasks.map(|(name, task)| (name.to_owned(), task)).into())
    }

    #[test]
    fn a_shift_moves_the_mean_of_a_task_and_stops_at_one() {
        let expected = tasks();
        let up = [(Op::Add, 0.1)];
        assert!(expected.clips(&up) && !expected.clips(&[(Op::Add, -0.1)]));
        assert_eq!(expected.changed(1_000_000, Some("chat"), &up), 1_000_000);
        let math = [0, 1_000_000].map(|score| expected.changed(score, Some("math"), &up));
        assert_eq!(
            math,
            [100_000, 1_100_000],
            "a draw is shifted, so that the mean is"
        );
        let told = expected.told("m", &up).unwrap();
        assert!(told.contains("from 0.7000 to 0.7500; 10 of 20"), "{told}");
    }
}
