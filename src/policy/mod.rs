//! How to choose, as people write it, and its compilation to what machines load.
//!
//! Owns the policy's TOML format, the meaning of its names, [`compile`], and [`solve`], which turns
//! a dial (share, spending, success) into the value of a right answer. Does not decide: the compiled
//! router does. Knows nothing of traces but the names that the caller hands over,
//! nothing of outcomes, and reads no files. Start at [`Policy::parse`].

mod check;
mod compile;
mod dial;
mod error;
mod names;
mod sample;
mod solve;
mod steps;
mod wire;

pub use check::{Policy, RouterRef};
pub use compile::{Compiled, compile, compile_solved};
pub use dial::{Dial, DialError, Expected, Goal, Promise, SolveOptions};
pub use error::PolicyError;
pub use names::Roles;
pub use solve::{solve, telling_values};
