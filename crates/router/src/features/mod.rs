//! stub
pub mod surface {
    pub const COUNT: usize = 1;
    pub const NAMES: [&str; COUNT] = ["x"];
    pub fn measure(_p: &str, _o: &mut [f64; COUNT]) {}
}
#[derive(Debug, Clone, PartialEq)]
pub enum Step {}
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe(Vec<Step>);
#[derive(Debug, Default)]
pub struct FeatureScratch {
    e: Vec<(u32, f64)>,
}
impl FeatureScratch {
    pub fn entries(&self) -> &[(u32, f64)] {
        &self.e
    }
}
impl Recipe {
    pub fn try_new(s: Vec<Step>) -> Result<Self, crate::Error> {
        Ok(Self(s))
    }
    pub fn columns(&self) -> usize {
        self.0.len()
    }
    pub fn compute(&self, _p: &str, _t: Option<&str>, _s: &mut FeatureScratch) {}
}
