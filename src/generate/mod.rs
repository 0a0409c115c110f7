//! Seeded synthetic traces from scenario files.
//!
//! Owns the scenario format, its checks, and how requests, texts and outcomes are drawn. Knows no
//! prices and no policies: what a trace is worth, and what a policy makes of it, is found out by
//! replaying it like a recorded one. Start at [`Scenario`] for what a scenario says, at
//! [`generate`] for how a trace comes of it.

mod arrivals;
mod builtin;
mod check;
mod check_class;
mod draw;
mod error;
mod fault;
mod laws;
mod outcomes;
mod scenario;
mod sessions;
mod text;
mod wire;

pub use builtin::BUILTIN_NAMES;
pub use error::ScenarioError;
pub use scenario::Scenario;
pub use sessions::generate;
