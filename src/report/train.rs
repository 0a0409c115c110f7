//! A training as a document and as JSON.

use serde::Serialize;

use super::document::{Document, Table};
use super::eval::evaluation_document;
use super::number::{count, share};
use crate::evaluate::RouterEvaluation;
use crate::learn::Trained;

/// What came of a training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingResult {
    /// `weighbridge.train/1`.
    format: &'static str,
    /// The file that was written.
    router: String,
    training_rows: usize,
    training_groups: usize,
    held_out_rows: usize,
    without_prompt: usize,
    models: Vec<ModelResult>,
    /// On the held-out rows; null where none were kept.
    evaluation: Option<RouterEvaluation>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ModelResult {
    model: String,
    rows: usize,
    right: f64,
    token_rows: usize,
    /// Whether Platt scaling helped and is in the file.
    calibrated: bool,
}

impl TrainingResult {
    /// The result of a training that was written to a file.
    #[must_use]
    pub fn new(router: &str, trained: &Trained, evaluation: Option<RouterEvaluation>) -> Self {
        let models = trained.models.iter().map(|model| ModelResult {
            model: model.model.clone(),
            rows: model.rows,
            right: model.right,
            token_rows: model.token_rows,
            calibrated: model.calibrated,
        });
        Self {
            format: "weighbridge.train/1",
            router: router.to_owned(),
            training_rows: trained.training_rows,
            training_groups: trained.training_groups,
            held_out_rows: trained.held_out.len(),
            without_prompt: trained.without_prompt,
            models: models.collect(),
            evaluation,
        }
    }
}

/// Lay a training out.
#[must_use]
pub fn training_document(result: &TrainingResult) -> Document {
    let mut document = Document::default();
    document.text(format!(
        "Trained on {} requests of {} prompt groups; {} kept for measuring, {} without prompt.",
        count(result.training_rows as f64),
        count(result.training_groups as f64),
        count(result.held_out_rows as f64),
        count(result.without_prompt as f64)
    ));
    let mut table = Table::new(
        "models",
        &[
            "<model",
            "training rows",
            "right",
            "with tokens",
            "<calibrated",
        ],
    );
    for model in &result.models {
        let right = model.right as f64 / model.rows.max(1) as f64;
        let calibrated = if model.calibrated {
            "by Platt's sigmoid"
        } else {
            "raw: calibration did not help"
        };
        table.row(vec![
            model.model.clone(),
            count(model.rows as f64),
            share(right),
            count(model.token_rows as f64),
            calibrated.to_owned(),
        ]);
    }
    document.table(table);
    if let Some(evaluation) = &result.evaluation {
        document.heading("On the requests that were kept from training");
        document
            .blocks
            .extend(evaluation_document(evaluation).blocks);
    }
    document
}
