//! A folder as a trace: all segments of a recording, with the feedback beside them.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::error::TraceError;
use super::twin::{Twin, compare, packed};

/// How the names of files of feedback begin.
pub(super) const FEEDBACK_PREFIX: &str = "feedback-";

/// The ending of an open segment, and of a small trace.
pub(super) const PLAIN: &str = ".jsonl";

/// The ending of a finished segment.
pub(super) const PACKED: &str = ".jsonl.gz";

/// The files behind the paths that were given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inputs {
    /// The traces.
    pub(super) traces: Vec<PathBuf>,
    /// Of each, whether it was found in a folder.
    pub(super) found: Vec<bool>,
    /// Files of feedback, in the order of their making.
    pub(super) feedback: Vec<PathBuf>,
}

impl Inputs {
    /// Folders are replaced by what is in them, in the order of the names.
    ///
    /// # Errors
    /// Where a folder cannot be listed, or has no trace.
    pub(super) fn of(paths: &[PathBuf]) -> Result<Self, TraceError> {
        let mut inputs = Self::default();
        for path in paths {
            if path == Path::new("-") || !path.is_dir() {
                inputs.traces.push(path.clone());
            } else {
                inputs.list(path)?;
            }
            inputs.found.resize(inputs.traces.len(), path.is_dir());
        }
        Ok(inputs)
    }

    fn list(&mut self, folder: &Path) -> Result<(), TraceError> {
        let before = self.traces.len();
        for (name, path) in segments_in(folder)? {
            if name.starts_with(FEEDBACK_PREFIX) {
                self.feedback.push(path);
            } else {
                self.traces.push(path);
            }
        }
        if self.traces.len() == before {
            let message = format!("there is no trace in this folder (*{PLAIN}, *{PACKED})");
            return Err(TraceError::of_file(folder, message));
        }
        Ok(())
    }
}

/// How many bytes traces take as they are stored, those in folders too; 0 for standard input.
///
/// # Errors
/// Where a folder cannot be listed, or has no trace.
pub fn stored_bytes(paths: &[PathBuf]) -> Result<u64, TraceError> {
    let inputs = Inputs::of(paths)?;
    let sizes = inputs.traces.iter().filter_map(|path| path.metadata().ok());
    Ok(sizes.map(|held| held.len()).sum())
}

/// The files of a folder that end like segments, with their names less that ending, in the order of
/// these. Of a plain file and its compressed form that are both there, since the server was stopped
/// between making the one and removing the other, the one that holds all is taken.
///
/// # Errors
/// Where the folder or such a pair cannot be read, or neither holds what the other holds.
fn segments_in(folder: &Path) -> Result<Vec<(String, PathBuf)>, TraceError> {
    let mut found = listed(folder).map_err(|error| TraceError::of_reading(folder, &error))?;
    found.sort();
    let mut segments: Vec<(String, PathBuf)> = Vec::new();
    for (stem, _, path) in found {
        match segments.last_mut() {
            // Of two of a stem the plain one comes first.
            Some((first, plain)) if *first == stem => {
                if holds_all(plain, &path)? {
                    *plain = path;
                }
            }
            _ => segments.push((stem, path)),
        }
    }
    Ok(segments)
}

/// Whether a compressed file holds all that the plain one beside it holds; else that one holds all.
fn holds_all(plain: &Path, packed: &Path) -> Result<bool, TraceError> {
    let fault = |error| TraceError::of_reading(plain, &error);
    let here = match File::open(plain) {
        Ok(file) => file,
        // A running server has just removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(fault(error)),
    };
    let there = File::open(packed).map_err(|error| TraceError::of_reading(packed, &error))?;
    match compare(here, there).map_err(fault)? {
        Twin::Whole => Ok(true),
        Twin::Part => Ok(false),
        Twin::Other => {
            let message = format!(
                "it and {} beside it should hold the same, and each has what the other has not; take one of them away",
                plain.display()
            );
            Err(TraceError::of_file(packed, message))
        }
    }
}

/// Each file that ends like a segment: its name less that ending, whether it is compressed, its path.
fn listed(folder: &Path) -> io::Result<Vec<(String, bool, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        if let Some(stem) = name.strip_suffix(PACKED) {
            found.push((stem.to_owned(), true, entry.path()));
        } else if let Some(stem) = name.strip_suffix(PLAIN) {
            found.push((stem.to_owned(), false, entry.path()));
        }
    }
    Ok(found)
}

/// A segment under the name that it has by now: a running server compresses those that are
/// finished.
pub(super) fn as_it_is_now(path: &Path) -> PathBuf {
    if path.exists() {
        return path.to_owned();
    }
    let packed = packed(path);
    if packed.exists() {
        packed
    } else {
        path.to_owned()
    }
}

/// Whether a plain file has no whole line: the server was killed as it began it.
pub(super) fn never_begun(path: &Path) -> io::Result<bool> {
    if path.extension().is_some_and(|ending| ending == "gz") {
        return Ok(false);
    }
    let mut first = Vec::new();
    BufReader::new(File::open(path)?).read_until(b'\n', &mut first)?;
    Ok(!first.ends_with(b"\n"))
}
