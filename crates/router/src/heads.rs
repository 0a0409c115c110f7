//! stub
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    pub weights: Vec<f32>,
    pub bias: f64,
    pub platt: [f64; 2],
}
#[derive(Debug, Clone, PartialEq)]
pub struct LogLinear {
    pub weights: Vec<f32>,
    pub bias: f64,
    pub smearing: f64,
}
impl Logistic {
    pub fn probability(&self, _e: &[(u32, f64)]) -> f64 {
        0.5
    }
    pub(crate) fn check(&self) -> Result<(), crate::Error> {
        Ok(())
    }
}
impl LogLinear {
    pub fn tokens(&self, _e: &[(u32, f64)]) -> f64 {
        1.0
    }
    pub(crate) fn check(&self) -> Result<(), crate::Error> {
        Ok(())
    }
}
