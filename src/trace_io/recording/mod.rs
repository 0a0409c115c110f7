//! A folder that is recorded into: the segments of a recording while they are made.
//!
//! A segment is `PREFIX-START-NUMBER.jsonl` while it is open: a header line and whole lines after it.
//! A finished one is compressed to `.jsonl.gz`, which takes that name when all of it is written, and
//! then the plain one goes. So at every moment, and after a kill at any moment, a folder holds every
//! line once and can be read, but for a last line that was cut off. Knows no clock and no threads:
//! whoever records says what time it is, and when a segment is full. Start at [`RecordFolder`].

mod disk;
#[cfg(test)]
mod faults;
mod packing;
mod segments;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use self::disk::Held;
pub use self::packing::compress;
use self::packing::{Settled, UNFINISHED, settle};
use self::segments::count_lines;
pub use self::segments::{Lost, Segments, feedback_header, requests_header};
use super::directory::{FEEDBACK_PREFIX, PACKED, PLAIN};
use super::error::TraceError;

/// How the names of segments of requests begin.
const TRACE_PREFIX: &str = "weighbridge-";

/// Held by the one server that records into a folder, beside the folder itself.
const LOCK: &str = ".weighbridge.lock";

/// Written and removed to see whether the disk takes anything.
const PROBE: &str = "weighbridge-probe.jsonl.gz.part";

/// A folder that is recorded into, by this process alone.
#[derive(Debug)]
pub struct RecordFolder {
    path: PathBuf,
    /// The folder itself, locked as long as it is open, by whoever lives.
    handle: File,
    /// Where a file system locks no folders, and for servers that know of nothing else.
    _lock: Held,
}

/// What a killed server had left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Segments that had not been finished, to be compressed.
    pub unfinished: Vec<PathBuf>,
    /// How many of them ended in a line that was cut off; it is gone.
    pub torn: u64,
    /// Compressed files that are not what the plain ones beside them are; nobody reads them under these names.
    pub aside: Vec<PathBuf>,
    /// Links, folders and the like under names of segments; they are left alone.
    pub foreign: Vec<PathBuf>,
}

impl RecordFolder {
    /// Take a folder, which is made where it is not there, for this process.
    ///
    /// # Errors
    /// Where it cannot be made or written to, or another server records into it.
    pub fn claim(path: &Path) -> Result<Self, TraceError> {
        let fault = |error: io::Error| TraceError::of_writing(path, &error);
        disk::make_folder(path).map_err(fault)?;
        let handle = File::open(path).map_err(fault)?;
        let lock = Held::open_to_lock(&path.join(LOCK));
        let lock = lock.map_err(|error| TraceError::of_writing(&path.join(LOCK), &error))?;
        let ours = lock_folder(&handle).and_then(|ours| Ok(ours && lock_exclusively(lock.file())?));
        if !ours.map_err(fault)? {
            let message = "another server records into this folder; give each its own, and read them together";
            return Err(TraceError::of_file(path, message));
        }
        Ok(Self {
            path: path.to_owned(),
            handle,
            _lock: lock,
        })
    }

    /// Take the folder anew where it was removed or moved away meanwhile: whether that was so.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub fn renew(&mut self) -> Result<bool, TraceError> {
        if disk::is_still(&self.handle, &self.path) {
            return Ok(false);
        }
        *self = Self::claim(&self.path)?;
        Ok(true)
    }

    /// Whether the disk takes something.
    ///
    /// # Errors
    /// Where it does not.
    pub fn probe(&self) -> io::Result<()> {
        let path = self.path.join(PROBE);
        if disk::is_taken(&path) {
            disk::remove(&path)?;
        }
        let written = Held::create(&path)?.write_all(&[b'\n'; 4096]);
        disk::remove(&path)?;
        written
    }

    /// Put right what a killed server left: a last line that was cut off goes, and so does a segment
    /// without a line. A plain segment whose compressed form is there goes when that holds all of it.
    ///
    /// # Errors
    /// Where the folder cannot be listed or a file cannot be mended.
    pub fn mend(&self) -> Result<Mended, TraceError> {
        let mut mended = Mended::default();
        let listed = self.unfinished();
        let listed = listed.map_err(|error| TraceError::of_reading(&self.path, &error))?;
        for path in listed {
            mend_one(&path, &mut mended).map_err(|error| TraceError::of_writing(&path, &error))?;
        }
        Ok(mended)
    }

    /// This program's own plain and half compressed files, in order.
    fn unfinished(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = name.starts_with(TRACE_PREFIX) || name.starts_with(FEEDBACK_PREFIX);
            if ours && (name.ends_with(PLAIN) || is_unfinished(&name)) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    /// Segments of requests.
    #[must_use]
    pub fn requests(&self) -> Segments {
        Segments::new(&self.path, TRACE_PREFIX)
    }

    /// Segments of feedback.
    #[must_use]
    pub fn feedback(&self) -> Segments {
        Segments::new(&self.path, FEEDBACK_PREFIX)
    }
}

/// Whether a name is that of a file that was being compressed.
fn is_unfinished(name: &str) -> bool {
    name.ends_with(&format!("{PACKED}{UNFINISHED}"))
}

fn mend_one(path: &Path, mended: &mut Mended) -> io::Result<()> {
    if !disk::is_regular(path) {
        mended.foreign.push(path.to_owned());
        return Ok(());
    }
    if is_unfinished(&path.to_string_lossy()) {
        return disk::remove(path);
    }
    mended.torn += u64::from(cut_torn_line(path)?);
    match settle(path)? {
        Settled::Packed => return Ok(()),
        Settled::Plain => {}
        Settled::Aside(aside) => mended.aside.push(aside),
    }
    if has_rows(path)? {
        mended.unfinished.push(path.to_owned());
        return Ok(());
    }
    disk::remove(path)
}

/// Cut off a last line that was not written to its end; one that only lacks its line feed gets it.
fn cut_torn_line(path: &Path) -> io::Result<bool> {
    let mut file = Held::open_to_mend(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    let mut tail = Vec::new();
    let mut start = length;
    // Backwards, a longer piece each time.
    while start > 0 && !tail.contains(&b'\n') {
        start = length.saturating_sub((length - start).max(1 << 15) * 2);
        tail.clear();
        file.seek(SeekFrom::Start(start))?;
        (&mut file).take(length - start).read_to_end(&mut tail)?;
    }
    let whole = tail.iter().rposition(|&byte| byte == b'\n');
    let whole = whole.map_or(0, |feed| feed + 1);
    let last = &tail[whole..];
    if last.is_empty() {
        return Ok(false);
    }
    if serde_json::from_slice::<IgnoredAny>(last).is_ok() {
        file.write_all(b"\n")?;
        return Ok(false);
    }
    file.cut(start + whole as u64)?;
    Ok(true)
}

/// Whether there is a line after the header.
fn has_rows(path: &Path) -> io::Result<bool> {
    let mut feeds = 0;
    let mut file = Held::open(path)?;
    let mut piece = vec![0; 1 << 16];
    while feeds < 2 {
        match file.read(&mut piece)? {
            0 => break,
            n => feeds += count_lines(&piece[..n]),
        }
    }
    Ok(feeds >= 2)
}

/// Whether nobody else holds the lock; the system lets go of it when its holder ends, however.
#[cfg(unix)]
fn lock_exclusively(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The same of a folder, which some file systems do not lock (NFS): there the lock file alone holds.
#[cfg(unix)]
fn lock_folder(folder: &File) -> io::Result<bool> {
    use rustix::io::Errno;
    let unable = [Errno::BADF, Errno::INVAL, Errno::NOLCK, Errno::OPNOTSUPP];
    let unable = unable.map(|it| Some(it.raw_os_error()));
    lock_exclusively(folder).or_else(|error| match unable.contains(&error.raw_os_error()) {
        true => Ok(true),
        false => Err(error),
    })
}

/// Elsewhere whoever starts a second server must take care.
#[cfg(not(unix))]
fn lock_exclusively(_: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(not(unix))]
fn lock_folder(_: &File) -> io::Result<bool> {
    Ok(true)
}
