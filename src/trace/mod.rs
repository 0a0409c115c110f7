//! Recorded requests and what the models made of them, in columns.
//!
//! Owns the [`Trace`], its header, its validation and its fingerprint. Knows no file format (that
//! is `trace_io`), no prices and no policies. Start at [`TraceBuilder`] for how a trace comes to
//! be, at [`Trace`] for how it is read.

mod builder;
mod columns;
mod fingerprint;
mod header;
mod names;
mod outcome;

pub use builder::{Row, RowFault, TraceBuilder};
pub use columns::Trace;
pub use fingerprint::Fingerprint;
pub use header::{Assumption, Header, HeaderConflict};
pub use names::{NameId, Names};
pub use outcome::{LoggedRef, OutcomeRef};
