//! A finished segment becomes a compressed file.

use std::io;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::disk::{self, Held};
use crate::trace_io::error::TraceError;
use crate::trace_io::twin::{Twin, compare, packed};

/// Where a segment that is being compressed is written.
pub(super) const UNFINISHED: &str = ".part";

/// How the name of a compressed file goes on that nobody reads any longer.
const ASIDE: &str = ".aside";

/// Compress a finished segment: the compressed file is there, safe and read again to its end, before the
/// plain one goes.
///
/// # Errors
/// Where it cannot be written; the plain one stays then, and is read as well.
pub fn compress(path: &Path) -> Result<(), TraceError> {
    let unfinished = PathBuf::from(format!("{}{UNFINISHED}", packed(path).display()));
    let compressed = pack(path, &unfinished);
    if compressed.is_err() {
        let _ = disk::remove(&unfinished);
    }
    compressed.map_err(|error| TraceError::of_writing(&unfinished, &error))
}

fn pack(path: &Path, unfinished: &Path) -> io::Result<()> {
    let mut plain = Held::open(path)?;
    if disk::is_taken(unfinished) {
        disk::remove(unfinished)?;
    }
    let mut gzip = GzEncoder::new(Held::create(unfinished)?, Compression::default());
    io::copy(&mut plain, &mut gzip)?;
    gzip.finish()?.sync()?;
    disk::rename(unfinished, &packed(path))?;
    if let Some(folder) = path.parent() {
        // The new name is safe before the old file goes.
        disk::sync_folder(folder)?;
    }
    match twin_of(path)? {
        Some(Twin::Whole) => disk::remove(path),
        _ => Err(io::Error::other(
            "what was written does not hold what it was made of",
        )),
    }
}

/// What the compressed form of a plain segment is to it; none: there is none.
fn twin_of(path: &Path) -> io::Result<Option<Twin>> {
    let packed = packed(path);
    if !disk::is_taken(&packed) {
        return Ok(None);
    }
    if !disk::is_regular(&packed) {
        return Ok(Some(Twin::Other));
    }
    compare(Held::open(path)?, Held::open(&packed)?).map(Some)
}

/// Of a plain segment and its compressed form leave the one that holds all, and remove nothing that stands in
/// no other file.
pub(super) fn settle(path: &Path) -> io::Result<Settled> {
    let compressed = packed(path);
    match twin_of(path)? {
        None => Ok(Settled::Plain),
        Some(Twin::Whole) => disk::remove(path).map(|()| Settled::Packed),
        Some(Twin::Part) => disk::remove(&compressed).map(|()| Settled::Plain),
        Some(Twin::Other) => {
            let mut aside = compressed.clone().into_os_string();
            while disk::is_taken(aside.as_ref()) {
                aside.push(ASIDE);
            }
            let aside = PathBuf::from(aside);
            disk::rename(&compressed, &aside)?;
            Ok(Settled::Aside(aside))
        }
    }
}

/// What is left of a segment that may have been there twice.
pub(super) enum Settled {
    /// The plain one alone.
    Plain,
    /// The compressed one alone.
    Packed,
    /// The plain one; what the compressed one was stands here, since neither holds the other.
    Aside(PathBuf),
}
