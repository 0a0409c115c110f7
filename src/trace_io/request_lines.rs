//! Requests one by one, in the order of the input: what is decided as it comes.

use std::io::Read;
use std::path::{Path, PathBuf};

use weighbridge_router::{Request, RequestLine, check_json};

use super::directory::{Inputs, as_it_is_now};
use super::error::TraceError;
use super::header::known_format;
use super::line::{row_fault, utf8};
use super::lines::Lines;
use super::wire::FormatOnly;
use crate::trace::RowFault;

/// The requests of a trace or of a list of [`RequestLine`]s, each with its id: the number of its
/// line where it names none. A header may come first.
pub struct RequestLines {
    lines: Lines,
    header_possible: bool,
    /// What comes after, where the path is a folder.
    next: std::vec::IntoIter<PathBuf>,
}

impl RequestLines {
    /// Open a path, standard input for `-`, or all traces of a folder.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let mut files = Inputs::of(&[path.to_owned()])?.traces.into_iter();
        let first = files.next().unwrap_or_else(|| path.to_owned());
        Ok(Self {
            next: files,
            ..Self::of(Lines::open(&first)?)
        })
    }

    /// The same for bytes at hand, which errors call by that name.
    ///
    /// # Errors
    /// Where they are compressed, and damaged.
    pub fn read(name: &str, input: Box<dyn Read>) -> Result<Self, TraceError> {
        Lines::read(Path::new(name), input).map(Self::of)
    }

    fn of(lines: Lines) -> Self {
        Self {
            lines,
            header_possible: true,
            next: Vec::new().into_iter(),
        }
    }

    /// The request of the line; `None` for the header.
    fn request(&mut self) -> Result<Option<(String, Request)>, RowFault> {
        let text = utf8(self.lines.text())?;
        if std::mem::take(&mut self.header_possible)
            && let Ok(FormatOnly(Some(format))) = serde_json::from_str(text)
        {
            known_format(Some(&format))?;
            check_json(text).map_err(|error| row_fault("", &error))?;
            return Ok(None);
        }
        let line = RequestLine::from_json(text).map_err(|error| row_fault("", &error))?;
        let id = line.id.unwrap_or_else(|| self.lines.number().to_string());
        Ok(Some((id, line.request)))
    }
}

impl Iterator for RequestLines {
    type Item = Result<(String, Request), TraceError>;

    /// The next request; after a fault of a line the following lines can still be read.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.lines.advance() {
                Ok(true) => {}
                Ok(false) => match Lines::open(&as_it_is_now(&self.next.next()?)) {
                    Ok(lines) => {
                        self.lines = lines;
                        self.header_possible = true;
                        continue;
                    }
                    Err(error) => return Some(Err(error)),
                },
                Err(error) => return Some(Err(error)),
            }
            match self.request() {
                Ok(Some(request)) => return Some(Ok(request)),
                Ok(None) => {}
                Err(fault) => return Some(Err(self.lines.fault(fault))),
            }
        }
    }
}
