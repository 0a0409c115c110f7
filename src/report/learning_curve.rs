//! A learning curve as a document.

use super::document::{Document, Table};
use super::eval::plain;
use super::number::{NONE, count, signed, two_lines, usd_per_1000};
use crate::evaluate::{Comparison, Figure, LearningCurve};

/// Lay a learning curve out: the sentence, then a row a step.
#[must_use]
pub fn learning_curve_document(curve: &LearningCurve) -> Document {
    let mut document = Document::default();
    document.text(format!("Learning curve: {}.", curve.sentence));
    let titles = [
        "training rows",
        "measured on",
        "APGR",
        "less the step before",
        "net USD / 1,000",
        "less the step before",
    ];
    let mut table = Table::new("learning_curve", &titles);
    let gain = |held: &Option<Comparison>, show: fn(&Figure) -> String| {
        let shown = held.as_ref().map(|held| signed(&show(&held.difference)));
        two_lines(shown.unwrap_or_else(|| NONE.to_owned()))
    };
    for step in &curve.steps {
        table.row(vec![
            count(step.training_rows as f64),
            count(step.requests as f64),
            two_lines(plain(&step.apgr)),
            gain(&step.apgr_gain, plain),
            two_lines(usd_per_1000(&step.net_usd_per_request)),
            gain(&step.net_gain, usd_per_1000),
        ]);
    }
    document.table(table);
    document
}
