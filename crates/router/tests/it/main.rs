//! The crate from outside: the router file and what decisions hold to.

mod deciding;
mod file;
mod sample;
