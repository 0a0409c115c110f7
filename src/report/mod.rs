//! Results as something to read or to parse.
//!
//! A result is first laid out as a [`Document`] of headings, tables and notes; one renderer a
//! format turns that into bytes. JSON is the result itself, not the document. Computes nothing:
//! every number was worked out before it comes here.

mod catalog;
mod claims;
mod diff;
mod document;
mod drift;
mod eval;
mod eval_splits;
mod eval_worth;
mod explain;
mod html;
mod inspect;
mod learning_curve;
mod loss;
mod number;
mod plan;
mod plot;
mod promise;
mod render;
mod replay;
mod train;
mod verify;
mod whatif;
mod whatif_questions;

pub use catalog::{
    EndpointResult, FindingsResult, catalog_document, catalog_result, findings_document,
    findings_result,
};
pub use claims::claims_document;
pub use diff::{DiffResult, diff_document};
pub use document::{Align, Block, Column, Document, Table};
pub use drift::drift_document;
pub use eval::evaluation_document;
pub use eval_splits::splits_document;
pub use explain::{ExplanationResult, explanation_document, explanation_result};
pub use html::{dated_plans_page, evaluation_page, plan_page, replay_page, whatif_page};
pub use inspect::inspection_document;
pub use learning_curve::learning_curve_document;
pub use loss::loss_document;
pub use plan::{dated_plans_document, plan_document};
pub use plot::{Axis, Plot, Series, Shape, Tone, evaluation_plot, plan_plot, replay_plot};
pub use promise::{CompileResult, compile_document, promise_document};
pub use render::{Format, Screen, render};
pub use replay::replay_document;
pub use train::{AddingResult, TrainingParts, TrainingResult, adding_document, training_document};
pub use verify::verification_document;
pub use whatif::whatif_document;
