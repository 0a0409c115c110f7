//! The crate from outside: the router file and what decisions hold to.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod deciding;
mod file;
mod kinds;
mod sample;
