//! Models and their endpoints: what they cost when, what they can, and until when they live.
//!
//! Owns the catalog's TOML format, the catalog that ships with the tool, names and aliases, the
//! price of a usage at a time, and how price sheets become catalog files. Knows nothing of traces, outcomes or policies, and reads no
//! files: whoever has read one hands over its name and text. Start at [`Catalog`].

mod builtin;
mod check;
mod document;
mod error;
mod findings;
mod lookup;
mod sheet;
mod wire;

pub(crate) use document::{Document, Fields, Node, Place, nearest};
pub use error::TomlError;
pub use findings::{Finding, Severity, check};
pub use lookup::{Card, Catalog, Model, PriceSource, Resolved, SourceFile};
pub use sheet::{Pick, SHEET_FORMATS, SheetError, SheetFormat, SheetImport, import_sheet};
