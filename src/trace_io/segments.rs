//! Segments: the files that a recorder appends whole lines to, and finishes one after the other.
//!
//! A segment is `PREFIX-START-NUMBER.jsonl` while it is open: a header line and whole lines after it.
//! A finished one is compressed to `.jsonl.gz`, which takes that name when all of it is written, and
//! then the plain one goes. So at every moment, and after a kill at any moment, a folder holds every
//! line once and can be read, but for a last line that was cut off. Knows no clock and no threads:
//! whoever records says what time it is, and when a segment is full. Start at [`RecordFolder`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::de::IgnoredAny;
use weighbridge_router::Timestamp;

use super::directory::{FEEDBACK_PREFIX, PACKED, PLAIN};
use super::error::TraceError;
use super::feedback::header_line;
use super::header::write_header;
use crate::trace::Header;

/// How the names of segments of requests begin.
const TRACE_PREFIX: &str = "weighbridge-";

/// Where a segment that is being compressed is written.
const UNFINISHED: &str = ".part";

/// Held by the one server that records into a folder.
const LOCK: &str = ".weighbridge.lock";

/// A folder that is recorded into, by this process alone.
#[derive(Debug)]
pub struct RecordFolder {
    path: PathBuf,
    /// Locked as long as it is open, by whoever lives.
    _lock: File,
}

/// What a killed server had left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Segments that had not been finished, to be compressed.
    pub unfinished: Vec<PathBuf>,
    /// How many of them ended in a line that was cut off; it is gone.
    pub torn: u64,
}

impl RecordFolder {
    /// Take a folder, which is made where it is not there, for this process.
    ///
    /// # Errors
    /// Where it cannot be made or written to, or another server records into it.
    pub fn claim(path: &Path) -> Result<Self, TraceError> {
        let fault = |error: io::Error| TraceError::of_writing(path, &error);
        fs::create_dir_all(path).map_err(fault)?;
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path.join(LOCK))
            .map_err(fault)?;
        if !lock_exclusively(&lock).map_err(fault)? {
            let message = "another server records into this folder; give each its own, and read them together";
            return Err(TraceError::of_file(path, message));
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Put right what a killed server left: a last line that was cut off goes, and so does a segment
    /// without a line.
    ///
    /// # Errors
    /// Where the folder cannot be listed or a file cannot be mended.
    pub fn mend(&self) -> Result<Mended, TraceError> {
        let mut mended = Mended::default();
        let listed = self.unfinished();
        let listed = listed.map_err(|error| TraceError::of_reading(&self.path, &error))?;
        for path in listed {
            let fault = |error: io::Error| TraceError::of_writing(&path, &error);
            if packed(&path).exists() || path.to_string_lossy().ends_with(UNFINISHED) {
                fs::remove_file(&path).map_err(fault)?;
                continue;
            }
            mended.torn += u64::from(cut_torn_line(&path).map_err(fault)?);
            if has_rows(&path).map_err(fault)? {
                mended.unfinished.push(path);
            } else {
                fs::remove_file(&path).map_err(fault)?;
            }
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
            if ours && (name.ends_with(PLAIN) || name.ends_with(&format!("{PACKED}{UNFINISHED}"))) {
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
    file: File,
    path: PathBuf,
    bytes: u64,
}

/// Lines that could not be written.
#[derive(Debug)]
pub struct Lost {
    /// How many.
    pub lines: u64,
    /// Why.
    pub error: io::Error,
}

impl Segments {
    fn new(folder: &Path, prefix: &'static str) -> Self {
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
        let lost = |lines: &[u8], error| Lost {
            lines: count_lines(lines),
            error,
        };
        if let Some(open) = &mut self.open {
            let (written, fault) = write_whole_lines(&mut open.file, open.bytes, lines);
            open.bytes += written as u64;
            return fault.map_or(Ok(()), |error| Err(lost(&lines[written..], error)));
        }
        let mut open = self.begin(at).map_err(|error| lost(lines, error))?;
        let header = header();
        let first = [&header, lines].concat();
        let (written, fault) = write_whole_lines(&mut open.file, 0, &first);
        open.bytes = written as u64;
        if written > header.len() || fault.is_none() {
            self.open = Some(open);
        } else {
            // Nothing but a header: no segment.
            let _ = fs::remove_file(&open.path);
        }
        let rest = &first[written.max(header.len())..];
        fault.map_or(Ok(()), |error| Err(lost(rest, error)))
    }

    /// Finish the open segment: its path, to be compressed.
    ///
    /// # Errors
    /// Where the system cannot say that the file is safe; it is closed all the same.
    pub fn finish(&mut self) -> Option<(PathBuf, io::Result<()>)> {
        let open = self.open.take()?;
        let synced = open.file.sync_all();
        Some((open.path, synced))
    }

    /// A new file under a name that no segment has, compressed or not.
    fn begin(&mut self, at: Timestamp) -> io::Result<Open> {
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
        loop {
            self.number += 1;
            let name = format!("{}{start}Z-{:06}{PLAIN}", self.prefix, self.number);
            let path = self.folder.join(name);
            if packed(&path).exists() {
                continue;
            }
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => {
                    let bytes = 0;
                    return Ok(Open { file, path, bytes });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What can be written to and cut off again.
trait Cut: Write {
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Cut for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Append what can be appended of some lines to a file of `length` bytes: how many bytes of whole
/// lines were, and what stopped it. A line that was written in part is cut off again.
fn write_whole_lines(file: &mut impl Cut, length: u64, lines: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    let fault = loop {
        if written == lines.len() {
            break None;
        }
        match file.write(&lines[written..]) {
            Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Some(error),
        }
    };
    if fault.is_none() {
        return (written, None);
    }
    let whole = lines[..written].iter().rposition(|&byte| byte == b'\n');
    let whole = whole.map_or(0, |feed| feed + 1);
    if whole < written && file.cut(length + whole as u64).is_err() {
        // A part of a line stays: end it, so that the next one is not glued to it.
        let _ = file.write(b"\n");
    }
    (whole, fault)
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// The name that a segment has once it is compressed.
fn packed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

/// Compress a finished segment: the compressed file is there whole before the plain one goes.
///
/// # Errors
/// Where it cannot be written; the plain one stays then, and is read as well.
pub fn compress(path: &Path) -> Result<(), TraceError> {
    let unfinished = PathBuf::from(format!("{}{UNFINISHED}", packed(path).display()));
    let compressed = pack(path, &unfinished);
    if compressed.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    compressed.map_err(|error| TraceError::of_writing(&unfinished, &error))
}

fn pack(path: &Path, unfinished: &Path) -> io::Result<()> {
    let mut gzip = GzEncoder::new(File::create(unfinished)?, Compression::default());
    io::copy(&mut File::open(path)?, &mut gzip)?;
    gzip.finish()?.sync_all()?;
    fs::rename(unfinished, packed(path))?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        // The new name is safe before the old file goes.
        File::open(folder)?.sync_all()?;
    }
    fs::remove_file(path)
}

/// Cut off a last line that was not written to its end; one that only lacks its line feed gets it.
fn cut_torn_line(path: &Path) -> io::Result<bool> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    let length = file.metadata()?.len();
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
    file.set_len(start + whole as u64)?;
    Ok(true)
}

/// Whether there is a line after the header.
fn has_rows(path: &Path) -> io::Result<bool> {
    let mut feeds = 0;
    let mut file = File::open(path)?;
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

/// Elsewhere whoever starts a second server must take care.
#[cfg(not(unix))]
fn lock_exclusively(_: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_764_666_843_120);
    const STEM: &str = "weighbridge-20251202T091403Z-00000";

    fn header() -> Vec<u8> {
        requests_header(&Header::default())
    }

    fn claimed() -> (tempfile::TempDir, RecordFolder) {
        let folder = tempfile::tempdir().unwrap();
        let claimed = RecordFolder::claim(&folder.path().join("rec")).unwrap();
        (folder, claimed)
    }

    fn names(folder: &RecordFolder) -> Vec<String> {
        let names = fs::read_dir(&folder.path).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != LOCK)
            .collect();
        names.sort();
        names
    }

    fn line(id: usize) -> String {
        format!("{{\"id\":\"{id}\"}}\n")
    }

    #[test]
    fn a_segment_grows_by_whole_lines_and_is_compressed_when_finished() {
        let (_tmp, folder) = claimed();
        let mut segments = folder.requests();
        assert_eq!(segments.bytes(), 0);
        for id in 0..3 {
            segments.append(line(id).as_bytes(), AT, header).unwrap();
        }
        assert_eq!(names(&folder), [format!("{STEM}1.jsonl")]);
        let (path, synced) = segments.finish().unwrap();
        synced.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"format":"weighbridge.trace/1"}"#
        );
        assert_eq!(text.lines().count(), 4);
        compress(&path).unwrap();
        assert_eq!(names(&folder), [format!("{STEM}1.jsonl.gz")]);
        let mut unpacked = String::new();
        let packed = File::open(packed(&path)).unwrap();
        GzDecoder::new(packed)
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        assert!(segments.finish().is_none());
    }

    #[test]
    fn no_name_is_taken_twice_even_within_a_second() {
        let (_tmp, folder) = claimed();
        for _ in 0..2 {
            let mut segments = folder.requests();
            segments.append(line(0).as_bytes(), AT, header).unwrap();
            compress(&segments.finish().unwrap().0).unwrap();
        }
        let mut segments = folder.requests();
        segments.append(line(1).as_bytes(), AT, header).unwrap();
        let packed = [1, 2].map(|n| format!("{STEM}{n}.jsonl.gz"));
        assert_eq!(names(&folder)[..2], packed);
        assert_eq!(names(&folder)[2], format!("{STEM}3.jsonl"));
    }

    #[test]
    fn what_a_killed_server_left_is_mended() {
        let (_tmp, folder) = claimed();
        let file = |name: &str, text: &str| fs::write(folder.path.join(name), text).unwrap();
        let head = String::from_utf8(header()).unwrap();
        let long = "x".repeat(200_000);
        file(
            "weighbridge-1.jsonl",
            &format!("{head}{}{{\"id\":\"{long}", line(0)),
        );
        file(
            "weighbridge-2.jsonl",
            &format!("{head}{{\"id\":\"whole\"}}"),
        );
        file("weighbridge-3.jsonl", &head);
        file("weighbridge-4.jsonl", &head[..9]);
        file("weighbridge-5.jsonl", &format!("{head}{}", line(5)));
        file("weighbridge-5.jsonl.gz", "the whole of it");
        file("weighbridge-6.jsonl", &format!("{head}{}", line(6)));
        file("weighbridge-6.jsonl.gz.part", "half of it");
        file("weighbridge-7.jsonl", "");
        file("mine.jsonl", "not to be touched");
        let mended = folder.mend().unwrap();
        let left = [1, 2, 6].map(|n| folder.path.join(format!("weighbridge-{n}.jsonl")));
        assert_eq!(mended.unfinished, left);
        assert_eq!(mended.torn, 2);
        let read = |n: usize| fs::read_to_string(&left[n]).unwrap();
        assert_eq!(read(0), format!("{head}{}", line(0)));
        assert_eq!(read(1), format!("{head}{{\"id\":\"whole\"}}\n"));
        let rest = ["mine.jsonl", "weighbridge-1.jsonl", "weighbridge-2.jsonl"];
        assert_eq!(names(&folder)[..3], rest);
        assert_eq!(
            names(&folder)[3..],
            ["weighbridge-5.jsonl.gz", "weighbridge-6.jsonl"]
        );
        assert_eq!(folder.mend().unwrap().torn, 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_has_one_recorder_at_a_time() {
        let (tmp, folder) = claimed();
        let again = RecordFolder::claim(&tmp.path().join("rec")).unwrap_err();
        assert!(
            again
                .to_string()
                .contains("another server records into this folder")
        );
        drop(folder);
        RecordFolder::claim(&tmp.path().join("rec")).unwrap();
    }

    #[test]
    fn a_write_that_stops_short_leaves_whole_lines() {
        /// Takes so many bytes.
        struct Small<'a>(&'a mut Vec<u8>, usize);
        impl Write for Small<'_> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let room = (self.1 - self.0.len()).min(bytes.len());
                if room == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.0.extend(&bytes[..room]);
                Ok(room)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Cut for Small<'_> {
            fn cut(&mut self, length: u64) -> io::Result<()> {
                self.0.truncate(usize::try_from(length).unwrap());
                Ok(())
            }
        }
        let lines: String = (0..5).map(line).collect();
        for room in 0..=lines.len() + 2 {
            let mut held = b"ab".to_vec();
            let (written, fault) =
                write_whole_lines(&mut Small(&mut held, room + 2), 2, lines.as_bytes());
            assert_eq!(fault.is_none(), room >= lines.len());
            assert_eq!(
                written,
                room.min(lines.len()) / line(0).len() * line(0).len()
            );
            assert_eq!(held, [b"ab", &lines.as_bytes()[..written]].concat());
        }
    }
}
