//! What is recorded, and into which files.

use std::path::PathBuf;
use std::time::Duration;

/// What a recording keeps of prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prompts {
    /// The text.
    #[default]
    Keep,
    /// The SHA-256 of the prompt group, so that equal prompts stay known as equal; no text.
    Hash,
    /// Nothing.
    Drop,
}

/// How to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOptions {
    /// Where to; nobody else may record there at the same time.
    pub folder: PathBuf,
    /// What is kept of prompts.
    pub prompts: Prompts,
    /// How long a segment may become before the next one is begun.
    pub segment_bytes: u64,
    /// How old a segment may become before the next one is begun.
    pub segment_age: Duration,
}
