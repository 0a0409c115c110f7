//! Traces as files: reading and writing JSON lines, importing other recorders' files, and atomic
//! writing for every result.
//!
//! Owns the wire shapes, their versions and the positions of faults. Knows no prices and no
//! policies. Start at [`read`] for a trace, at [`import`] for other files, at [`RequestLines`]
//! for requests that are decided as they come, at [`RecordFolder`] for what is recorded.

mod atomic;
mod blocks;
mod collect;
mod csv_cells;
mod csv_long;
mod csv_wide;
mod directory;
mod error;
mod feedback;
mod given;
mod header;
mod import;
mod jsonl;
mod line;
mod lines;
mod recording;
mod request_lines;
mod routellm;
mod routerarena;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod twin;
mod wire;

pub use atomic::write_file;
pub use blocks::LINE_LIMIT;
pub use directory::stored_bytes;
pub use error::{FeedbackReport, ISSUES_KEPT, OnError, ReadReport, TraceError};
pub use feedback::Feedback;
pub use import::{IMPORT_FORMATS, ImportFormat, ImportOptions, import};
pub use jsonl::{ReadOptions, read, rows_of_lines, write};
pub use line::{check_line, write_row};
pub use recording::{
    Lost, Mended, RecordFolder, Segments, compress, feedback_header, requests_header,
};
pub use request_lines::RequestLines;
pub use wire::{FEEDBACK_FORMAT, FORMAT};
