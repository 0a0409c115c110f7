//! A file of lines, one after the other, each with its number.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::blocks::{LINE_LIMIT, is_blank};
use super::error::TraceError;
use super::source::Source;
use crate::trace::RowFault;

/// The lines of a file that are not blank.
pub(super) struct Lines {
    path: PathBuf,
    input: BufReader<Source>,
    number: u64,
    text: Vec<u8>,
}

impl Lines {
    /// Open a path, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        Ok(Self::of(path, Source::open(path)?))
    }

    /// The lines of bytes at hand, which errors call by that name.
    pub(super) fn read(name: &Path, input: Box<dyn Read>) -> Result<Self, TraceError> {
        Ok(Self::of(name, Source::of(name, input)?))
    }

    fn of(path: &Path, source: Source) -> Self {
        Self {
            path: path.to_path_buf(),
            input: BufReader::new(source),
            number: 0,
            text: Vec::new(),
        }
    }

    /// Go to the next line; `false` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read, or the line is too long.
    pub(super) fn advance(&mut self) -> Result<bool, TraceError> {
        loop {
            self.text.clear();
            self.number += 1;
            let room = LINE_LIMIT as u64 + 1;
            let read = (&mut self.input)
                .take(room)
                .read_until(b'\n', &mut self.text);
            match read {
                Err(error) => return Err(TraceError::of_reading(&self.path, &error)),
                Ok(0) => return Ok(false),
                Ok(n) if n as u64 == room => {
                    let message = format!("the line is longer than {LINE_LIMIT} bytes");
                    return Err(self.fault(RowFault::new("", message)));
                }
                Ok(_) if is_blank(&self.text) => {}
                Ok(_) => return Ok(true),
            }
        }
    }

    /// The line, with its line feed.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The number of the line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many stored bytes have been read so far.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.input.get_ref().stored_bytes()
    }

    /// A fault of the line.
    pub(super) fn fault(&self, fault: RowFault) -> TraceError {
        TraceError::of_row(&self.path, self.number, fault)
    }
}
