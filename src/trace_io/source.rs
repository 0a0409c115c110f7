//! Where bytes come from: a plain file, a gzip file, standard input.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use super::error::TraceError;

/// An open input. Gzip is known by its first two bytes, whatever the name, so that standard input
/// may be compressed too; a name that ends in `.gz` must be gzip.
pub(super) struct Source {
    text: Box<dyn Read>,
    stored: Rc<Cell<u64>>,
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

impl Source {
    /// Open a path, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let input: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            if path.is_dir() {
                return Err(TraceError::of_file(path, "is a folder, not a file"));
            }
            Box::new(File::open(path).map_err(|error| TraceError::of_reading(path, &error))?)
        };
        Self::of(path, input)
    }

    /// Bytes at hand; `path` is what errors call them.
    pub(super) fn of(path: &Path, input: Box<dyn Read>) -> Result<Self, TraceError> {
        let stored = Rc::new(Cell::new(0));
        let counted = Counted {
            input,
            stored: Rc::clone(&stored),
        };
        let mut buffered = BufReader::with_capacity(1 << 18, counted);
        let start = buffered
            .fill_buf()
            .map_err(|error| TraceError::of_reading(path, &error))?;
        let text: Box<dyn Read> = if start.starts_with(GZIP) {
            Box::new(MultiGzDecoder::new(buffered))
        } else if start.starts_with(ZSTD) {
            return Err(TraceError::of_file(
                path,
                "zstd is not supported yet; give it as plain text or gzip",
            ));
        } else if path.extension().is_some_and(|ending| ending == "gz") {
            return Err(TraceError::of_file(
                path,
                "ends in .gz but is not gzip; rename it or compress it",
            ));
        } else {
            Box::new(buffered)
        };
        Ok(Self { text, stored })
    }

    /// How many stored bytes have been read so far.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored.get()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text.read(buffer)
    }
}

struct Counted {
    input: Box<dyn Read>,
    stored: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.stored.set(self.stored.get() + n as u64);
        Ok(n)
    }
}
