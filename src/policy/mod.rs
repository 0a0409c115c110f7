//! How to choose, as people write it, and its compilation to what machines load.
//!
//! Owns the policy's TOML format, the meaning of its names, and [`compile`]. Does not decide:
//! the compiled router does. Knows nothing of traces but the names that the caller hands over,
//! nothing of outcomes, and reads no files. Start at [`Policy::parse`].

mod check;
mod compile;
mod error;
mod names;
mod wire;

pub use check::{Policy, RouterRef};
pub use compile::compile;
pub use error::PolicyError;
pub use names::Roles;
