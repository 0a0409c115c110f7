//! The check of a router file, as a document.

use super::document::{Document, Table};
use crate::export::Verification;

/// What a check found, for people.
#[must_use]
pub fn verification_document(file: &str, verification: &Verification) -> Document {
    let mut table = Table::new("findings", &["<severity", "<endpoint", "<what"]);
    for finding in &verification.findings {
        table.row(vec![
            finding.severity.to_owned(),
            finding.endpoint.clone(),
            finding.message.clone(),
        ]);
    }
    let mut document = Document::default();
    document
        .text(format!(
            "{file}: checksum and golden requests hold; {} endpoints, {} trained models, {} as of {}.",
            verification.endpoints,
            verification.models,
            if verification.fit { "fit" } else { "not fit" },
            verification.as_of
        ))
        .table(table);
    document
}
