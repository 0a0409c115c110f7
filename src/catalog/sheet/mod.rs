//! Other people's price sheets to a catalog file.
//!
//! Owns the sheets' formats, exact prices from their decimal texts, and names that fit the catalog
//! that ships with the tool. Reads and writes no files. Start at [`import_sheet`].

mod compose;
mod csv;
mod error;
mod import;
mod json;
mod litellm;
mod money;
mod offer;

pub use error::SheetError;
pub use import::{SHEET_FORMATS, SheetFormat, SheetImport, import_sheet};
pub use offer::Pick;
