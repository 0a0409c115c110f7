//! A training as a document and as JSON.

use serde::Serialize;

use super::document::{Document, Table};
use super::eval::evaluation_document;
use super::eval_splits::splits_document;
use super::learning_curve::learning_curve_document;
use super::number::{count, share};
use super::promise::promise_document;
use crate::evaluate::{LearningCurve, RouterEvaluation, Splits};
use crate::learn::{Added, Guard, ModelRows, Trained};
use crate::whatif::PromiseFigures;

/// What came of a training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingResult {
    /// `weighbridge.train/1`.
    format: &'static str,
    /// The file that was written; null where the router was not worth it.
    router: Option<String>,
    /// The kind of head that predicts success.
    head: &'static str,
    training_rows: usize,
    informative_rows: usize,
    training_groups: usize,
    held_out_rows: usize,
    without_prompt: usize,
    models: Vec<ModelResult>,
    /// What the dial comes to.
    promise: PromiseFigures,
    guard: Guard,
    #[serde(flatten)]
    parts: TrainingParts,
    /// What fewer training rows would have given, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_curve: Option<LearningCurve>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingParts {
    /// On the held-out rows; null where none were kept.
    pub evaluation: Option<RouterEvaluation>,
    /// By prompt group on the training rows, where none were held out; else null.
    pub cross_validated: Option<RouterEvaluation>,
    /// Cross-validated on the training rows: by group, time and task.
    #[serde(rename = "splits_side_by_side")]
    pub splits: Splits,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ModelResult {
    model: String,
    rows: usize,
    /// The sum of the scores.
    right: f64,
    token_rows: usize,
    /// Whether Platt scaling helped and is in the file.
    calibrated: bool,
}

impl From<&ModelRows> for ModelResult {
    fn from(model: &ModelRows) -> Self {
        Self {
            model: model.model.clone(),
            rows: model.rows,
            right: model.right,
            token_rows: model.token_rows,
            calibrated: model.calibrated,
        }
    }
}

impl TrainingResult {
    /// The result of a training, with the file that was written.
    #[must_use]
    pub fn new(
        router: Option<String>,
        trained: &Trained,
        promise: PromiseFigures,
        guard: Guard,
        parts: TrainingParts,
    ) -> Self {
        Self {
            format: "weighbridge.train/1",
            router,
            head: trained.head.name(),
            training_rows: trained.training_rows,
            informative_rows: trained.informative_rows,
            training_groups: trained.training_groups,
            held_out_rows: trained.held_out.len(),
            without_prompt: trained.without_prompt,
            models: trained.models.iter().map(ModelResult::from).collect(),
            promise,
            guard,
            parts,
            learning_curve: None,
        }
    }

    /// The same with a learning curve, where there is one.
    #[must_use]
    pub fn with_learning_curve(self, learning_curve: Option<LearningCurve>) -> Self {
        Self {
            learning_curve,
            ..self
        }
    }
}

/// Lay a training out.
#[must_use]
pub fn training_document(result: &TrainingResult) -> Document {
    let mut document = Document::default();
    document.text(format!(
        "Trained on {} requests of {} prompt groups ({} with the outcomes of all models); {} kept for measuring, {} without prompt. Success is predicted by {}.",
        count(result.training_rows as f64),
        count(result.training_groups as f64),
        count(result.informative_rows as f64),
        count(result.held_out_rows as f64),
        count(result.without_prompt as f64),
        head(result.head),
    ));
    document.table(models(&result.models));
    document.text(format!("Guard: {}", result.guard.sentence));
    document
        .blocks
        .extend(promise_document(&result.promise).blocks);
    document.heading("Cross-validated on the training rows");
    document
        .blocks
        .extend(splits_document(&result.parts.splits).blocks);
    if let Some(curve) = &result.learning_curve {
        document
            .blocks
            .extend(learning_curve_document(curve).blocks);
    }
    let (title, evaluation) = match (&result.parts.evaluation, &result.parts.cross_validated) {
        (Some(held_out), _) => (
            "On the requests that were kept from training",
            Some(held_out),
        ),
        (None, held) => ("Cross-validated by prompt group", held.as_ref()),
    };
    if let Some(evaluation) = evaluation {
        document.heading(title);
        document
            .blocks
            .extend(evaluation_document(evaluation).blocks);
    }
    document
}

fn head(kind: &str) -> &'static str {
    match kind {
        "logistic" => "the linear head",
        "trees" => "the trees",
        _ => "the mean of the linear head and the trees",
    }
}

fn models(models: &[ModelResult]) -> Table {
    let titles = [
        "<model",
        "training rows",
        "right",
        "with tokens",
        "<calibrated",
    ];
    let mut table = Table::new("models", &titles);
    for model in models {
        let right = model.right / model.rows.max(1) as f64;
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
    table
}

/// What came of adding a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AddingResult {
    /// `weighbridge.add/1`.
    format: &'static str,
    /// The file that was written.
    router: String,
    head: &'static str,
    training_rows: usize,
    model: ModelResult,
    /// All models of the file.
    models: Vec<String>,
    warnings: Vec<String>,
}

impl AddingResult {
    /// The result of an addition that was written to a file.
    #[must_use]
    pub fn new(router: &str, added: &Added) -> Self {
        let heads = added.router.heads().iter();
        Self {
            format: "weighbridge.add/1",
            router: router.to_owned(),
            head: added.head.name(),
            training_rows: added.training_rows,
            model: ModelResult::from(&added.model),
            models: heads.map(|heads| heads.model.clone()).collect(),
            warnings: added.warnings.clone(),
        }
    }
}

/// Lay an addition out.
#[must_use]
pub fn adding_document(result: &AddingResult) -> Document {
    let mut document = Document::default();
    document.text(format!(
        "`{}` joins on {} training rows; nothing of the other models was fitted again. The file chooses among {}.",
        result.model.model,
        count(result.training_rows as f64),
        result.models.join(", "),
    ));
    document.table(models(std::slice::from_ref(&result.model)));
    document.notes(result.warnings.clone());
    document
}
