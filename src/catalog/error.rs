//! A fault in a TOML file, with its place.

/// What is wrong in a TOML file that people write, and where; one line with the mend in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {}{message}", self.prefix())]
pub struct TomlError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The field, for example `endpoint[2].price[0].from`; empty where no field is to blame.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl TomlError {
    fn prefix(&self) -> String {
        match self.field.as_str() {
            "" => String::new(),
            field => format!("{field}: "),
        }
    }
}
