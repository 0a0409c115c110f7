//! Requests one by one, in the order of the input: what is decided as it comes.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weighbridge_router::Request;

use super::directory::{Inputs, as_it_is_now};
use super::error::TraceError;
use super::header::known_format;
use super::line::{not_json, request_of};
use super::lines::Lines;
use crate::trace::RowFault;

/// The requests of a trace or of a list of bare requests, each with its id.
///
/// An object with a field `request` is a line of a trace; any other object is the request itself.
/// Its field `id` names it, else the number of its line does. A header may come first.
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
        let first = std::mem::take(&mut self.header_possible);
        let value: Value = serde_json::from_slice(self.lines.text())
            .map_err(|error| RowFault::new("", not_json(&error)))?;
        let Value::Object(mut fields) = value else {
            return Err(RowFault::new(
                "",
                "must be an object: a trace line or a request",
            ));
        };
        if let (true, Some(Value::String(format))) = (first, fields.get("format")) {
            known_format(Some(format))?;
            return Ok(None);
        }
        let id = match fields.remove("id") {
            None | Some(Value::Null) => self.lines.number().to_string(),
            Some(Value::String(id)) if !id.is_empty() => id,
            Some(_) => return Err(RowFault::new("id", "must be a text that is not empty")),
        };
        let request = match fields.remove("request") {
            Some(Value::Null) => Request::default(),
            Some(inner) => request_of(&inner, "request")?,
            None => request_of(&Value::Object(fields), "")?,
        };
        Ok(Some((id, request)))
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
