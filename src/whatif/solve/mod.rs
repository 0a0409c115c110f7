//! Break-evens: where an equation of figures of policies holds.
//!
//! Owns the equation as it is written, the values that are tried for the unknown, the search, and
//! the intervals. What policies come to at a value is asked of [`super::Base`]. Start at [`solve`].

mod bracket;
mod equation;
mod replicates;
mod result;
mod unknown;

pub(super) use bracket::{Sample, State, refined};
pub use equation::Equation;
pub(super) use replicates::ends;
pub use result::{Asked, BreakEven, Greater, Root, Solved, Stretch, Worlds, solve};
pub use unknown::Unknown;
