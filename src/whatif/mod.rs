//! What would be, under other circumstances: plans over the policies at hand.
//!
//! Owns the search for the policy to ship and the figures of what a dial promises. Everything is
//! replayed: nothing here decides, charges or reads a file.

mod promise;

pub use promise::PromiseFigures;
