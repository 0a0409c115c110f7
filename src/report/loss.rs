//! What a policy that stands in for another loses.

use super::document::Document;
use super::replay::comparisons;
use crate::evaluate::ReplayReport;

/// The comparison of `nearest` with `policy`, of a replay of the two.
#[must_use]
pub fn loss_document(report: &ReplayReport) -> Document {
    let of_the_two: Vec<_> = report
        .comparisons
        .iter()
        .filter(|held| held.a == "nearest" && held.b == "policy")
        .cloned()
        .collect();
    let mut document = Document::default();
    document.heading(format!(
        "What the nearest policy loses on {} recorded requests (paired differences, 95% intervals)",
        report.trace.requests
    ));
    document.table(comparisons(&of_the_two));
    document.notes(report.warnings.clone());
    document
}
