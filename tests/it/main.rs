//! The one integration binary: linking is the slow part of testing, so there is one.

#[path = "../architecture.rs"]
mod architecture;
