//! Claims as data: statements, the readings under which they can be checked, and what comes of it.
//!
//! Owns the file of claims, arithmetic over named facts, figures of policies on traces as facts, and
//! verdicts. It deliberately knows no statement: those stand in a file. Start at [`Claims`], then
//! [`check_claims`].

mod check;
mod column;
mod expression;
mod observed;
mod result;
mod verdict;
mod wire;

pub use check::Claims;
pub use observed::Ground;
pub use result::{
    ClaimResult, ClaimVerdict, ClaimsReport, Found, GroundResult, ReadingResult, Source,
};
pub use verdict::{ClaimError, ClaimOptions, check_claims};
