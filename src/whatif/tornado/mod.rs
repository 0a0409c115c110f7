//! What a decision hangs on: each input over its plausible range, and what becomes of the difference
//! between the two best policies.
//!
//! Owns the ranges that are plausible where nobody says better, and the bars. Start at
//! [`Base::tornado`](super::Base::tornado).

mod bars;
mod inputs;

pub use bars::{Bar, Hanging, LeftOut, Tornado};
