//! What can be wrong with a scenario file.

/// A scenario that cannot be used: where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {field}: {message}")]
pub struct ScenarioError {
    /// The name under which the text was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The field, for example `class[2].turns.mean`; `scenario` where it concerns the whole.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
}
