//! Weighbridge: which requests deserve the expensive model, and what would that cost and gain?

pub mod catalog;
pub mod policy;
