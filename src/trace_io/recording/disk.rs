//! What a recorder does to files, step by step.
//!
//! No link is followed, and what is made is its owner's alone. Each step can be made to fail by tests, which then
//! look at what is left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

#[cfg(test)]
use super::faults::{room, step};

/// A step is about to be taken.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
fn step(_: &str) -> io::Result<()> {
    Ok(())
}

/// How much of so many bytes is written at once.
#[cfg(not(test))]
fn room(bytes: usize) -> usize {
    bytes
}

/// A regular file that is open.
#[derive(Debug)]
pub(super) struct Held(File);

impl Held {
    /// A new file to append to; a name that is taken, be it by a link, is an error.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        step("create")?;
        let mut options = OpenOptions::new();
        own(options.append(true).create_new(true))
            .open(path)
            .map(Self)
    }

    /// A file that is there, to be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        step("open")?;
        Self::regular(OpenOptions::new().read(true), path)
    }

    /// A file that is there, to be put right.
    pub(super) fn open_to_mend(path: &Path) -> io::Result<Self> {
        step("open")?;
        Self::regular(OpenOptions::new().read(true).append(true), path)
    }

    /// A file that servers lock, made where it is not there.
    pub(super) fn open_to_lock(path: &Path) -> io::Result<Self> {
        step("open")?;
        Self::regular(own(OpenOptions::new().append(true).create(true)), path)
    }

    fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<Self> {
        let file = unlinked(options).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(Self(file))
    }

    /// Give up what stands behind `length` bytes.
    pub(super) fn cut(&self, length: u64) -> io::Result<()> {
        step("cut")?;
        self.0.set_len(length)
    }

    /// Have it on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        step("sync")?;
        self.0.sync_all()
    }

    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        step("write")?;
        self.0.write(&bytes[..room(bytes.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Held {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// Make a folder and those above it, where they are not there.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    step("folder")?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Have the names of a folder on the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    step("sync")?;
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step("rename")?;
    fs::rename(from, to)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    step("remove")?;
    fs::remove_file(path)
}

/// Whether a name stands for a file itself, and for no link, folder or pipe.
pub(super) fn is_regular(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|held| held.is_file())
}

/// Whether a name is taken, be it by a link to nowhere.
pub(super) fn is_taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether a file that is open still stands under its name.
#[cfg(unix)]
pub(super) fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |held: fs::Metadata| (held.dev(), held.ino());
    // A folder may be given by a link.
    match (file.metadata(), path.metadata()) {
        (Ok(held), Ok(named)) => place(held) == place(named),
        _ => false,
    }
}

#[cfg(not(unix))]
pub(super) fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}

/// For its owner alone.
fn own(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// By its own name only, and without waiting for whoever is at the other end of a pipe.
fn unlinked(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    options
}
