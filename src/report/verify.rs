//! The check of a router file, as a document.

use super::document::{Document, Table};
use crate::export::{FolderCheck, Verification};

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
    if let Some(folder) = &verification.folder {
        document.text(folder_text(file, folder));
    }
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

/// Whether the files of a folder are as they were shipped.
fn folder_text(folder: &str, check: &FolderCheck) -> String {
    let mut text = format!(
        "{folder}: exported for {} by weighbridge {}; ",
        check.target, check.weighbridge
    );
    if check.holds() {
        text += &format!("all {} files are as they were shipped.", check.files);
    } else {
        let changed = check
            .changed
            .iter()
            .map(|path| format!("{path} was changed"));
        let missing = check.missing.iter().map(|path| format!("{path} is gone"));
        let faults: Vec<String> = changed.chain(missing).collect();
        text += &format!("{}; export it again.", faults.join(", "));
    }
    if !check.unknown.is_empty() {
        text += &format!(" Beside them: {}.", check.unknown.join(", "));
    }
    text
}
