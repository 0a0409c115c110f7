//! A sample of the training rows: what dials other than the value of an answer are solved on.

/// Out-of-fold predictions of at most [`Calibration::MAX_ROWS`] training rows; no text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    /// How many requests a day the trace stands for, where that is known.
    pub requests_per_day: Option<f64>,
    /// Input tokens of each row.
    pub input_tokens: Vec<u32>,
    /// For each model, its predictions for the rows.
    pub models: Vec<CalibrationModel>,
}

/// One model's predictions, a value a row.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationModel {
    /// The model.
    pub model: String,
    /// Out-of-fold probability that it is right.
    pub success: Vec<f32>,
    /// Out-of-fold natural logarithm of its output tokens.
    pub log_output_tokens: Vec<f32>,
}

impl Calibration {
    /// The most rows that a file carries.
    pub const MAX_ROWS: usize = 1000;
}
