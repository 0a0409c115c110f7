//! Segments: the files that a recorder appends whole lines to, one open at a time.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use weighbridge_router::Timestamp;

use super::disk::{self, Held};
use crate::trace::Header;
use crate::trace_io::directory::PLAIN;
use crate::trace_io::feedback::header_line;
use crate::trace_io::header::write_header;
use crate::trace_io::twin::packed;

/// The first line of a segment of requests.
#[must_use]
pub fn requests_header(header: &Header) -> Vec<u8> {
    let mut line = Vec::new();
    // Memory takes everything; a header of texts is always JSON.
    let _ = write_header(header, &mut line);
    line
}

/// The first line of a segment of feedback.
#[must_use]
pub fn feedback_header() -> Vec<u8> {
    header_line()
}

/// Segments of one kind, one open at a time.
#[derive(Debug)]
pub struct Segments {
    folder: PathBuf,
    prefix: &'static str,
    number: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: Held,
    path: PathBuf,
    bytes: u64,
    /// How much of it is the header.
    header: u64,
}

/// Lines that could not be written.
#[derive(Debug)]
pub struct Lost {
    /// How many.
    pub lines: u64,
    /// How many bytes before them were written.
    pub written: usize,
    /// Why.
    pub error: io::Error,
}

impl Segments {
    pub(super) fn new(folder: &Path, prefix: &'static str) -> Self {
        Self {
            folder: folder.to_owned(),
            prefix,
            number: 0,
            open: None,
        }
    }

    /// How long the open segment is; 0 where none is open.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// Give the open segment up where it no longer stands under its name: somebody took it away. Its path.
    pub fn give_up_if_gone(&mut self) -> Option<PathBuf> {
        let open = self
            .open
            .take_if(|open| !disk::is_still(open.file.file(), &open.path));
        open.map(|open| open.path)
    }

    /// Append whole lines; where no segment is open, begin one that starts `at` with `header`.
    ///
    /// # Errors
    /// Where not all could be written: how many were not. What is in the file are whole lines.
    pub fn append(
        &mut self,
        lines: &[u8],
        at: Timestamp,
        header: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), Lost> {
        let lost = |written: usize, error| Lost {
            lines: count_lines(&lines[written..]),
            written,
            error,
        };
        if self.open.is_none() {
            let begun = self.begin(at, &header());
            self.open = Some(begun.map_err(|error| lost(0, error))?);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let begun = open.bytes;
        let appended = open.append(lines);
        let Some(fault) = appended.fault else {
            return Ok(());
        };
        if appended.torn {
            // Nothing can follow a part of a line: whoever reads the folder passes over it at the end alone.
            self.open = None;
        } else if appended.written == 0 && begun == open.header {
            // Nothing but a header: no segment.
            let _ = disk::remove(&open.path);
            self.open = None;
        }
        Err(lost(appended.written, fault))
    }

    /// Finish the open segment: its path, to be compressed.
    ///
    /// # Errors
    /// Where the system cannot say that the file is safe; it is closed all the same.
    pub fn finish(&mut self) -> Option<(PathBuf, io::Result<()>)> {
        let open = self.open.take()?;
        let synced = open.file.sync();
        Some((open.path, synced))
    }

    /// A new file under a name that no segment has, compressed or not.
    fn begin(&mut self, at: Timestamp, header: &[u8]) -> io::Result<Open> {
        let start: String = at
            .to_string()
            .chars()
            .filter(|c| !"-:".contains(*c))
            .collect();
        let start = start
            .split(['.', 'Z'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let (path, file) = loop {
            self.number += 1;
            let name = format!("{}{start}Z-{:06}{PLAIN}", self.prefix, self.number);
            let path = self.folder.join(name);
            if disk::is_taken(&packed(&path)) {
                continue;
            }
            match Held::create(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        let mut open = Open {
            file,
            path,
            bytes: 0,
            header: header.len() as u64,
        };
        match open.append(header).fault {
            None => Ok(open),
            Some(fault) => {
                let _ = disk::remove(&open.path);
                Err(fault)
            }
        }
    }
}

/// What came of appending lines.
struct Appended {
    /// How many bytes of whole lines were written.
    written: usize,
    /// What stopped it.
    fault: Option<io::Error>,
    /// Whether a part of a line stays behind them, which could not be cut off.
    torn: bool,
}

impl Open {
    /// Append what can be appended of some lines. A line that was written in part is cut off again.
    fn append(&mut self, lines: &[u8]) -> Appended {
        let mut written = 0;
        let fault = loop {
            if written == lines.len() {
                break None;
            }
            match self.file.write(&lines[written..]) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        let whole = match fault {
            None => written,
            Some(_) => {
                let feed = lines[..written].iter().rposition(|&byte| byte == b'\n');
                feed.map_or(0, |feed| feed + 1)
            }
        };
        self.bytes += whole as u64;
        Appended {
            torn: whole < written && self.file.cut(self.bytes).is_err(),
            written: whole,
            fault,
        }
    }
}

pub(super) fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}
