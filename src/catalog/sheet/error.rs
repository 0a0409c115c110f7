//! What can be wrong with a price sheet, and where.

use weighbridge_router::printable;

/// Why no catalog can be made of a sheet; one line with the mend in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// The sheet is at fault.
    #[error("{file}{}: {}{message}", line_part(*.line), field_part(.field))]
    Fault {
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1, where the fault belongs to one.
        line: Option<usize>,
        /// The column or field; empty where none is to blame.
        field: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// A name that the caller wants stands on no row.
    #[error("--{flag} {name}: {hint}")]
    NoSuchName {
        /// `model` or `provider`.
        flag: &'static str,
        /// The name.
        name: String,
        /// What there is instead.
        hint: String,
    },
}

fn line_part(line: Option<usize>) -> String {
    line.map_or(String::new(), |line| format!(":{line}"))
}

fn field_part(field: &str) -> String {
    match field {
        "" => String::new(),
        field => format!("{field}: "),
    }
}

/// The start of a value, for a message of one line.
pub(super) fn short(text: &str) -> String {
    let mut start: String = text.chars().take(40).collect();
    if start.len() < text.len() {
        start.push_str("...");
    }
    printable(&start).into_owned()
}
