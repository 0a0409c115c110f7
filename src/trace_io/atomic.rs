//! Writing a file so that it is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::TraceError;

/// Write a file through `write`: into a temporary file in the same folder, which takes the name
/// only when all is written, so that an error leaves the former file, or none. `-` is standard
/// output. A name that is a device or pipe is written to directly.
///
/// # Errors
/// Where `write` fails or the file cannot be made.
pub fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), TraceError> {
    let written = if path == Path::new("-") {
        through_buffer(io::stdout().lock(), write).map(drop)
    } else {
        match path.metadata() {
            Ok(held) if held.is_dir() => Err(io::Error::other("it is a folder")),
            Ok(held) if !held.is_file() => OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|device| through_buffer(device, write).map(drop)),
            _ => replace(path, write),
        }
    };
    written.map_err(|error| TraceError::of_writing(path, &error))
}

fn through_buffer<W: Write>(
    inner: W,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<W> {
    let mut buffered = BufWriter::with_capacity(1 << 18, inner);
    write(&mut buffered)?;
    buffered
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
}

fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A link stays a link: the file that it points to is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = like_a_new_file().tempfile_in(folder)?;
    if let Ok(held) = target.metadata() {
        temporary.as_file().set_permissions(held.permissions())?;
    }
    let (file, name) = temporary.into_parts();
    let file: File = through_buffer(file, write)?;
    file.sync_all()?;
    name.persist(&target).map_err(|error| error.error)
}

/// Temporary files are private by default; this one becomes a result that others may read.
fn like_a_new_file() -> tempfile::Builder<'static, 'static> {
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        let mut builder = tempfile::Builder::new();
        builder.permissions(std::fs::Permissions::from_mode(0o666));
        builder
    };
    #[cfg(not(unix))]
    let builder = tempfile::Builder::new();
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        let failed = write_file(&path, |w| {
            w.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert!(
            failed
                .unwrap_err()
                .to_string()
                .ends_with("cannot be written: no more")
        );
        assert_eq!(names(), 0);
        write_file(&path, |w| w.write_all(b"whole")).unwrap();
        write_file(&path, |_| Err(io::Error::other("no"))).unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(), 1);
        let nowhere = folder.path().join("no/such/folder");
        assert!(write_file(&nowhere, |_| Ok(())).is_err());
        assert!(write_file(folder.path(), |_| Ok(())).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        write_file(&link, |w| w.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    }
}
