//! Which requests deserve the expensive model, and what would that cost and gain?

pub mod trace;
pub mod trace_io;
